use std::fmt;
use std::future::poll_fn;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::HeaderMap;
use tollgate_limit::{Outcome, Standing, Timestamp};
use tollgate_scope::Requirement;
use tollgate_store::{Registry, StoreError};
use tollgate_token::PlainToken;

use crate::directory::{
    AsOf, Caller, Directory, Heard, PartnerAnswer, StoreIsAway, TokenAnswer, log_store_error,
};
use crate::flights::Flight;
use crate::partners::Attempt;
use crate::tokens::Token;
use crate::{Credentials, Denial, Field, Grant, HeaderNames, Unreadable};

/// Decides on requests by their two headers. Clones are the same verifier.
///
/// It answers from memory. A store is asked only about partners and tokens that it has not confirmed
/// within the last [`max_staleness`](Self::with_max_staleness), and about strangers' tokens only as
/// often as their partner's failure allowance lets them try.
#[derive(Clone)]
pub struct Verifier {
    registry: Registry,
    directory: Arc<Directory>,
    names: HeaderNames,
    max_staleness: Duration,
}

/// What the store said while a request waited for it.
#[derive(Default)]
struct Answers {
    partner: Option<Option<u32>>,
    token: Option<(Option<Token>, Option<Arc<Attempt>>)>,
}

/// What keeps a request from passing at once.
enum Stop {
    Denied(Denial),
    AwaitPartner(Flight<PartnerAnswer>),
    AwaitToken(Flight<TokenAnswer>),
}

impl From<StoreIsAway> for Denial {
    fn from(_logged: StoreIsAway) -> Self {
        Self::Unavailable { retry_after: Duration::from_secs(1) }
    }
}

impl From<Denial> for Stop {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl Verifier {
    /// A verifier of what this registry issues, on the registry's clock.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        let directory = Arc::new(directory(&registry, 1_000_000));
        let (names, max_staleness) = (HeaderNames::default(), Duration::from_secs(5));
        Self { registry, directory, names, max_staleness }
    }

    /// Reads the credentials from other fields than `X-Api-Key` and `Authorization`.
    #[must_use]
    pub fn with_header_names(self, names: HeaderNames) -> Self {
        Self { names, ..self }
    }

    /// How long something in memory is served after the store last confirmed it, by an answer or through
    /// its [changes](tollgate_store::Changes::complete_until); 5 seconds if not said. So long may a
    /// revoked token still pass where changes do not reach this process, and so long do known tokens
    /// pass while the store is away.
    #[must_use]
    pub fn with_max_staleness(self, max_staleness: Duration) -> Self {
        Self { max_staleness, ..self }
    }

    /// Bounds how many tokens are held in memory: 1,000,000 if not said, 134,217,728 at most. Beyond
    /// that, those not used within the last minute make room, and if that is not enough, the store is
    /// asked at each use.
    ///
    /// A token takes 88 bytes, 8 to 22 of the index, and 48 to 96 for a minute after each use, in which
    /// this is written behind. `cargo bench -p tollgate-benches --bench memory` counts them.
    #[must_use]
    pub fn with_max_tokens(self, max_tokens: usize) -> Self {
        let directory = Arc::new(directory(&self.registry, max_tokens));
        Self { directory, ..self }
    }

    /// The registry that issues what is verified here.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The fields that are read.
    #[must_use]
    pub const fn header_names(&self) -> &HeaderNames {
        &self.names
    }

    /// Decides on a request with these headers.
    ///
    /// # Errors
    ///
    /// The request may not pass.
    pub async fn verify(
        &self,
        headers: &HeaderMap,
        requirement: &Requirement,
    ) -> Result<Grant, Denial> {
        self.verify_costing(headers, requirement, NonZeroU32::MIN).await
    }

    /// Decides on a request that costs so many permits. One that costs more than its partner's limits
    /// ever hold costs all that they hold.
    ///
    /// # Errors
    ///
    /// The request may not pass.
    pub async fn verify_costing(
        &self,
        headers: &HeaderMap,
        requirement: &Requirement,
        cost: NonZeroU32,
    ) -> Result<Grant, Denial> {
        let mut answers = Answers::default();
        loop {
            match self.decide(headers, requirement, cost, &answers) {
                Ok(grant) => return Ok(grant),
                Err(Stop::Denied(denial)) => return Err(denial),
                Err(Stop::AwaitPartner(flight)) => answers.partner = Some(flight.await?),
                Err(Stop::AwaitToken(flight)) => answers.token = Some(flight.await?),
            }
        }
    }

