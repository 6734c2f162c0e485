use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::response::Response;
use dualkey_store::OrganizationId;
use http::request::Parts;

/// A signed-in user of the embedding program, as its access function finds them.
///
/// ```
/// use dualkey_console::Visitor;
///
/// let visitor =
///     Visitor { actor: "alice".into(), organization: "acme".into(), may_edit: false };
/// assert!(!visitor.may_edit); // sees the tokens of acme, and changes none
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// Who makes the changes, as the audit trail records it: 1 to 100 characters without control
    /// characters.
    pub actor: String,
    /// The organization whose tokens they see.
    pub organization: OrganizationId,
    /// Whether they may create, rename, rotate and remove tokens.
    pub may_edit: bool,
}

/// A change that a hook can ask to re-authenticate for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenChange {
    /// A token is created.
    Create,
    /// A token is rotated.
    Rotate,
    /// A token is removed.
    Remove,
}

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The embedding program's decision about a request.
pub(crate) type Access<V> = Arc<dyn Fn(Parts) -> BoxFuture<Result<V, Response>> + Send + Sync>;

/// The embedding program's decision about a change.
pub(crate) type Hook =
    Arc<dyn Fn(Parts, TokenChange) -> BoxFuture<Result<(), Response>> + Send + Sync>;

pub(crate) fn boxed_access<V, A, F>(access: A) -> Access<V>
where
    A: Fn(Parts) -> F + Send + Sync + 'static,
    F: Future<Output = Result<V, Response>> + Send + 'static,
{
    Arc::new(move |parts| Box::pin(access(parts)))
}
