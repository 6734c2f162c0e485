use std::num::NonZeroU32;
use std::sync::Arc;

use dualkey::{FakeClock, MemoryStore, Rate, Store, Timestamp};
use dualkey_testing::{Fault, FaultyStore};
use tonic::Code;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;

use super::generated::guests_client::GuestsClient;
use super::*;

/// A server on a clock that stands still, a client, and credentials that it lets pass.
struct World {
    client: GuestsClient<Channel>,
    registry: Registry,
}

impl World {
    async fn new(store: impl Store + 'static, requirement: &str) -> Self {
        let catalogue = Catalogue::builder()
            .scope("guests:read", "Guests - Read")
            .scope("guests:edit", "Guests - Edit")
            .build()
            .unwrap();
        let requirement = catalogue.require_all([requirement]).unwrap();
        let clock = Arc::new(FakeClock::new(Timestamp::from_secs(1_700_000_000)));
        let registry = Registry::new(catalogue, Prefix::new("demo"), Arc::new(store), clock);

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, registry.clone(), requirement));
        let client = GuestsClient::connect(format!("http://{address}")).await.unwrap();
        Self { client, registry }
    }

    async fn list(&mut self, fields: &[(&'static str, &str)]) -> Result<GuestList, Status> {
        let mut request = Request::new(ListRequest {});
        for (name, value) in fields {
            request.metadata_mut().append(*name, MetadataValue::try_from(*value).unwrap());
        }
        self.client.list(request).await.map(Response::into_inner)
    }

    async fn list_with(&mut self, key: &str, token: &str) -> Result<GuestList, Status> {
        self.list(&[("x-api-key", key), ("authorization", &format!("Bearer {token}"))]).await
    }
}

/// What a refusal says: its code, and the name of the denial.
fn refusal(answer: Result<GuestList, Status>) -> (Code, String) {
    let status = answer.expect_err("refused");
    (status.code(), status.message().to_owned())
}

#[tokio::test]
async fn a_call_that_passes_is_answered() {
    let mut world = World::new(MemoryStore::new(), "guests:read").await;
    let (partner, issued) = let_in(&world.registry).await.unwrap();
    let answer =
        world.list_with(partner.api_key.as_str(), issued.secret.expose_secret()).await.unwrap();
    assert_eq!((&*answer.organization, &*answer.names), ("acme", &["Ada".to_owned()][..]));
}

#[tokio::test]
async fn bad_credentials_are_status_16() {
    let mut world = World::new(MemoryStore::new(), "guests:read").await;
    let (partner, issued) = let_in(&world.registry).await.unwrap();
    let (key, token) = (partner.api_key.as_str(), issued.secret.expose_secret());
    let unauthenticated = |code: &str| (Code::Unauthenticated, code.to_owned());

    assert_eq!(refusal(world.list(&[]).await), unauthenticated("api_key_missing"));
    let unknown = world.list_with("nobody-has-this", token).await;
    assert_eq!(refusal(unknown), unauthenticated("api_key_invalid"));
    let without_token = world.list(&[("x-api-key", key)]).await;
    assert_eq!(refusal(without_token), unauthenticated("token_missing"));
    let malformed = world.list_with(key, "demo_1").await;
    assert_eq!(refusal(malformed), unauthenticated("token_invalid"));
}

#[tokio::test]
async fn a_repeated_credential_is_status_16() {
    let mut world = World::new(MemoryStore::new(), "guests:read").await;
    let (partner, _) = let_in(&world.registry).await.unwrap();
    let twice = [("x-api-key", partner.api_key.as_str()); 2];
    let code = (Code::Unauthenticated, "header_repeated".to_owned());
    assert_eq!(refusal(world.list(&twice).await), code);
}

#[tokio::test]
async fn a_missing_scope_is_status_7() {
    let mut world = World::new(MemoryStore::new(), "guests:edit").await;
    let (partner, issued) = let_in(&world.registry).await.unwrap();
    let answer = world.list_with(partner.api_key.as_str(), issued.secret.expose_secret()).await;
    assert_eq!(refusal(answer), (Code::PermissionDenied, "scope_insufficient".to_owned()));
}

#[tokio::test]
async fn used_up_limits_are_status_8_with_the_time_to_wait() {
    let mut world = World::new(MemoryStore::new(), "guests:read").await;
    let (_, issued) = let_in(&world.registry).await.unwrap();
    let one_a_minute = LimitPolicy::new(Rate::per_minute(NonZeroU32::MIN), NonZeroU32::MIN);
    let api_key = Some("one-a-minute".parse().unwrap());
    let slow = NewPartner { name: "Slow".to_owned(), policy: one_a_minute, api_key };
    let slow = world.registry.register_partner(slow).await.unwrap();

    let token = issued.secret.expose_secret();
    world.list_with(slow.api_key.as_str(), token).await.unwrap();
    let status = world.list_with(slow.api_key.as_str(), token).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, "rate_limited"));
    assert_eq!(status.metadata().get("retry-after").unwrap(), "60");
}

#[tokio::test]
async fn a_store_that_is_down_is_status_14() {
    let mut world = World::new(FaultyStore::with_fault(Fault::Error), "guests:read").await;
    let answer = world.list_with("partner-key-1", "demo_1").await;
    assert_eq!(refusal(answer), (Code::Unavailable, "unavailable".to_owned()));
}
