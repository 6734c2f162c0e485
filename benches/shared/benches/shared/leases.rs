//! The calls of one process that leases: 1,000 permits of one partner a second, in real time.

use std::future::pending;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use dualkey_benches::{Row, is_measuring};
use dualkey_limit::{LimitPolicy, Rate, SystemClock};
use dualkey_shared::SharedLimiter;
use dualkey_store::PartnerId;
use tokio::time::{interval, sleep};

use crate::server::Server;
use crate::work::redis_limits;

/// Until the full bucket is spent, and after that.
const PARTS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

pub(crate) async fn measure(server: &Server) -> Vec<Row> {
    let mut rows = Vec::new();
    for (burst, most) in [(1_000, 20.0), (100, 110.0)] {
        for demand in [1, 3] {
            let [calls, granted] = per_second(server, burst, demand).await;
            let row = |about| Row::new(&format!("burst {burst}, demand {demand} ×: {about}"));
            rows.push(row("round trips").at_most(calls, most, "a second"));
            rows.push(row("granted").measured(granted, "a second"));
        }
    }
    rows
}

/// The calls and the granted permits of a process that is asked for `demand` permits each millisecond.
async fn per_second(server: &Server, burst: u32, demand: u32) -> [f64; 2] {
    let number = |number| NonZeroU32::new(number).expect("not zero");
    let policy = LimitPolicy::new(Rate::per_second(number(1_000)), number(burst));
    let limiter = SharedLimiter::new(Arc::new(redis_limits(server)), Arc::new(SystemClock));
    let partner = limiter.partner(PartnerId::from_bytes(u128::from(burst + demand).to_be_bytes()));
    let granted = Arc::new(AtomicU32::new(0));

    let maintained = limiter.clone();
    let maintenance = tokio::spawn(async move {
        maintained.run(|| sleep(Duration::from_millis(50)), pending::<()>()).await;
    });
    let (asked, counted) = (limiter.clone(), Arc::clone(&granted));
    let arrivals = tokio::spawn(async move {
        let mut milliseconds = interval(Duration::from_millis(1));
        loop {
            milliseconds.tick().await;
            for _ in 0..demand {
                let (limiter, partner) = (asked.clone(), partner.clone());
                let granted = Arc::clone(&counted);
                tokio::spawn(async move {
                    let outcome = limiter.take(&partner, &policy, 1).await;
                    let is_granted = outcome.is_ok_and(|outcome| outcome.is_allowed());
                    granted.fetch_add(u32::from(is_granted), Ordering::Relaxed);
                });
            }
        }
    });
    let so_far = || [limiter.counts().answered as f64, f64::from(granted.load(Ordering::Relaxed))];
    let mut measured = [0.0; 2];
    for part in PARTS {
        let (before, began) = (so_far(), Instant::now());
        sleep(if is_measuring() { part } else { Duration::from_millis(5) }).await;
        let (after, seconds) = (so_far(), began.elapsed().as_secs_f64());
        measured = [0, 1].map(|of| (after[of] - before[of]) / seconds);
    }
    arrivals.abort();
    maintenance.abort();
    measured
}
