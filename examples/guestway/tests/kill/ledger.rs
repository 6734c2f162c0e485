//! The changes that a writer reported, compared with the database.

use std::collections::{BTreeMap, HashMap};

use dualkey::{AuditAction, AuditEntry, Clock as _, OrganizationId, Page, Registry, SystemClock};
use dualkey::{TokenId, TokenRecord, TokenStatus};

/// The changes of its organization's tokens that a writer reported before it was killed.
pub(crate) struct Ledger {
    organization: OrganizationId,
    /// The acknowledged tokens, oldest first.
    tokens: BTreeMap<TokenId, Acknowledged>,
    counts: HashMap<AuditAction, usize>,
    /// The change in progress at the kill, which may have taken effect or not.
    in_progress: Option<Attempt>,
}

struct Acknowledged {
    text: String,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Active,
    /// Rotated with an overlap in which it still works.
    Replaced,
    /// Rotated without an overlap.
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
    pub(crate) fn parse(organization: &str, output: &str) -> Self {
        let (tokens, counts) = (BTreeMap::new(), HashMap::new());
        let mut ledger =
            Self { organization: organization.into(), tokens, counts, in_progress: None };
        for line in output.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            ledger.apply(&Vec::from_iter(line.split(' ')));
        }
        ledger
    }

    fn apply(&mut self, words: &[&str]) {
        let id = |text: &str| text.parse::<TokenId>().unwrap();
        match *words {
            ["try", "issue"] => self.in_progress = Some(Attempt::Issue),
            ["try", "rotate", old] => self.in_progress = Some(Attempt::Rotate(id(old))),
            ["try", "revoke", token] => self.in_progress = Some(Attempt::Revoke(id(token))),
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
            _ => {} // output of the test harness
        }
    }

    fn add(&mut self, id: TokenId, text: &str) {
        self.tokens.insert(id, Acknowledged { text: text.to_owned(), state: State::Active });
    }

    fn count(&mut self, action: AuditAction) {
        *self.counts.entry(action).or_default() += 1;
        self.in_progress = None;
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.counts.values().sum()
    }

    pub(crate) const fn has_attempt(&self) -> bool {
        self.in_progress.is_some()
    }

    /// The texts of the tokens whose state is certain, newest first, and whether each is accepted.
    pub(crate) fn expected(&self) -> impl Iterator<Item = (&str, bool)> {
        let certain = self.tokens.iter().rev().filter(|(id, _)| !self.is_in_progress(id));
        certain.map(|(_, token)| {
            (&*token.text, matches!(token.state, State::Active | State::Replaced))
        })
    }

    fn is_in_progress(&self, token: &TokenId) -> bool {
        [Attempt::Rotate(*token), Attempt::Revoke(*token)].map(Some).contains(&self.in_progress)
    }

    /// Asserts that all acknowledged changes are in the database, that the change in progress took
    /// effect as a whole or not at all, and that nothing else changed. Returns whether the change in
    /// progress took effect.
    pub(crate) async fn assert_kept(&self, registry: &Registry) -> bool {
        let (records, trail) = self.snapshot(registry).await;
        for (id, token) in &self.tokens {
            if !self.is_in_progress(id) {
                assert_eq!(state(records.get(id)), token.state, "{id}");
            }
        }
        let mut counts = self.counts.clone();
        let effect = self.effect_of_attempt(&records);
        if let Some(action) = effect {
            *counts.entry(action).or_default() += 1;
        }
        let mut recorded: HashMap<_, usize> = HashMap::new();
        for entry in trail {
            *recorded.entry(entry.action).or_default() += 1;
        }
        assert_eq!(
            recorded, counts,
            "the audit trail agrees with the changes, {:?} in progress",
            self.in_progress
        );
        effect.is_some()
    }

    /// The tokens and the audit trail of the same moment. A database server may still be executing a
    /// statement of the killed process, so both are read until the trail does not change in between.
    async fn snapshot(
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

    /// The action of the change in progress, if it took effect. Panics if it took effect in part.
    fn effect_of_attempt(&self, records: &HashMap<TokenId, TokenRecord>) -> Option<AuditAction> {
        let added = records.values().filter(|record| !self.tokens.contains_key(&record.id));
        let added: Vec<_> = added.collect();
        match (self.in_progress, &added[..]) {
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
            (attempt, added) => panic!("{attempt:?} was in progress, and {added:?} were added"),
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
