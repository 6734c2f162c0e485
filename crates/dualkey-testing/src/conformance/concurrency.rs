use dualkey_store::{DailyUsage, IssuedToken, NewToken, OrganizationId, Page, RegistryError};

use super::setup::{DAY, Setup, join_all, partner};

/// Concurrent callers of each check.
const CALLERS: usize = 12;
const ROUNDS: usize = 10;

pub(super) async fn concurrent_issuers_do_not_exceed_the_maximum(setup: Setup) {
    let registry = setup.registry.clone().with_max_tokens_per_organization(5);
    for round in 0..ROUNDS {
        let acme = OrganizationId::from(format!("acme {round}"));
        let new = |n| NewToken::new(acme.clone(), format!("token {n}"), ["a:read"]);
        let outcomes = join_all((0..CALLERS).map(|n| registry.issue_token(new(n)))).await;
        let refused = |outcome: &&Result<_, _>| {
            matches!(outcome, Err(RegistryError::TooManyTokens { max_tokens: 5 }))
        };
        assert_eq!(outcomes.iter().filter(refused).count(), CALLERS - 5);
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 5);
        assert_eq!(registry.tokens(&acme).await.expect("a list").len(), 5);
        assert_eq!(audit_entries(&setup, &acme).await, 5);
    }
}

pub(super) async fn one_of_concurrent_rotations_wins(setup: Setup) {
    for round in 0..ROUNDS {
        let acme = OrganizationId::from(format!("acme {round}"));
        let old = setup.issue(acme.as_str(), "token").await.record.id;
        let rotate = || setup.registry.rotate_token(&acme, &old, DAY);
        let mut won = Vec::new();
        for outcome in join_all((0..CALLERS).map(|_| rotate())).await {
            match outcome {
                Ok(new) => won.push(new.record),
                Err(error) => assert!(matches!(error, RegistryError::AlreadyRotated), "{error}"),
            }
        }
        assert_eq!(won.len(), 1);
        let listed = setup.registry.tokens(&acme).await.expect("a list");
        assert_eq!(listed.len(), 2);
        assert_eq!(listed[0], won[0]);
        assert_eq!(listed[1].replaced_by, Some(won[0].id));
        assert_eq!(audit_entries(&setup, &acme).await, 2);
    }
}

pub(super) async fn a_revoked_token_stays_gone_whatever_rotates_it(setup: Setup) {
    for round in 0..ROUNDS {
        let acme = OrganizationId::from(format!("acme {round}"));
        let old = setup.issue(acme.as_str(), "token").await;
        let id = old.record.id;
        let change = async |rotates: bool| {
            if rotates {
                setup.registry.rotate_token(&acme, &id, DAY).await.map(Some)
            } else {
                setup.registry.revoke_token(&acme, &id).await.map(|_revoked| None)
            }
        };
        let outcomes = join_all((0..CALLERS).map(|n| change((n + round) % 3 > 0))).await;
        let (mut revoked, mut rotated) = (0, Vec::<IssuedToken>::new());
        for outcome in outcomes {
            match outcome {
                Ok(None) => revoked += 1,
                Ok(Some(new)) => rotated.push(new),
                Err(RegistryError::NotFound | RegistryError::AlreadyRotated) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(revoked, 1, "the token is revoked once");
        assert!(rotated.len() <= 1, "the token is rotated once at most");
        assert!(setup.stored(&old).await.is_none());
        let successors = Vec::from_iter(rotated.into_iter().map(|new| new.record));
        assert_eq!(setup.registry.tokens(&acme).await.expect("a list"), successors);
        assert_eq!(audit_entries(&setup, &acme).await, 2 + successors.len());
    }
}

pub(super) async fn concurrent_usage_adds_up(setup: Setup) {
    let Setup { store, registry, .. } = setup;
    let mut partners = Vec::new();
    for key in ["key-number-1", "key-number-2"] {
        let registered = registry.register_partner(partner("One", key)).await.expect("registered");
        partners.push(registered.id);
    }
    let batch = |caller: usize| {
        let usages = partners.iter().flat_map(|partner| {
            [7, 8].map(|day| DailyUsage { partner: *partner, day, permits: caller as u64 })
        });
        let mut usages = Vec::from_iter(usages);
        let places = usages.len();
        usages.rotate_left(caller % places); // no two callers need to lock the rows in one order
        usages
    };
    for round in 1..=ROUNDS as u64 {
        let batches = Vec::from_iter((1..=CALLERS).map(batch));
        let added = join_all(batches.iter().map(|usages| store.add_usage(usages))).await;
        assert!(added.iter().all(Result::is_ok));
        let sum = round * (1..=CALLERS as u64).sum::<u64>();
        for partner in &partners {
            for day in [7, 8] {
                assert_eq!(store.usage(*partner, day).await.expect("an answer"), sum);
            }
        }
    }
}

async fn audit_entries(setup: &Setup, organization: &OrganizationId) -> usize {
    setup.registry.audit(Some(organization), Page::first(100)).await.expect("a page").len()
}
