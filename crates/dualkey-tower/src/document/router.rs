use std::collections::{BTreeMap, BTreeSet};

use utoipa::openapi::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};

use super::mismatch::OpenApiMismatch;
use super::operation::complete;
use crate::guard::GuardRule;
use crate::guarded_router::GuardedRouter;

impl<S> GuardedRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    /// Completes the operations of an OpenAPI document with what the guards of their routes require and
    /// respond. The page [`openapi`](crate::openapi) says what is added, and what stays.
    ///
    /// ```
    /// use dualkey_scope::Catalogue;
    /// use dualkey_store::Registry;
    /// use dualkey_token::Prefix;
    /// use dualkey_tower::{Gate, GuardedRouter, Verifier};
    /// use http::Method;
    /// use utoipa::OpenApi;
    ///
    /// /// The names of all guests.
    /// #[utoipa::path(get, path = "/guests", responses((status = 200, body = Vec<String>)))]
    /// async fn guests() -> axum::Json<Vec<String>> {
    ///     axum::Json(vec!["Ada".to_owned()])
    /// }
    ///
    /// #[derive(OpenApi)]
    /// #[openapi(paths(guests))]
    /// struct Hotel;
    ///
    /// let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    /// let guests_read = catalogue.require_all(["guests:read"])?;
    /// let gate = Gate::new(Verifier::new(Registry::in_memory(catalogue, Prefix::new("gw"))));
    /// let router: GuardedRouter =
    ///     GuardedRouter::new(gate.clone()).require(Method::GET, "/guests", guests_read, guests);
    ///
    /// let document = serde_json::to_value(router.document(Hotel::openapi())?)?;
    /// let operation = &document["paths"]["/guests"]["get"];
    /// assert_eq!(operation["security"][0]["organizationToken"][0], "guests:read");
    /// assert_eq!(operation["responses"]["429"]["$ref"], "#/components/responses/TooManyRequests");
    ///
    /// let undocumented = router.public(Method::GET, "/healthz", async || "ok");
    /// let mismatch = undocumented.document(Hotel::openapi()).err().ok_or("the documents differ")?;
    /// assert_eq!(mismatch.undocumented, ["GET /healthz"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A route has no operation, or an operation has no route.
    pub fn document(&self, mut document: OpenApi) -> Result<OpenApi, OpenApiMismatch> {
        let rules = self.rules().map(|(method, path, rule)| (name(method.as_str(), path), rule));
        let rules = rules.collect();
        let paths = &mut document.paths.paths;
        let described = paths.iter_mut().flat_map(|(path, item)| {
            operations(item).into_iter().map(|(method, _)| name(method, path))
        });
        compare(&rules, &described.collect())?;

        let mut components = document.components.take().unwrap_or_default();
        for (path, item) in paths {
            for (method, operation) in operations(item) {
                if let Some(rule) = rule_of(&rules, &name(method, path)) {
                    complete(operation, rule, &mut components);
                }
            }
        }
        document.components = Some(components);
        Ok(document)
    }
}

/// The rule of each route by its name.
type Rules<'a> = BTreeMap<String, &'a GuardRule>;

/// The name of a route or an operation, such as `GET /files/{path}` for axum's `/files/{*path}`.
fn name(method: &str, path: &str) -> String {
    format!("{method} {}", path.replace("{*", "{"))
}

/// Checks that each route has an operation, except those of CONNECT, for which OpenAPI 3.1 has no word, and
/// each operation a route.
fn compare(rules: &Rules<'_>, operations: &BTreeSet<String>) -> Result<(), OpenApiMismatch> {
    let is_undocumented =
        |route: &&String| !operations.contains(*route) && !route.starts_with("CONNECT ");
    let is_unrouted = |operation: &&String| rule_of(rules, operation).is_none();
    let undocumented = rules.keys().filter(is_undocumented).cloned().collect();
    let unrouted = operations.iter().filter(is_unrouted).cloned().collect();
    OpenApiMismatch::check(undocumented, unrouted)
}

/// The rule of the route that serves an operation. GET covers HEAD.
fn rule_of<'a>(rules: &Rules<'a>, operation: &str) -> Option<&'a GuardRule> {
    let covering = || rules.get(&format!("GET {}", operation.strip_prefix("HEAD ")?));
    rules.get(operation).or_else(covering).copied()
}

/// The operations of a path, with their methods.
fn operations(item: &mut PathItem) -> Vec<(&str, &mut Operation)> {
    let named = [
        ("GET", &mut item.get),
        ("PUT", &mut item.put),
        ("POST", &mut item.post),
        ("DELETE", &mut item.delete),
        ("OPTIONS", &mut item.options),
        ("HEAD", &mut item.head),
        ("PATCH", &mut item.patch),
        ("TRACE", &mut item.trace),
        ("QUERY", &mut item.query),
    ];
    let named = named.into_iter().filter_map(|(method, it)| Some((method, it.as_mut()?)));
    let additional = &mut item.additional_operations;
    named.chain(additional.iter_mut().map(|(method, it)| (method.as_str(), it))).collect()
}
