//! The time to read every token of a store in batches, as a cache does that holds all of them: from SQLite,
//! on one thread, into records that are dropped.

use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs, process};

use dualkey_benches::{Report, Row, is_measuring};
use dualkey_sql::SqlStore;
use dualkey_store::TokenStore as _;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, raw_sql};

const BATCH: usize = 10_000;

fn main() {
    let report = Report::new("warm_up");
    report.table("1,000,000 tokens from SQLite", warm_up);
}

fn warm_up() -> Vec<Row> {
    let tokens = if is_measuring() { 1_000_000 } else { 25_000 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let file = DatabaseFile::new();
    let seconds = runtime.expect("a runtime starts").block_on(read_all(&file.0, tokens));
    vec![Row::new("tokens_after, in batches of 10,000").at_most(seconds, 5.0, "s")]
}

async fn read_all(file: &Path, tokens: usize) -> f64 {
    let store = SqlStore::connect(&format!("sqlite:{}", file.display())).await;
    let store = store.expect("the database opens");
    fill(file, tokens).await;
    let (mut read, mut after) = (0, None);
    let began = Instant::now();
    loop {
        let batch = store.tokens_after(after, BATCH).await.expect("the store answers");
        read += batch.len();
        let Some(last) = batch.last() else { break };
        after = Some(last.id);
    }
    assert_eq!(read, tokens);
    began.elapsed().as_secs_f64()
}

/// Inserts tokens with ids in ascending order, ten to an organization.
async fn fill(file: &Path, tokens: usize) {
    let script = format!(
        "insert into dualkey_tokens (id, organization, digest, name, hint, scopes, created_at)
         with recursive numbers (n) as
            (select 1 union all select n + 1 from numbers where n < {tokens})
         select printf('%08x-0000-7000-8000-', n) || lower(hex(randomblob(6))),
            'organization-' || (n / 10), randomblob(32), 'Benchmark', 'abc', 'guests:read',
            '2026-01-01T00:00:00.000000Z'
         from numbers;
         pragma wal_checkpoint(truncate)"
    );
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection = options.connect().await.expect("the database opens");
    let filled = raw_sql(AssertSqlSafe(script)).execute(&mut connection).await;
    filled.expect("the tokens are inserted");
    connection.close().await.expect("the connection closes");
}

/// A database file that is removed at the end.
struct DatabaseFile(PathBuf);

impl DatabaseFile {
    fn new() -> Self {
        Self(env::temp_dir().join(format!("dualkey-warm-up-{}.db", process::id())))
    }
}

impl Drop for DatabaseFile {
    fn drop(&mut self) {
        for ending in ["", "-wal", "-shm"] {
            let _may_be_gone = fs::remove_file(format!("{}{ending}", self.0.display()));
        }
    }
}
