/// The SQL dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    #[cfg(feature = "sqlite")]
    Sqlite,
    #[cfg(feature = "postgres")]
    Postgres,
}

/// Placeholders and their replacements in one dialect.
type Replacements = [(&'static str, &'static str); 8];

#[cfg(feature = "sqlite")]
const SQLITE: Replacements = [
    ("{id}", "text"),
    ("{random_id}", "lower(hex(randomblob(16)))"),
    ("{int}", "integer"),
    ("{bool}", "integer"),
    ("{bytes}", "blob"),
    ("{time}", "text"),
    ("{exact_text}", "text"),
    ("{strict}", " strict"),
];

#[cfg(feature = "postgres")]
const POSTGRES: Replacements = [
    ("{id}", "uuid"),
    ("{random_id}", "gen_random_uuid()"),
    ("{int}", "bigint"),
    ("{bool}", "boolean"),
    ("{bytes}", "bytea"),
    ("{time}", "timestamptz"),
    ("{exact_text}", "text collate \"C\""),
    ("{strict}", ""),
];

/// The placeholders of column lists, for both dialects.
const COLUMNS: [(&str, &str); 2] = [
    (
        "{partner}",
        "id, name, api_key, enabled, rate_permits, rate_period, burst, daily, utc_offset_secs, created_at",
    ),
    (
        "{token}",
        "id, organization, digest, name, hint, scopes, created_at, expires_at, first_used_at, \
         last_used_at, last_used_by, replaces, replaced_by, pepper",
    ),
];

impl Dialect {
    /// Replaces the placeholders of a statement: column types, column lists, and the schema of the tables.
    pub(crate) fn render(self, text: &str, schema: Option<&str>) -> String {
        let replacements = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => SQLITE,
            #[cfg(feature = "postgres")]
            Self::Postgres => POSTGRES,
        };
        let schema = schema.map_or_else(String::new, |name| format!("\"{name}\"."));
        let text = text.replace("{schema}", &schema);
        let replacements = COLUMNS.iter().chain(&replacements);
        replacements.fold(text, |text, (name, sql)| text.replace(name, sql))
    }
}
