pub(crate) mod events;
pub(crate) mod pgbouncer;
pub(crate) mod recorder;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, process};

use dualkey_limit::{Clock, LimitPolicy, SystemClock};
use dualkey_scope::Catalogue;
use dualkey_sql::{SqlOptions, SqlStore};
use dualkey_store::{IssuedToken, NewPartner, NewToken, Partner, Registry, RegistryError, Store};
use dualkey_testing::postgres::Server;
use dualkey_token::Prefix;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, raw_sql};

/// Defines a test per database from a function that takes the database.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(crate::support::Database::sqlite()).await;
            })*
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(crate::support::Database::postgres()).await;
            })*
        }
    };
}

pub(crate) use on_both;

/// A folder that is removed at the end of the test.
#[derive(Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("dualkey-sql-{}-{count}", process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn address(&self) -> String {
        format!("sqlite:{}", self.0.join("dualkey.db").display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _may_be_gone = fs::remove_dir_all(&self.0);
    }
}

/// A new, empty database.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) address: String,
    pub(crate) folder: Option<Folder>,
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        let folder = Folder::new();
        Self { address: folder.address(), folder: Some(folder) }
    }

    pub(crate) fn postgres() -> Self {
        Self { address: Server::shared().new_database(), folder: None }
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        self.folder.is_some()
    }

    pub(crate) async fn open(&self) -> Arc<SqlStore> {
        Arc::new(tolerant_options().connect(&self.address).await.unwrap())
    }

    pub(crate) async fn registry(&self) -> Registry {
        registry(self.open().await)
    }

    /// Runs statements on a connection outside of the store.
    pub(crate) async fn run(&self, script: &str) {
        let script = raw_sql(AssertSqlSafe(script));
        if self.is_sqlite() {
            let options: SqliteConnectOptions = self.address.parse().unwrap();
            let mut connection = options.create_if_missing(true).connect().await.unwrap();
            script.execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        } else {
            let mut connection = PgConnection::connect(&self.address).await.unwrap();
            script.execute(&mut connection).await.unwrap();
        }
    }

    /// The texts that a query returns.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let query = sqlx::query_scalar(AssertSqlSafe(sql));
        if self.is_sqlite() {
            let options: SqliteConnectOptions = self.address.parse().unwrap();
            query.fetch_all(&mut options.connect().await.unwrap()).await.unwrap()
        } else {
            let query = sqlx::query_scalar(AssertSqlSafe(sql));
            let mut connection = PgConnection::connect(&self.address).await.unwrap();
            query.fetch_all(&mut connection).await.unwrap()
        }
    }

    pub(crate) async fn count(&self, table: &str) -> usize {
        let counts = self.texts(&format!("select cast(count(*) as text) from {table}")).await;
        counts[0].parse().unwrap()
    }
}

/// Options with a timeout that does not elapse on a busy machine.
pub(crate) fn tolerant_options() -> SqlOptions {
    SqlOptions::new().with_timeout(Duration::from_secs(30))
}

pub(crate) fn registry(store: Arc<dyn Store>) -> Registry {
    registry_with_clock(store, Arc::new(SystemClock))
}

pub(crate) fn registry_with_clock(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Registry {
    let catalogue = Catalogue::builder().scope("a:read", "A").scope("b:read", "B").build();
    Registry::new(catalogue.unwrap(), Prefix::new("gw"), store, clock)
}

pub(crate) async fn issue(
    registry: &Registry,
    organization: &str,
) -> Result<IssuedToken, RegistryError> {
    static NUMBER: AtomicU32 = AtomicU32::new(1);

    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("token {number} of process {}", process::id());
    registry.issue_token(NewToken::new(organization, name, ["b:read", "a:read"])).await
}

pub(crate) async fn register(registry: &Registry, api_key: &str) -> Partner {
    let (name, policy) = ("partner".into(), LimitPolicy::default());
    let partner = NewPartner { name, policy, api_key: Some(api_key.parse().unwrap()) };
    registry.register_partner(partner).await.unwrap()
}

/// Waits until the change feed has read all changes that are committed by now.
pub(crate) async fn wait_for_watermark(registry: &Registry) {
    let (now, began) = (SystemClock.now(), Instant::now());
    while registry.store().changes().watermark() < now {
        assert!(began.elapsed() < Duration::from_secs(30), "the change feed is stuck");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(registry.store().changes().watermark() <= SystemClock.now());
}
