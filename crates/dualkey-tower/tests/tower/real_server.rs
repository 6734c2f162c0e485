//! The layer in an HTTP server, tested with bytes on a socket. No log contains a secret.

use std::time::Duration;

use crate::support::server::*;
use crate::support::*;
use bytes::Bytes;
use dualkey_limit::Clock as _;
use dualkey_testing::Fault;
use dualkey_token::PlainToken;
use futures_util::future::join_all;
use http::header::HeaderValue;
use http::{Method, Response};

#[test]
fn every_spelling_is_read_the_same_way_over_http_1_1() {
    serve(async |server| {
        let mut caller = server.raw().await;
        for spelling in spellings(server) {
            server.wait();
            caller.write(spelling.head()).await;
            assert_eq!(outcome(&caller.answer().await), spelling.outcome, "{}", spelling.shown());
        }
        assert_eq!(caller.rest().await, "");
        assert!(server.log.text().contains("refused"));
    });
}

#[test]
fn every_spelling_is_read_the_same_way_over_http_2() {
    serve(async |server| {
        let mut caller = server.http2().await;
        for spelling in spellings(server) {
            server.wait();
            let answer = caller.send(server.request(spelling.headers())).await;
            assert_eq!(outcome(&answer), spelling.outcome, "{}", spelling.shown());
        }
        let log = server.log.text();
        assert!(
            log.contains("h2::") && log.contains("refused"),
            "the log has the HTTP/2 layer in it"
        );
    });
}

#[test]
fn a_token_with_any_foreign_byte_is_refused() {
    serve(async |server| {
        let (start, end) = server.fixture.secret().split_at(20);
        for byte in 0..=u8::MAX {
            server.wait();
            let mut caller = server.raw().await;
            let head = server.head("GET").replace(server.fixture.secret(), "");
            let mut request = head.trim_end().as_bytes().to_vec();
            request.extend_from_slice(b" ");
            request.extend_from_slice(start.as_bytes());
            request.push(byte);
            request.extend_from_slice(end.as_bytes());
            request.extend_from_slice(b"\r\n\r\n");
            caller.write(request).await;
            let answer = caller.answer().await;
            match byte {
                b'\t' | b' '..=b'~' | 0x80.. => assert_eq!(outcome(&answer), "token_invalid"),
                _ => assert_eq!((answer.status().as_u16(), &**answer.body()), (400, &b""[..])),
            }
        }
    });
}

#[test]
fn malformed_field_lines_never_reach_the_gate() {
    serve(async |server| {
        let good = server.head("GET");
        for broken in [
            good.replace("Authorization:", "Authorization :"),
            good.replace("X-Api-Key:", "X-Api-Key\t:"),
            good.replace("Bearer ", "Bearer\r\n "),
            good.replace("Bearer ", "Bearer\0"),
            good.replace("Authorization:", "Authorization"),
        ] {
            let mut caller = server.raw().await;
            caller.write(broken + "\r\n").await;
            assert_eq!(caller.answer().await.status(), 400);
        }
    });
}

#[test]
fn field_names_ignore_case_and_similar_names_do_not_count() {
    serve(async |server| {
        let good = server.head("GET");
        let (key, token) = ("X-Api-Key", "Authorization");
        let names = [
            (key, "x-api-key", "hello"),
            (key, "X-API-KEY", "hello"),
            (token, "authorization", "hello"),
            (token, "AUTHORIZATION", "hello"),
            (key, "X_Api_Key", "api_key_missing"),
            (key, "Api-Key", "api_key_missing"),
            (key, "X-Api-Key-2", "api_key_missing"),
            (token, "Proxy-Authorization", "token_missing"),
            (token, "X-Authorization", "token_missing"),
            (token, "X-HTTP_AUTHORIZATION", "token_missing"),
            (token, "Redirect-Authorization", "token_missing"),
        ];
        let mut caller = server.raw().await;
        for (from, to, expected) in names {
            caller.write(good.replace(from, to) + "\r\n").await;
            assert_eq!(outcome(&caller.answer().await), expected, "{to}");
        }
    });
}

#[test]
fn credentials_in_the_query_or_in_a_cookie_do_not_count() {
    serve(async |server| {
        let (key, token) = (server.fixture.partner.api_key.as_str(), server.fixture.secret());
        let mut caller = server.raw().await;
        let query = format!("/reservations?access_token={token}&x-api-key={key}");
        let bare =
            format!("GET {query} HTTP/1.1\r\nHost: here\r\nCookie: access_token={token}\r\n");
        caller.write(format!("{bare}\r\n")).await;
        assert_eq!(outcome(&caller.answer().await), "api_key_missing");
        caller.write(format!("{bare}X-Api-Key: {key}\r\n\r\n")).await;
        assert_eq!(outcome(&caller.answer().await), "token_missing");
    });
}

