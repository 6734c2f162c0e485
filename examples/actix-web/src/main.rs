//! Two resources of actix-web that require different scopes.

use std::error::Error;
use std::net::SocketAddr;

use actix_web::dev::Server;
use actix_web::{App, HttpServer, web};
use dualkey::{
    Catalogue, Gate, IssuedToken, NewPartner, NewToken, Partner, Prefix, Registry, RegistryError,
    Verifier,
};
use dualkey_actix::{Granted, Guard};

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let registry = registry()?;
    let (partner, issued) = seed_demo(&registry).await?;
    let (address, server) = bind(registry)?;

    let (key, token) = (partner.api_key, issued.secret.expose_secret());
    println!(
        "This token may read guests, but not reservations. Try both; Ctrl-C ends the server.\n"
    );
    for path in ["/guests", "/reservations"] {
        println!("curl -i http://{address}{path} \\");
        println!("  -H 'X-Api-Key: {key}' -H 'Authorization: Bearer {token}'\n");
    }
    Ok(server.await?)
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

/// Binds the server. Its workers share one gate, so that a partner's limits apply to the whole server.
fn bind(registry: Registry) -> Result<(SocketAddr, Server), Box<dyn Error>> {
    let guests_read = registry.catalogue().require_all(["guests:read"])?;
    let reservations_read = registry.catalogue().require_all(["reservations:read"])?;

    let gate = Gate::new(Verifier::new(registry));
    let read_guests = Guard::new(gate.clone(), guests_read);
    let read_reservations = Guard::new(gate, reservations_read);
    let app = move || {
        App::new().service(web::resource("/guests").wrap(read_guests.clone()).get(guests)).service(
            web::resource("/reservations").wrap(read_reservations.clone()).get(reservations),
        )
    };
    let server = HttpServer::new(app).bind("127.0.0.1:0")?;
    let address = *server.addrs().first().ok_or("the server is bound to no address")?;
    Ok((address, server.run()))
}

async fn guests(Granted(grant): Granted) -> String {
    format!("guests of {}\n", grant.organization)
}

async fn reservations(Granted(grant): Granted) -> String {
    format!("reservations of {}\n", grant.organization)
}

#[cfg(test)]
mod tests;
