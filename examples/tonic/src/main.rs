//! A gRPC server whose callers learn refusals as gRPC statuses.

use std::error::Error;

use dualkey::{
    Catalogue, Gate, Grant, GrpcRefusals, IssuedToken, LimitPolicy, NewPartner, NewToken, Partner,
    Prefix, Registry, RegistryError, Requirement, Verifier,
};
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use generated::guests_server::{Guests, GuestsServer};

#[expect(unreachable_pub, reason = "code for many places, included in one")]
mod generated {
    tonic::include_proto!("example.Guests");
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    let guests_read = catalogue.require_all(["guests:read"])?;
    let registry = Registry::in_memory(catalogue, Prefix::new("demo"));
    let (partner, issued) = let_in(&registry).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;

    let address = listener.local_addr()?;
    let (key, token) = (partner.api_key, issued.secret.expose_secret());
    println!("Try this until Ctrl-C; five zero bytes are an empty message.\n");
    println!("printf '\\0\\0\\0\\0\\0' | curl -si --http2-prior-knowledge --output - \\");
    println!("  --data-binary @- -H 'Content-Type: application/grpc' -H 'TE: trailers' \\");
    println!("  -H 'X-Api-Key: {key}' -H 'Authorization: Bearer {token}' \\");
    println!("  http://{address}/example.Guests/List");
    Ok(serve(listener, registry, guests_read).await?)
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

async fn serve(
    listener: TcpListener,
    registry: Registry,
    requirement: Requirement,
) -> Result<(), tonic::transport::Error> {
    let gate = Gate::new(Verifier::new(registry)).with_refusal_mapper(GrpcRefusals);
    Server::builder()
        .layer(gate.require(requirement))
        .add_service(GuestsServer::new(Hotel))
        .serve_with_incoming(TcpIncoming::from(listener))
        .await
}

#[derive(Clone, PartialEq, prost::Message)]
struct ListRequest {}

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
        let grant: &Grant = request.extensions().get().expect("the layer lets nobody else pass");
        let organization = grant.organization.to_string();
        Ok(Response::new(GuestList { organization, names: vec!["Ada".to_owned()] }))
    }
}

#[cfg(test)]
mod tests;
