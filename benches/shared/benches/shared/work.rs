//! Ways to decide by a server: each is a [`Work`] that makes one decision.

use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dualkey_benches::ample_policy;
use dualkey_limit::{LimitPolicy, Rate, SystemClock};
use dualkey_redis::RedisLimits;
use dualkey_shared::SharedLimiter;
use dualkey_store::{PartnerId, SharedCall, SharedLimits as _, SharedTake};
use redis::Script;

use crate::limitador;
use crate::server::Server;

pub(crate) const SET: &str = "SET";
pub(crate) const DUALKEY: &str = "Dualkey's script, both limits";
pub(crate) const GCRA: &str = "GCRA as a plain script, one limit";
pub(crate) const LIMITADOR: &str = "the calls of limitador's Redis storage, two limits";
pub(crate) const COALESCED: &str = "Dualkey's SharedLimiter, without leases";
pub(crate) const LEASED: &str = "Dualkey's SharedLimiter, with leases";

/// A way to decide. Many callers at a time use it, all of one partner.
pub(crate) struct Work {
    pub(crate) name: &'static str,
    /// One for each connection. Callers take them in turn.
    pub(crate) asks: Vec<Ask>,
}

/// Asks for a permit. Returns whether it was granted: all are.
pub(crate) type Ask = Arc<dyn Fn() -> Asked + Send + Sync>;
type Asked = Pin<Box<dyn Future<Output = bool> + Send>>;

/// All works, each with one connection, the unit first.
pub(crate) async fn on_one_connection(server: &Server) -> Vec<Work> {
    let work = |name, ask| Work { name, asks: vec![ask] };
    vec![
        work(SET, set(server).await),
        work(DUALKEY, dualkey(server)),
        work(GCRA, gcra(server).await),
        work(LIMITADOR, limitador::ask(server).await),
        work(COALESCED, limiter(server, 4, 50)),
        work(LEASED, limiter(server, 5, 1_000_000)),
    ]
}

/// The works that send one command for each decision, with this many connections, the unit first.
pub(crate) async fn on_connections(server: &Server, connections: usize) -> Vec<Work> {
    let mut works = [SET, DUALKEY, GCRA].map(|name| Work { name, asks: Vec::new() });
    for _ in 0..connections {
        let asks = [set(server).await, dualkey(server), gcra(server).await];
        works.iter_mut().zip(asks).for_each(|(work, ask)| work.asks.push(ask));
    }
    works.into()
}

pub(crate) fn ask<F>(ask: impl Fn() -> F + Send + Sync + 'static) -> Ask
where
    F: Future<Output = bool> + Send + 'static,
{
    Arc::new(move || Box::pin(ask()))
}

/// Without the time-out of 100 ms, which a busy machine may exceed.
pub(crate) fn redis_limits(server: &Server) -> RedisLimits {
    let limits = RedisLimits::new(&server.url()).expect("the address is valid");
    limits.with_timeout(Duration::from_secs(60))
}

/// Of as many bytes as the state of a partner has.
async fn set(server: &Server) -> Ask {
    let connection = server.connect().await;
    ask(move || {
        let mut connection = connection.clone();
        async move {
            let mut set = redis::cmd("SET");
            set.arg("dualkey:01010101-0101-0101-0101-010101010100").arg([0_u8; 39].as_slice());
            set.query_async::<()>(&mut connection).await.is_ok()
        }
    })
}

/// Each call passes on the last standing, as a process does.
fn dualkey(server: &Server) -> Ask {
    let (limits, policy, last) = (redis_limits(server), ample_policy(), Arc::new(Mutex::new(None)));
    ask(move || {
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

/// One process. It leases from 60 permits a second on. The burst covers what the rate does not, and leaves no bits
/// of the policy for a quota.
fn limiter(server: &Server, partner: u8, rate: u32) -> Ask {
    let rate = Rate::per_second(NonZeroU32::new(rate).expect("not zero"));
    let policy = LimitPolicy::new(rate, NonZeroU32::MAX);
    let limiter = SharedLimiter::new(Arc::new(redis_limits(server)), Arc::new(SystemClock));
    let partner = limiter.partner(PartnerId::from_bytes([partner; 16]));
    ask(move || {
        let (limiter, partner) = (limiter.clone(), partner.clone());
        async move {
            let outcome = limiter.take(&partner, &policy, 1).await;
            outcome.is_ok_and(|outcome| outcome.is_allowed())
        }
    })
}

async fn gcra(server: &Server) -> Ask {
    let (connection, script) = (server.connect().await, Script::new(include_str!("gcra.lua")));
    let script = Arc::new(script);
    ask(move || {
        let (mut connection, script) = (connection.clone(), Arc::clone(&script));
        async move {
            let mut call = script.key("gcra:01010101-0101-0101-0101-010101010101");
            let answer = call.arg(4_095).arg(1).arg(1).invoke_async::<Vec<i64>>(&mut connection);
            answer.await.is_ok_and(|answer| answer.first() == Some(&0))
        }
    })
}
