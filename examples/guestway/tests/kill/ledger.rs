use std::collections::{BTreeMap, HashMap};

use dualkey::{AuditAction, AuditEntry, Clock as _, OrganizationId, Page, Registry, SystemClock};
use dualkey::{TokenId, TokenRecord, TokenStatus};

/// What a writer said of its organization's tokens before it was killed.
pub(crate) struct Ledger {
    organization: OrganizationId,
    /// What was acknowledged, oldest first.
    tokens: BTreeMap<TokenId, Acknowledged>,
    counts: HashMap<AuditAction, usize>,
    /// What may have happened or not.
    under_way: Option<Attempt>,
}

struct Acknowledged {
    text: String,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Active,
    /// Another took its place, and it works for a while.
    Replaced,
    /// Another took its place at once.
    Ended,
    Revoked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    Issue,
    Rotate(TokenId),
    Revoke(TokenId),
}

impl Ledger {
    pub(crate) fn read(organization: &str, said: &str) -> Self {
        let (tokens, counts) = (BTreeMap::new(), HashMap::new());
        let mut ledger =
            Self { organization: organization.into(), tokens, counts, under_way: None };
        for line in said.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            ledger.note(&Vec::from_iter(line.split(' ')));
        }
        ledger
    }

    fn note(&mut self, words: &[&str]) {
        let id = |text: &str| text.parse::<TokenId>().unwrap();
        match *words {
            ["try", "issue"] => self.under_way = Some(Attempt::Issue),
            ["try", "rotate", old] => self.under_way = Some(Attempt::Rotate(id(old))),
            ["try", "revoke", token] => self.under_way = Some(Attempt::Revoke(id(token))),
            ["did", "issue", token, text] => {
                self.add(id(token), text);
                self.count(AuditAction::TokenIssued);
            }
            ["did", "rotate", old, end, new, text] => {
                let state = if end == "ends" { State::Ended } else { State::Replaced };
                self.tokens.get_mut(&id(old)).unwrap().state = state;
                self.add(id(new), text);
                self.count(AuditAction::TokenRotated);
            }
            ["did", "revoke", token] => {
                self.tokens.get_mut(&id(token)).unwrap().state = State::Revoked;
                self.count(AuditAction::TokenRevoked);
            }
            _ => {} // what the harness of tests says
        }
    }

    fn add(&mut self, id: TokenId, text: &str) {
        self.tokens.insert(id, Acknowledged { text: text.to_owned(), state: State::Active });
    }

    fn count(&mut self, action: AuditAction) {
        *self.counts.entry(action).or_default() += 1;
        self.under_way = None;
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.counts.values().sum()
    }

    pub(crate) const fn has_attempt(&self) -> bool {
        self.under_way.is_some()
    }

    /// The texts of tokens that are to be admitted or refused, as far as that is certain, newest first.
    pub(crate) fn expected(&self) -> impl Iterator<Item = (&str, bool)> {
        let certain = self.tokens.iter().rev().filter(|(id, _)| !self.is_touched(id));
        certain.map(|(_, token)| {
            (&*token.text, matches!(token.state, State::Active | State::Replaced))
        })
    }

    fn is_touched(&self, token: &TokenId) -> bool {
        [Attempt::Rotate(*token), Attempt::Revoke(*token)].map(Some).contains(&self.under_way)
    }

    /// Asserts that all that was acknowledged is there, that what was under way happened as a whole or
    /// not at all, and that nothing else happened. Whether it happened.
    pub(crate) async fn assert_kept(&self, registry: &Registry) -> bool {
        let (records, trail) = self.at_one_moment(registry).await;
        for (id, token) in &self.tokens {
            if !self.is_touched(id) {
                assert_eq!(state(records.get(id)), token.state, "{id}");
            }
        }
        let mut counts = self.counts.clone();
        let happened = self.happened(&records);
        if let Some(action) = happened {
            *counts.entry(action).or_default() += 1;
        }
        let mut told: HashMap<_, usize> = HashMap::new();
        for entry in trail {
            *told.entry(entry.action).or_default() += 1;
        }
        assert_eq!(
            told, counts,
            "the trail tells of what happened, {:?} under way",
            self.under_way
        );
        happened.is_some()
    }

    /// The tokens and the trail as they were together: a server may still be carrying out what a process
    /// that was killed had asked for.
    async fn at_one_moment(
        &self,
        registry: &Registry,
    ) -> (HashMap<TokenId, TokenRecord>, Vec<AuditEntry>) {
        let all = Page::first(u32::MAX);
        let mut before = registry.audit(Some(&self.organization), all).await.unwrap();
        loop {
            let records = registry.tokens(&self.organization).await.unwrap();
            let after = registry.audit(Some(&self.organization), all).await.unwrap();
            if before == after {
                return (records.into_iter().map(|one| (one.id, one)).collect(), after);
            }
            before = after;
        }
    }

    /// What of the attempt under way is seen: all of it, or nothing.
    fn happened(&self, records: &HashMap<TokenId, TokenRecord>) -> Option<AuditAction> {
        let news = records.values().filter(|record| !self.tokens.contains_key(&record.id));
        let news: Vec<_> = news.collect();
        match (self.under_way, &news[..]) {
            (None, []) | (Some(Attempt::Issue), []) => None,
            (Some(Attempt::Issue), [new]) if state(Some(new)) == State::Active => {
                Some(AuditAction::TokenIssued)
            }
            (Some(Attempt::Rotate(old)), []) => {
                assert_eq!(state(records.get(&old)), State::Active, "{old}");
                None
            }
            (Some(Attempt::Rotate(old)), [new]) => {
                assert_eq!((new.replaces, state(Some(new))), (Some(old), State::Active));
                let old = &records[&old];
                assert_eq!(old.replaced_by, Some(new.id));
                Some(AuditAction::TokenRotated)
            }
            (Some(Attempt::Revoke(token)), []) => {
                (!records.contains_key(&token)).then_some(AuditAction::TokenRevoked)
            }
            (attempt, news) => panic!("{attempt:?} was under way, and there are {news:?}"),
        }
    }
}

fn state(record: Option<&TokenRecord>) -> State {
    match record.map(|record| record.status(SystemClock.now())) {
        None => State::Revoked,
        Some(TokenStatus::Active) => State::Active,
        Some(TokenStatus::Replaced) => State::Replaced,
        Some(_) => State::Ended,
    }
}
