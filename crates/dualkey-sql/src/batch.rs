//! The tokens of a batch, as `SelectTokensAfter` returns them.

use dualkey_store::TokenAccess;
#[cfg(feature = "postgres")]
use dualkey_store::{OrganizationId, TokenId};

use crate::error::SqlError;
use crate::row::Row;

/// The tokens in ascending order of their ids.
pub(crate) fn decode_batch(rows: &[Row]) -> Result<Vec<TokenAccess>, SqlError> {
    let mut tokens = Vec::with_capacity(rows.len());
    for row in rows {
        match row {
            #[cfg(feature = "sqlite")]
            Row::Sqlite(_) => {
                for line in row.maybe_text("tokens")?.unwrap_or_default().lines() {
                    tokens.push(line::decode(line)?);
                }
            }
            #[cfg(feature = "postgres")]
            Row::Postgres(_) => tokens.push(decode_row(row)?),
        }
    }
    tokens.sort_unstable_by_key(|token| token.id); // `group_concat` promises no order
    Ok(tokens)
}

#[cfg(feature = "postgres")]
fn decode_row(row: &Row) -> Result<TokenAccess, SqlError> {
    Ok(TokenAccess {
        id: TokenId::from_bytes(row.id("id")?),
        organization: OrganizationId::from(row.text("organization")?),
        digest: row.digest()?,
        scopes: split(&row.text("scopes")?),
        expires_at: row.maybe_time("expires_at")?,
    })
}

fn split(scopes: &str) -> Vec<String> {
    scopes.split_terminator(' ').map(Into::into).collect()
}

/// A token in a line of text.
#[cfg(feature = "sqlite")]
mod line {
    use dualkey_store::{TokenAccess, TokenId};
    use dualkey_token::TokenDigest;
    use uuid::Uuid;

    use super::split;
    use crate::error::SqlError;
    use crate::row::invalid;
    use crate::sqlite::read_time;

    /// Decodes the id, the organization, the digest, the scopes, and the expiry if there is one.
    pub(super) fn decode(line: &str) -> Result<TokenAccess, SqlError> {
        let mut fields = line.splitn(5, ' ');
        let mut next = |column| fields.next().ok_or_else(|| invalid(column));
        let id = Uuid::try_parse(next("id")?).map_err(|_| invalid("id"))?;
        let organization = text(next("organization")?, "organization")?;
        let digest = bytes(next("digest")?).and_then(|bytes| bytes.try_into().ok());
        let digest = digest.map(TokenDigest::from_bytes).ok_or_else(|| invalid("digest"))?;
        let scopes = split(&text(next("scopes")?, "scopes")?);
        let expires_at =
            fields.next().map(|time| read_time(time).ok_or_else(|| invalid("expires_at")));
        Ok(TokenAccess {
            id: TokenId::from_bytes(id.into_bytes()),
            organization: organization.into(),
            digest,
            scopes,
            expires_at: expires_at.transpose()?,
        })
    }

    fn text(hex: &str, column: &str) -> Result<String, SqlError> {
        let text = bytes(hex).and_then(|bytes| String::from_utf8(bytes).ok());
        text.ok_or_else(|| invalid(column))
    }

    fn bytes(hex: &str) -> Option<Vec<u8>> {
        let digit =
            |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let pairs = hex.as_bytes().chunks(2);
        pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
    }
}
