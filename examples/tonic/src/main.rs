//! A gRPC server whose RPCs require different scopes. Refusals are gRPC statuses.

use std::error::Error;

use dualkey::{
    Catalogue, CatalogueError, Gate, Grant, GrpcRefusals, IssuedToken, NewPartner, NewToken,
    Partner, Prefix, Registry, RegistryError, RouteTable, UnknownScopes, Verifier,
};
use http::Method;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use generated::guests::guests_server::{Guests, GuestsServer};
use generated::health::health_server::HealthServer;
use health::Serving;

mod health;

#[expect(unreachable_pub, reason = "generated code, private here")]
mod generated {
    pub(crate) mod guests {
        tonic::include_proto!("example.Guests");
    }
    pub(crate) mod health {
        tonic::include_proto!("grpc.health.v1.Health");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let registry = Registry::in_memory(catalogue()?, Prefix::new("demo"));
    let (partner, issued) = seed_demo(&registry).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;

    let address = listener.local_addr()?;
    let (key, token) = (partner.api_key, issued.secret.expose_secret());
    println!("Try this; Ctrl-C ends the server. Five zero bytes are an empty message.");
    println!("The token may call List, but not Add.\n");
    println!("printf '\\0\\0\\0\\0\\0' | curl -si --http2-prior-knowledge --output - \\");
    println!("  --data-binary @- -H 'Content-Type: application/grpc' -H 'TE: trailers' \\");
    println!("  -H 'X-Api-Key: {key}' -H 'Authorization: Bearer {token}' \\");
    println!("  http://{address}/example.Guests/List");
    serve(listener, registry).await
}

/// The scopes that a token can have.
fn catalogue() -> Result<Catalogue, CatalogueError> {
    Catalogue::builder()
        .scope("guests:read", "Guests - Read")
        .scope("guests:edit", "Guests - Edit")
        .build()
}

/// Registers a partner with the default limits, and issues a token of an organization.
async fn seed_demo(registry: &Registry) -> Result<(Partner, IssuedToken), RegistryError> {
    let partner = registry.register_partner(NewPartner::new("Zapier")).await?;
    let token = NewToken::new("acme", "Zapier - production", ["guests:read"]);
    Ok((partner, registry.issue_token(token).await?))
}

/// Each RPC with the scope that it requires, and the health check, which is public. An RPC that is not declared
/// here is refused.
fn table(registry: Registry) -> Result<RouteTable, UnknownScopes> {
    let guests_read = registry.catalogue().require_all(["guests:read"])?;
    let guests_edit = registry.catalogue().require_all(["guests:edit"])?;

    let gate = Gate::new(Verifier::new(registry)).with_refusal_mapper(GrpcRefusals);
    let table = RouteTable::new(gate)
        .public(Method::POST, "/grpc.health.v1.Health/Check")
        .require(Method::POST, "/example.Guests/List", guests_read)
        .require(Method::POST, "/example.Guests/Add", guests_edit);
    Ok(table)
}

/// The table is around all services. To guard one alone, add it as `table.named_layer(service)`, with
/// `tonic::service::LayerExt` in scope: the server finds a service by its name, which a plain layer hides.
async fn serve(listener: TcpListener, registry: Registry) -> Result<(), Box<dyn Error>> {
    let server = Server::builder()
        .layer(table(registry)?)
        .add_service(GuestsServer::new(Hotel))
        .add_service(HealthServer::new(Serving))
        .serve_with_incoming(TcpIncoming::from(listener));
    Ok(server.await?)
}

#[derive(Clone, PartialEq, prost::Message)]
struct ListRequest {}

#[derive(Clone, PartialEq, prost::Message)]
struct AddRequest {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct GuestList {
    #[prost(string, tag = "1")]
    organization: String,
    #[prost(string, repeated, tag = "2")]
    names: Vec<String>,
}

struct Hotel;

#[tonic::async_trait]
impl Guests for Hotel {
    async fn list(&self, request: Request<ListRequest>) -> Result<Response<GuestList>, Status> {
        let organization = organization(&request);
        Ok(Response::new(GuestList { organization, names: vec!["Ada".to_owned()] }))
    }

    async fn add(&self, request: Request<AddRequest>) -> Result<Response<GuestList>, Status> {
        let organization = organization(&request);
        let names = vec!["Ada".to_owned(), request.into_inner().name];
        Ok(Response::new(GuestList { organization, names }))
    }
}

fn organization<T>(request: &Request<T>) -> String {
    let grant: &Grant = request.extensions().get().expect("requests pass the layer with a grant");
    grant.organization.to_string()
}

#[cfg(test)]
mod tests;
