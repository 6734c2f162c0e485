//! The server process, from start to stop.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::settings::code as sign_in_code;
use crate::support::browser::Browser;
use crate::support::client::{Call, Client};
use crate::support::sandbox::{Sandbox, text};
use crate::support::secret::assert_absent;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use hyper::{Method, StatusCode};
use tokio::task::JoinSet;

#[tokio::test]
async fn printed_requests_work_over_http_1_and_http_2() {
    let sandbox = Sandbox::new();
    let program = sandbox.serve("info");
    let [organization, reservations] = &program.calls;
    for client in [Client::http1(), Client::http2()] {
        let answer = client.send(organization.get()).await;
        assert_eq!(
            (answer.status, &answer.body["name"]),
            (StatusCode::OK, &"Harbour Stays".into())
        );
        assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
        assert_eq!(answer.headers[CACHE_CONTROL], "no-store");

        let answer = client.send(reservations.get()).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(!answer.body["data"].as_array().unwrap().is_empty());
    }
}

#[test]
fn without_demo_a_server_creates_and_prints_no_token() {
    let sandbox = Sandbox::new();
    let mut serve = sandbox.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut child = serve.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(log.any(|line| line.unwrap().contains("serving")));
    child.kill().unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"");
    assert!(sandbox.list(&["partner", "list"]).is_empty());
}

#[tokio::test]
async fn the_printed_token_reads_and_edits_only_conversations() {
    let sandbox = Sandbox::new();
    let program = sandbox.serve("info");
    let client = Client::http1();
    let at = |path: &str| {
        let url = program.calls[0].url.replace("/v1/organization", path);
        Call { url, ..program.calls[0].clone() }
    };
    assert_eq!(client.send(at("/v1/guests").get()).await.status, 200);
    let conversations = client.send(at("/v1/conversations").get()).await;
    let id = conversations.body["data"][0]["id"].as_str().unwrap();
    let edit = at(&format!("/v1/conversations/{id}")).with(Method::PATCH, Some("{}"));
    assert_eq!(client.send(edit).await.status, 200);
    let edit = at("/v1/custom-fields/cf_1").with(Method::PATCH, Some("{}"));
    client.send(edit).await.assert_problem(403, "scope_insufficient", "custom fields");
}

#[tokio::test]
async fn of_eleven_requests_at_once_one_is_refused() {
    for client in [Client::http1(), Client::http2()] {
        let sandbox = Sandbox::new();
        let program = sandbox.serve("info");
        let start = Instant::now();
        let mut requests = JoinSet::new();
        for _ in 0..11 {
            let (client, request) = (client.clone(), program.calls[1].get());
            requests.spawn(async move { client.send(request).await });
        }
        let answers = requests.join_all().await;
        let refilled = start.elapsed().as_millis() / 200; // five a second
        let (passed, refused): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 200);
        assert!((10..=10 + refilled as usize).contains(&passed.len()), "{}", passed.len());
        for answer in refused {
            answer.assert_problem(429, "rate_limited", "the eleventh");
            assert_eq!(answer.headers[RETRY_AFTER], "1");
        }
    }
}

#[test]
fn a_port_in_use_gives_a_one_line_error_and_exit_status_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = Sandbox::new().refused(1, &["serve", "--listen", &address]);
    assert!(output.starts_with(&format!("cannot listen on {address}: ")), "{output}");
}

#[tokio::test]
async fn sigterm_and_sigint_stop_without_waiting_for_idle_clients() {
    for signal in ["TERM", "INT"] {
        let sandbox = Sandbox::new();
        let program = sandbox.serve("info");
        let clients = [Client::http1(), Client::http2()];
        for client in &clients {
            assert_eq!(client.send(program.calls[0].get()).await.status, 200);
        }
        let start = Instant::now();
        let (status, log) = program.stop(signal).await;
        assert!(status.success(), "{signal}: {status}");
        assert!(start.elapsed() < Duration::from_secs(3), "{signal}");
        assert!(log.contains("stopped"), "{log}");
        drop(clients);
    }
}

