use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use dualkey::OrganizationId;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::records::Records;
use crate::sample;

/// What each organization has, in memory. An organization gets sample data when it is first asked
/// for. Clones share the data.
#[derive(Clone, Debug, Default)]
pub(crate) struct Organizations(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    records: HashMap<OrganizationId, Records>,
    /// In the order in which they came.
    order: VecDeque<OrganizationId>,
}

/// How many organizations are held. Beyond, the one that came first starts afresh.
const MAX_ORGANIZATIONS: usize = 256;

impl Organizations {
    /// Reads or changes what this organization has. Nothing else reaches another's data: a handler
    /// has its organization from its grant.
    pub(crate) fn with<T>(&self, id: &OrganizationId, f: impl FnOnce(&mut Records) -> T) -> T {
        // A poisoned lock is of no concern: each change is made by one assignment or push.
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f(held.records(id))
    }
}

impl Held {
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
    fn beyond_the_bound_the_organization_that_came_first_starts_afresh() {
        let organizations = Organizations::default();
        let rename = |name: &str| {
            organizations.with(&name.into(), |of| of.organization.name = "Changed".to_owned());
        };
        for n in 0..MAX_ORGANIZATIONS {
            rename(&n.to_string());
        }
        let name = |id: &str| organizations.with(&id.into(), |of| of.organization.name.clone());
        assert_eq!((name("0"), name("1")), ("Changed".to_owned(), "Changed".to_owned()));
        rename("one more");
        assert_eq!(organizations.0.lock().unwrap().records.len(), MAX_ORGANIZATIONS);
        assert_eq!(name("1"), "Changed");
        assert_ne!(name("0"), "Changed");
    }
}
