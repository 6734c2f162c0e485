use std::cmp::Ordering::{Equal, Greater, Less};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dualkey_limit::Timestamp;
use dualkey_scope::{Catalogue, ResolvedScopes, ScopeSet};
use dualkey_store::{OrganizationId, StoredToken, TokenId};
use dualkey_token::TokenDigest;

use crate::directory::{Heard, Moment};
use crate::pages::{Pages, Writer};
use crate::slab::Interned;
use crate::slot::{Contents, Key, LAST_SECOND, Slot};

/// The tokens that this process has heard of, by digest: a bounded table that is read without a lock.
pub(crate) struct Tokens {
    catalogue: Catalogue,
    capacity: usize,
    /// Times within slots count from here.
    since: Timestamp,
    pages: Pages,
    rights: Interned<Rights>,
    /// When idle tokens were last looked for, in seconds.
    swept_at: AtomicU64,
}

/// More would be 10 GB, and the addresses of their segments are kept from the start.
const MOST_TOKENS: usize = 1 << 27;
/// In which a slot counts when its token was confirmed and when it expires.
const TICK: Duration = Duration::from_nanos(1_000_000_000 / 16);
const NEVER: u32 = u32::MAX;
/// A token not used for so long is idle. Idle ones make room, and are looked for at most this often.
const IDLE: Duration = Duration::from_secs(60);

/// Whose data a token opens, and what it may do there: the same for many tokens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rights {
    pub(crate) organization: OrganizationId,
    pub(crate) scopes: ScopeSet,
}

/// What a request needs to know of its token, which is valid.
#[derive(Clone, Copy)]
pub(crate) struct Token<'a> {
    key: Key,
    id: u128,
    pub(crate) rights: &'a Rights,
    /// Where it was found, and at which turn.
    slot: Option<(&'a Slot, u32)>,
}

impl Token<'_> {
    #[inline]
    pub(crate) fn id(&self) -> TokenId {
        TokenId::from_bytes(self.id.to_ne_bytes())
    }
}

/// A token as the store just described it, kept or not.
#[derive(Clone)]
pub(crate) struct Described {
    key: Key,
    id: TokenId,
    rights: Rights,
    expires_at: Option<Timestamp>,
}

impl Described {
    /// The token, unless it has expired.
    pub(crate) fn token(&self, now: Timestamp) -> Option<Token<'_>> {
        let Self { key, id, rights, expires_at } = self;
        let is_valid = expires_at.is_none_or(|at| now < at);
        is_valid.then(|| Token { key: *key, id: word(*id), rights, slot: None })
    }
}

/// A token whose use is to be written.
#[derive(Clone, Copy)]
pub(crate) struct Used {
    key: Key,
    pub(crate) token: TokenId,
}

impl Tokens {
    pub(crate) fn new(catalogue: Catalogue, max_tokens: usize, now: Timestamp) -> Self {
        let capacity = max_tokens.min(MOST_TOKENS);
        Self {
            catalogue,
            capacity,
            since: Timestamp::from_secs(now.as_secs().saturating_sub(1)),
            pages: Pages::with_capacity(capacity),
            rights: Interned::with_capacity(capacity),
            swept_at: AtomicU64::new(0),
        }
    }

    /// Has what is held of the token with this digest brought from memory.
    #[inline]
    pub(crate) fn fetch(&self, digest: &TokenDigest) {
        self.pages.fetch(Key::of(digest));
    }

