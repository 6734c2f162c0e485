//! An axum router with two routes, each of which requires a scope of its own.

use std::error::Error;

use axum::http::Method;
use axum::routing::get;
use axum::{Json, Router};
use dualkey::{
    Catalogue, Gate, Grant, IssuedToken, LimitPolicy, NewPartner, NewToken, Partner, Prefix,
    Registry, RegistryError, RouteTable, UnknownScopes, Verifier,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let registry = registry()?;
    let (partner, issued) = let_in(&registry).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;

    let address = listener.local_addr()?;
    let (key, token) = (partner.api_key, issued.secret.expose_secret());
    println!("This token may read guests, and no reservations. Try both until Ctrl-C:\n");
    for path in ["/guests", "/reservations"] {
        println!("curl -i http://{address}{path} \\");
        println!("  -H 'X-Api-Key: {key}' -H 'Authorization: Bearer {token}'\n");
    }
    let until_ctrl_c = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    axum::serve(listener, app(registry)?).with_graceful_shutdown(until_ctrl_c).await?;
    Ok(())
}

fn registry() -> Result<Registry, Box<dyn Error>> {
    let catalogue = Catalogue::builder()
        .scope("guests:read", "Guests - Read")
        .scope("reservations:read", "Reservations - Read")
        .build()?;
    Ok(Registry::in_memory(catalogue, Prefix::new("demo")))
}

/// A partner with the default limits, and an organization's token for it to present.
async fn let_in(registry: &Registry) -> Result<(Partner, IssuedToken), RegistryError> {
    let partner =
        NewPartner { name: "Zapier".to_owned(), policy: LimitPolicy::default(), api_key: None };
    let token = NewToken {
        organization: "acme".into(),
        name: "Zapier - production".to_owned(),
        scopes: vec!["guests:read".to_owned()],
        expires_at: None,
    };
    Ok((registry.register_partner(partner).await?, registry.issue_token(token).await?))
}

/// What a route requires stands in the table; a route that is not there is closed.
fn app(registry: Registry) -> Result<Router, UnknownScopes> {
    let guests_read = registry.catalogue().require_all(["guests:read"])?;
    let reservations_read = registry.catalogue().require_all(["reservations:read"])?;

    let table = RouteTable::new(Gate::new(Verifier::new(registry)))
        .require(Method::GET, "/guests", guests_read)
        .require(Method::GET, "/reservations", reservations_read);
    Ok(Router::new()
        .route("/guests", get(guests))
        .route("/reservations", get(reservations))
        .route_layer(table))
}

async fn guests(grant: Grant) -> Json<Value> {
    Json(json!({ "organization": grant.organization.as_str(), "guests": ["Ada", "Grace"] }))
}

async fn reservations(grant: Grant) -> Json<Value> {
    Json(json!({ "organization": grant.organization.as_str(), "reservations": [] }))
}

#[cfg(test)]
mod tests;
