//! What a verifier warns of, once.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod support;

use dualkey_verify::Verifier;
use support::Setting;
use support::log::log_of;

#[test]
fn a_second_verifier_on_a_store_is_a_warning_once() {
    let setting = Setting::new();
    let build = || Verifier::new(setting.registry.clone());
    let log = log_of(|| drop([build(), build()]));
    assert_eq!(log.matches("a second verifier").count(), 1, "{log}");
    assert!(log.contains("WARN"));

    let Setting { verifier, registry, .. } = setting;
    let log = log_of(|| {
        let clone = verifier.clone();
        drop((verifier, clone));
        let _alone = Verifier::new(registry);
        let _on_another_store = Setting::new();
    });
    assert_eq!(log, "", "one at a time");
}
