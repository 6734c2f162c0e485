//! No secret is written to the database, and no error contains a digest.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use dualkey_sql::SqlStore;
use dualkey_store::{
    AuditAction, AuditEntry, AuditId, AuditTarget, IssueRequest, NewToken, StoredToken, TokenId,
};

use crate::support::events::Events;
use crate::support::{Database, issue, on_both};

on_both!(the_database_contains_no_plain_token, an_error_contains_no_digest);

async fn the_database_contains_no_plain_token(database: Database) {
    let registry = database.registry().await;
    let token = NewToken::new("acme", "found in the files", ["a:read"]);
    let old = registry.issue_token(token).await.unwrap();
    let overlap = Duration::from_secs(60);
    let new = registry.rotate_token(&"acme".into(), &old.record.id, overlap).await.unwrap();
    registry.revoke_token(&"acme".into(), &old.record.id).await.unwrap();
    let folder = match &database.folder {
        Some(folder) => folder.0.clone(),
        None => {
            database.run("checkpoint").await;
            let (_, rest) = database.address.split_once("host=").unwrap();
            Path::new(rest.split('&').next().unwrap()).to_owned()
        }
    };
    assert!(contains(&folder, &old.record.name), "the search reaches the rows");
    let secrets = [&old, &new].map(|token| token.secret.expose_secret()[3..20].to_owned());
    assert!(!contains(&folder, &secrets.join("\n")));
}

/// Whether any file of the folder contains any line of this text.
fn contains(folder: &Path, text: &str) -> bool {
    let status = Command::new("grep")
        .env("LC_ALL", "C")
        .args(["-rqaF", "-e", text])
        .arg(folder)
        .status()
        .unwrap();
    assert!(matches!(status.code(), Some(0 | 1)), "grep cannot read the folder");
    status.success()
}

async fn an_error_contains_no_digest(database: Database) {
    let registry = database.registry().await;
    let issued = issue(&registry, "acme").await.unwrap();
    let store = registry.store();
    let token = store.token_by_digest(&issued.secret.digest()).await.unwrap().unwrap();
    let id = issued.record.id;
    let entry = AuditEntry {
        id: AuditId::from_bytes([1; 16]),
        at: issued.record.created_at,
        actor: "system".into(),
        action: AuditAction::TokenIssued,
        subject: AuditTarget::Token { organization: "acme".into(), id },
        detail: String::new(),
    };
    let insert = async |token: &StoredToken| {
        let request = IssueRequest { token: token.clone(), max_tokens: 100, nonce: None };
        store.insert_token(request, entry.clone()).await.unwrap_err()
    };
    let error = insert(&token).await;
    let mut again = token;
    again.record.id = TokenId::from_bytes([2; 16]);
    again.record.name = "another".into();
    let other = insert(&again).await;
    let digest = issued.secret.digest();
    let hex = Vec::from_iter(digest.as_bytes().iter().map(|byte| format!("{byte:02x}"))).concat();
    for error in [error, other] {
        let text = format!("{error:?}").to_lowercase();
        assert!(text.contains("unique"), "{text}");
        assert!(
            !text.contains(&hex[..8])
                && !text.contains(&format!("{:?}", &digest.as_bytes()[..4])[1..13])
        );
    }
    assert_eq!(database.count("dualkey_audit").await, 1, "a refused token has no audit entry");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_is_readable_for_its_owner_only() {
    let database = Database::sqlite();
    let registry = database.registry().await;
    issue(&registry, "acme").await.unwrap();
    let folder = &database.folder.as_ref().unwrap().0;
    for file in ["dualkey.db", "dualkey.db-wal", "dualkey.db-shm"] {
        let mode = fs::metadata(folder.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let pragmas = ["journal_mode"].map(|name| format!("pragma {name}"));
    assert_eq!(database.texts(&pragmas[0]).await, ["wal"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_error_and_no_event_quotes_a_password() {
    let events = Events::default();
    let _subscriber = events.of_this_thread();
    for address in [
        "postgres://app:hunter2@127.0.0.1:1/app",
        "postgres://app:1#hunter2@127.0.0.1:1/app",
        "postgres://app:1?hunter2@127.0.0.1:1/app",
        "postgres:app:hunter2@127.0.0.1:1/app",
        "postgres://app@127.0.0.1:1/app?sslpassword=hunter2",
        "postgres://app@127.0.0.1:1/app?password=hunter2",
        "postgres://app@127.0.0.1:1/app?sslmode=hunter2",
        "postgres://app@127.0.0.1:1/app?port=hunter2",
        "sqlite:/nowhere/gate.db?mode=hunter2",
    ] {
        let error = SqlStore::connect(address).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("hunter2") && !events.contain("hunter2"), "{address}: {text}");
    }
}
