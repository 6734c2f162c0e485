//! The calls of `AsyncRedisStorage` of limitador 0.14: read both windows, then count in both. The crate itself
//! needs OpenSSL, which `cargo deny` excludes from this workspace.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Script};

use crate::server::Server;
use crate::work::{self, Ask};

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

pub(crate) async fn ask(server: &Server) -> Ask {
    let connection = server.connect().await;
    let scripts = Arc::new([READ, COUNT].map(Script::new));
    for script in scripts.iter() {
        let loaded = script.prepare_invoke().load_async(&mut connection.clone()).await;
        loaded.expect("the server answers");
    }
    work::ask(move || {
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
