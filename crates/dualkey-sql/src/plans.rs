//! The query plans of each statement, on tables with many rows.

use std::env;

use dualkey_testing::postgres::Server;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, raw_sql};

use crate::dialect::Dialect;
use crate::sqlite;
use crate::statement::{Statement, Statements};
use crate::store::SqlStore;

/// Whether the statement reads a whole table.
const fn reads_whole_table(statement: Statement) -> bool {
    matches!(statement, Statement::SelectPartners)
}

/// Inserts tokens of 2,000 organizations, half as many audit entries, a fifth as many partners, and the
/// longest possible change log. Each partner has the usage of 32 days. The arguments are SQL expressions of
/// the dialect: a source of numbers `n`, a random id, a random digest, a time, and true.
fn fill(tokens: u32, numbers: &str, id: &str, digest: &str, time: &str, enabled: &str) -> String {
    let (entries, partners) = (tokens / 2, tokens / 5);
    format!(
        "insert into dualkey_tokens
            (id, organization, digest, name, hint, scopes, created_at, last_used_at, expires_at)
         select {id}, 'organization ' || (n % 2000), {digest}, 'token', 'abc', 'a:read', {time}, {time},
            case when n % 3 = 0 then {time} end
         from {numbers} where n <= {tokens};
         insert into dualkey_audit (id, organization, done_at, actor, action, subject, detail)
         select {id}, case when n % 2 = 0 then 'organization ' || (n % 2000) end, {time}, 'system',
            'token_issued', {id}, '' from {numbers} where n <= {entries};
         insert into dualkey_nonces (organization, nonce, used_at, token)
         select organization, substr(digest, 1, 16), created_at, id from dualkey_tokens;
         insert into dualkey_partners (id, name, api_key, enabled, rate_permits, rate_period, burst,
            daily, utc_offset_secs, created_at)
         select {id}, 'partner', 'key-number-' || n, {enabled}, 5, 1, 10, 10000, 0, {time}
         from {numbers} where n <= {partners};
         insert into dualkey_usage select id, 20000 - n, 1 from dualkey_partners, {numbers} where n <= 32;
         insert into dualkey_changes (revision, kind, key) select n, 'token', {digest} from {numbers} where n <= 10000;
         update dualkey_revision set revision = 10000;
         analyze;"
    )
}

#[tokio::test]
async fn sqlite_searches_and_does_not_scan() {
    let file = env::temp_dir().join(format!("dualkey-plans-{}.db", std::process::id()));
    let address = format!("sqlite:{}", file.display());
    drop(SqlStore::connect(&address).await.unwrap());
    let pool = sqlite::open(&address, std::time::Duration::from_secs(9)).unwrap();
    let statements = Statements::new(Dialect::Sqlite, None);
    for is_filled in [false, true] {
        if is_filled {
            let numbers = "(with recursive numbers (n) as
                (select 1 union all select n + 1 from numbers where n < 20000)
                select n from numbers)";
            let id = "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-7' || \
                substr(hex(randomblob(2)), 2) || '-a' || substr(hex(randomblob(2)), 2) || '-' || \
                hex(randomblob(6)))";
            let time = "'2026-01-01T00:00:00.000000Z'";
            let script = fill(20_000, numbers, id, "randomblob(32)", time, "1");
            raw_sql(AssertSqlSafe(script)).execute(&pool).await.unwrap();
        }
        for statement in Statement::ALL.iter().filter(|statement| !reads_whole_table(**statement)) {
            let text = format!("explain query plan {}", statements.text(*statement).as_str());
            let rows = sqlx::query(AssertSqlSafe(text)).fetch_all(&pool).await.unwrap();
            let plan = rows.iter().map(|row| row.get::<String, _>("detail"));
            for step in plan.filter(|step| step.starts_with("SCAN")) {
                // The one row that counts revisions, the rows in the arguments, and rows that were searched for.
                let is_expected =
                    ["current", "dualkey_revision", "json_each", "added", "(subquery"];
                let is_expected = is_expected.iter().any(|table| step[5..].starts_with(table));
                assert!(is_expected, "{statement:?}: {step}");
            }
        }
    }
    pool.close().await;
    for ending in ["", "-wal", "-shm"] {
        let _may_be_gone = std::fs::remove_file(format!("{}{ending}", file.display()));
    }
}

