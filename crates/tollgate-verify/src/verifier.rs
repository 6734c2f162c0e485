use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use tollgate_limit::{Outcome, Standing, Timestamp};
use tollgate_scope::Requirement;
use tollgate_store::{Registry, StoreError};
use tollgate_token::{PlainToken, TokenDigest};

use crate::directory::{Directory, Heard};
use crate::entry::{AsOf, Attempt, PartnerEntry, TokenEntry};
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
    partner: Option<Option<Arc<PartnerEntry>>>,
    token: Option<Option<Arc<TokenEntry>>>,
    /// Held until the failure that it may have been is charged.
    attempt: Option<Attempt>,
}

/// What keeps a request from passing at once.
enum Stop {
    Denied(Denial),
    AskForPartner,
    AskForToken(Vec<TokenDigest>, Option<Attempt>),
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
        let store = Arc::clone(registry.store());
        let directory = Arc::new(Directory::new(store, registry.catalogue().clone()));
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
                Err(Stop::AskForPartner) => {
                    answers.partner = Some(self.ask_for_partner(headers).await?);
                }
                Err(Stop::AskForToken(digests, attempt)) => {
                    answers.token = Some(self.ask_for_token(&digests).await?);
                    answers.attempt = attempt;
                }
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
            Err(Stop::AskForPartner | Stop::AskForToken(..)) => None,
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

