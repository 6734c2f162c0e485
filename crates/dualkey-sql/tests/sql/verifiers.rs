//! A verifier of another process refuses what was revoked here.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dualkey_limit::{LimitPolicy, Rate};
use dualkey_scope::Requirement;
use dualkey_sql::SqlStore;
use dualkey_store::{NewPartner, Registry};
use dualkey_verify::Verifier;
use http::HeaderMap;

use crate::support::{Database, issue, on_both, registry};

on_both!(a_token_revoked_in_one_process_is_refused_in_another);

async fn a_token_revoked_in_one_process_is_refused_in_another(database: Database) {
    let (here, there) = (open(&database).await, Verifier::new(open(&database).await));
    let many = NonZeroU32::new(100_000).unwrap();
    let (name, api_key) = ("partner".into(), Some("key-number-1".parse().unwrap()));
    let policy = LimitPolicy::new(Rate::per_second(many), many);
    here.register_partner(NewPartner { name, policy, api_key }).await.unwrap();
    let token = issue(&here, "acme").await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("x-api-key", "key-number-1".parse().unwrap());
    let bearer = format!("Bearer {}", token.secret.expose_secret());
    headers.insert("authorization", bearer.parse().unwrap());
    tokio::time::sleep(Duration::from_secs(1)).await; // until all of that is heard there
    there.verify(&headers, &Requirement::NONE).await.unwrap(); // and from now on held in memory

    here.revoke_token(&"acme".into(), &token.record.id).await.unwrap();
    let acknowledged = Instant::now();
    let denial = loop {
        match there.verify(&headers, &Requirement::NONE).await {
            Ok(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            Err(denial) => break denial,
        }
    };
    println!("refused {:?} after the revocation was acknowledged", acknowledged.elapsed());
    assert_eq!(denial.code(), "token_invalid");
    assert!(acknowledged.elapsed() < Duration::from_secs(1), "long before it would be stale");
}

async fn open(database: &Database) -> Registry {
    registry(Arc::new(SqlStore::connect(&database.address).await.unwrap()))
}
