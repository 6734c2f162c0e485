use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use dualkey::OrganizationId;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::records::Records;
use crate::sample;

/// The records of each organization, in memory. An organization gets sample data at its first request.
/// Clones share the data.
#[derive(Clone, Debug, Default)]
pub(crate) struct Organizations(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    records: HashMap<OrganizationId, Records>,
    /// The ids, oldest first.
    order: VecDeque<OrganizationId>,
}

/// The maximum number of organizations. Beyond it, the oldest one is dropped and starts over.
const MAX_ORGANIZATIONS: usize = 256;

impl Organizations {
    /// Reads or changes the records of this organization. Handlers take the organization from their
    /// grant, so that they never reach another's records.
    pub(crate) fn with<T>(&self, id: &OrganizationId, f: impl FnOnce(&mut Records) -> T) -> T {
        // A poisoned lock is harmless: each change is one assignment or push.
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f(state.records(id))
    }
}

impl State {
    fn records(&mut self, id: &OrganizationId) -> &mut Records {
        if !self.records.contains_key(id) {
            self.make_room();
            self.order.push_back(id.clone());
        }
        self.records.entry(id.clone()).or_insert_with(|| {
            let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
            sample::records(id, today)
        })
    }

    fn make_room(&mut self) {
        if self.order.len() >= MAX_ORGANIZATIONS
            && let Some(first) = self.order.pop_front()
        {
            self.records.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_ORGANIZATIONS, Organizations};

    #[test]
    fn beyond_the_bound_the_oldest_organization_starts_over() {
        let organizations = Organizations::default();
        let rename = |name: &str| {
            organizations
                .with(&name.into(), |records| records.organization.name = "Changed".to_owned());
        };
        for n in 0..MAX_ORGANIZATIONS {
            rename(&n.to_string());
        }
        let name =
            |id: &str| organizations.with(&id.into(), |records| records.organization.name.clone());
        assert_eq!((name("0"), name("1")), ("Changed".to_owned(), "Changed".to_owned()));
        rename("one more");
        assert_eq!(organizations.0.lock().unwrap().records.len(), MAX_ORGANIZATIONS);
        assert_eq!(name("1"), "Changed");
        assert_ne!(name("0"), "Changed");
    }
}