#[test]
fn unknown_revoked_and_expired_tokens_get_the_same_bytes() {
    serve(async |server| {
        let fixture = &server.fixture;
        let expiry = fixture.clock.now().saturating_add(Duration::from_secs(1));
        let revoked = fixture.issue("reservations:read", None);
        let expired = fixture.issue("reservations:read", Some(expiry));
        let (mut http1, mut http2) = (server.http1().await, server.http2().await);
        for token in [&revoked, &expired] {
            let answer = http1.send(with_token(server, token.secret.expose_secret())).await;
            assert_eq!(outcome(&answer), "hello");
        }
        fixture.clock.advance(Duration::from_secs(1));
        fixture.revoke(&revoked);

        let unknown = PlainToken::mint(&PREFIX);
        let mut seen = Vec::new();
        for token in [&unknown, &revoked.secret, &expired.secret] {
            server.keep_secret(token.expose_secret());
            let request = || with_token(server, token.expose_secret());
            seen.push([http1.send(request()).await, http2.send(request()).await].map(undated));
        }
        assert_eq!(seen[0], seen[1]);
        assert_eq!(seen[0], seen[2]);
        assert_eq!(seen[0][0].0, 401);
    });
}

/// A request with this token.
fn with_token(server: &Server, token: &str) -> http::Request<Body> {
    let headers = server.fixture.request_with(token).headers().clone();
    server.request(headers)
}

fn undated(answer: Response<Bytes>) -> (u16, Vec<(String, HeaderValue)>, Bytes) {
    let (mut head, body) = answer.into_parts();
    head.headers.remove("date");
    let fields = head.headers.iter().map(|(name, value)| (name.to_string(), value.clone()));
    (head.status.as_u16(), fields.collect(), body)
}

#[test]
fn head_gets_the_fields_of_get_and_no_body() {
    serve(async |server| {
        let mut caller = server.raw().await;
        for (secret, status) in [(server.fixture.secret(), 200), ("a", 401)] {
            let [head, get] = ["HEAD", "GET"].map(|method| {
                server.head(method).replace(server.fixture.secret(), secret) + "\r\n"
            });
            caller.write(head + &get).await;
            let (head, get) = (caller.head().await, caller.answer().await);
            assert_eq!((head.status().as_u16(), get.status().as_u16()), (status, status));
            let length = field(&head, "content-length");
            assert_eq!(length, Some(&*get.body().len().to_string()));
            if status == 401 {
                assert_eq!(head.headers(), get.headers());
            }
        }
        assert_eq!(caller.rest().await, "");
    });
}

#[test]
fn the_request_after_a_refused_one_is_answered_on_its_own() {
    serve(async |server| {
        let good = server.head("GET") + "\r\n";
        let bad = server.head("POST").replace(server.fixture.secret(), "a");
        // The body of the refused request looks like a request itself.
        let framings = [
            format!("Content-Length: {}\r\n\r\n{good}", good.len()),
            format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{good}\r\n0\r\n\r\n", good.len()),
        ];
        for body in framings {
            let mut caller = server.raw().await;
            caller.write(format!("{bad}{body}{good}")).await;
            assert_eq!(outcome(&caller.answer().await), "token_invalid");
            assert_eq!(outcome(&caller.answer().await), "hello");
            assert_eq!(caller.rest().await, "", "the body is not read as a request");
        }
    });
}

#[test]
fn a_refusal_does_not_wait_for_the_body() {
    serve(async |server| {
        let bad = server.head("POST").replace(server.fixture.secret(), "a");
        let mut caller = server.raw().await;
        caller.write(format!("{bad}Content-Length: 1000000000\r\n\r\nfirst")).await;
        assert_eq!(outcome(&caller.answer().await), "token_invalid");
    });
}

#[test]
fn only_requests_that_pass_get_100_continue() {
    serve(async |server| {
        let expects = "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n";
        let mut caller = server.raw().await;
        caller.write(server.head("POST") + expects).await;
        assert_eq!(caller.head().await.status(), 100);
        caller.write("howdy").await;
        assert_eq!(caller.answer().await.body(), "howdy");

        let mut caller = server.raw().await;
        caller.write(server.head("POST").replace(server.fixture.secret(), "a") + expects).await;
        assert_eq!(outcome(&caller.answer().await), "token_invalid");
        assert_eq!(caller.rest().await, "");
    });
}

#[test]
fn ten_of_eleven_concurrent_requests_pass() {
    serve(async |server| {
        let mut callers = Vec::new();
        for _ in 0..11 {
            callers.push(server.http1().await);
        }
        let requests = callers.iter_mut().map(|caller| caller.send(server.good_request()));
        assert_ten_of_eleven(&join_all(requests).await);

        server.wait();
        let caller = server.http2().await;
        let requests = (0..11).map(|_| {
            let (mut caller, request) = (caller.clone(), server.good_request());
            async move { caller.send(request).await }
        });
        let answers = join_all(requests).await;
        let wait = assert_ten_of_eleven(&answers);
        server.fixture.clock.advance(Duration::from_secs(wait));
        assert_eq!(caller.clone().send(server.good_request()).await.status(), 200);
    });
}

