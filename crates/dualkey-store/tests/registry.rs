//! The arguments that a registry refuses, and the secrets that it does not show.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use dualkey_limit::{LimitPolicy, Rate, Timestamp};
use dualkey_scope::Catalogue;
use dualkey_store::{
    ApiKey, InvalidApiKey, LimitsChange, NewPartner, NewToken, Registry, RegistryError,
};
use dualkey_token::{Digester, Pepper, PlainToken, Prefix};
use pollster::block_on;

fn registry() -> Registry {
    let catalogue = Catalogue::builder().scope("a:read", "A").scope("c:read", "C").build().unwrap();
    Registry::in_memory(catalogue, Prefix::new("gw"))
}

fn token() -> NewToken {
    static NUMBER: AtomicU32 = AtomicU32::new(1);

    let name = format!("token {}", NUMBER.fetch_add(1, Ordering::Relaxed));
    NewToken::new("acme", name, ["a:read"])
}

fn refusal(token: NewToken) -> RegistryError {
    block_on(registry().issue_token(token)).unwrap_err()
}

fn partner(api_key: Option<&str>) -> NewPartner {
    NewPartner { api_key: api_key.map(|key| key.parse().unwrap()), ..NewPartner::new("One") }
}

#[test]
fn names_have_1_to_100_characters_and_no_control_characters() {
    for name in ["", "a\nb", "\u{7f}", "a\u{85}", &"é".repeat(101)] {
        let refused = refusal(NewToken { name: name.to_owned(), ..token() });
        assert!(matches!(refused, RegistryError::InvalidName), "{name:?}");
        let refused = block_on(
            registry().register_partner(NewPartner { name: name.into(), ..partner(None) }),
        );
        assert!(matches!(refused, Err(RegistryError::InvalidName)), "{name:?}");
    }
    let longest = NewToken { name: "é".repeat(100), ..token() };
    assert!(block_on(registry().issue_token(longest)).is_ok());
}

#[test]
fn scopes_organization_and_expiry_of_a_token_are_checked() {
    let no_scopes = refusal(NewToken { scopes: vec![], ..token() });
    assert!(matches!(no_scopes, RegistryError::NoScopes));
    let unknown = refusal(NewToken { scopes: vec!["a:read".into(), "b:read".into()], ..token() });
    assert_eq!(unknown.to_string(), "unknown scopes: b:read");
    for organization in ["", "a\0", &"a".repeat(129)] {
        let refused = refusal(NewToken { organization: organization.into(), ..token() });
        assert!(matches!(refused, RegistryError::InvalidOrganization));
    }
    let past = refusal(token().with_expiry(Timestamp::from_secs(1)));
    assert!(matches!(past, RegistryError::ExpiryInThePast));
}

#[test]
fn a_token_has_each_scope_once_in_the_catalogues_order() {
    let names =
        registry().catalogue().scopes().iter().map(|it| it.name().to_owned()).collect::<Vec<_>>();
    let repeated = names.iter().rev().cycle().take(1_000_000);
    let token = NewToken { scopes: repeated.cloned().collect(), ..token() };
    let issued = block_on(registry().issue_token(token)).unwrap();
    assert_eq!(issued.record.scopes, names);
}

#[test]
fn a_partner_key_has_8_to_128_visible_ascii_characters() {
    for key in [
        "",
        "seven77",
        "with space",
        "quoted\"key",
        "with,comma",
        "semi;colon",
        "back\\slash",
        "ümlaut-key",
        "with\0nul",
        "trailing-space ",
        &"a".repeat(129),
    ] {
        assert_eq!(ApiKey::parse(key), Err(InvalidApiKey), "{key:?}");
    }
    for key in ["eight888", "!#$%&'()*+-./:<=>?@[]^_`{|}~", &"a".repeat(128)] {
        let registered = block_on(registry().register_partner(partner(Some(key)))).unwrap();
        assert_eq!(registered.api_key, key);
    }
}