#[tokio::test]
async fn postgres_searches_and_does_not_scan() {
    let address = Server::shared().new_database();
    drop(SqlStore::connect(&address).await.unwrap());
    let mut connection = PgConnection::connect(&address).await.unwrap();
    let script = fill(
        30_000,
        "generate_series(1, 30000) as numbers (n)",
        "gen_random_uuid()",
        "sha256(n::text::bytea)",
        "now()",
        "true",
    );
    raw_sql(AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
    let ids = "select string_agg(id::text, ',') from
        (select id from dualkey_tokens order by random() limit 10000) as sample";
    let ids: String = sqlx::query_scalar(ids).fetch_one(&mut connection).await.unwrap();
    let statements = Statements::new(Dialect::Postgres, Some("public"));
    for statement in Statement::ALL.iter().filter(|statement| !reads_whole_table(**statement)) {
        let text = statements.text(*statement);
        let prepare = format!("prepare statement as {}", text.as_str());
        raw_sql(AssertSqlSafe(prepare)).execute(&mut connection).await.unwrap();
        for mode in ["force_generic_plan", "force_custom_plan"] {
            let arguments = arguments(*statement, &ids);
            let arguments = if arguments.is_empty() { arguments } else { format!("({arguments})") };
            let explain =
                format!("set plan_cache_mode = {mode}; explain execute statement{arguments}");
            let rows = raw_sql(AssertSqlSafe(explain)).fetch_all(&mut connection).await.unwrap();
            let plan = rows.iter().map(|row| row.get::<String, _>(0));
            for step in plan.filter(|step| step.contains("Seq Scan")) {
                let is_expected = step.contains("Seq Scan on dualkey_revision"); // one row
                assert!(is_expected, "{statement:?} with {mode}: {step}");
            }
        }
        raw_sql("deallocate statement").execute(&mut connection).await.unwrap();
    }
}

/// Typical arguments, for plans that depend on them.
fn arguments(statement: Statement, ids: &str) -> String {
    let id = &ids[..36];
    match statement {
        Statement::SelectPartners | Statement::IncrementRevision | Statement::SelectRevision => {
            String::new()
        }
        Statement::InsertPartner => {
            format!("'{id}', 'name', 'key-number-0', true, 5, 1, 10, 10000, 0, now()")
        }
        Statement::SelectPartner => format!("'{id}'"),
        Statement::SelectPartnerByKey => "'key-number-7'".into(),
        Statement::UpdateLimits => format!("'{id}', 5, 1, 10, 10000, 0"),
        Statement::UpdateEnabled => format!("'{id}', true"),
        Statement::InsertToken => format!(
            "'{id}', 'organization 7', sha256('new'), 'name', 'abc', 'a:read', now(), null, null, \
             null, null, null, null, 'none'"
        ),
        Statement::SelectActiveTokenByName => format!("'organization 7', 'name', '{id}', now()"),
        Statement::SelectExpiringTokens => "'organization 7', now(), now()".into(),
        Statement::SelectNonce => "'organization 7', substr(sha256('7'), 1, 16)".into(),
        Statement::InsertNonce => {
            format!("'organization 7', substr(sha256('7'), 1, 16), now(), '{id}'")
        }
        Statement::DeleteOldNonces => "'2020-01-01'".into(),
        Statement::RenameToken => format!("'{id}', 'name'"),
        Statement::CountValidTokens => "'organization 7', now()".into(),
        Statement::SelectUnpepperedTokens => format!("'{id}', 50"),
        Statement::SelectExpiredTokens => "now(), 20".into(),
        Statement::SelectExpiredOrganizationTokens => "'organization 7', now(), 4294967295".into(),
        Statement::DeleteExpiredToken => format!("'organization 7', '{id}', now()"),
        Statement::SelectTokenByDigest => "sha256('7')".into(),
        Statement::SelectToken | Statement::DeleteToken => format!("'organization 7', '{id}'"),
        Statement::SelectTokensPage | Statement::SelectOrganizationAudit => {
            format!("'organization 7', '{id}', 4294967295")
        }
        // Of a third of a table, PostgreSQL rightly reads all. A batch is a hundredth of a million tokens.
        Statement::SelectTokensAfter => format!("'{id}', 300"),
        Statement::ReplaceToken => format!("'{id}', now(), '{id}'"),
        Statement::UpdateLastUsed => {
            let times = Vec::from_iter(ids.split(',').map(|_| "2026-02-02")).join(",");
            format!("'{{{ids}}}', '{{{times}}}', '{{{times}}}', '{{{ids}}}', '2026-02-03'")
        }
        Statement::SelectUsageOn => "19990".into(),
        Statement::SelectUsage => format!("'{id}', 19990"),
        Statement::DeleteOldUsage | Statement::UpsertUsage => {
            let ones = Vec::from_iter(ids.split(',').map(|_| "1")).join(",");
            format!("'{{{ids}}}', '{{{ones}}}', '{{{ones}}}'")
        }
        Statement::InsertAudit => {
            format!("'{id}', 'organization 7', now(), 'system', 'token_issued', '{id}', ''")
        }
        Statement::SelectPartnerAudit => format!("'{id}', 50"),
        Statement::InsertChange => "10001, 'token', sha256('new')".into(),
        Statement::DeleteOldChanges => "64".into(),
        Statement::SelectChangesSince => "9998".into(),
    }
}
