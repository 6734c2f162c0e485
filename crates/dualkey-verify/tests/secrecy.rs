//! No log line and no `Debug` of a decision shows a secret, at any level.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod support;

use std::io;
use std::sync::{Arc, Mutex};

use support::{KEY, Setting, bearer, unknown_token};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[test]
fn a_log_of_everything_holds_no_token() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let setting = Setting::new();
    let unknown = unknown_token();
    let mut mistyped = setting.secret().to_owned();
    mistyped.pop();
    let mut shown = String::new();
    tracing::subscriber::with_default(subscriber, || {
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
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("wrong length"), "the reason is logged: {log}");
    assert!(log.contains("in place of a partner key"), "a misplaced secret is logged: {log}");
    assert!(log.contains(&setting.token.record.id.to_string()), "by its id: {log}");
    shown += &format!("{:?}", setting.verifier);
    for secret in [setting.secret(), &unknown] {
        let body = &secret[3..43];
        assert!(!log.contains(body) && !shown.contains(body));
    }
}
