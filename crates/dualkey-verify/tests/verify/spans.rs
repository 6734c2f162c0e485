//! What a decision records on the span of its request.

use std::num::NonZeroU32;

use crate::support::log::log_of;
use crate::support::{KEY, Setting, bearer, unknown_token};
use dualkey_scope::Requirement;
use dualkey_verify::{Request, StoreLookup};
use pollster::block_on;
use tracing::field::Empty;

/// The fields of a span around these decisions, as an event in it shows them.
fn fields_of(decide: impl FnOnce()) -> String {
    let log = log_of(|| {
        let span = tracing::info_span!(
            "request",
            partner = Empty,
            organization = Empty,
            token = Empty,
            code = Empty
        );
        span.in_scope(|| {
            decide();
            tracing::info!("the end");
        });
    });
    log.lines().find(|line| line.contains("the end")).unwrap().to_owned()
}

fn assert_caller(fields: &str, setting: &Setting) {
    let (partner, token) = (setting.partner.id, setting.token.record.id);
    let caller = format!("partner={partner} organization=acme token={token}");
    assert_eq!(fields.matches(&caller).count(), 1, "{fields}");
    for name in ["partner=", "organization=", "token="] {
        assert_eq!(fields.matches(name).count(), 1, "{fields}");
    }
}

#[test]
fn a_granted_request_has_its_caller_on_the_span() {
    let setting = Setting::new();
    let fields = fields_of(|| drop(setting.present(setting.secret()).unwrap()));
    assert_caller(&fields, &setting);
    assert!(!fields.contains("code="), "{fields}");
}

#[test]
fn a_limited_request_has_its_caller_on_the_span_once() {
    let setting = Setting::new();
    for _ in 0..10 {
        assert_eq!(setting.code(setting.secret()), "granted");
    }
    let fields = fields_of(|| assert_eq!(setting.code(setting.secret()), "rate_limited"));
    assert_caller(&fields, &setting);
    assert!(fields.contains("code=\"rate_limited\""), "{fields}");
}

#[test]
fn a_second_decision_on_a_request_records_no_caller_again() {
    let setting = Setting::new();
    let headers = bearer(KEY, setting.secret());
    let fields = fields_of(|| {
        assert!(setting.verify(&headers).is_ok());
        let (requirement, cost) = (&Requirement::NONE, NonZeroU32::MIN);
        let request = Request { headers: &headers, requirement, cost, charged: 1 };
        assert!(block_on(setting.verifier.resolve(request, StoreLookup::default())).is_ok());
    });
    assert_caller(&fields, &setting);
}

#[test]
fn a_request_with_an_unknown_token_has_its_partner_and_code() {
    let setting = Setting::new();
    let fields = fields_of(|| assert_eq!(setting.code(&unknown_token()), "token_invalid"));
    let partner = format!("partner={} code=\"token_invalid\"", setting.partner.id);
    assert!(fields.contains(&partner) && !fields.contains("organization="), "{fields}");
}
