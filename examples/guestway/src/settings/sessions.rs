use std::fmt::Write as _;
use std::time::Duration;

use dualkey::{OrganizationId, PlainToken, Prefix, Timestamp, TokenDigest};
use sqlx::any::{AnyPoolOptions, AnyRow, install_default_drivers};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyPool, Error, Row as _, SqlStr};

/// Sign-in links and sessions, in tables of their own beside those of partners and tokens.
#[derive(Clone, Debug)]
pub struct Sessions {
    pool: AnyPool,
}

/// A user who is invited to sign in, or signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name for the audit trail.
    pub actor: String,
    /// Whose tokens the user sees. `None`: an operator, who sees the partners.
    pub organization: Option<OrganizationId>,
    /// Whether the user may change what they see.
    pub may_edit: bool,
}

/// The prefixes of a link's code and of a session's token.
const LINK: Prefix = Prefix::new("gwlink");
const SESSION: Prefix = Prefix::new("gwsession");

impl Sessions {
    /// How long a link can be used.
    pub const LINK_LIFETIME: Duration = Duration::from_mins(10);
    /// How long a session lasts.
    pub const SESSION_LIFETIME: Duration = Duration::from_hours(12);

    /// Opens the tables in the database at this URL, and creates them at the first time. `memory:` is gone
    /// with the process.
    ///
    /// # Errors
    ///
    /// The database cannot be opened or written.
    pub async fn open(url: &str) -> Result<Self, Error> {
        install_default_drivers();
        // Each connection to a database in memory would have one of its own.
        let (url, most) = if url == "memory:" { ("sqlite::memory:", 1) } else { (url, 4) };
        let options = AnyPoolOptions::new().max_connections(most).idle_timeout(None);
        let pool = options.max_lifetime(None).connect(url).await?;
        // sqlx locks PostgreSQL only: on SQLite, another process may have migrated meanwhile.
        if migrator().run(&pool).await.is_err() {
            migrator().run(&pool).await?;
        }
        Ok(Self { pool })
    }

    /// A code with which this user can sign in once, until it ends.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn create_link(&self, user: &User, now: Timestamp) -> Result<PlainToken, Error> {
        let code = PlainToken::mint(&LINK);
        let delete = "DELETE FROM guestway_links WHERE expires_at <= $1";
        sqlx::query(delete).bind(seconds(now)).execute(&self.pool).await?;
        let insert = "INSERT INTO guestway_links (digest, actor, organization, may_edit, expires_at) \
                      VALUES ($1, $2, $3, $4, $5)";
        let end = now.saturating_add(Self::LINK_LIFETIME);
        bind_row(insert, &code, user, end).execute(&self.pool).await?;
        Ok(code)
    }

    /// Spends the code of a link, and begins a session. `None`: the code was spent, has ended or is none.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn sign_in(
        &self,
        code: &str,
        now: Timestamp,
    ) -> Result<Option<(PlainToken, User)>, Error> {
        let Ok(code) = PlainToken::parse(&LINK, code) else { return Ok(None) };
        let mut transaction = self.pool.begin().await?;
        let spend = "DELETE FROM guestway_links WHERE digest = $1 AND expires_at > $2 \
                     RETURNING actor, organization, may_edit";
        let spent = sqlx::query(spend).bind(hex(&code.digest())).bind(seconds(now));
        let Some(row) = spent.fetch_optional(&mut *transaction).await? else { return Ok(None) };
        let user = user(&row)?;
        let delete = "DELETE FROM guestway_sessions WHERE expires_at <= $1";
        sqlx::query(delete).bind(seconds(now)).execute(&mut *transaction).await?;
        let insert = "INSERT INTO guestway_sessions (digest, actor, organization, may_edit, expires_at) \
             VALUES ($1, $2, $3, $4, $5)";
        let (token, end) = (PlainToken::mint(&SESSION), now.saturating_add(Self::SESSION_LIFETIME));
        bind_row(insert, &token, &user, end).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(Some((token, user)))
    }

    /// The user of a session, unless it has ended.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn user(&self, session: &str, now: Timestamp) -> Result<Option<User>, Error> {
        let Ok(session) = PlainToken::parse(&SESSION, session) else { return Ok(None) };
        let select = "SELECT actor, organization, may_edit FROM guestway_sessions \
                      WHERE digest = $1 AND expires_at > $2";
        let found = sqlx::query(select).bind(hex(&session.digest())).bind(seconds(now));
        found.fetch_optional(&self.pool).await?.map(|row| user(&row)).transpose()
    }

    /// Ends a session.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn sign_out(&self, session: &str) -> Result<(), Error> {
        let Ok(session) = PlainToken::parse(&SESSION, session) else { return Ok(()) };
        let delete = "DELETE FROM guestway_sessions WHERE digest = $1";
        sqlx::query(delete).bind(hex(&session.digest())).execute(&self.pool).await?;
        Ok(())
    }

    /// Ends all sessions and links of an organization or, without one, of the operators. Returns how many
    /// sessions there were.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn sign_out_all(&self, organization: Option<&OrganizationId>) -> Result<u64, Error> {
        let organization = organization.map(|organization| organization.as_str().to_owned());
        let mut transaction = self.pool.begin().await?;
        let mut ended = 0;
        for delete in [
            "DELETE FROM guestway_links WHERE COALESCE(organization, '') = $1",
            "DELETE FROM guestway_sessions WHERE COALESCE(organization, '') = $1",
        ] {
            // No organization has an empty name.
            let delete = sqlx::query(delete).bind(organization.clone().unwrap_or_default());
            ended = delete.execute(&mut *transaction).await?.rows_affected();
        }
        transaction.commit().await?;
        Ok(ended)
    }
}

fn migrator() -> Migrator {
    let sql = SqlStr::from_static(include_str!("../../migrations/1_sign_in.sql"));
    let first = Migration::new(1, "sign in".into(), MigrationType::Simple, sql, false);
    let mut migrator = Migrator::with_migrations(vec![first]);
    migrator.dangerous_set_table_name("guestway_migrations");
    migrator
}

type Query = sqlx::query::Query<'static, sqlx::Any, sqlx::any::AnyArguments>;

fn bind_row(insert: &'static str, secret: &PlainToken, user: &User, end: Timestamp) -> Query {
    sqlx::query(insert)
        .bind(hex(&secret.digest()))
        .bind(user.actor.clone())
        .bind(user.organization.as_ref().map(|organization| organization.as_str().to_owned()))
        .bind(i64::from(user.may_edit))
        .bind(seconds(end))
}

fn user(row: &AnyRow) -> Result<User, Error> {
    let organization: Option<String> = row.try_get("organization")?;
    Ok(User {
        actor: row.try_get("actor")?,
        organization: organization.map(OrganizationId::from),
        may_edit: row.try_get::<i64, _>("may_edit")? != 0,
    })
}

fn hex(digest: &TokenDigest) -> String {
    digest.as_bytes().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn seconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
