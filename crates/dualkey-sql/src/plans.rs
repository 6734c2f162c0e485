//! How the databases carry out each statement, on well filled tables.

use std::env;

use dualkey_testing::postgres::Server;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, raw_sql};

use crate::dialect::Dialect;
use crate::statement::{Statement, Statements};
use crate::{SqlStore, sqlite};

/// Whether the statement reads a whole table: all partners are asked for, and the usage table has one
/// row for each partner, most of them on the same day.
const fn reads_all(statement: Statement) -> bool {
    matches!(statement, Statement::Partners | Statement::UsageOn)
}

/// 100,000 tokens of 2,000 organizations, half as many entries of the trail, 20,000 partners, and the
/// change log as long as it becomes. Each database has its way to count and to draw.
fn fill(numbers: &str, id: &str, digest: &str, time: &str, yes: &str) -> String {
    format!(
        "insert into dualkey_tokens
            (id, organization, digest, name, hint, scopes, created_at, last_used_at)
         select {id}, 'organization ' || (n % 2000), {digest}, 'token', 'abc', 'a:read', {time}, {time}
         from {numbers} where n <= 100000;
         insert into dualkey_audit (id, organization, done_at, actor, action, subject, detail)
         select {id}, case when n % 2 = 0 then 'organization ' || (n % 2000) end, {time}, 'system',
            'token_issued', {id}, '' from {numbers} where n <= 50000;
         insert into dualkey_partners (id, name, api_key, enabled, rate_permits, rate_period, burst,
            daily, utc_offset_secs, created_at)
         select {id}, 'partner', 'key-number-' || n, {yes}, 5, 1, 10, 10000, 0, {time}
         from {numbers} where n <= 20000;
         insert into dualkey_usage select id, 20000, 1 from dualkey_partners;
         insert into dualkey_changes select n, 'token', {digest} from {numbers} where n <= 10000;
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
                (select 1 union all select n + 1 from numbers where n < 100000)
                select n from numbers)";
            let id = "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-7' || \
                substr(hex(randomblob(2)), 2) || '-a' || substr(hex(randomblob(2)), 2) || '-' || \
                hex(randomblob(6)))";
            let time = "'2026-01-01T00:00:00.000000Z'";
            let script = fill(numbers, id, "randomblob(32)", time, "1");
            raw_sql(AssertSqlSafe(script)).execute(&pool).await.unwrap();
        }
        for statement in Statement::ALL.iter().filter(|statement| !reads_all(**statement)) {
            let text = format!("explain query plan {}", statements.text(*statement).as_str());
            let rows = sqlx::query(AssertSqlSafe(text)).fetch_all(&pool).await.unwrap();
            let plan = rows.iter().map(|row| row.get::<String, _>("detail"));
            for step in plan.filter(|step| step.starts_with("SCAN")) {
                // The one row that counts revisions, and the rows that the statement is given.
                let is_known = ["current", "dualkey_revision", "json_each"];
                let is_known = is_known.iter().any(|table| step[5..].starts_with(table));
                assert!(is_known, "{statement:?}: {step}");
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
        "generate_series(1, 100000) as numbers (n)",
        "gen_random_uuid()",
        "sha256(n::text::bytea)",
        "now()",
        "true",
    );
    raw_sql(AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
    let ids = "select string_agg(id::text, ',') from
        (select id from dualkey_tokens order by random() limit 10000) as drawn";
    let ids: String = sqlx::query_scalar(ids).fetch_one(&mut connection).await.unwrap();
    let statements = Statements::new(Dialect::Postgres, Some("public"));
    for statement in Statement::ALL.iter().filter(|statement| !reads_all(**statement)) {
        let text = statements.text(*statement);
        let prepare = format!("prepare asked as {}", text.as_str());
        raw_sql(AssertSqlSafe(prepare)).execute(&mut connection).await.unwrap();
        for mode in ["force_generic_plan", "force_custom_plan"] {
            let arguments = arguments(*statement, &ids);
            let arguments = if arguments.is_empty() { arguments } else { format!("({arguments})") };
            let explain = format!("set plan_cache_mode = {mode}; explain execute asked{arguments}");
            let rows = raw_sql(AssertSqlSafe(explain)).fetch_all(&mut connection).await.unwrap();
            let plan = rows.iter().map(|row| row.get::<String, _>(0));
            for step in plan.filter(|step| step.contains("Seq Scan")) {
                let is_known = step.contains("Seq Scan on dualkey_revision"); // one row
                assert!(is_known, "{statement:?} with {mode}: {step}");
            }
        }
        raw_sql("deallocate asked").execute(&mut connection).await.unwrap();
    }
}

/// What a statement is usually given, for plans that depend on it.
fn arguments(statement: Statement, ids: &str) -> String {
    let id = &ids[..36];
    match statement {
        Statement::Partners | Statement::NextRevision | Statement::CurrentRevision => String::new(),
        Statement::InsertPartner => {
            format!("'{id}', 'name', 'key-number-0', true, 5, 1, 10, 10000, 0, now()")
        }
        Statement::PartnerByKey => "'key-number-7'".into(),
        Statement::SetLimits => format!("'{id}', 5, 1, 10, 10000, 0"),
        Statement::SetEnabled => format!("'{id}', true"),
        Statement::InsertToken => format!(
            "'{id}', 'organization 7', sha256('new'), 'name', 'abc', 'a:read', now(), null, null, \
             null, null, null"
        ),
        Statement::CountTokens => "'organization 7'".into(),
        Statement::TokenByDigest => "sha256('7')".into(),
        Statement::TokenOf | Statement::DeleteToken => format!("'organization 7', '{id}'"),
        Statement::TokensPage | Statement::AuditOfOrganization => {
            format!("'organization 7', '{id}', 4294967295")
        }
        Statement::EndToken => format!("'{id}', now(), '{id}'"),
        Statement::NoteUses => {
            let times = Vec::from_iter(ids.split(',').map(|_| "2026-02-02")).join(",");
            format!("'{{{ids}}}', '{{{times}}}', '{{{times}}}'")
        }
        Statement::UsageOn => "20000".into(),
        Statement::UsageOf => format!("'{id}', 20000"),
        Statement::AddUsage => {
            let ones = Vec::from_iter(ids.split(',').map(|_| "1")).join(",");
            format!("'{{{ids}}}', '{{{ones}}}', '{{{ones}}}'")
        }
        Statement::InsertAudit => {
            format!("'{id}', 'organization 7', now(), 'system', 'token_issued', '{id}', ''")
        }
        Statement::AuditOfPartners => format!("'{id}', 50"),
        Statement::LogChange => "10001, 'token', sha256('new')".into(),
        Statement::ForgetChanges => "64".into(),
        Statement::ChangesSince => "9998".into(),
    }
}
