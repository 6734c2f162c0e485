use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use dualkey::{
    IssuedToken, LimitPolicy, NewPartner, NewToken, OrganizationId, Partner, Registry,
    RegistryError, TokenRecord,
};

/// A partner and an organization's token, to try the API with.
pub(crate) struct Demonstration {
    partner: Partner,
    token: IssuedToken,
}

/// What both are called.
const NAME: &str = "Demonstration";

/// The token reads everything, edits conversations and sends messages; it does not edit custom fields,
/// so that a refusal can be seen too.
const SCOPES: [&str; 3] = ["full:read", "conversations:edit", "messages:send"];

/// The token's text is known only to whoever saw it printed, so each start makes a new one.
const LIFETIME: Duration = Duration::from_hours(24);

impl Demonstration {
    /// Takes the partner of an earlier demonstration, or registers one, and replaces the token of an
    /// earlier demonstration.
    pub(crate) async fn prepare(registry: &Registry) -> Result<Self, RegistryError> {
        let organization = OrganizationId::new("harbour-stays");
        let partner = partner(registry).await?;
        revoke_earlier(registry, &organization).await?;
        let token = registry.issue_token(NewToken {
            organization,
            name: NAME.to_owned(),
            scopes: SCOPES.map(Into::into).into(),
            expires_at: Some(registry.clock().now().saturating_add(LIFETIME)),
        });
        Ok(Self { partner, token: token.await? })
    }

    /// Prints two requests that work as pasted into a shell.
    pub(crate) fn print(&self, out: &mut impl Write, bound: SocketAddr) -> io::Result<()> {
        let (key, token) = (&self.partner.api_key, self.token.secret.expose_secret());
        let server = reachable(bound);
        for path in ["/v1/organization", "/v1/reservations"] {
            writeln!(
                out,
                "curl -H 'X-Api-Key: {key}' -H 'Authorization: Bearer {token}' 'http://{server}{path}'"
            )?;
        }
        out.flush()
    }
}

async fn partner(registry: &Registry) -> Result<Partner, RegistryError> {
    let partners = registry.partners().await?;
    let earlier = partners.into_iter().find(|partner| partner.name == NAME && partner.enabled);
    if let Some(earlier) = earlier {
        return Ok(earlier);
    }
    let (name, policy) = (NAME.to_owned(), LimitPolicy::default());
    registry.register_partner(NewPartner { name, policy, api_key: None }).await
}

async fn revoke_earlier(
    registry: &Registry,
    organization: &OrganizationId,
) -> Result<(), RegistryError> {
    for token in registry.tokens(organization).await?.iter().filter(|token| is_earlier(token)) {
        match registry.revoke_token(organization, &token.id).await {
            Ok(()) | Err(RegistryError::NotFound) => {} // another server starts, too
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether an earlier demonstration made it: a token that is only called so is its owner's.
fn is_earlier(token: &TokenRecord) -> bool {
    let lifetime = token.expires_at.map(|end| end.saturating_duration_since(token.created_at));
    token.name == NAME
        && token.scopes == SCOPES
        && lifetime.is_some_and(|lifetime| lifetime <= LIFETIME)
}

/// Where a client on this machine finds a server that is bound here.
fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn a_server_that_is_bound_to_every_address_is_reached_at_the_loopback_address() {
        for (bound, reached) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(reachable(bound.parse().unwrap()).to_string(), reached);
        }
    }
}
