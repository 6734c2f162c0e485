//! A replica that is promoted while it lacks the latest changes of its primary server.

use std::fs;
use std::num::NonZeroU32;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dualkey_limit::{LimitPolicy, Rate};
use dualkey_scope::Requirement;
use dualkey_sql::SqlStore;
use dualkey_store::{NewPartner, Store as _, TokenStore as _};
use dualkey_testing::postgres::Server;
use dualkey_verify::Verifier;
use http::HeaderMap;
use sqlx::{Connection as _, PgConnection};

use crate::support::{Folder, issue, registry, tolerant_options};

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_lags_is_promoted_and_followed() {
    let primary = Server::start();
    let at_primary = primary.new_database();
    let folder = Folder::new();
    let link = folder.0.join("server"); // the host of the address, as a virtual address is in production
    symlink(primary.socket_folder(), &link).unwrap();
    let address = at_primary.replace(primary.socket_folder(), link.to_str().unwrap());
    let store = Arc::new(tolerant_options().connect(&address).await.unwrap());
    let here = registry(store.clone());
    let many = NonZeroU32::new(100_000).unwrap();
    let partner = NewPartner::new("partner").with_api_key("key-number-1".parse().unwrap());
    let policy = LimitPolicy::new(Rate::per_second(many), many);
    here.register_partner(NewPartner { policy, ..partner }).await.unwrap();
    let revoked = issue(&here, "acme").await.unwrap();
    let valid = issue(&here, "acme").await.unwrap();
    let verifier = Verifier::new(here.clone());
    let fields = |secret: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", "key-number-1".parse().unwrap());
        headers.insert("authorization", format!("Bearer {secret}").parse().unwrap());
        headers
    };
    let (revoked_fields, valid_fields) =
        (fields(revoked.secret.expose_secret()), fields(valid.secret.expose_secret()));
    verifier.verify(&revoked_fields, &Requirement::NONE).await.unwrap();

    let standby = primary.start_standby();
    let at_standby = at_primary.replace(primary.socket_folder(), standby.socket_folder());
    wait_for_replica(&at_standby).await;
    standby.stop_replication();
    let lost = issue(&here, "acme").await.unwrap();
    store.catch_up().await.unwrap();
    primary.kill();
    standby.promote();
    let other = registry(Arc::new(SqlStore::connect(&at_standby).await.unwrap()));
    other.revoke_token(&"acme".into(), &revoked.record.id).await.unwrap(); // the revision of `lost`
    fs::remove_file(&link).unwrap();
    symlink(standby.socket_folder(), &link).unwrap();

    let began = Instant::now();
    while verifier.verify(&revoked_fields, &Requirement::NONE).await.is_ok() {
        assert!(began.elapsed() < Duration::from_secs(30), "the revoked token is still granted");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    store.catch_up().await.unwrap();
    let denial = verifier.verify(&revoked_fields, &Requirement::NONE).await.unwrap_err();
    assert_eq!(denial.code(), "token_invalid");
    assert!(verifier.verify(&valid_fields, &Requirement::NONE).await.is_ok());
    assert!(store.token_by_digest(&lost.secret.digest()).await.unwrap().is_none());
    issue(&here, "acme").await.unwrap(); // the pool has connections to the promoted server
}

/// Waits until the replica has the tokens of the primary server.
async fn wait_for_replica(address: &str) {
    let began = Instant::now();
    loop {
        let mut connection = PgConnection::connect(address).await.unwrap();
        let count = sqlx::query_scalar("select count(*) from dualkey_tokens");
        let count: i64 = count.fetch_one(&mut connection).await.unwrap();
        if count == 2 {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "the replica has {count} tokens");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
