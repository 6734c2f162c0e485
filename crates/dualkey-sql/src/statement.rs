use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use crate::dialect::Dialect;

/// The SQL of a statement: the same in both dialects, or one for each.
#[derive(Clone, Copy)]
enum Text {
    Same(&'static str),
    #[cfg_attr(not(all(feature = "sqlite", feature = "postgres")), expect(dead_code))]
    Each {
        sqlite: &'static str,
        postgres: &'static str,
    },
}

use Text::{Each, Same};

macro_rules! statements {
    ($($name:ident: $text:expr,)*) => {
        /// All statements of the operations and of the change feed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Statement {
            $($name,)*
        }

        impl Statement {
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            const fn text(self) -> Text {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

statements! {
    InsertPartner: Same("
        insert into {schema}dualkey_partners ({partner})
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        on conflict (api_key) do nothing
    "),
    SelectPartnerByKey: Same("
        select {partner} from {schema}dualkey_partners where api_key = $1
    "),
    SelectPartner: Same("
        select {partner} from {schema}dualkey_partners where id = $1
    "),
    SelectPartners: Same("
        select {partner} from {schema}dualkey_partners order by id
    "),
    UpdateLimits: Same("
        update {schema}dualkey_partners
        set rate_permits = $2, rate_period = $3, burst = $4, daily = $5, utc_offset_secs = $6
        where id = $1
        returning {partner}
    "),
    UpdateEnabled: Same("
        update {schema}dualkey_partners set enabled = $2 where id = $1 returning {partner}
    "),

    InsertToken: Same("
        insert into {schema}dualkey_tokens ({token})
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
    "),
    CountValidTokens: Same("
        select count(*) as count from {schema}dualkey_tokens
        where organization = $1 and (expires_at is null or expires_at > $2)
    "),
    SelectActiveTokenByName: Same("
        select id from {schema}dualkey_tokens
        where organization = $1 and name = $2 and id <> $3
            and replaced_by is null and (expires_at is null or expires_at > $4)
        limit 1
    "),
    SelectTokenByDigest: Same("
        select {token} from {schema}dualkey_tokens where digest = $1
    "),
    SelectToken: Same("
        select {token} from {schema}dualkey_tokens where organization = $1 and id = $2
    "),
    SelectTokensPage: Same("
        select {token} from {schema}dualkey_tokens where organization = $1 and id < $2
        order by id desc limit $3
    "),
    SelectUnpepperedTokens: Same("
        select {token} from {schema}dualkey_tokens where (pepper is null or pepper = 'none') and id < $1
        order by id desc limit $2
    "),
    SelectExpiredTokens: Same("
        select {token} from {schema}dualkey_tokens where expires_at <= $1
        order by expires_at, id limit $2
    "),
    SelectExpiredOrganizationTokens: Same("
        select {token} from {schema}dualkey_tokens where organization = $1 and expires_at <= $2
        order by expires_at, id limit $3
    "),
    SelectExpiringTokens: Same("
        select {token} from {schema}dualkey_tokens
        where organization = $1 and expires_at > $2 and expires_at <= $3 and replaced_by is null
        order by expires_at, id
    "),
    // In SQLite, one row with a line per token: sqlx passes each value of each row from thread to thread, which
    // takes longer than reading it. No field contains a space or a line feed, since texts are hexadecimal.
    SelectTokensAfter: Each {
        sqlite: "
            select group_concat(concat_ws(' ', id, hex(organization), hex(digest), hex(scopes), expires_at),
                char(10)) as tokens
            from (
                select id, organization, digest, scopes, expires_at from dualkey_tokens
                where id > $1 order by id limit $2
            )
        ",
        postgres: "
            select id, organization, digest, scopes, expires_at from {schema}dualkey_tokens
            where id > $1 order by id limit $2
        ",
    },
    ReplaceToken: Same("
        update {schema}dualkey_tokens set expires_at = $2, replaced_by = $3 where id = $1
    "),
    RenameToken: Same("
        update {schema}dualkey_tokens set name = $2 where id = $1
    "),
    DeleteToken: Same("
        delete from {schema}dualkey_tokens where organization = $1 and id = $2 returning digest
    "),
    DeleteExpiredToken: Same("
        delete from {schema}dualkey_tokens where organization = $1 and id = $2 and expires_at <= $3
        returning digest
    "),
    SelectNonce: Same("
        select token from {schema}dualkey_nonces where organization = $1 and nonce = $2
    "),
    InsertNonce: Same("
        insert into {schema}dualkey_nonces (organization, nonce, used_at, token)
        values ($1, $2, $3, $4)
    "),
    // By the place of a row in the table: PostgreSQL reads a small table whole to find rows by their keys.
    DeleteOldNonces: Each {
        sqlite: "
            delete from dualkey_nonces where rowid in
                (select rowid from dualkey_nonces where used_at < $1 order by used_at limit 1000)
        ",
        postgres: "
            delete from {schema}dualkey_nonces where ctid = any (array(
                select ctid from {schema}dualkey_nonces
                where used_at < $1 order by used_at limit 1000
            ))
        ",
    },
    // The last argument is the current time: a stored time that lies ahead of it is replaced. In PostgreSQL,
    // the statement locks the rows in the order of their ids, so that two processes cannot deadlock. The
    // arrays are wrapped in `select` to hide their length from the planner, which would choose a sequential
    // scan for a long array.
    UpdateLastUsed: Each {
        sqlite: "
            update dualkey_tokens set
                first_used_at =
                    case when first_used_at <= $2 then first_used_at else uses.first_at end,
                last_used_at = uses.last_at,
                last_used_by = uses.last_by
            from (
                select
                    value ->> 0 as id, value ->> 1 as first_at, value ->> 2 as last_at,
                    value ->> 3 as last_by
                from json_each($1)
            ) as uses
            where dualkey_tokens.id = uses.id
                and (last_used_at is null or last_used_at < uses.last_at or last_used_at > $2)
        ",
        postgres: "
            with locked as (
                select token.id, uses.first_at, uses.last_at, uses.last_by
                from unnest(
                    (select $1::uuid[]), (select $2::timestamptz[]), (select $3::timestamptz[]),
                    (select $4::uuid[])
                ) as uses (id, first_at, last_at, last_by)
                join {schema}dualkey_tokens as token on token.id = uses.id
                where token.last_used_at is null or token.last_used_at < uses.last_at
                    or token.last_used_at > $5
                order by token.id for no key update of token
            )
            update {schema}dualkey_tokens as token set
                first_used_at = case
                    when token.first_used_at <= $5 then token.first_used_at
                    else locked.first_at
                end,
                last_used_at = locked.last_at,
                last_used_by = locked.last_by
            from locked
            where token.id = locked.id
                and (token.last_used_at is null or token.last_used_at < locked.last_at
                    or token.last_used_at > $5)
        ",
    },

    SelectUsage: Same("
        select permits from {schema}dualkey_usage where partner = $1 and day = $2
    "),
    SelectUsageOn: Same("
        select partner, day, permits from {schema}dualkey_usage where day = $1
    "),
    // Makes room for the days that a partner does not have yet, so that 32 are left after `UpsertUsage`. The
    // days to be added count as the newest. In PostgreSQL, rows that another process locks are skipped, so
    // that two processes cannot deadlock.
    DeleteOldUsage: Each {
        sqlite: "
            with added as (
                select value ->> 0 as partner, count(*) as days from json_each($1)
                where not exists (
                    select 1 from dualkey_usage as existing
                    where existing.partner = value ->> 0 and existing.day = value ->> 1
                )
                group by 1
            )
            delete from dualkey_usage where (partner, day) in (
                select partner, day from (
                    select existing.partner, existing.day, row_number() over
                        (partition by existing.partner order by existing.day desc) + added.days as rank
                    from added cross join dualkey_usage as existing on existing.partner = added.partner
                )
                where rank > 32
            )
        ",
        postgres: "
            with added as (
                select used.partner, count(*) as days
                from unnest((select $1::uuid[]), (select $2::bigint[]), (select $3::bigint[]))
                    as used (partner, day, permits)
                where not exists (
                    select from {schema}dualkey_usage as existing
                    where existing.partner = used.partner and existing.day = used.day
                )
                group by used.partner
            ),
            ranked as (
                select existing.partner, existing.day, row_number() over
                    (partition by existing.partner order by existing.day desc) + added.days as rank
                from added join {schema}dualkey_usage as existing on existing.partner = added.partner
            ),
            old as (
                select partner, day
                from ranked join {schema}dualkey_usage as existing using (partner, day)
                where rank > 32 for update of existing skip locked
            )
            delete from {schema}dualkey_usage as existing using old
            where existing.partner = old.partner and existing.day = old.day
        ",
    },
    // The arguments are ordered by partner and day, so that two processes cannot deadlock.
    UpsertUsage: Each {
        sqlite: "
            insert into dualkey_usage as existing (partner, day, permits)
            select value ->> 0, value ->> 1, value ->> 2 from json_each($1) where true
            on conflict (partner, day) do update set
                permits = excluded.permits + min(existing.permits, 9223372036854775807 - excluded.permits)
        ",
        postgres: "
            insert into {schema}dualkey_usage as existing (partner, day, permits)
            select * from unnest($1::uuid[], $2::bigint[], $3::bigint[])
            on conflict (partner, day) do update set
                permits = excluded.permits + least(existing.permits, 9223372036854775807 - excluded.permits)
        ",
    },

    InsertAudit: Same("
        insert into {schema}dualkey_audit
            (id, organization, done_at, actor, action, subject, detail)
        values ($1, $2, $3, $4, $5, $6, $7)
    "),
    SelectOrganizationAudit: Same("
        select id, organization, done_at, actor, action, subject, detail
        from {schema}dualkey_audit where organization = $1 and id < $2
        order by id desc limit $3
    "),
    // The order names both columns of the index, because PostgreSQL does not infer from `is null` that the
    // first column is constant.
    SelectPartnerAudit: Same("
        select id, organization, done_at, actor, action, subject, detail
        from {schema}dualkey_audit where organization is null and id < $1
        order by organization desc, id desc limit $2
    "),

    IncrementRevision: Same("
        update {schema}dualkey_revision set
            revision = revision + 1, previous_history_id = history_id, history_id = {random_id}
        returning revision
    "),
    SelectRevision: Same("
        select revision, history_id from {schema}dualkey_revision
    "),
    InsertChange: Same("
        insert into {schema}dualkey_changes (revision, kind, key, previous_history_id)
        values ($1, $2, $3, (select previous_history_id from {schema}dualkey_revision))
    "),
    // The next two statements have ranges with two bounds, because PostgreSQL estimates that a range with
    // one bound matches a third of the table. All rows to delete or to read are within both bounds.
    DeleteOldChanges: Same("
        delete from {schema}dualkey_changes where revision between $1 - 1000 and $1
    "),
    SelectChangesSince: Same("
        select
            current.revision as revision, current.history_id,
            change.revision as change_revision, change.previous_history_id, kind, key
        from {schema}dualkey_revision as current
        left join {schema}dualkey_changes as change
            on change.revision between $1 + 1 and $1 + 100000
        order by change.revision
    "),
}

/// The statements in one dialect, with the schema of the tables.
pub(crate) struct Statements(Vec<SqlStr>);

impl Statements {
    pub(crate) fn new(dialect: Dialect, schema: Option<&str>) -> Self {
        let rendered = Statement::ALL.iter().map(|statement| {
            let text = match (statement.text(), dialect) {
                (Same(text), _) => text,
                #[cfg(feature = "sqlite")]
                (Each { sqlite, .. }, Dialect::Sqlite) => sqlite,
                #[cfg(feature = "postgres")]
                (Each { postgres, .. }, Dialect::Postgres) => postgres,
            };
            AssertSqlSafe(dialect.render(text, schema)).into_sql_str().clone()
        });
        Self(rendered.collect())
    }

    /// The SQL of a statement. The index cannot be out of bounds, because there is one text per statement.
    pub(crate) fn text(&self, statement: Statement) -> SqlStr {
        self.0[statement as usize].clone()
    }
}
