//! Rows that were changed by hand cause errors, never panics.

use std::error::Error as _;

use dualkey_store::{Page, RegistryError};

use crate::support::{Database, issue, on_both, register};

on_both!(a_partner_changed_by_hand_is_an_error, a_token_changed_by_hand_is_an_error);

async fn a_partner_changed_by_hand_is_an_error(database: Database) {
    let registry = database.registry().await;
    let api_key = register(&registry, "key-number-1").await.api_key;
    for (column, value) in [
        ("rate_permits", "0"),
        ("rate_permits", "5000000000"),
        ("rate_permits", "-1"),
        ("rate_period", "61"),
        ("burst", "0"),
        ("burst", "4294967295"),
        ("daily", "0"),
        ("utc_offset_secs", "86400"),
        ("utc_offset_secs", "-9223372036854775808"),
    ] {
        let original = format!("select cast({column} as text) from dualkey_partners");
        let original = database.texts(&original).await.remove(0);
        let set = |value: &str| format!("update dualkey_partners set {column} = {value}");
        database.run(&set(value)).await;
        let error = registry.partners().await.unwrap_err();
        let error = reason(&error);
        assert!(error.contains("invalid value in column"), "{column} = {value}: {error}");
        assert!(registry.store().partner_by_key(&api_key).await.is_err());
        database.run(&set(&original)).await;
        registry.partners().await.unwrap();
    }
    database.run("update dualkey_partners set api_key = 'two words'").await;
    let error = registry.partners().await.unwrap_err();
    assert!(reason(&error).contains("api_key"), "{error:?}");
}

async fn a_token_changed_by_hand_is_an_error(database: Database) {
    let registry = database.registry().await;
    let token = issue(&registry, "acme").await.unwrap();
    let mut changes = vec![("hint", "'no hint'"), ("hint", "''"), ("pepper", "'salt'")];
    if database.is_sqlite() {
        changes.extend([
            ("created_at", "'yesterday'"),
            ("expires_at", "'1969-12-31T00:00:00.000000Z'"),
            ("last_used_at", "''"),
            ("replaces", "'no uuid'"),
        ]);
    } else {
        changes.extend([
            ("created_at", "'infinity'"),
            ("expires_at", "'-infinity'"),
            ("last_used_at", "'1969-12-31'"),
            ("last_used_at", "'2999-12-31'"),
        ]);
    }
    for (column, value) in changes {
        let original = format!("select coalesce({column} || '', '') from dualkey_tokens");
        let original = match database.texts(&original).await.remove(0) {
            text if text.is_empty() => "null".to_owned(),
            text => format!("'{text}'"),
        };
        database.run(&format!("update dualkey_tokens set {column} = {value}")).await;
        let error = registry.tokens(&"acme".into()).await.unwrap_err();
        assert!(reason(&error).contains(column), "{column} = {value}: {error:?}");
        assert!(registry.store().token_by_digest(&token.secret.digest()).await.is_err());
        let batch = registry.store().tokens_after(None, 10).await;
        assert_eq!(batch.is_err(), column == "expires_at", "it is the only column of a batch");
        database.run(&format!("update dualkey_tokens set {column} = {original}")).await;
        registry.tokens(&"acme".into()).await.unwrap();
    }
    database.run("update dualkey_audit set action = 'unknown'").await;
    let error = registry.audit(Some(&"acme".into()), Page::first(9)).await.unwrap_err();
    assert!(reason(&error).contains("action"), "{error:?}");
}

fn reason(error: &RegistryError) -> String {
    let RegistryError::Store(error) = error else { panic!("{error:?}") };
    error.source().unwrap().to_string()
}
