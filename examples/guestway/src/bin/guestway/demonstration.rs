use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use dualkey::{
    Clock as _, IssuedToken, NewPartner, NewToken, OrganizationId, Partner, Registry,
    RegistryError, SystemClock, TokenRecord,
};
use guestway::{Sessions, SiteUrl, User};

use crate::failure::Failure;

use crate::times::{brief, to_jiff};

/// A partner and an organization's token for trying the API.
pub(crate) struct Demonstration {
    partner: Partner,
    token: IssuedToken,
}

/// The name of the partner, with which the names of the tokens begin.
const NAME: &str = "Demonstration";

/// The token may read everything, edit conversations and send messages. It may not edit custom fields,
/// so that a refusal can be tried too.
const SCOPES: [&str; 3] = ["full:read", "conversations:edit", "messages:send"];

/// The lifetime of the token. Only its digest is stored, so each start issues and prints a new one.
const LIFETIME: Duration = Duration::from_hours(24);

impl Demonstration {
    /// Reuses the partner of an earlier start, or registers one, and replaces the token of an earlier
    /// start.
    pub(crate) async fn prepare(registry: &Registry) -> Result<Self, RegistryError> {
        let organization = OrganizationId::new("harbour-stays");
        let partner = partner(registry).await?;
        revoke_earlier(registry, &organization).await?;
        let now = registry.clock().now();
        let name = format!("{NAME} {}", brief(Some(to_jiff(now))));
        let lifetime = registry.max_lifetime().map_or(LIFETIME, |max| max.min(LIFETIME));
        let expiry = now.saturating_add(lifetime);
        let token = NewToken::new(organization, name, SCOPES).with_expiry(expiry);
        Ok(Self { partner, token: registry.issue_token(token).await? })
    }

    /// A link to the token page of the organization.
    pub(crate) async fn sign_in_link(
        &self,
        sessions: &Sessions,
        site: &SiteUrl,
    ) -> Result<String, Failure> {
        let organization = Some(self.token.record.organization.clone());
        let user = User { actor: NAME.to_owned(), organization, may_edit: true };
        let code = sessions.create_link(&user, SystemClock.now()).await?;
        Ok(site.sign_in(&code))
    }

    /// Prints two curl commands to paste into a shell, and the link.
    pub(crate) fn print(
        &self,
        out: &mut impl Write,
        bound: SocketAddr,
        link: &str,
    ) -> io::Result<()> {
        let (key, token) = (&self.partner.api_key, self.token.secret.expose_secret());
        for path in ["/v1/organization", "/v1/reservations"] {
            writeln!(
                out,
                "curl -H 'X-Api-Key: {key}' -H 'Authorization: Bearer {token}' 'http://{bound}{path}'"
            )?;
        }
        writeln!(out, "Settings → API Access, within ten minutes: {link}")?;
        out.flush()
    }
}

async fn partner(registry: &Registry) -> Result<Partner, RegistryError> {
    let partners = registry.partners().await?;
    let earlier = partners.into_iter().find(|partner| partner.name == NAME && partner.enabled);
    if let Some(earlier) = earlier {
        return Ok(earlier);
    }
    registry.register_partner(NewPartner::new(NAME)).await
}

async fn revoke_earlier(
    registry: &Registry,
    organization: &OrganizationId,
) -> Result<(), RegistryError> {
    for token in registry.tokens(organization).await?.iter().filter(|token| is_earlier(token)) {
        match registry.revoke_token(organization, &token.id).await {
            Ok(()) | Err(RegistryError::NotFound) => {} // revoked by another server that starts at the same time
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether an earlier start issued this token. A token of such a name with other scopes or lifetime belongs
/// to the user.
fn is_earlier(token: &TokenRecord) -> bool {
    let lifetime = token.expires_at.map(|end| end.saturating_duration_since(token.created_at));
    token.name.starts_with(NAME)
        && token.scopes == SCOPES
        && lifetime.is_some_and(|lifetime| lifetime <= LIFETIME)
}
