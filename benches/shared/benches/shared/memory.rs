//! The memory that the server uses for a partner.

use std::time::Duration;

use dualkey_benches::{Row, ample_policy};
use dualkey_redis::RedisLimits;
use dualkey_store::{LeaseId, LeaseRequest, PartnerId, SharedCall, SharedLimits as _, SharedTake};
use redis::aio::MultiplexedConnection;

use crate::server::Server;

/// More would outlive their lifetime on a slow machine.
const LEASES: u32 = 16;

pub(crate) async fn measure(server: &Server, control: &MultiplexedConnection) -> Vec<Row> {
    let without = bytes(server, control, 2, 0).await;
    let with = bytes(server, control, 3, LEASES).await;
    let lease = (with - without) / f64::from(LEASES);
    vec![
        Row::new("a partner").at_most(without, 200.0, "bytes"),
        Row::new("a lease, of 16").at_most(lease, 20.0, "bytes"),
    ]
}

/// The memory of a partner that has taken a permit, and leased others.
async fn bytes(server: &Server, control: &MultiplexedConnection, partner: u8, leases: u32) -> f64 {
    let limits = RedisLimits::new(&server.url()).expect("the address is valid");
    let limits = limits.with_timeout(Duration::from_secs(60));
    let (id, policy) = (PartnerId::from_bytes([partner; 16]), ample_policy());
    let call = SharedCall::new(id, &policy);
    limits.take(call, &SharedTake::permits(1)).await.expect("the server answers");
    for number in 0..leases {
        let lease = LeaseRequest { id: LeaseId::from_bits(number.into()), permits: 1 };
        let take = SharedTake { lease: Some(lease), ..SharedTake::default() };
        limits.take(call, &take).await.expect("the server answers");
    }
    let mut usage = redis::cmd("MEMORY");
    usage.arg("USAGE").arg(format!("dualkey:{id}"));
    usage.query_async(&mut control.clone()).await.expect("the key exists")
}
