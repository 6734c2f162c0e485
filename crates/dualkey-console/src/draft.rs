use dualkey_limit::Timestamp;
use dualkey_store::{NewToken, OrganizationId, TokenRecord};

use crate::expiry::{Expiry, Lifetimes};
use crate::fields::Fields;
use crate::links::with_query;

/// The most characters of a name.
pub(crate) const MAX_NAME: usize = 100;

/// What was typed into the form of a new token. It holds no secret.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expiry: Expiry,
}

/// Why a draft is refused, beside the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DraftErrors {
    pub(crate) name: Option<String>,
    pub(crate) scopes: Option<String>,
    pub(crate) expiry: Option<String>,
    /// About the form as a whole.
    pub(crate) form: Option<String>,
}

impl DraftErrors {
    /// The form has no nonce, or one that is too old.
    pub(crate) fn too_old() -> Self {
        let form = "The form was open for too long. Check it, and send it again.".to_owned();
        Self { form: Some(form), ..Self::default() }
    }
}

impl Draft {
    /// Fields that are absent are as in a form that was not filled in.
    pub(crate) fn parse(fields: &Fields, lifetimes: &Lifetimes) -> Self {
        let expiry = match fields.first("expires") {
            "date" => Expiry::On(fields.first("date").to_owned()),
            "never" => Expiry::Never,
            days => days.parse().map_or_else(|_| lifetimes.preselected(), Expiry::After),
        };
        let scopes = fields.all("scope").map(str::to_owned).collect();
        Self { name: fields.first("name").to_owned(), scopes, expiry }
    }

    /// The draft of a token with the same name, scopes and lifetime in days.
    pub(crate) fn like(token: &TokenRecord) -> Self {
        let days = |end: Timestamp| {
            let days = end.saturating_duration_since(token.created_at).as_secs().div_ceil(86_400);
            u32::try_from(days).unwrap_or(u32::MAX)
        };
        let expiry = token.expires_at.map_or(Expiry::Never, |end| Expiry::After(days(end)));
        Self { name: token.name.clone(), scopes: token.scopes.clone(), expiry }
    }

    /// The URL of the form that this draft fills in.
    pub(crate) fn url(&self, form: &str) -> String {
        let days;
        let (expires, date) = match &self.expiry {
            Expiry::After(after) => {
                days = after.to_string();
                (days.as_str(), "")
            }
            Expiry::On(date) => ("date", date.as_str()),
            Expiry::Never => ("never", ""),
        };
        let scopes = self.scopes.iter().map(|scope| ("scope", scope.as_str()));
        let fields = [("name", self.name.as_str()), ("expires", expires), ("date", date)];
        with_query(form, fields.into_iter().chain(scopes))
    }

    /// The token to issue, or everything that is refused about the draft.
    pub(crate) fn check(
        &self,
        organization: &OrganizationId,
        lifetimes: &Lifetimes,
    ) -> Result<NewToken, DraftErrors> {
        let expiry = lifetimes.resolve(&self.expiry);
        let errors = DraftErrors {
            name: name_error(&self.name),
            scopes: self.scopes.is_empty().then(|| "Choose at least one permission.".to_owned()),
            expiry: expiry.as_ref().err().cloned(),
            form: None,
        };
        match expiry {
            Ok(end) if errors == DraftErrors::default() => {
                let token = NewToken::new(organization.clone(), self.name.trim(), &self.scopes);
                Ok(match end {
                    Some(end) => token.with_expiry(end),
                    None => token.without_expiry(),
                })
            }
            _ => Err(errors),
        }
    }
}

/// Why a registry would refuse this name.
pub(crate) fn name_error(name: &str) -> Option<String> {
    let name = name.trim();
    let characters = name.chars().count();
    if name.is_empty() {
        Some("Enter a name, such as the system and the environment.".to_owned())
    } else if characters > MAX_NAME {
        Some(format!("Shorten the name to {MAX_NAME} characters: it has {characters}."))
    } else if name.contains(char::is_control) {
        Some("Remove line breaks and other control characters from the name.".to_owned())
    } else {
        None
    }
}

/// Why a name is refused that an active token has, with one that no token has.
pub(crate) fn name_taken(name: &str, tokens: &[TokenRecord]) -> String {
    let name = name.trim();
    let is_free = |candidate: &String| tokens.iter().all(|token| token.name != *candidate);
    let candidates = (2..).map(|number: u32| {
        let suffix = format!(" {number}");
        let kept = MAX_NAME.saturating_sub(suffix.len());
        name.chars().take(kept).collect::<String>() + &suffix
    });
    let free = candidates.into_iter().find(is_free).unwrap_or_default();
    format!(
        "An active token has this name. Choose another, such as “\u{2068}{free}\u{2069}”, or rotate that token."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_counted_in_characters() {
        assert_eq!(name_error(&"😀".repeat(100)), None);
        let error = name_error(&"😀".repeat(101)).unwrap();
        assert_eq!(error, "Shorten the name to 100 characters: it has 101.");
        assert!(name_error("two\nlines").is_some());
        assert!(name_error(" \u{a0}").is_some());
    }

    #[test]
    fn a_draft_survives_its_url() {
        let now = Timestamp::from_secs(1_700_049_600);
        let lifetimes = Lifetimes { now, max: None, default: None };
        for expiry in [Expiry::After(30), Expiry::On("2024-01-01".to_owned()), Expiry::Never] {
            let scopes = vec!["a".to_owned(), "b".to_owned()];
            let draft = Draft { name: "Zapier & co 😀".to_owned(), scopes, expiry };
            let url = draft.url("/new").parse().unwrap();
            let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&url).unwrap();
            let parsed = Draft::parse(&Fields::new(query.0), &lifetimes);
            assert_eq!((&parsed.name, &parsed.scopes), (&draft.name, &draft.scopes));
            assert_eq!(parsed.expiry, draft.expiry);
        }
    }
}
