use dualkey_store::Registry;

use crate::shell::Shell;
use crate::visitor::Access;

/// What the routers of this crate differ in.
pub(crate) trait Site: Send + Sync + 'static {
    type Visitor: Clone + Send + Sync + 'static;

    /// The heading of the first page, to which the others lead back.
    const HOME: &str;
    /// The texts of the pages for requests that cannot be served.
    const MISSING: &str;
    const READ_ONLY: &str;
    const UNREACHABLE: &str;

    fn shell(&self) -> &Shell;
    fn access(&self) -> &Access<Self::Visitor>;
    fn registry(&self) -> &Registry;
    fn actor(visitor: &Self::Visitor) -> &str;
    fn may_edit(visitor: &Self::Visitor) -> bool;
}
