//! Encrypted connections, to a real server with a certificate for `localhost`.

use std::fs;

use dualkey_sql::SqlError;
use dualkey_testing::postgres::Server;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};

use crate::support::events::Events;
use crate::support::{Database, Folder, tolerant_options};

struct Setup {
    server: Server,
    folder: Folder,
}

impl Setup {
    /// A server with a certificate for `localhost`, and the folder with that certificate and another one.
    fn new() -> Self {
        let folder = Folder::new();
        let CertifiedKey { cert, signing_key } = certificate();
        fs::write(folder.0.join("root.pem"), cert.pem()).unwrap();
        fs::write(folder.0.join("other.pem"), certificate().cert.pem()).unwrap();
        let server = Server::start_with_tls(&cert.pem(), &signing_key.serialize_pem());
        Self { server, folder }
    }

    fn address(&self, host: &str, mode: &str, root: &str) -> String {
        let (database, root) = (self.server.new_tls_database(host), self.folder.0.join(root));
        format!("{database}?sslmode={mode}&sslrootcert={}", root.display())
    }
}

fn certificate() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

/// Whether each connection of a store on this database is encrypted.
async fn is_encrypted(address: String) -> bool {
    let _store = tolerant_options().connect(&address).await.unwrap();
    let database = Database { address, folder: None };
    let query = "select distinct ssl::text from pg_stat_ssl join pg_stat_activity using (pid)
        where application_name = 'dualkey' and datname = current_database()";
    match database.texts(query).await.as_slice() {
        [ssl] => ssl == "true",
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_full_accepts_the_right_name_and_root_only() {
    let setup = Setup::new();
    assert!(is_encrypted(setup.address("localhost", "verify-full", "root.pem")).await);
    for (host, mode, root) in [
        ("127.0.0.1", "verify-full", "root.pem"),
        ("localhost", "verify-full", "other.pem"),
        ("localhost", "verify-ca", "other.pem"),
    ] {
        let address = setup.address(host, mode, root);
        let refused = tolerant_options().connect(&address).await.unwrap_err();
        let SqlError::Unreachable(reason) = &refused else { panic!("{refused:?}") };
        assert!(reason.contains("certificate"), "{address}: {reason}");
    }
    assert!(is_encrypted(setup.address("127.0.0.1", "verify-ca", "root.pem")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_server_offers_tls_it_is_used_by_default() {
    let setup = Setup::new();
    assert!(is_encrypted(setup.server.new_tls_database("localhost")).await);
    assert!(is_encrypted(setup.server.new_tls_database("127.0.0.1")).await);
}

#[tokio::test]
async fn a_connection_in_clear_is_logged_unless_it_is_demanded() {
    let setup = Setup::new();
    for (mode, is_logged) in [("prefer", false), ("allow", true), ("disable", false)] {
        let events = Events::default();
        let _subscriber = events.of_this_thread();
        let address = setup.address("127.0.0.1", mode, "root.pem");
        drop(tolerant_options().connect(&address).await.unwrap());
        assert_eq!(events.contain("is not encrypted"), is_logged, "{mode}");
    }
}
