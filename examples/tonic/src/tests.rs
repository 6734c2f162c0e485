use std::num::NonZeroU32;
use std::sync::Arc;

use dualkey::{FakeClock, LimitPolicy, MemoryStore, Rate, Store, Timestamp};
use dualkey_testing::{Fault, FaultyStore};
use tonic::Code;
use tonic::metadata::MetadataValue;
use tonic::service::LayerExt as _;
use tonic::transport::Channel;

use super::generated::guests::guests_client::GuestsClient;
use super::generated::health::health_client::HealthClient;
use super::health::CheckRequest;
use super::*;

/// A server whose clock does not move, and a client.
struct Fixture {
    client: GuestsClient<Channel>,
    health: HealthClient<Channel>,
    registry: Registry,
}

impl Fixture {
    async fn new(store: impl Store + 'static) -> Self {
        let clock = Arc::new(FakeClock::new(Timestamp::from_secs(1_700_000_000)));
        let registry =
            Registry::new(catalogue().unwrap(), Prefix::new("demo"), Arc::new(store), clock);

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = registry.clone();
        tokio::spawn(async move { serve(listener, serving).await.expect("serving") });
        let url = format!("http://{address}");
        let client = GuestsClient::connect(url.clone()).await.unwrap();
        let health = HealthClient::connect(url).await.unwrap();
        Self { client, health, registry }
    }

