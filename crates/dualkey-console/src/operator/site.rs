use std::sync::Arc;

use dualkey_store::{Partner, Registry, RegistryError};
use dualkey_verify::Verifier;

use crate::context::Context;
use crate::shell::Shell;
use crate::site::Site;
use crate::visitor::Access;

/// A member of the staff that runs the API, as the embedding program's access function finds them.
///
/// ```
/// use dualkey_console::Staff;
///
/// let staff = Staff { actor: "olivia".into(), may_edit: false };
/// assert!(!staff.may_edit); // sees partners, and changes none
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staff {
    /// Who makes the changes, as the audit trail records it: 1 to 100 characters without control
    /// characters.
    pub actor: String,
    /// Whether they may change limits, and enable and disable partners.
    pub may_edit: bool,
}

/// Everything that an operator's router is built from.
pub(crate) struct OperatorSettings {
    pub(super) verifier: Verifier,
    pub(super) access: Access<Staff>,
    pub(super) shell: Arc<Shell>,
}

pub(super) type OperatorContext = Context<OperatorSettings>;

impl Site for OperatorSettings {
    type Visitor = Staff;

    const HOME: &str = "Partners";
    const MISSING: &str = "There is no such partner.";
    const READ_ONLY: &str = "You may view partners, but not change them.";
    const UNREACHABLE: &str = "The partners cannot be reached.";

    fn shell(&self) -> &Shell {
        &self.shell
    }

    fn access(&self) -> &Access<Staff> {
        &self.access
    }

    fn registry(&self) -> &Registry {
        self.verifier.registry()
    }

    fn actor(visitor: &Staff) -> &str {
        &visitor.actor
    }

    fn may_edit(visitor: &Staff) -> bool {
        visitor.may_edit
    }
}

/// What the pages of partners have in common.
impl OperatorContext {
    /// All partners, each with the permits that it used today.
    pub(super) async fn partners(&self) -> Result<Vec<(Partner, u64)>, RegistryError> {
        self.settings.registry().partners_with_usage().await
    }

    /// A partner by the text of its id.
    pub(super) async fn partner(&self, id: &str) -> Result<(Partner, u64), RegistryError> {
        let partners = self.partners().await?;
        let found = partners.into_iter().find(|(partner, _)| partner.id.to_string() == id);
        found.ok_or(RegistryError::NotFound)
    }
}
