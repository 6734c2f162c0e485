use std::sync::Arc;
use std::time::Duration;

use dualkey_store::Registry;
use dualkey_verify::HeaderNames;

use crate::chip::Thresholds;
use crate::shell::Shell;
use crate::site::Site;
use crate::visitor::{Access, Hook, Visitor};

/// Everything that a console is built from.
pub(crate) struct Settings {
    pub(crate) registry: Registry,
    pub(crate) access: Access<Visitor>,
    pub(crate) hook: Option<Hook>,
    pub(crate) shell: Arc<Shell>,
    pub(crate) thresholds: Thresholds,
    pub(crate) api: Api,
    /// How late the time of the last use may be.
    pub(crate) last_used_delay: Duration,
}

/// What pages say about the API that the tokens are for.
#[derive(Default)]
pub(crate) struct Api {
    /// Without a trailing slash.
    pub(crate) url: Option<String>,
    pub(crate) example_path: Option<String>,
    pub(crate) docs_url: Option<String>,
    pub(crate) partner_contact: Option<String>,
    pub(crate) header_names: HeaderNames,
}

impl Site for Settings {
    type Visitor = Visitor;

    const HOME: &str = "API Access";
    const MISSING: &str = "Your organization has no such token. It may have been removed.";
    const READ_ONLY: &str = "You may view the tokens of your organization, but not change them.";
    const UNREACHABLE: &str = "The tokens cannot be reached.";

    fn shell(&self) -> &Shell {
        &self.shell
    }

    fn access(&self) -> &Access<Visitor> {
        &self.access
    }

    fn registry(&self) -> &Registry {
        &self.registry
    }

    fn actor(visitor: &Visitor) -> &str {
        &visitor.actor
    }

    fn may_edit(visitor: &Visitor) -> bool {
        visitor.may_edit
    }
}
