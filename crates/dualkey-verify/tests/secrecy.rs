//! No log line and no `Debug` of a decision shows a secret, at any level.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod support;

use support::log::log_of;
use support::{KEY, Setting, bearer, unknown_token};

#[test]
fn a_log_of_everything_holds_no_token() {
    let setting = Setting::new();
    let unknown = unknown_token();
    let mut mistyped = setting.secret().to_owned();
    mistyped.pop();
    let mut shown = String::new();
    let log = log_of(|| {
        for (key, token) in [
            (KEY, setting.secret()),
            (KEY, &unknown),
            (KEY, &mistyped),
            (setting.secret(), setting.secret()),
            (&unknown, setting.secret()),
        ] {
            shown += &format!("{:?}", setting.verify(&bearer(key, token)));
        }
    });
    assert!(log.contains("wrong length"), "the reason is logged: {log}");
    assert!(log.contains("in place of a partner key"), "a misplaced secret is logged: {log}");
    assert!(log.contains(&setting.token.record.id.to_string()), "by its id: {log}");
    shown += &format!("{:?}", setting.verifier);
    for secret in [setting.secret(), &unknown] {
        let body = &secret[3..43];
        assert!(!log.contains(body) && !shown.contains(body));
    }
}
