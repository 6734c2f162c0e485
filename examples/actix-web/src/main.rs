//! Two resources of actix-web, each of which requires a scope of its own.

use std::error::Error;
use std::net::SocketAddr;

use actix_web::dev::Server;
use actix_web::{App, HttpServer, web};
use dualkey::{
    Catalogue, Gate, IssuedToken, LimitPolicy, NewPartner, NewToken, Partner, Prefix, Registry,
    RegistryError, Verifier,
};
use dualkey_actix::{Granted, Guard};

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let registry = registry()?;
    let (partner, issued) = let_in(&registry).await?;
    let (address, server) = bind(registry)?;

    let (key, token) = (partner.api_key, issued.secret.expose_secret());
    println!("This token may read guests, and no reservations. Try both until Ctrl-C:\n");
    for path in ["/guests", "/reservations"] {
        println!("curl -i http://{address}{path} \\");
        println!("  -H 'X-Api-Key: {key}' -H 'Authorization: Bearer {token}'\n");
    }
    Ok(server.await?)
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

/// All workers share the gate, so a partner's limits hold for the server as a whole.
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