/// The seconds that the refused request has to wait.
fn assert_ten_of_eleven(answers: &[Response<Bytes>]) -> u64 {
    let (passed, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status() == 200);
    let mut left: Vec<_> =
        passed.iter().map(|answer| remaining(answer, "burst").unwrap().0).collect();
    left.sort_unstable();
    assert_eq!(left, Vec::from_iter(0..10));
    assert_eq!((refused.len(), &*outcome(refused[0])), (1, "rate_limited"));
    field(refused[0], "retry-after").unwrap().parse().unwrap()
}

#[test]
fn a_thousand_bad_tokens_do_not_use_the_quota() {
    serve(async |server| {
        let mut caller = server.http1().await;
        let left = |answer: &Response<Bytes>| rate_limit(answer)[1].unwrap().to_owned();
        let first = caller.send(server.good_request()).await;
        assert_eq!(left(&first), r#""burst";r=9;t=2, "daily";r=9999;t=43200"#);
        let mut refused_by_allowance = 0;
        for attempt in 0..1_000 {
            let unknown = PlainToken::mint(&PREFIX);
            let unknown = unknown.expose_secret();
            let token = if attempt % 2 == 0 { unknown } else { &unknown[..40] };
            if attempt < 20 {
                server.keep_secret(unknown);
            }
            let answer = caller.send(with_token(server, token)).await;
            match &*outcome(&answer) {
                "token_invalid" => {}
                "attempts_exceeded" => refused_by_allowance += 1,
                other => panic!("{other}"),
            }
        }
        assert!(refused_by_allowance >= 490, "{refused_by_allowance}");
        let last = caller.send(server.good_request()).await;
        assert_eq!(left(&last), r#""burst";r=8;t=2, "daily";r=9998;t=43200"#);
    });
}

#[test]
fn ten_thousand_pass_in_a_day_and_the_quota_resets_on_time() {
    serve(async |server| {
        let (mut caller, request) = (server.raw().await, server.head("GET") + "\r\n");
        let mut passed = 0;
        let wait = loop {
            caller.write(&request).await;
            let answer = caller.answer().await;
            let wait = field(&answer, "retry-after").map(|wait| wait.parse().unwrap());
            match &*outcome(&answer) {
                "hello" => passed += 1,
                "rate_limited" => server.fixture.clock.advance(Duration::from_secs(wait.unwrap())),
                "quota_exceeded" => break wait.unwrap(),
                other => panic!("{other}"),
            }
        };
        assert_eq!(passed, 10_000);
        let midnight = NOON.saturating_add(Duration::from_secs(43_200));
        let resets_in = midnight.saturating_duration_since(server.fixture.clock.now());
        assert_eq!(Duration::from_secs(wait), resets_in);

        server.fixture.clock.advance(Duration::from_secs(wait - 1));
        caller.write(&request).await;
        let early = caller.answer().await;
        let refusal = (&*outcome(&early), field(&early, "retry-after"));
        assert_eq!(refusal, ("quota_exceeded", Some("1")));
        server.fixture.clock.advance(Duration::from_secs(1));
        caller.write(&request).await;
        let limit = r#""burst";r=9;t=2, "daily";r=9999;t=86400"#;
        assert_eq!(rate_limit(&caller.answer().await)[1], Some(limit));
    });
}

#[test]
fn a_misplaced_token_is_logged_by_its_id() {
    serve(async |server| {
        let mut caller = server.http1().await;
        assert_eq!(caller.send(server.good_request()).await.status(), 200);
        let mut request = server.good_request();
        let token = HeaderValue::from_str(server.fixture.secret()).unwrap();
        request.headers_mut().insert(API_KEY, token);
        let answer = caller.send(request).await;
        assert!(problem(&answer)["detail"].as_str().unwrap().contains("Authorization"));
        let line = server.log.line("in place of a partner key");
        let id = server.fixture.token.record.id.to_string();
        assert!(line.contains("WARN") && line.contains(&id), "{line}");
    });
}

#[test]
fn an_outage_is_logged_without_credentials() {
    serve(async |server| {
        server.fixture.store.set_fault(Fault::Error);
        let mut caller = server.http2().await;
        let mut request = server.good_request();
        *request.method_mut() = Method::POST;
        let answer = caller.send(request).await;
        assert_eq!((answer.status().as_u16(), field(&answer, "retry-after")), (503, Some("1")));
        assert!(server.log.line("the store is down").contains("ERROR"));
        server.fixture.store.set_fault(Fault::None);
        assert_eq!(caller.send(server.good_request()).await.status(), 200);
    });
}
