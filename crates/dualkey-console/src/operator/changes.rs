use axum::Form;
use axum::response::Response;
use dualkey_store::{Partner, RegistryError};
use http::StatusCode;

use super::limits::{self, RefusedLimits};
use super::partner;
use super::site::{OperatorContext, OperatorSettings};
use crate::context::{PathId, Refused};
use crate::fields::Fields;
use crate::links::with_query;
use crate::problem;
use crate::shell::see_other;

/// Enables or disables a partner.
pub(super) async fn set_enabled(
    ctx: Result<OperatorContext, Refused<OperatorSettings>>,
    PathId(id): PathId,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    let ctx = match problem::admitted(ctx, |links| links.home().to_owned()) {
        Ok(ctx) => ctx,
        Err(response) => return response,
    };
    let fields = Fields::new(fields);
    let changed = async {
        let enabled = fields.first("enabled") == "true";
        let (partner, _) = ctx.partner(&id).await?;
        ctx.registry()?.set_enabled(&partner.api_key, enabled).await?;
        let notice = if enabled { "enabled" } else { "disabled" };
        Ok::<_, RegistryError>(back_to(&ctx, &partner, notice))
    };
    changed.await.unwrap_or_else(|error| problem::failed(&ctx, &error, Some(&fields)))
}

/// The page of the partner, with a notice.
fn back_to(ctx: &OperatorContext, partner: &Partner, notice: &str) -> Response {
    let page = ctx.links.below(&format!("/{}", partner.id));
    see_other(&with_query(&page, [("notice", notice)]))
}

/// Changes the limits of a partner.
pub(super) async fn change_limits(
    ctx: Result<OperatorContext, Refused<OperatorSettings>>,
    PathId(id): PathId,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    let ctx = match problem::admitted(ctx, |links| links.home().to_owned()) {
        Ok(ctx) => ctx,
        Err(response) => return response,
    };
    let fields = Fields::new(fields);
    let answer = changed(&ctx, &id, &fields).await;
    answer.unwrap_or_else(|error| problem::failed(&ctx, &error, Some(&fields)))
}

async fn changed(
    ctx: &OperatorContext,
    id: &str,
    fields: &Fields,
) -> Result<Response, RegistryError> {
    let (partner, used) = ctx.partner(id).await?;
    let error = match limits::parse(fields) {
        Err(error) => error,
        Ok(change) => match ctx.registry()?.change_limits(&partner.api_key, change).await {
            Ok(partner) => return Ok(back_to(ctx, &partner, "limits")),
            Err(RegistryError::InvalidPolicy(error)) => {
                format!("The limits are out of range: {error}.")
            }
            Err(error) => return Err(error),
        },
    };
    let refused = RefusedLimits { fields, error };
    let view = partner::page(ctx, &partner, used, None, Some(&refused));
    Ok(ctx.render(view.with_status(StatusCode::UNPROCESSABLE_ENTITY)))
}