    /// What was heard of the token with this digest. In the last sixteenth of a second before it expires,
    /// the store is to be asked.
    #[inline(always)]
    pub(crate) fn find(&self, digest: &TokenDigest, moment: &Moment<'_>) -> Heard<Token<'_>> {
        let key = Key::of(digest);
        let Some((slot, contents)) = self.pages.read(key, |slot| (slot, slot.contents())) else {
            return Heard::Never;
        };
        let Contents { id, expires_at, confirmed_at, .. } = contents;
        if confirmed_at == 0 || !moment.counts(self.time(confirmed_at)) {
            return Heard::LongAgo;
        }
        let Some(rights) = self.rights.get(contents.rights) else { return Heard::LongAgo };
        let slot = Some((slot, contents.turn()));
        let now_to_expiry = match expires_at {
            NEVER => Less,
            _ => self.ticks(moment.now()).cmp(&expires_at),
        };
        match now_to_expiry {
            Less => Heard::Of(Token { key, id, rights, slot }),
            Equal => Heard::LongAgo,
            Greater => Heard::Absent,
        }
    }

    /// Keeps what the store said of a token, if there is room; confirmed only if nothing changed since
    /// it was asked.
    pub(crate) fn keep(
        &self,
        stored: StoredToken,
        now: Timestamp,
        is_current: impl FnOnce() -> bool,
    ) -> Described {
        let StoredToken { digest, record } = stored;
        let ResolvedScopes { scopes, unknown } = self.catalogue.resolve(&record.scopes);
        if !unknown.is_empty() {
            let (token, unknown) = (record.id, unknown.join(" "));
            tracing::warn!(%token, unknown, "a token has scopes that the catalogue does not know");
        }
        let rights = Rights { organization: record.organization, scopes };
        let (key, expires_at) = (Key::of(&digest), record.expires_at);
        let token = Described { key, id: record.id, rights, expires_at };
        let rights = self.rights.number(&token.rights);
        let mut writer = self.pages.write();
        if let Some(rights) = rights
            && (writer.find(key).is_some() || self.has_room(&mut writer, now))
        {
            let expires_at = expires_at.map_or(NEVER, |at| self.ticks(at));
            let confirmed_at = if is_current() { self.ticks(now) } else { 0 };
            let kept = Contents::new(key, word(token.id));
            writer.put(&Contents { rights, expires_at, confirmed_at, ..kept });
        }
        token
    }

    /// No longer serves what was kept of this token.
    pub(crate) fn withdraw(&self, digest: &TokenDigest) {
        if let Some(slot) = self.pages.write().find(Key::of(digest)) {
            slot.confirmed_at.store(0, Ordering::Release);
        }
    }

    /// No longer serves anything that was kept.
    pub(crate) fn withdraw_all(&self) {
        self.pages.write().each(|slot| slot.confirmed_at.store(0, Ordering::Release));
    }

    pub(crate) fn forget(&self, digest: &TokenDigest) {
        self.pages.write().remove(Key::of(digest));
    }

    /// Notes a use. Whoever gets an answer is to have it written, and to ask for it by
    /// [`last_use`](Self::last_use) then.
    #[inline]
    pub(crate) fn note_use(&self, token: &Token<'_>, now: Timestamp) -> Option<Used> {
        let (slot, turn) = token.slot.or_else(|| self.slot_of(token))?;
        let is_news = slot.note_use(turn, self.seconds(now));
        is_news.then(|| Used { key: token.key, token: token.id() })
    }

    #[cold]
    fn slot_of(&self, token: &Token<'_>) -> Option<(&Slot, u32)> {
        let (slot, contents) = self.pages.read(token.key, |slot| (slot, slot.contents()))?;
        (contents.id == token.id).then(|| (slot, contents.turn()))
    }

    /// When the token was last used, if this is still known.
    pub(crate) fn last_use(&self, used: Used) -> Option<Timestamp> {
        let (id, second) = self.pages.read(used.key, |slot| (slot.id(), slot.last_use()))?;
        let last = self.since.saturating_add(Duration::from_secs(second.into()));
        (id == word(used.token)).then_some(last)
    }

    /// From here on the next use is news again, unless there was one after this.
    pub(crate) fn settle(&self, used: Used, last: Timestamp) -> bool {
        let slot = self.pages.write().find(used.key);
        slot.filter(|slot| slot.id() == word(used.token))
            .is_none_or(|slot| slot.settle(self.seconds(last)))
    }

    /// Idle tokens are removed for it if need be.
    fn has_room(&self, writer: &mut Writer<'_>, now: Timestamp) -> bool {
        let swept_at = Timestamp::from_secs(self.swept_at.load(Ordering::Relaxed));
        if self.pages.len() >= self.capacity && now.saturating_duration_since(swept_at) >= IDLE {
            self.swept_at.store(now.as_secs(), Ordering::Relaxed);
            let idle = self.seconds(now.saturating_sub(IDLE));
            writer.retain(|token| token.last_use() >= idle);
        }
        self.pages.len() < self.capacity
    }

    fn seconds(&self, time: Timestamp) -> u32 {
        let seconds = time.saturating_duration_since(self.since).as_secs();
        u32::try_from(seconds).unwrap_or(u32::MAX).min(LAST_SECOND)
    }

    /// Rounded down.
    fn ticks(&self, time: Timestamp) -> u32 {
        let nanos = time.saturating_duration_since(self.since).as_nanos();
        u32::try_from(nanos / TICK.as_nanos()).unwrap_or(u32::MAX).min(NEVER - 1)
    }

    fn time(&self, ticks: u32) -> Timestamp {
        self.since.saturating_add(TICK * ticks)
    }
}

fn word(id: TokenId) -> u128 {
    u128::from_ne_bytes(*id.as_bytes())
}