#[test]
fn a_random_key_has_16_letters_and_digits() {
    let (one, other) = (
        block_on(registry().register_partner(partner(None))).unwrap().api_key,
        block_on(registry().register_partner(partner(None))).unwrap().api_key,
    );
    assert_ne!(one, other);
    assert!(one.as_str().len() == 16 && one.as_str().chars().all(|c| c.is_ascii_alphanumeric()));
}

#[test]
fn a_token_is_refused_as_a_partner_key() {
    let token = PlainToken::mint(&Prefix::new("gw"));
    let refused = block_on(registry().register_partner(partner(Some(token.expose_secret()))));
    let error = refused.unwrap_err();
    assert!(matches!(error, RegistryError::TokenAsApiKey));
    assert!(!error.to_string().contains(token.expose_secret()));
}

#[test]
fn limits_out_of_range_are_refused() {
    let fast = Rate::per_second(NonZeroU32::MAX);
    let policy = LimitPolicy::new(fast, NonZeroU32::MIN);
    let refused = block_on(registry().register_partner(partner(None).with_policy(policy)));
    assert!(matches!(refused, Err(RegistryError::InvalidPolicy(_))));
}

#[test]
fn concurrent_issues_stay_within_the_maximum_of_tokens() {
    let registry = registry();
    let issued: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    (0..50).filter(|_| block_on(registry.issue_token(token())).is_ok()).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(issued, 100);
    assert_eq!(block_on(registry.tokens(&"acme".into())).unwrap().len(), 100);
}

#[test]
fn changes_of_limits_on_several_threads_all_stay() {
    let registry = registry();
    let api_key = block_on(registry.register_partner(partner(None))).unwrap().api_key;
    for round in 1..=200 {
        let number = NonZeroU32::new(round).unwrap();
        let nothing = LimitsChange::default();
        let changes = [
            LimitsChange { rate: Some(Rate::per_second(number)), ..nothing },
            LimitsChange { burst: Some(number), ..nothing },
            LimitsChange { daily: Some(Some(number)), ..nothing },
        ];
        thread::scope(|scope| {
            let (registry, api_key) = (&registry, &api_key);
            for change in changes {
                scope.spawn(move || block_on(registry.change_limits(api_key, change)).unwrap());
            }
        });
        let policy = block_on(registry.partner(&api_key)).unwrap().policy;
        let expected = LimitPolicy::new(Rate::per_second(number), number).with_daily(number);
        assert_eq!(Ok(policy), expected);
    }
}

#[test]
fn stored_digests_are_peppered() {
    let digester = Digester::peppered(Pepper::new([1; 32]).unwrap());
    let registry = registry().with_digester(digester.clone());
    let issued = block_on(registry.issue_token(token())).unwrap();
    let text = issued.secret.expose_secret().as_bytes();
    let find = |digest| block_on(registry.store().token_by_digest(&digest)).unwrap();
    assert!(find(digester.digest(text)).is_some());
    assert!(find(issued.secret.digest()).is_none());
}

#[test]
fn a_token_is_found_under_current_and_previous_peppers() {
    let pepper = |byte| Pepper::new([byte; 32]).unwrap();
    let old = registry().with_digester(Digester::peppered(pepper(1)));
    let issued = block_on(old.issue_token(token())).unwrap();
    let rotated =
        old.clone().with_digester(Digester::peppered(pepper(2)).accept_previous(pepper(1)));
    assert_eq!(block_on(rotated.token(&issued.secret)).unwrap(), issued.record);
    let unknown = PlainToken::mint(&Prefix::new("gw"));
    assert!(matches!(block_on(rotated.token(&unknown)), Err(RegistryError::NotFound)));
}

#[test]
fn debug_output_shows_neither_secret_nor_digest() {
    let registry = registry();
    let issued = block_on(registry.issue_token(token())).unwrap();
    let stored = block_on(registry.store().token_by_digest(&issued.secret.digest())).unwrap();
    let secret = issued.secret.expose_secret();
    let body = &secret[3..48];
    for shown in [format!("{issued:?}"), format!("{registry:?}"), format!("{stored:?}")] {
        assert!(!shown.contains(body), "{shown}");
        assert!(!shown.contains(&format!("{:?}", &issued.secret.digest().as_bytes()[..4])[1..]));
    }
}
