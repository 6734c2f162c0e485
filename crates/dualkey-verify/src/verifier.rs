use std::fmt;
use std::future::poll_fn;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use dualkey_limit::{Outcome, Timestamp};
use dualkey_scope::Requirement;
use dualkey_store::{Registry, StoreError};
use dualkey_token::{PlainToken, TokenDigest};
use futures_util::FutureExt as _;
use http::HeaderMap;

use crate::credentials::as_api_key;
use crate::directory::{
    Caller, Directory, Heard, Moment, PartnerAnswer, StoreIsAway, TokenAnswer, log_store_error,
};
use crate::flights::Flight;
use crate::partners::{Attempt, Sought};
use crate::tokens::{Described, Rights, Token};
use crate::{CredentialError, CredentialField, Credentials, Denial, Grant, HeaderNames};

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

/// What a request asks the store, and what it was told.
#[derive(Default)]
struct Asked {
    question: Option<Question>,
    partner: Option<Option<u32>>,
    token: Option<(Option<Described>, Option<Arc<Attempt>>)>,
}

/// What a request waits for.
enum Question {
    Partner(Flight<PartnerAnswer>),
    Token(Flight<TokenAnswer>),
}

/// What a request presents as its token.
struct Bearer<'a> {
    text: Result<&'a [u8], CredentialError>,
    /// The newest of the candidates, if the text is as long as a token.
    digest: Option<TokenDigest>,
}

impl Bearer<'_> {
    const UNREAD: Self = Self { text: Err(CredentialError::Missing), digest: None };
}

impl Asked {
    /// Waits for the answer to the question.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StoreIsAway>> {
        match &mut self.question {
            Some(Question::Partner(flight)) => {
                self.partner = Some(ready!(flight.poll_unpin(cx))?);
            }
            Some(Question::Token(flight)) => self.token = Some(ready!(flight.poll_unpin(cx))?),
            None => {}
        }
        self.question = None;
        Poll::Ready(Ok(()))
    }
}

