use std::fmt;

/// A router and an OpenAPI document do not describe the same operations: the error of
/// [`GuardedRouter::document`](crate::GuardedRouter::document).
///
/// `Display` lists them and says what to do. Each is a method and a path, such as `GET /guests/{id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenApiMismatch {
    /// The routes without an operation.
    pub undocumented: Vec<String>,
    /// The operations without a route.
    pub unrouted: Vec<String>,
}

impl OpenApiMismatch {
    /// An error, unless both lists are empty.
    pub(crate) fn check(undocumented: Vec<String>, unrouted: Vec<String>) -> Result<(), Self> {
        match undocumented.is_empty() && unrouted.is_empty() {
            true => Ok(()),
            false => Err(Self { undocumented, unrouted }),
        }
    }
}

impl fmt::Display for OpenApiMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the routes and the OpenAPI document differ")?;
        if !self.undocumented.is_empty() {
            let routes = self.undocumented.join(", ");
            write!(
                f,
                "; routes without an operation: {routes} (add their operations to the document)"
            )?;
        }
        if !self.unrouted.is_empty() {
            let operations = self.unrouted.join(", ");
            write!(
                f,
                "; operations without a route: {operations} (declare their routes in the guarded router, or \
                 merge the document of what is served beside it into the completed one)"
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for OpenApiMismatch {}
