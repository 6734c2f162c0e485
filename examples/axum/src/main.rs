//! An axum router whose routes require different scopes, and a stream that ends when its token is revoked.

mod cors;
mod events;

use std::error::Error;

use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::{Json, Router};
use cors::Cors;
use dualkey::{
    Catalogue, Gate, Grant, GuardedRouter, IssuedToken, NewPartner, NewToken, Partner, Prefix,
    Registry, RegistryError, Requirement, Verifier,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let registry = registry()?;
    let (partner, issued) = seed_demo(&registry).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;

    let address = listener.local_addr()?;
    let (key, token) = (partner.api_key, issued.secret.expose_secret());
    println!(
        "This token may read guests, but not reservations. Try all; Ctrl-C ends the server.\n"
    );
    for path in ["/guests", "/reservations", "/events"] {
        println!("curl -i http://{address}{path} \\");
        println!("  -H 'X-Api-Key: {key}' -H 'Authorization: Bearer {token}'\n");
    }
    let until_ctrl_c = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    axum::serve(listener, app(registry)?).with_graceful_shutdown(until_ctrl_c).await?;
    Ok(())
}

/// Partners and tokens in memory, with the scopes that a token can have.
fn registry() -> Result<Registry, Box<dyn Error>> {
    let catalogue = Catalogue::builder()
        .scope("guests:read", "Guests - Read")
        .scope("reservations:read", "Reservations - Read")
        .build()?;
    Ok(Registry::in_memory(catalogue, Prefix::new("demo")))
}

/// Registers a partner with the default limits, and issues a token of an organization.
async fn seed_demo(registry: &Registry) -> Result<(Partner, IssuedToken), RegistryError> {
    let partner = registry.register_partner(NewPartner::new("Zapier")).await?;
    let token = NewToken::new("acme", "Zapier - production", ["guests:read"]);
    Ok((partner, registry.issue_token(token).await?))
}

/// Each route with the scope that it requires. A path that is not declared here is refused. The layer that is
/// added last is the outermost.
fn app(registry: Registry) -> Result<Router, Box<dyn Error>> {
    let guests_read = registry.catalogue().require_all(["guests:read"])?;
    let reservations_read = registry.catalogue().require_all(["reservations:read"])?;

    let verifier = Verifier::new(registry);
    let gate = Gate::new(verifier.clone());
    let cors = from_fn_with_state(Cors::new(&gate)?, cors::cors);
    Ok(GuardedRouter::new(gate)
        .require(Method::GET, "/guests", guests_read, guests)
        .require(Method::GET, "/reservations", reservations_read, reservations)
        .require(Method::GET, "/events", Requirement::NONE, events::events)
        .into_router()
        .with_state(verifier)
        .layer(cors))
}

async fn guests(grant: Grant) -> Json<Value> {
    Json(json!({ "organization": grant.organization.as_str(), "guests": ["Ada", "Grace"] }))
}

async fn reservations(grant: Grant) -> Json<Value> {
    Json(json!({ "organization": grant.organization.as_str(), "reservations": [] }))
}

#[cfg(test)]
mod tests;
