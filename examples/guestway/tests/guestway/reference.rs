//! The OpenAPI document, and the page that shows it.

use crate::support::api::{Api, Caller};
use crate::support::browser::Browser;
use crate::support::client::Client;
use crate::support::sandbox::Sandbox;
use hyper::Method;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH,
};
use serde_json::Value;

fn document() -> Value {
    serde_json::from_str(&guestway::document().to_json()).unwrap()
}

#[test]
fn the_document_is_printed_without_a_server_or_database() {
    let sandbox = Sandbox::on("postgres://127.0.0.1:1/none".to_owned());
    let json = sandbox.run(&["openapi"]);
    assert_eq!((json.status, &*json.stderr), (Some(0), ""));
    assert_eq!(json.stdout, guestway::document().to_json());
    let yaml = sandbox.run(&["openapi", "--yaml"]);
    assert_eq!((yaml.status, yaml.stdout), (Some(0), guestway::document().to_yaml()));
    assert!(sandbox.files().is_empty());
}

#[tokio::test]
async fn the_document_and_its_page_are_served_to_everybody() {
    let sandbox = Sandbox::new();
    let program = sandbox.serve("info");
    let mut browser = Browser::at(&program);
    let (json, yaml) = (guestway::document().to_json(), guestway::document().to_yaml());
    for (path, kind, content) in [
        ("/openapi.json", "application/json", Some(json)),
        ("/openapi.yaml", "application/yaml", Some(yaml)),
        ("/swagger/open", "text/html; charset=utf-8", None),
        ("/swagger/reference.css", "text/css; charset=utf-8", None),
        ("/swagger/reference.js", "text/javascript; charset=utf-8", None),
    ] {
        let page = browser.get(path).await;
        assert_eq!(
            (page.status, &page.headers[CONTENT_TYPE]),
            (200, &HeaderValue::from_static(kind))
        );
        assert_eq!(page.headers[CACHE_CONTROL], "no-cache", "{path}");
        let policy = page.headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{path}");
        assert!(content.is_none_or(|content| content == page.text), "{path}");
    }
}

#[tokio::test]
async fn a_known_document_is_not_sent_again() {
    let sandbox = Sandbox::new();
    let program = sandbox.serve("info");
    let client = Client::http1();
    let get = || program.call("/openapi.json", "none").get();
    let first = client.send(get()).await;
    let tag = first.headers[ETAG].to_str().unwrap();
    for (known, status) in [
        (tag, 304),
        (&format!("W/{tag}"), 304),
        (&format!("\"other\", {tag}"), 304),
        ("*", 304),
        ("\"other\"", 200),
    ] {
        let mut request = get();
        request.headers_mut().insert(IF_NONE_MATCH, known.parse().unwrap());
        let answer = client.send(request).await;
        assert_eq!((answer.status.as_u16(), &answer.headers[ETAG]), (status, &first.headers[ETAG]));
        assert_eq!(answer.body.is_null(), status == 304, "{known}");
    }
}

#[tokio::test]
async fn each_example_is_an_answer_to_the_demonstration() {
    let api = Api::start().await;
    api.verifier.warm_up().await.unwrap();
    let caller = api.caller("harbour-stays", &["full:edit"]).await;
    let document = document();
    let mut operations = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert_example(&caller, &method.to_uppercase(), path, operation).await;
            operations += 1;
        }
    }
    assert_eq!(operations, 22);
}

/// Sends the request of an example, and asserts that the answer has the ids of the example's. The days are
/// others.
async fn assert_example(caller: &Caller<'_>, method: &str, path: &str, operation: &Value) {
    let about = format!("{method} {path}");
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let mut url = path.to_owned();
    for parameter in parameters {
        match (parameter["name"].as_str().unwrap(), parameter["example"].as_str()) {
            ("id", Some(id)) => url = url.replace("{id}", id),
            ("limit", _) => url.push_str("?limit=2"),
            _ => {}
        }
    }
    let body = &operation["requestBody"]["content"]["application/json"]["example"];
    let body = (!body.is_null()).then(|| body.to_string());
    let method: Method = method.parse().unwrap();
    let answer = caller.send(method, &url, body.as_deref()).await;
    let documented = &operation["responses"][answer.status.as_str()];
    assert!(answer.status.is_success() && documented.is_object(), "{about}: {}", answer.body);
    let example = &documented["content"]["application/json"]["example"];
    assert_eq!(names(&answer.body), names(example), "{about}");
    if example["id"].as_str().is_none_or(|id| !id.starts_with("msg_")) {
        assert_eq!(ids(&answer.body), ids(example), "{about}");
    }
}

fn names(value: &Value) -> Vec<&String> {
    value.as_object().unwrap().keys().collect()
}

/// The ids of a record, or of the records of a list.
fn ids(value: &Value) -> Vec<&Value> {
    let listed = value["data"].as_array().into_iter().flatten().map(|record| &record["id"]);
    listed.chain([&value["id"]]).collect()
}