    /// [Writes behind](Self::write_behind) after each tick, and never ends: to be spawned by a program
    /// whose store outlives it. A second is a good tick.
    ///
    /// ```
    /// # async fn keep(verifier: tollgate_verify::Verifier) {
    /// # mod tokio { pub(crate) mod time { pub(crate) async fn sleep(_: std::time::Duration) {} } }
    /// use std::time::Duration;
    ///
    /// verifier.keep_written(|| tokio::time::sleep(Duration::from_secs(1))).await;
    /// # }
    /// ```
    pub async fn keep_written(&self, mut tick: impl AsyncFnMut()) {
        loop {
            tick().await;
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

        let api_key = self.api_key(credentials, as_of)?;
        let partner = self.partner(api_key, as_of, answers)?;
        let secret = self.secret(credentials, &partner, as_of.now)?;
        let token = self.token(&secret, &partner, as_of, answers)?;
        let standing = charge(&partner, cost, as_of.now)?;
        self.directory.note_use(&partner, &token, as_of.now);

        let policy = partner.policy;
        if !requirement.is_met_by(&token.scopes) {
            let required = requirement.clone();
            return Err(Denial::ScopeInsufficient { required, standing, policy }.into());
        }
        Ok(Grant {
            partner: partner.id,
            organization: token.organization.clone(),
            token: token.id,
            scopes: token.scopes,
            standing,
            policy,
        })
    }

    fn api_key<'a>(&self, credentials: Credentials<'a>, as_of: AsOf) -> Result<&'a str, Denial> {
        let api_key = credentials.api_key().map_err(|unreadable| match unreadable {
            Unreadable::Missing => Denial::ApiKeyMissing,
            Unreadable::Repeated => Denial::HeaderRepeated(Field::ApiKey),
            Unreadable::Malformed => Denial::ApiKeyInvalid { misplaced_token: false },
        })?;
        match PlainToken::parse(self.registry.prefix(), api_key) {
            Err(_) => Ok(api_key),
            Ok(misplaced) => {
                self.warn_of_misplaced(&misplaced, as_of);
                Err(Denial::ApiKeyInvalid { misplaced_token: true })
            }
        }
    }

    fn partner(
        &self,
        api_key: &str,
        as_of: AsOf,
        answers: &Answers,
    ) -> Result<Arc<PartnerEntry>, Stop> {
        let known = match &answers.partner {
            Some(Some(partner)) => Heard::Of(Arc::clone(partner)),
            Some(None) => Heard::Absent,
            None => self.directory.partner(api_key, as_of),
        };
        match known {
            Heard::Of(partner) if partner.enabled => Ok(partner),
            Heard::Of(_) | Heard::Absent => {
                Err(Denial::ApiKeyInvalid { misplaced_token: false }.into())
            }
            Heard::LongAgo | Heard::Never => Err(Stop::AskForPartner),
        }
    }

    fn secret(
        &self,
        credentials: Credentials<'_>,
        partner: &PartnerEntry,
        now: Timestamp,
    ) -> Result<PlainToken, Denial> {
        let refuse = |denial| {
            partner.note_failure(now);
            Err(denial)
        };
        match credentials.token() {
            Err(Unreadable::Missing) => refuse(Denial::TokenMissing),
            Err(Unreadable::Repeated) => refuse(Denial::HeaderRepeated(Field::Token)),
            Err(Unreadable::Malformed) => refuse(Denial::TokenInvalid),
            Ok(text) => PlainToken::parse(self.registry.prefix(), text).or_else(|error| {
                tracing::debug!(partner = %partner.id, kind = %error.kind(), "malformed token");
                refuse(Denial::TokenInvalid)
            }),
        }
    }

    /// Whoever presents a token that this process has never heard of needs the allowance for failures,
    /// be it to have the store asked or to be told that the token is invalid.
    fn token(
        &self,
        secret: &PlainToken,
        partner: &PartnerEntry,
        as_of: AsOf,
        answers: &Answers,
    ) -> Result<Arc<TokenEntry>, Stop> {
        let now = as_of.now;
        let fail = || {
            partner.note_failure(now);
            Stop::from(Denial::TokenInvalid)
        };
        if let Some(answer) = &answers.token {
            return answer.clone().filter(|token| !token.has_expired(now)).ok_or_else(fail);
        }
        let (mut unknown, mut is_remembered) = (Vec::new(), false);
        for digest in self.registry.digester().candidates(secret.expose_secret().as_bytes()) {
            match self.directory.token(&digest, as_of) {
                Heard::Of(token) if !token.has_expired(now) => return Ok(token),
                Heard::Of(_) | Heard::Absent => continue,
                Heard::LongAgo => is_remembered = true,
                Heard::Never => {}
            }
            unknown.push(digest);
        }
        let attempt = match partner.attempt(now) {
            Ok(attempt) => Some(attempt),
            Err(_) if is_remembered => None,
            Err(retry_after) => return Err(Denial::AttemptsExceeded { retry_after }.into()),
        };
        if unknown.is_empty() { Err(fail()) } else { Err(Stop::AskForToken(unknown, attempt)) }
    }

    async fn ask_for_partner(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<Arc<PartnerEntry>>, Denial> {
        let Ok(api_key) = Credentials::new(headers, &self.names).api_key() else { return Ok(None) };
        let asked = self.directory.ask_for_partner(api_key, self.now()).await;
        asked.map_err(|error| unavailable(&error))
    }

    async fn ask_for_token(
        &self,
        digests: &[TokenDigest],
    ) -> Result<Option<Arc<TokenEntry>>, Denial> {
        for digest in digests {
            let asked = self.directory.ask_for_token(digest, self.now()).await;
            if let Some(token) = asked.map_err(|error| unavailable(&error))? {
                return Ok(Some(token));
            }
        }
        Ok(None)
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

fn charge(partner: &PartnerEntry, cost: NonZeroU32, now: Timestamp) -> Result<Standing, Denial> {
    let policy = partner.policy;
    match partner.charge(cost.get(), now) {
        Outcome::Allowed(standing) => Ok(standing),
        Outcome::BurstExceeded(refusal) => Err(Denial::RateLimited { refusal, policy }),
        Outcome::QuotaExceeded(refusal) => Err(Denial::QuotaExceeded { refusal, policy }),
        _ => Err(Denial::Unavailable { retry_after: policy.fill_time() }),
    }
}

fn log_store_error(error: &StoreError) {
    let cause = std::error::Error::source(error).map(tracing::field::display);
    tracing::error!(cause, "{error}");
}

fn unavailable(error: &StoreError) -> Denial {
    log_store_error(error);
    Denial::Unavailable { retry_after: Duration::from_secs(1) }
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
