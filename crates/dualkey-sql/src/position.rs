use dualkey_store::Change;

/// A position in the change log.
///
/// The revision counts changes. A database that is restored from a backup can reach a revision again with
/// another change, so each change also stores a new random id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) revision: i64,
    pub(crate) history_id: [u8; 16],
}

/// A change in the log. Changes of one transaction have one revision.
#[derive(Debug)]
pub(crate) struct LoggedChange {
    pub(crate) revision: i64,
    /// The history id of the revision before. None if an older version of this program wrote the change.
    pub(crate) previous_history_id: Option<[u8; 16]>,
    pub(crate) change: Change,
}

impl Position {
    /// Whether these changes, in the order of their revisions, are all changes from this position to the
    /// current one. Some are missing if the log was pruned beyond this position, or if the database now has
    /// another history.
    pub(crate) fn leads_to(self, current: Self, changes: &[LoggedChange]) -> bool {
        match (changes.first(), changes.last()) {
            (Some(first), Some(last)) => {
                first.revision == self.revision + 1
                    && first.previous_history_id == Some(self.history_id)
                    && last.revision == current.revision
            }
            _ => current == self,
        }
    }
}
