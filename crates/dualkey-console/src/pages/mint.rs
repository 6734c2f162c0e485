use axum::Form;
use axum::response::Response;
use dualkey_store::{FormNonce, RegistryError, TokenId};
use http::StatusCode;

use super::result::{self, Minted};
use super::{create, repeated, rotate};
use crate::context::{Context, Refused};
use crate::draft::{Draft, DraftErrors, name_taken};
use crate::fields::Fields;
use crate::links::{Links, with_query};
use crate::problem;
use crate::visitor::TokenChange;

/// The forms whose answer shows a token. They are sent to the list's own URL, so that no URL shows a token
/// when it is opened again.
pub(crate) async fn post(
    ctx: Result<Context, Refused>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    let fields = Fields::new(fields);
    let ctx = match problem::admitted(ctx, |links| form_url(links, &fields)) {
        Ok(ctx) => ctx,
        Err(response) => return response,
    };
    let is_new = fields.first("action") == "create";
    let change = if is_new { TokenChange::Create } else { TokenChange::Rotate };
    if let Err(response) = ctx.reauthenticate(change).await {
        return problem::unconfirmed(&ctx, response, &form_url(&ctx.links, &fields));
    }
    let answer = match fields.first("action") {
        "create" => create(&ctx, &fields).await,
        "rotate" => rotate::rotate(&ctx, &fields).await,
        "replace" => repeated::replace(&ctx, &fields).await,
        _ => Err(RegistryError::NotFound),
    };
    answer.unwrap_or_else(|error| problem::failed(&ctx, &error, Some(&fields)))
}

/// The URL that shows a form as it was filled in.
fn form_url(links: &Links, fields: &Fields) -> String {
    if fields.first("action") == "create" {
        let typed = fields.iter().filter(|(name, _)| !["action", "nonce"].contains(name));
        return with_query(&links.below("/new"), typed);
    }
    let token = fields.first("token").parse::<TokenId>();
    token.map_or_else(|_| links.home().to_owned(), |id| links.rotate(&id))
}

async fn create(ctx: &Context, fields: &Fields) -> Result<Response, RegistryError> {
    let lifetimes = ctx.lifetimes();
    let draft = Draft::parse(fields, &lifetimes);
    let nonce = fields.first("nonce");
    let token = match draft.check(&ctx.visitor.organization, &lifetimes) {
        Ok(token) => token,
        Err(errors) => return refused(ctx, &draft, nonce, errors).await,
    };
    let Ok(form) = nonce.parse::<FormNonce>() else {
        return refused(ctx, &draft, &ctx.nonce(), DraftErrors::too_old()).await;
    };
    let errors = match ctx.registry()?.issue_token(token.with_nonce(form)).await {
        Ok(issued) => return Ok(result::page(ctx, &issued, Minted::New)),
        Err(RegistryError::AlreadyDone { token }) => return repeated::page(ctx, &token).await,
        Err(RegistryError::NameTaken) => {
            let tokens = ctx.settings.registry.tokens(&ctx.visitor.organization).await?;
            let name = Some(name_taken(&draft.name, &tokens));
            DraftErrors { name, ..DraftErrors::default() }
        }
        Err(RegistryError::LifetimeTooLong { .. } | RegistryError::ExpiryInThePast) => {
            DraftErrors { expiry: Some(lifetimes.out_of_range()), ..DraftErrors::default() }
        }
        Err(RegistryError::UnknownScopes(_)) => {
            let scopes = Some("Choose again: a permission does not exist any more.".to_owned());
            DraftErrors { scopes, ..DraftErrors::default() }
        }
        Err(RegistryError::StaleForm) => {
            return refused(ctx, &draft, &ctx.nonce(), DraftErrors::too_old()).await;
        }
        Err(RegistryError::TooManyTokens { max_tokens }) => {
            let form =
                Some(format!("Your organization has {max_tokens} tokens. Remove one first."));
            DraftErrors { form, ..DraftErrors::default() }
        }
        Err(error) => return Err(error),
    };
    refused(ctx, &draft, nonce, errors).await
}

/// The form again, with everything that was typed.
async fn refused(
    ctx: &Context,
    draft: &Draft,
    nonce: &str,
    errors: DraftErrors,
) -> Result<Response, RegistryError> {
    let view = create::form(ctx, draft, nonce, Some(&errors)).await?;
    Ok(ctx.render(view.with_status(StatusCode::UNPROCESSABLE_ENTITY)))
}
