//! The token page and the operator's page under a program's own sessions: here a cookie with a fixed value. The list begins with
//! a token in each state.
//!
//! `cargo run -p dualkey-console --example console`, then open <http://127.0.0.1:8080/sign-in>.
//! The other page is <http://127.0.0.1:8080/operator>.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use dualkey_console::{Console, Operator, Staff, Visitor};
use dualkey_limit::{Clock as _, FakeClock, SystemClock, Timestamp};
use dualkey_scope::Catalogue;
use dualkey_store::{
    MemoryStore, NewPartner, NewToken, OrganizationId, PartnerId, Registry, Store, TokenId,
    TokenUse,
};
use dualkey_token::Prefix;
use dualkey_verify::Verifier;
use http::header::{COOKIE, SET_COOKIE};
use http::request::Parts;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let registry = Registry::new(catalogue(), PREFIX, Arc::clone(&store), Arc::new(SystemClock));
    seed(&store).await?;

    let operator = Operator::builder(Verifier::new(registry.clone()), staff).build();
    let console = Console::builder(registry, visitor)
        .api_url("https://api.guestway.example")
        .example_path("/open/v1/reservations")
        .docs_url("https://api.guestway.example/docs")
        .partner_contact("support@guestway.example")
        .build();
    let app = Router::new()
        .route("/sign-in", get(sign_in))
        .nest("/settings/api-access", console.into_router())
        .nest("/operator", operator.into_router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    println!("http://{}/sign-in", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

const PREFIX: Prefix = Prefix::new("gw");

/// The session check of this program.
async fn visitor(parts: Parts) -> Result<Visitor, Response> {
    let cookie =
        parts.headers.get(COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (actor, may_edit) = match cookie {
        "session=alice" => ("alice@acme.example", true),
        "session=bob" => ("bob@acme.example", false),
        _ => return Err(Redirect::to("/sign-in").into_response()),
    };
    Ok(Visitor { actor: actor.into(), organization: "acme".into(), may_edit })
}

/// The same for those who run the API.
async fn staff(parts: Parts) -> Result<Staff, Response> {
    let visitor = visitor(parts).await?;
    Ok(Staff { actor: visitor.actor, may_edit: visitor.may_edit })
}

async fn sign_in() -> impl IntoResponse {
    let cookie = "session=alice; Path=/; HttpOnly; SameSite=Lax";
    ([(SET_COOKIE, cookie)], Redirect::to("/settings/api-access"))
}

fn catalogue() -> Catalogue {
    let catalogue = Catalogue::builder()
        .scope("full:read", "Full Access - Read")
        .scope("full:edit", "Full Access - Edit")
        .scope("reservations:read", "Reservations - Read")
        .scope("conversations:read", "Conversations - Read")
        .scope("conversations:edit", "Conversations - Edit")
        .scope("messages:send", "Messages - Send")
        .scope("guests:read", "Guests - Read")
        .scope("listings:read", "Listings - Read")
        .scope("custom-fields:read", "Custom Field - Read")
        .scope("custom-fields:edit", "Custom Field - Edit")
        .scope("pre-check-in-responses:read", "Pre-Check-In Responses - Read")
        .implies("conversations:edit", ["conversations:read"])
        .implies("full:edit", ["full:read", "conversations:edit"])
        .build();
    catalogue.expect("the names are well-formed and distinct")
}

/// Tokens with a history, which another clock dates.
struct Seed {
    registry: Registry,
    clock: FakeClock,
    now: Timestamp,
    partner: PartnerId,
}

async fn seed(store: &Arc<dyn Store>) -> Result<(), Box<dyn Error>> {
    let now = SystemClock.now();
    let clock = FakeClock::new(now.saturating_sub(200 * DAY));
    let registry = Registry::new(catalogue(), PREFIX, Arc::clone(store), Arc::new(clock.clone()));
    let registry = registry.with_actor("alice@acme.example")?;
    let partner = registry.register_partner(NewPartner::new("Zapier")).await?.id;
    let seed = Seed { registry, clock, now, partner };

    let all = ["full:read", "reservations:read", "guests:read", "listings:read", "messages:send"];
    seed.token("Zapier - production", &all, 120, Some(180), Some(0)).await?;
    seed.token("Data export - staging", &["reservations:read"], 100, Some(95), Some(8)).await?;
    seed.token("Door locks", &["reservations:read", "guests:read"], 85, Some(90), Some(1)).await?;
    seed.token("Channel manager", &["listings:read"], 199, None, Some(110)).await?;
    seed.token("Old report", &["guests:read"], 30, None, None).await?;
    let scopes = ["conversations:edit", "messages:send"];
    let old = seed.token("Inbox bot - production", &scopes, 150, None, Some(3)).await?;
    seed.clock.set(now.saturating_sub(2 * DAY));
    let organization: OrganizationId = "acme".into();
    let new = seed.registry.rotate_token(&organization, &old, 7 * DAY).await?.record.id;
    seed.used(new, 0).await?;
    seed.token("Guest feedback", &["pre-check-in-responses:read"], 1, Some(90), None).await?;
    Ok(())
}

impl Seed {
    /// Issues a token these days ago, for a number of days, that was last used these days ago.
    async fn token(
        &self,
        name: &str,
        scopes: &[&str],
        age: u32,
        lifetime: Option<u32>,
        used: Option<u32>,
    ) -> Result<TokenId, Box<dyn Error>> {
        let issued_at = self.now.saturating_sub(age * DAY);
        self.clock.set(issued_at);
        let token = NewToken::new("acme", name, scopes.iter().copied());
        let token = match lifetime {
            Some(days) => token.with_expiry(issued_at.saturating_add(days * DAY)),
            None => token,
        };
        let id = self.registry.issue_token(token).await?.record.id;
        if let Some(days) = used {
            self.used(id, days).await?;
        }
        Ok(id)
    }

    async fn used(&self, token: TokenId, days_ago: u32) -> Result<(), Box<dyn Error>> {
        let minutes = Duration::from_secs(3 * 60);
        let at = self.now.saturating_sub(days_ago * DAY + minutes);
        let uses = TokenUse { token, first_at: at, last_at: at, last_by: Some(self.partner) };
        Ok(self.registry.store().record_uses(&[uses], self.now).await?)
    }
}