impl From<StoreIsAway> for Denial {
    fn from(_logged: StoreIsAway) -> Self {
        Self::Unavailable { retry_after: Duration::from_secs(1) }
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
    /// its [changes](dualkey_store::ChangeNotifier::watermark); 5 seconds if not said. So long may a
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
    /// A token takes 60 to 100 bytes, by how full the pages are that it is kept in, and about 50 more for
    /// a minute after each use, in which this is written behind. `cargo bench -p dualkey-benches --bench
    /// memory` counts them.
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
    pub fn verify(
        &self,
        headers: &HeaderMap,
        requirement: &Requirement,
    ) -> impl Future<Output = Result<Grant, Denial>> {
        self.verify_with_cost(headers, requirement, NonZeroU32::MIN)
    }

    /// Decides on a request that costs so many permits. One that costs more than its partner's limits
    /// ever hold costs all that they hold.
    ///
    /// # Errors
    ///
    /// The request may not pass.
    pub fn verify_with_cost(
        &self,
        headers: &HeaderMap,
        requirement: &Requirement,
        cost: NonZeroU32,
    ) -> impl Future<Output = Result<Grant, Denial>> {
        let mut asked = Asked::default();
        poll_fn(move |cx| self.decide(headers, requirement, cost, &mut asked, Some(cx)))
    }

    /// Decides on a request without waiting: pending, with nothing charged, if a store has to be asked.
    pub fn try_verify_cached(
        &self,
        headers: &HeaderMap,
        requirement: &Requirement,
        cost: NonZeroU32,
    ) -> Poll<Result<Grant, Denial>> {
        self.decide(headers, requirement, cost, &mut Asked::default(), None)
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
    /// # async fn keep(verifier: dualkey_verify::Verifier) {
    /// # mod tokio { pub(crate) mod time { pub(crate) async fn sleep(_: std::time::Duration) {} } }
    /// # let stopped = async {};
    /// use std::time::Duration;
    ///
    /// let tick = || tokio::time::sleep(Duration::from_secs(1));
    /// verifier.run_write_behind(tick, stopped).await;
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The store failed at the end. Failures before are logged, and made up for.
    pub async fn run_write_behind(
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

    /// Everything that happens to a request, in order. Where a store has to be asked, the task of this
    /// context waits for it and comes here again.
    fn decide(
        &self,
        headers: &HeaderMap,
        requirement: &Requirement,
        cost: NonZeroU32,
        asked: &mut Asked,
        mut cx: Option<&mut Context<'_>>,
    ) -> Poll<Result<Grant, Denial>> {
        let moment = self.directory.moment(self.registry.clock(), self.max_staleness);
        let credentials = Credentials::new(headers, &self.names);

        let key = credentials.api_key_field().map_err(no_key)?;
        let sought = self.directory.seek(key);
        let mut bearer = Bearer::UNREAD;
        // Where partners are far, the digest is computed while one comes; else none is for a stranger.
        let is_far = self.directory.has_far_partners();
        if is_far {
            self.read(credentials, &mut bearer);
        }
        let caller = match self.directory.partner(&sought, &moment) {
            Heard::Of(caller) if caller.partner.is_enabled() => caller,
            heard => ready!(self.other_caller(&sought, &heard, &moment, asked, cx.as_deref_mut()))?,
        };
        if !is_far {
            self.read(credentials, &mut bearer);
        }
        let token = match self.known_token(&bearer, &moment) {
            Some(token) => token,
            None => ready!(self.other_token(&bearer, caller, &moment, asked, cx))?,
        };
        let standing = match caller.charge(cost, moment.now()) {
            Outcome::Allowed(standing) => standing,
            refused => return Poll::Ready(Err(refusal(refused))),
        };
        self.directory.note_use(caller, &token, moment.now());

        let Rights { organization, scopes } = token.rights;
        if !requirement.is_met_by(scopes) {
            let required = requirement.clone();
            return Poll::Ready(Err(Denial::ScopeInsufficient { required, standing }));
        }
        Poll::Ready(Ok(Grant {
            partner: caller.partner.id,
            organization: organization.clone(),
            token: token.id(),
            scopes: *scopes,
            standing,
        }))
    }

    /// A partner that is not to be served from memory. A key that is not known is looked at before the
    /// store is asked for it.
    #[cold]
    fn other_caller(
        &self,
        sought: &Sought<'_>,
        heard: &Heard<Caller<'_>>,
        moment: &Moment<'_>,
        asked: &mut Asked,
        cx: Option<&mut Context<'_>>,
    ) -> Poll<Result<Caller<'_>, Denial>> {
        if asked.partner.is_none() {
            if !matches!(asked.question, Some(Question::Partner(_))) {
                asked.question = Some(self.ask_for_partner(sought, heard, moment)?);
            }
            let Some(cx) = cx else { return Poll::Pending };
            ready!(asked.poll(cx))?;
        }
        let caller = asked.partner.flatten().and_then(|number| self.directory.caller(number));
        Poll::Ready(caller.filter(|caller| caller.partner.is_enabled()).ok_or(INVALID_KEY))
    }

    fn ask_for_partner(
        &self,
        sought: &Sought<'_>,
        heard: &Heard<Caller<'_>>,
        moment: &Moment<'_>,
    ) -> Result<Question, Denial> {
        if let Heard::Of(_) | Heard::Absent = heard {
            return Err(INVALID_KEY);
        }
        if let Ok(misplaced) = PlainToken::parse(self.registry.prefix(), sought.key) {
            self.warn_of_misplaced(&misplaced, moment);
            return Err(Denial::ApiKeyInvalid { misplaced_token: true });
        }
        let key = &as_api_key(sought.key).map_err(|_| INVALID_KEY)?;
        Ok(Question::Partner(self.directory.look_up_partner(key, moment.now())))
    }

    /// Reads the token's field and digests it. What is held of the token is on its way from memory then.
    fn read<'a>(&self, credentials: Credentials<'a>, bearer: &mut Bearer<'a>) {
        bearer.text = credentials.token_field();
        if let Ok(text) = bearer.text
            && text.len() == self.registry.prefix().token_len()
        {
            let digest = self.registry.digester().digest(text);
            self.directory.fetch_token(&digest);
            bearer.digest = Some(digest);
        }
    }

    #[inline]
    fn known_token(&self, bearer: &Bearer<'_>, moment: &Moment<'_>) -> Option<Token<'_>> {
        match self.directory.token(bearer.digest.as_ref()?, moment) {
            Heard::Of(token) => Some(token),
            _ => None,
        }
    }