    async fn list(&mut self, fields: &[(&'static str, &str)]) -> Result<GuestList, Status> {
        let request = with_fields(ListRequest {}, fields);
        self.client.list(request).await.map(Response::into_inner)
    }

    async fn list_with(&mut self, key: &str, token: &str) -> Result<GuestList, Status> {
        self.list(&[("x-api-key", key), ("authorization", &format!("Bearer {token}"))]).await
    }
}

fn with_fields<T>(message: T, fields: &[(&'static str, &str)]) -> Request<T> {
    let mut request = Request::new(message);
    for (name, value) in fields {
        request.metadata_mut().append(*name, MetadataValue::try_from(*value).unwrap());
    }
    request
}

/// The status of a refusal, and the code of its denial.
fn refusal(answer: Result<GuestList, Status>) -> (Code, String) {
    let status = answer.expect_err("refused");
    (status.code(), status.message().to_owned())
}

#[tokio::test]
async fn a_good_call_is_served() {
    let mut fixture = Fixture::new(MemoryStore::new()).await;
    let (partner, issued) = seed_demo(&fixture.registry).await.unwrap();
    let answer =
        fixture.list_with(partner.api_key.as_str(), issued.secret.expose_secret()).await.unwrap();
    assert_eq!((&*answer.organization, &*answer.names), ("acme", &["Ada".to_owned()][..]));
}

#[tokio::test]
async fn the_health_check_needs_no_credentials() {
    let mut fixture = Fixture::new(FaultyStore::with_fault(Fault::Error)).await;
    let health = fixture.health.check(CheckRequest::default()).await.unwrap();
    assert_eq!(health.into_inner().status, 1);
}

#[tokio::test]
async fn a_named_layer_guards_one_service_alone() {
    let registry = Registry::in_memory(catalogue().unwrap(), Prefix::new("demo"));
    let guests = table(registry).unwrap().named_layer(GuestsServer::new(Hotel));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::builder().add_service(guests).add_service(HealthServer::new(Serving));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));

    let mut client = GuestsClient::connect(url.clone()).await.unwrap();
    let refused = client.list(ListRequest {}).await.map(Response::into_inner);
    assert_eq!(refusal(refused), (Code::Unauthenticated, "api_key_missing".to_owned()));
    let mut health = HealthClient::connect(url).await.unwrap();
    assert_eq!(health.check(CheckRequest::default()).await.unwrap().into_inner().status, 1);
}

#[tokio::test]
async fn bad_credentials_are_status_16() {
    let mut fixture = Fixture::new(MemoryStore::new()).await;
    let (partner, issued) = seed_demo(&fixture.registry).await.unwrap();
    let (key, token) = (partner.api_key.as_str(), issued.secret.expose_secret());
    let unauthenticated = |code: &str| (Code::Unauthenticated, code.to_owned());

    assert_eq!(refusal(fixture.list(&[]).await), unauthenticated("api_key_missing"));
    let unknown = fixture.list_with("no-such-partner", token).await;
    assert_eq!(refusal(unknown), unauthenticated("api_key_invalid"));
    let without_token = fixture.list(&[("x-api-key", key)]).await;
    assert_eq!(refusal(without_token), unauthenticated("token_missing"));
    let malformed = fixture.list_with(key, "demo_1").await;
    assert_eq!(refusal(malformed), unauthenticated("token_invalid"));
}

#[tokio::test]
async fn a_repeated_credential_is_status_16() {
    let mut fixture = Fixture::new(MemoryStore::new()).await;
    let (partner, _) = seed_demo(&fixture.registry).await.unwrap();
    let twice = [("x-api-key", partner.api_key.as_str()); 2];
    let code = (Code::Unauthenticated, "header_repeated".to_owned());
    assert_eq!(refusal(fixture.list(&twice).await), code);
}

#[tokio::test]
async fn each_rpc_requires_its_own_scope() {
    let mut fixture = Fixture::new(MemoryStore::new()).await;
    let (partner, _) = seed_demo(&fixture.registry).await.unwrap();
    let editor = NewToken::new("acme", "editor", ["guests:edit"]);
    let editor = fixture.registry.issue_token(editor).await.unwrap();
    let (key, token) = (partner.api_key.as_str(), editor.secret.expose_secret());
    let bearer = format!("Bearer {token}");
    let fields = [("x-api-key", key), ("authorization", bearer.as_str())];
    let add = with_fields(AddRequest { name: "Grace".to_owned() }, &fields);
    let added = fixture.client.add(add).await.unwrap().into_inner();
    assert_eq!(added.names, ["Ada", "Grace"]);
    let denied = (Code::PermissionDenied, "scope_insufficient".to_owned());
    assert_eq!(refusal(fixture.list(&fields).await), denied);
}

#[tokio::test]
async fn a_missing_scope_is_status_7() {
    let mut fixture = Fixture::new(MemoryStore::new()).await;
    let (partner, issued) = seed_demo(&fixture.registry).await.unwrap();
    let (key, token) = (partner.api_key.as_str(), issued.secret.expose_secret());
    let bearer = format!("Bearer {token}");
    let fields = [("x-api-key", key), ("authorization", bearer.as_str())];
    let add = with_fields(AddRequest { name: "Grace".to_owned() }, &fields);
    let answer = fixture.client.add(add).await.map(Response::into_inner);
    assert_eq!(refusal(answer), (Code::PermissionDenied, "scope_insufficient".to_owned()));
}

#[tokio::test]
async fn exhausted_limits_are_status_8_with_retry_after() {
    let mut fixture = Fixture::new(MemoryStore::new()).await;
    let (_, issued) = seed_demo(&fixture.registry).await.unwrap();
    let one_a_minute = LimitPolicy::new(Rate::per_minute(NonZeroU32::MIN), NonZeroU32::MIN);
    let slow = NewPartner::new("Slow").with_policy(one_a_minute);
    let slow = fixture.registry.register_partner(slow).await.unwrap();

    let token = issued.secret.expose_secret();
    fixture.list_with(slow.api_key.as_str(), token).await.unwrap();
    let status = fixture.list_with(slow.api_key.as_str(), token).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, "rate_limited"));
    assert_eq!(status.metadata().get("retry-after").unwrap(), "60");
}

#[tokio::test]
async fn a_store_that_is_down_is_status_14() {
    let mut fixture = Fixture::new(FaultyStore::with_fault(Fault::Error)).await;
    let answer = fixture.list_with("partner-key-1", "demo_1").await;
    assert_eq!(refusal(answer), (Code::Unavailable, "unavailable".to_owned()));
}