#[tokio::test]
async fn shutdown_cuts_off_a_connection_that_stays_open() {
    let sandbox = Sandbox::new();
    let program = sandbox.serve("info");
    let server = program.calls[0].url.strip_prefix("http://").unwrap();
    let mut stuck = std::net::TcpStream::connect(server.split('/').next().unwrap()).unwrap();
    std::io::Write::write_all(&mut stuck, b"GET /healthz HTTP/1.1\r\n").unwrap();
    assert_eq!(Client::http1().send(program.calls[0].get()).await.status, 200);
    let start = Instant::now();
    let (status, _) = program.stop("TERM").await;
    assert!(status.success());
    assert!(start.elapsed() < Duration::from_secs(6));
}

#[tokio::test]
async fn no_secret_is_in_the_trace_log_or_the_database() {
    let sandbox = Sandbox::new();
    let program = sandbox.serve("trace");
    let call = program.calls[0].clone();
    let created = sandbox.create_token("harbour-stays");
    let rotated = ["token", "rotate", "--organization", "harbour-stays", text(&created, "id")];
    let rotated = sandbox.json(&[&rotated[..], &["--overlap", "1h"]].concat());
    let mut tokens = vec![&*call.token, text(&created, "token"), text(&rotated, "token")];
    let client = Client::http1();
    for token in &tokens {
        assert_eq!(client.send(program.call("/v1/guests", token).get()).await.status, 200);
    }
    send_secrets_where_they_do_not_belong(&call).await;
    let code = sign_in_code(&sandbox, &["--organization", "harbour-stays"]);
    let mut browser = Browser::at(&program);
    assert_eq!(browser.get(&format!("/sign-in/{code}")).await.status, 200);
    assert_eq!(browser.post("/sign-in", &format!("code={code}")).await.status, 303);
    assert_eq!(browser.get("/settings/api-access").await.status, 200);
    let session = browser.cookie.as_ref().unwrap().rsplit('=').next().unwrap();
    tokens.extend([&*code, session]);
    let database = sandbox.files();
    let (_, log) = program.stop("TERM").await;
    assert!(log.contains("TRACE") && log.contains("answered") && log.contains("dualkey_tokens"));
    assert!(database.iter().any(|(name, bytes)| name == "guestway.db-wal" && !bytes.is_empty()));
    for token in tokens {
        assert_absent(token, log.as_bytes(), "the log");
        for (name, bytes) in database.iter().chain(&sandbox.files()) {
            assert_absent(token, bytes, name);
        }
    }
}

async fn send_secrets_where_they_do_not_belong(call: &Call) {
    let token = &call.token;
    let conversations =
        Call { url: call.url.replace("organization", "conversations"), ..call.clone() };
    for client in [Client::http1(), Client::http2()] {
        let conversation = client.send(conversations.get()).await.body["data"][0]["id"].clone();
        let messages = format!("{}/{}/messages", conversations.url, conversation.as_str().unwrap());
        for (url, api_key, bearer) in [
            (&call.url, token, "x"),
            (&call.url, &call.api_key, &*format!("{token}x")),
            (&call.url, &call.api_key, &token.to_uppercase()),
            (&format!("{}/{token}", call.url), &call.api_key, token),
            (&format!("{}?access_token={token}", call.url), &call.api_key, token),
        ] {
            let call =
                Call { url: url.clone(), api_key: api_key.clone(), token: bearer.to_owned() };
            client.send(call.get()).await;
        }
        let call = Call { url: messages, ..call.clone() };
        let body = format!(r#"{{"{token}":"{token}"}}"#);
        let answer = client.send(call.with(Method::POST, Some(&body))).await;
        answer.assert_problem(422, "body_invalid", "");
    }
}
