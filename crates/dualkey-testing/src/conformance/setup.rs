use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use dualkey_limit::{FakeClock, Timestamp};
use dualkey_scope::Catalogue;
use dualkey_store::{ApiKey, IssuedToken, NewPartner, NewToken, Registry, Store, StoredToken};
use dualkey_token::Prefix;

pub(super) const START: Timestamp = Timestamp::from_secs(1_700_000_000);
pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// An empty store, with a registry on a clock that only the check moves.
pub(super) struct Setup {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: FakeClock,
    pub(super) registry: Registry,
}

impl Setup {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        let catalogue = Catalogue::builder().scope("b:read", "B").scope("a:read", "A").build();
        let catalogue = catalogue.expect("two scopes make a catalogue");
        let clock = FakeClock::new(START);
        let prefix = Prefix::new("gw");
        let registry =
            Registry::new(catalogue, prefix, Arc::clone(&store), Arc::new(clock.clone()));
        Self { store, clock, registry }
    }

    pub(super) async fn issue(&self, organization: &str, name: &str) -> IssuedToken {
        self.issue_until(organization, name, None).await
    }

    pub(super) async fn issue_until(
        &self,
        organization: &str,
        name: &str,
        expires_at: Option<Timestamp>,
    ) -> IssuedToken {
        let token = NewToken::new(organization, name, ["b:read", "a:read"]);
        let token = match expires_at {
            Some(expires_at) => token.with_expiry(expires_at),
            None => token,
        };
        self.registry.issue_token(token).await.expect("the token is issued")
    }

    pub(super) async fn names(&self, organization: &str) -> Vec<String> {
        let tokens = self.registry.tokens(&organization.into()).await.expect("a list");
        tokens.into_iter().map(|token| token.name).collect()
    }

    pub(super) async fn stored(&self, token: &IssuedToken) -> Option<StoredToken> {
        self.store.token_by_digest(&token.secret.digest()).await.expect("an answer")
    }
}

pub(super) fn key(text: &str) -> ApiKey {
    ApiKey::parse(text).expect("a well-formed key")
}

pub(super) fn partner(name: &str, api_key: &str) -> NewPartner {
    NewPartner::new(name).with_api_key(key(api_key))
}

/// Runs futures concurrently, on any executor, and returns their outputs.
pub(super) async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running = Vec::from_iter(futures.into_iter().map(|future| Some(Box::pin(future))));
    let mut outputs = Vec::new();
    poll_fn(|cx| {
        for slot in &mut running {
            let Some(Poll::Ready(output)) = slot.as_mut().map(|future| future.as_mut().poll(cx))
            else {
                continue;
            };
            outputs.push(output);
            *slot = None;
        }
        if running.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outputs
}
