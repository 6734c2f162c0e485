//! Encrypted connections to a real server.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod support;

use std::error::Error as _;
use std::path::PathBuf;
use std::{env, fs, process};

use dualkey_limit::LimitPolicy;
use dualkey_redis::RedisLimits;
use dualkey_store::{SharedCall, SharedLimits};
use dualkey_testing::redis::Server;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};

use support::{PARTNER, add_user, patient, take};

/// A server with a certificate for `localhost`, and a folder with that certificate and another one.
struct Setup {
    server: Server,
    folder: PathBuf,
}

impl Setup {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("dualkey-redis-tls-{}-{name}", process::id()));
        fs::create_dir(&folder).unwrap();
        let CertifiedKey { cert, signing_key } = certificate();
        fs::write(folder.join("root.pem"), cert.pem()).unwrap();
        fs::write(folder.join("other.pem"), certificate().cert.pem()).unwrap();
        fs::write(folder.join("empty.pem"), "").unwrap();
        let server = Server::start_with_tls(&cert.pem(), &signing_key.serialize_pem());
        Self { server, folder }
    }

    fn url(&self, host: &str, root: &str) -> String {
        let (port, root) = (self.server.port(), self.folder.join(root));
        format!("rediss://{host}:{port}?ca_file={}", root.display())
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        let _removed = fs::remove_dir_all(&self.folder);
    }
}

fn certificate() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

async fn reason(limits: &RedisLimits) -> String {
    let policy = LimitPolicy::default();
    let error = limits.peek(SharedCall::new(PARTNER, &policy)).await.unwrap_err();
    error.source().unwrap().to_string()
}

#[tokio::test]
async fn the_right_name_and_root_are_needed() {
    let setup = Setup::new("names");
    assert!(take(&patient(&setup.url("localhost", "root.pem")), 1).await);
    let wrong = [
        setup.url("127.0.0.1", "root.pem"),
        setup.url("localhost", "other.pem"),
        format!("rediss://localhost:{}", setup.server.port()), // the roots of the system
    ];
    for url in wrong {
        let reason = reason(&patient(&url)).await;
        assert!(reason.contains("certificate"), "{url}: {reason}");
    }
}

#[tokio::test]
async fn user_and_password_are_sent_encrypted() {
    let setup = Setup::new("login");
    add_user(&setup.server, "+evalsha +eval +get +set +time ~dualkey:* >p@ss");
    setup.server.command(&["ACL", "SETUSER", "default", "off"]);
    let login = |login: &str| {
        patient(&setup.url("localhost", "root.pem").replace("//", &format!("//{login}@")))
    };
    assert!(take(&login("limits:p%40ss"), 1).await);
    let reason = reason(&login("limits:other")).await;
    assert!(!reason.contains("other"), "{reason}");
}

#[test]
fn a_file_without_certificates_is_an_error() {
    let setup = Setup::new("files");
    for file in ["empty.pem", "missing.pem"] {
        let error = RedisLimits::new(&setup.url("localhost", file)).unwrap_err();
        let reason = error.source().unwrap().to_string();
        assert!(reason.contains("certificates in PEM"), "{reason}");
    }
}
