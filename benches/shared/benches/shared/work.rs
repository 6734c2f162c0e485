//! Ways to decide by a server: each is a [`Work`] that makes one decision.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dualkey_benches::ample_policy;
use dualkey_redis::RedisLimits;
use dualkey_store::{PartnerId, SharedCall, SharedLimits as _, SharedTake};
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Script};

use crate::server::Server;

pub(crate) const SET: &str = "SET";
pub(crate) const DUALKEY: &str = "Dualkey's script, both limits";
pub(crate) const GCRA: &str = "GCRA as a plain script, one limit";
pub(crate) const LIMITADOR: &str = "the calls of limitador's Redis storage, two limits";

/// A way to decide. It is asked by many callers at a time, all of one partner.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) name: &'static str,
    /// Whether the permit was granted. All are.
    pub(crate) ask: Arc<dyn Fn() -> Asked + Send + Sync>,
}

type Asked = Pin<Box<dyn Future<Output = bool> + Send>>;

impl Work {
    fn new<F>(name: &'static str, ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = bool> + Send + 'static,
    {
        Self { name, ask: Arc::new(move || Box::pin(ask())) }
    }
}

/// All that are measured, the unit first.
pub(crate) async fn all(server: &Server) -> Vec<Work> {
    vec![set(server).await, dualkey(server), gcra(server).await, limitador(server).await]
}

/// Of as many bytes as the state of a partner.
async fn set(server: &Server) -> Work {
    let connection = server.connect().await;
    Work::new(SET, move || {
        let mut connection = connection.clone();
        async move {
            let mut set = redis::cmd("SET");
            set.arg("dualkey:01010101-0101-0101-0101-010101010100").arg([0_u8; 39].as_slice());
            set.query_async::<()>(&mut connection).await.is_ok()
        }
    })
}

/// Each call passes on the last standing, as a process does.
fn dualkey(server: &Server) -> Work {
    let limits = RedisLimits::new(&server.url()).expect("the address is valid");
    let limits = limits.with_timeout(Duration::from_secs(60));
    let (policy, last) = (ample_policy(), Arc::new(Mutex::new(None)));
    Work::new(DUALKEY, move || {
        let (limits, last) = (limits.clone(), Arc::clone(&last));
        async move {
            let known = *last.lock().unwrap_or_else(PoisonError::into_inner);
            let call = SharedCall::new(PartnerId::from_bytes([1; 16]), &policy);
            let call = SharedCall { known: known.as_ref(), ..call };
            let Ok(taken) = limits.take(call, &SharedTake::permits(1)).await else { return false };
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(taken.standing);
            taken.granted == [1]
        }
    })
}

async fn gcra(server: &Server) -> Work {
    let (connection, script) = (server.connect().await, Script::new(include_str!("gcra.lua")));
    let script = Arc::new(script);
    Work::new(GCRA, move || {
        let (mut connection, script) = (connection.clone(), Arc::clone(&script));
        async move {
            let mut call = script.key("gcra:01010101-0101-0101-0101-010101010101");
            let answer = call.arg(4_095).arg(1).arg(1).invoke_async::<Vec<i64>>(&mut connection);
            answer.await.is_ok_and(|answer| answer.first() == Some(&0))
        }
    })
}

/// The calls of `AsyncRedisStorage` of limitador 0.14: read both windows, then count in both. The crate itself
/// needs OpenSSL, which `cargo deny` excludes from this workspace.
async fn limitador(server: &Server) -> Work {
    const READ: &str = "local found = {}
        for _, key in ipairs(KEYS) do
            table.insert(found, redis.call('get', key))
            table.insert(found, redis.call('pttl', key))
        end
        return found";
    const COUNT: &str = "local count = redis.call('incrby', KEYS[1], ARGV[2])
        if count == tonumber(ARGV[2]) then
            redis.call('expire', KEYS[1], ARGV[1], 'NX')
            redis.call('sadd', KEYS[2], KEYS[1])
        end
        return count";
    let connection = server.connect().await;
    let scripts = Arc::new([READ, COUNT].map(Script::new));
    for script in scripts.iter() {
        let loaded = script.prepare_invoke().load_async(&mut connection.clone()).await;
        loaded.expect("the server answers");
    }
    Work::new(LIMITADOR, move || {
        let (connection, scripts) = (connection.clone(), Arc::clone(&scripts));
        async move {
            let [read, count] = &*scripts;
            check_and_update(connection, read, count).await.unwrap_or(false)
        }
    })
}

async fn check_and_update(
    mut connection: MultiplexedConnection,
    read: &Script,
    count: &Script,
) -> RedisResult<bool> {
    const LIMITS: [(&str, &str, u32); 2] = [
        ("limitador:second:01010101-0101-0101-0101-010101010101", "limitador:second", 1),
        ("limitador:day:01010101-0101-0101-0101-010101010101", "limitador:day", 86_400),
    ];
    let mut reading = read.prepare_invoke();
    for (key, ..) in LIMITS {
        reading.key(key);
    }
    let found: Vec<Option<i64>> = reading.invoke_async(&mut connection).await?;
    let mut counting = redis::pipe();
    for (key, counters, seconds) in LIMITS {
        counting.invoke_script(count.key(key).key(counters).arg(seconds).arg(1)).ignore();
    }
    counting.query_async::<()>(&mut connection).await?;
    Ok(found.iter().step_by(2).all(|count| count.unwrap_or(0) < i64::MAX))
}