    /// Decides on a request if that takes no store, without waiting: nothing is charged otherwise.
    #[must_use]
    pub fn verify_in_memory(
        &self,
        headers: &HeaderMap,
        requirement: &Requirement,
        cost: NonZeroU32,
    ) -> Option<Result<Grant, Denial>> {
        match self.decide(headers, requirement, cost, &Answers::default()) {
            Ok(grant) => Some(Ok(grant)),
            Err(Stop::Denied(denial)) => Some(Err(denial)),
            Err(Stop::AwaitPartner(_) | Stop::AwaitToken(_)) => None,
        }
    }

    /// Writes to the store when tokens were last used, each at most once a minute, and what partners
    /// used of their quotas. Nothing waits for it. What is given up while it is being written waits for
    /// the next time; should the store have kept it nevertheless, usage counts twice.
    ///
    /// # Errors
    ///
    /// The store failed. What it was not told waits for the next time.
    pub async fn write_behind(&self) -> Result<(), StoreError> {
        self.directory.write_behind(self.now(), false).await
    }

    /// [Writes behind](Self::write_behind) after each tick, and [all](Self::flush) at the end: to be
    /// spawned by a program whose store outlives it, and awaited when no more requests are decided. A
    /// second is a good tick.
    ///
    /// ```
    /// # async fn keep(verifier: tollgate_verify::Verifier) {
    /// # mod tokio { pub(crate) mod time { pub(crate) async fn sleep(_: std::time::Duration) {} } }
    /// # let stopped = async {};
    /// use std::time::Duration;
    ///
    /// let tick = || tokio::time::sleep(Duration::from_secs(1));
    /// verifier.keep_written(tick, stopped).await;
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The store failed at the end. Failures before are logged, and made up for.
    pub async fn keep_written(
        &self,
        mut tick: impl AsyncFnMut(),
        until: impl Future,
    ) -> Result<(), StoreError> {
        let mut until = pin!(until);
        loop {
            let is_over = {
                let mut tick = pin!(tick());
                let mut next = |cx: &mut Context<'_>| match until.as_mut().poll(cx) {
                    Poll::Ready(_) => Poll::Ready(true),
                    Poll::Pending => tick.as_mut().poll(cx).map(|()| false),
                };
                poll_fn(&mut next).await
            };
            if is_over {
                return self.flush().await;
            }
            if let Err(error) = self.write_behind().await {
                log_store_error(&error);
            }
        }
    }

    /// Writes all that [`write_behind`](Self::write_behind) would write at some time. To be called
    /// once before the process ends, when no more requests are decided.
    ///
    /// # Errors
    ///
    /// The store failed. What it was not told is kept.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.directory.write_behind(self.now(), true).await
    }

    /// Everything that happens to a request, in order, with what the store has said so far.
    fn decide(
        &self,
        headers: &HeaderMap,
        requirement: &Requirement,
        cost: NonZeroU32,
        answers: &Answers,
    ) -> Result<Grant, Stop> {
        let as_of = self.directory.as_of(self.now(), self.max_staleness);
        let credentials = Credentials::new(headers, &self.names);

        let caller = self.caller(credentials, as_of, answers)?;
        let token = self.token(credentials, caller, as_of, answers)?;
        let standing = charge(caller, cost, as_of.now)?;
        self.directory.note_use(caller, &token, as_of.now);

        if !requirement.is_met_by(&token.scopes) {
            let required = requirement.clone();
            return Err(Denial::ScopeInsufficient { required, standing }.into());
        }
        Ok(Grant {
            partner: caller.partner.id,
            organization: token.organization,
            token: token.id,
            scopes: token.scopes,
            standing,
        })
    }

    /// A key that is not known is looked at before the store is asked for it.
    fn caller(
        &self,
        credentials: Credentials<'_>,
        as_of: AsOf,
        answers: &Answers,
    ) -> Result<Caller<'_>, Stop> {
        let invalid = Denial::ApiKeyInvalid { misplaced_token: false };
        let key = credentials.api_key_field().map_err(|unreadable| match unreadable {
            Unreadable::Repeated => Denial::HeaderRepeated(Field::ApiKey),
            _ => Denial::ApiKeyMissing,
        })?;
        let heard = match answers.partner {
            Some(answer) => answer
                .and_then(|number| self.directory.caller(number))
                .map_or(Heard::Absent, Heard::Of),
            None => self.directory.partner(key, as_of),
        };
        match heard {
            Heard::Of(caller) if caller.partner.is_enabled() => Ok(caller),
            Heard::Of(_) | Heard::Absent => Err(invalid.into()),
            Heard::LongAgo | Heard::Never => {
                if let Ok(misplaced) = PlainToken::parse(self.registry.prefix(), key) {
                    self.warn_of_misplaced(&misplaced, as_of);
                    return Err(Denial::ApiKeyInvalid { misplaced_token: true }.into());
                }
                let key = credentials.api_key().map_err(|_| invalid)?;
                Err(Stop::AwaitPartner(self.directory.look_up_partner(key, as_of.now)))
            }
        }
    }

    /// A token that is not known is looked at before the store is asked for it. Whoever presents one
    /// that this process has never heard of needs the allowance for failures, be it to have the store
    /// asked or to be told that the token is invalid.
    fn token(
        &self,
        credentials: Credentials<'_>,
        caller: Caller<'_>,
        as_of: AsOf,
        answers: &Answers,
    ) -> Result<Token, Stop> {
        let now = as_of.now;
        let fail = |denial| {
            caller.partner.note_failure(caller.policy, now);
            Stop::Denied(denial)
        };
        let text = credentials.token_field().map_err(|unreadable| {
            fail(match unreadable {
                Unreadable::Missing => Denial::TokenMissing,
                Unreadable::Repeated => Denial::HeaderRepeated(Field::Token),
                Unreadable::Malformed => Denial::TokenInvalid,
            })
        })?;
        if let Some((answer, _attempt)) = &answers.token {
            let valid = answer.clone().filter(|token| !token.has_expired(now));
            return valid.ok_or_else(|| fail(Denial::TokenInvalid));
        }
        let (mut unknown, mut is_remembered) = (Vec::new(), false);
        if text.len() == self.registry.prefix().token_len() {
            for digest in self.registry.digester().candidates(text) {
                match self.directory.token(&digest, as_of) {
                    Heard::Of(token) if !token.has_expired(now) => return Ok(token),
                    Heard::Of(_) | Heard::Absent => continue,
                    Heard::LongAgo => is_remembered = true,
                    Heard::Never => {}
                }
                unknown.push(digest);
            }
        }
        if let Err(error) = PlainToken::parse(self.registry.prefix(), text) {
            let partner = caller.partner.id;
            tracing::debug!(%partner, kind = %error.kind(), "malformed token");
            return Err(fail(Denial::TokenInvalid));
        }
        if let Some(flight) = self.directory.token_flight(&unknown) {
            return Err(Stop::AwaitToken(flight));
        }
        let attempt = match self.directory.attempt(caller, now) {
            Ok(attempt) => Some(attempt),
            Err(_) if is_remembered => None,
            Err(retry_after) => return Err(Denial::AttemptsExceeded { retry_after }.into()),
        };
        if unknown.is_empty() {
            return Err(fail(Denial::TokenInvalid));
        }
        Err(Stop::AwaitToken(self.directory.look_up_token(unknown, attempt, now)))
    }

    fn now(&self) -> Timestamp {
        self.registry.clock().now()
    }

    fn warn_of_misplaced(&self, secret: &PlainToken, as_of: AsOf) {
        let known =
            self.registry.digester().candidates(secret.expose_secret().as_bytes()).find_map(
                |digest| match self.directory.token(&digest, as_of) {
                    Heard::Of(token) => Some(tracing::field::display(token.id)),
                    _ => None,
                },
            );
        tracing::warn!(
            token = known,
            "an access token was sent in place of a partner key: revoke it"
        );
    }
}

fn directory(registry: &Registry, max_tokens: usize) -> Directory {
    let (store, catalogue) = (Arc::clone(registry.store()), registry.catalogue().clone());
    Directory::new(store, catalogue, max_tokens, registry.clock().now())
}

fn charge(caller: Caller<'_>, cost: NonZeroU32, now: Timestamp) -> Result<Standing, Denial> {
    match caller.partner.charge(caller.policy, cost.get(), now) {
        Outcome::Allowed(standing) => Ok(standing),
        Outcome::BurstExceeded(refusal) => Err(Denial::RateLimited { refusal }),
        Outcome::QuotaExceeded(refusal) => Err(Denial::QuotaExceeded { refusal }),
        _ => Err(Denial::Unavailable { retry_after: caller.policy.fill_time() }),
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("registry", &self.registry)
            .field("names", &self.names)
            .field("max_staleness", &self.max_staleness)
            .finish_non_exhaustive()
    }
}