    /// A token that is not to be served from memory, or that is stored under an older pepper. One that is
    /// not known is looked at before the store is asked for it.
    #[cold]
    fn other_token<'a>(
        &'a self,
        bearer: &Bearer<'_>,
        caller: Caller<'_>,
        moment: &Moment<'_>,
        asked: &'a mut Asked,
        cx: Option<&mut Context<'_>>,
    ) -> Poll<Result<Token<'a>, Denial>> {
        let now = moment.now();
        if asked.token.is_none() {
            if !matches!(asked.question, Some(Question::Token(_))) {
                let (mut unknown, mut is_remembered) = (Vec::new(), false);
                let text = self.parsed(bearer, caller, now)?;
                for digest in self.registry.digester().candidates(text) {
                    match self.directory.token(&digest, moment) {
                        Heard::Of(token) => return Poll::Ready(Ok(token)),
                        Heard::Absent => continue,
                        Heard::LongAgo => is_remembered = true,
                        Heard::Never => {}
                    }
                    unknown.push(digest);
                }
                let question = self.ask_for_token(caller, unknown, is_remembered, now)?;
                asked.question = Some(question);
            }
            let Some(cx) = cx else { return Poll::Pending };
            ready!(asked.poll(cx))?;
        }
        let token = asked.token.as_ref().and_then(|(token, _attempt)| token.as_ref()?.token(now));
        Poll::Ready(token.ok_or_else(|| fail(caller, Denial::TokenInvalid, now)))
    }

    /// The text of what is presented, if it is a token.
    fn parsed<'a>(
        &self,
        bearer: &Bearer<'a>,
        caller: Caller<'_>,
        now: Timestamp,
    ) -> Result<&'a [u8], Denial> {
        let text = bearer.text.map_err(|unreadable| {
            let denial = match unreadable {
                CredentialError::Missing => Denial::TokenMissing,
                CredentialError::Repeated => Denial::HeaderRepeated(CredentialField::Token),
                CredentialError::Malformed => Denial::TokenInvalid,
            };
            fail(caller, denial, now)
        })?;
        if let Err(error) = PlainToken::parse(self.registry.prefix(), text) {
            let partner = caller.partner.id;
            tracing::debug!(%partner, kind = %error.kind(), "malformed token");
            return Err(fail(caller, Denial::TokenInvalid, now));
        }
        Ok(text)
    }

    /// Whoever presents a token that this process has never heard of needs the allowance for failures,
    /// be it to have the store asked or to be told that the token is invalid.
    fn ask_for_token(
        &self,
        caller: Caller<'_>,
        unknown: Vec<TokenDigest>,
        is_remembered: bool,
        now: Timestamp,
    ) -> Result<Question, Denial> {
        if let Some(flight) = self.directory.token_flight(&unknown) {
            return Ok(Question::Token(flight));
        }
        let attempt = match self.directory.attempt(caller, now) {
            Ok(attempt) => Some(attempt),
            Err(_) if is_remembered => None,
            Err(retry_after) => return Err(Denial::AttemptsExceeded { retry_after }),
        };
        if unknown.is_empty() {
            return Err(fail(caller, Denial::TokenInvalid, now));
        }
        Ok(Question::Token(self.directory.look_up_token(unknown, attempt, now)))
    }

    fn now(&self) -> Timestamp {
        self.registry.clock().now()
    }

    fn warn_of_misplaced(&self, secret: &PlainToken, moment: &Moment<'_>) {
        let known =
            self.registry.digester().candidates(secret.expose_secret().as_bytes()).find_map(
                |digest| match self.directory.token(&digest, moment) {
                    Heard::Of(token) => Some(tracing::field::display(token.id())),
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

const INVALID_KEY: Denial = Denial::ApiKeyInvalid { misplaced_token: false };

fn no_key(unreadable: CredentialError) -> Denial {
    match unreadable {
        CredentialError::Repeated => Denial::HeaderRepeated(CredentialField::ApiKey),
        _ => Denial::ApiKeyMissing,
    }
}

/// Charges a failure to present a valid token.
#[cold]
fn fail(caller: Caller<'_>, denial: Denial, now: Timestamp) -> Denial {
    caller.partner.note_failure(caller.policy, now);
    denial
}

fn refusal(outcome: Outcome) -> Denial {
    match outcome {
        Outcome::BurstExceeded(refusal) => Denial::RateLimited { refusal },
        Outcome::QuotaExceeded(refusal) => Denial::QuotaExceeded { refusal },
        outcome => Denial::Unavailable { retry_after: outcome.standing().policy().fill_time() },
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
