//! A service behind the tower layer, on plain hyper: HTTP/1 and HTTP/2 without a framework.

use std::convert::Infallible;
use std::error::Error;

use dualkey::{
    Catalogue, Gate, Grant, GuardLayer, IssuedToken, NewPartner, NewToken, Partner, Prefix,
    Registry, RegistryError, Verifier,
};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::{Layer as _, service_fn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (layer, partner, issued) = guard().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;

    let address = listener.local_addr()?;
    let (key, token) = (partner.api_key, issued.secret.expose_secret());
    println!("Try this, or change a letter of it; Ctrl-C ends the server.\n");
    println!("curl -i http://{address}/ \\");
    println!("  -H 'X-Api-Key: {key}' -H 'Authorization: Bearer {token}'");
    Ok(serve(listener, layer).await?)
}

/// A layer that requires a scope, and credentials that meet it.
async fn guard() -> Result<(GuardLayer, Partner, IssuedToken), Box<dyn Error>> {
    let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    let guests_read = catalogue.require_all(["guests:read"])?;
    let registry = Registry::in_memory(catalogue, Prefix::new("demo"));
    let (partner, issued) = seed_demo(&registry).await?;
    Ok((Gate::new(Verifier::new(registry)).require(guests_read), partner, issued))
}

/// Registers a partner with the default limits, and issues a token of an organization.
async fn seed_demo(registry: &Registry) -> Result<(Partner, IssuedToken), RegistryError> {
    let partner = registry.register_partner(NewPartner::new("Zapier")).await?;
    let token = NewToken::new("acme", "Zapier - production", ["guests:read"]);
    Ok((partner, registry.issue_token(token).await?))
}

/// Serves each connection with the version of HTTP that the client speaks.
async fn serve(listener: TcpListener, layer: GuardLayer) -> std::io::Result<()> {
    let service = TowerToHyperService::new(layer.layer(service_fn(guests)));
    loop {
        let (stream, _) = listener.accept().await?;
        let service = service.clone();
        tokio::spawn(async move {
            let connection = auto::Builder::new(TokioExecutor::new());
            if let Err(error) = connection.serve_connection(TokioIo::new(stream), service).await {
                eprintln!("{error}");
            }
        });
    }
}

async fn guests(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let grant: &Grant = request.extensions().get().expect("requests pass the layer with a grant");
    Ok(Response::new(format!("guests of {}\n", grant.organization).into()))
}

#[cfg(test)]
mod tests;
