use dualkey_store::TakeRun;

/// The callers of one process and one partner that go to the store in one call, in the order in which
/// they arrived.
///
/// ```
/// use dualkey_shared::node::Batch;
/// use dualkey_store::TakeRun;
///
/// let mut batch = Batch::default();
/// let tickets = [1, 1, 5].map(|permits| batch.join(permits));
/// assert_eq!(batch.runs(), [TakeRun { permits: 1, count: 2 }, TakeRun { permits: 5, count: 1 }]);
/// // The store granted one of the first run, and none of the second.
/// assert_eq!(tickets.map(|ticket| ticket.is_granted(&[1, 0])), [true, false, false]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Batch {
    runs: Vec<TakeRun>,
}

/// The place of a caller in a [`Batch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The number of permits that the caller asked for.
    pub permits: u32,
    run: usize,
    position: u32,
}

impl Batch {
    /// Adds a caller that asks for these permits.
    pub fn join(&mut self, permits: u32) -> Ticket {
        match self.runs.last_mut() {
            Some(run) if run.permits == permits && run.count < u32::MAX => run.count += 1,
            _ => self.runs.push(TakeRun { permits, count: 1 }),
        }
        let (run, last) = (self.runs.len() - 1, self.runs.last());
        Ticket { permits, run, position: last.map_or(0, |run| run.count - 1) }
    }

    /// The callers, as the store takes them.
    #[must_use]
    pub fn runs(&self) -> &[TakeRun] {
        &self.runs
    }

    /// The same, without a copy.
    #[must_use]
    pub fn into_runs(self) -> Vec<TakeRun> {
        self.runs
    }
}

impl Ticket {
    /// Whether this caller got its permits, by the [grants](dualkey_store::SharedTaken::granted) of its batch.
    #[must_use]
    pub fn is_granted(&self, granted: &[u32]) -> bool {
        granted.get(self.run).is_some_and(|&callers| self.position < callers)
    }
}
