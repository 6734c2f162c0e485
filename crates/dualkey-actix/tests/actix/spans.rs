//! A decision records who calls on the current span, as with tower.

use std::io;
use std::sync::{Arc, Mutex};

use crate::support::{Fixture, KEY, bearer};
use actix_web::{App, test, web};
use dualkey_actix::{Decision, Denial, Guard};
use dualkey_limit::LimitPolicy;
use tracing::field::Empty;
use tracing::{Instrument as _, info, info_span};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[actix_web::test]
async fn a_decision_records_who_calls_on_the_current_span() {
    let fixture = Fixture::new();
    fixture.partner(LimitPolicy::default()).await;
    let token = bearer(&fixture.token().await);
    let guard = Guard::new(fixture.gate(), fixture.require("guests:read"));
    let app = App::new().wrap(guard).route("/", web::get().to(async || "hello"));
    let app = test::init_service(app).await;
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());

    for (value, expected) in
        [(&*token, " organization=acme token="), ("", r#" code="token_missing""#)]
    {
        let request = test::TestRequest::get().uri("/").insert_header(("x-api-key", KEY));
        let request = request.insert_header(("authorization", value)).to_request();
        let (partner, organization, token, code) = (Empty, Empty, Empty, Empty);
        let span = info_span!("request", partner, organization, token, code);
        let response = test::call_service(&app, request).instrument(span.clone()).await;
        span.in_scope(|| info!("responded"));

        let text = String::from_utf8(std::mem::take(&mut *log.0.lock().unwrap())).unwrap();
        assert!(text.contains("request{partner=") && text.contains(expected), "{text}");
        let extensions = response.response().extensions();
        let is_granted = extensions.get::<Decision>().is_some();
        assert_ne!(is_granted, extensions.get::<Denial>().is_some());
    }
}
