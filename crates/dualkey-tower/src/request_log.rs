//! How to log who calls: the partner, the organization, the token and the code of each request.
//!
//! A decision records on the current span, where the span declares fields of these names:
//!
//! | field | value |
//! | --- | --- |
//! | `partner` | the id of the partner, if the key is known. It may be disabled. |
//! | `organization` | the organization, if the token is valid |
//! | `token` | the id of the token, if it is valid or has expired |
//! | `code` | the [code](crate::Denial::code) of a refusal. A request that passes has none. |
//!
//! A field that the span does not declare is not recorded, and no value is a credential. The span has to be
//! that of a layer outside of the guard. Of several guards of one gate, only the outermost records who calls. A
//! request that cannot be decided without the store while it does not answer, and an anonymous one, have no
//! caller.
//!
//! One `tower_http::trace::TraceLayer` logs each request, refused or not:
//!
//! ```
//! # use std::io::{self, Write};
//! # use std::sync::{Arc, Mutex};
//! use std::time::Duration;
//!
//! # use bytes::Bytes;
//! # use dualkey_testing::Fixture;
//! use http::{Request, Response};
//! # use http_body_util::Full;
//! use tower::{Layer as _, ServiceExt as _, service_fn};
//! use tower_http::trace::TraceLayer;
//! use tracing::field::Empty;
//! use tracing::{Span, info, info_span};
//!
//! # #[derive(Clone, Default)]
//! # struct Log(Arc<Mutex<Vec<u8>>>);
//! # impl Write for Log {
//! #     fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
//! #         self.0.lock().unwrap().write(bytes)
//! #     }
//! #     fn flush(&mut self) -> io::Result<()> {
//! #         Ok(())
//! #     }
//! # }
//! # let log = Log::default();
//! # let writer = log.clone();
//! # let writer = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
//! # let _guard = tracing::subscriber::set_default(writer.finish());
//! # pollster::block_on(async {
//! let log_requests = TraceLayer::new_for_http()
//!     .make_span_with(|request: &Request<Full<Bytes>>| {
//!         let (method, path) = (request.method(), request.uri().path());
//!         let (partner, organization, token, code) = (Empty, Empty, Empty, Empty);
//!         info_span!("request", %method, path, partner, organization, token, code)
//!     })
//!     .on_response(|response: &Response<_>, latency: Duration, _: &Span| {
//!         info!(status = response.status().as_u16(), ?latency, "responded");
//!     });
//!
//! # let fixture = Fixture::new();
//! # let hello = service_fn(async |_: Request<Full<Bytes>>| {
//! #     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! # });
//! let guarded = fixture.gate.require(fixture.require("guests:edit")).layer(hello);
//! let app = log_requests.layer(guarded);
//!
//! let mut request = Request::get("/guests").body(Full::default())?;
//! *request.headers_mut() = fixture.headers(); // its token has the scope `guests:read` only
//! app.oneshot(request).await?;
//! # let text = String::from_utf8(log.0.lock().unwrap().clone())?;
//! # let ids = (fixture.partner.id, fixture.issued.record.id);
//! # let fields = format!("partner={} organization=acme token={} code=\"scope_insufficient\"", ids.0, ids.1);
//! # assert!(text.contains(&format!("request{{method=GET path=\"/guests\" {fields}}}")), "{text}");
//! # assert!(text.contains("responded status=403"), "{text}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! ```text
//! INFO request{method=GET path="/guests" partner=… organization=acme token=… code="scope_insufficient"}: responded status=403 latency=…
//! ```
//!
//! With axum, the layer is added to the finished router, and the requests are of `axum::extract::Request`.
//!
//! A layer that does not use `tracing` finds the same in the extensions of the response: the
//! [`Decision`](crate::Decision), whose [`grant`](crate::Decision::grant) names the caller of a request that passed, or
//! the [`Denial`](crate::Denial) of a refusal.
