//! Changes by PATCH and POST, and refused bodies.

use crate::support::api::{Api, Caller};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request};
use serde_json::json;

async fn editor(api: &Api) -> Caller<'_> {
    api.caller("harbour-stays", &["full:edit"]).await
}

#[tokio::test]
async fn a_changed_conversation_is_visible_to_other_tokens() {
    let api = Api::start().await;
    let caller = editor(&api).await;
    let path = caller.resolve("/v1/conversations/{id}").await;
    let user = caller.first_id("/v1/organization/users").await;
    let before = caller.get(&path).await;
    for (change, status, assignee) in [
        (json!({ "status": "snoozed", "assigneeId": user }), json!("snoozed"), json!(user)),
        (json!({ "assigneeId": null }), json!("snoozed"), json!(null)),
        (json!({ "status": "closed" }), json!("closed"), json!(null)),
        (json!({}), json!("closed"), json!(null)),
    ] {
        let answer = caller.send(Method::PATCH, &path, Some(&change.to_string())).await;
        let mut expected = before.clone();
        expected["status"] = status;
        expected["assigneeId"] = assignee;
        assert_eq!((answer.status.as_u16(), &answer.body), (200, &expected), "{change}");
        let other = api.caller("harbour-stays", &["conversations:read"]).await;
        assert_eq!(other.get(&path).await, expected, "{change}");
    }
}

#[tokio::test]
async fn a_sent_message_is_the_last_of_its_conversation() {
    let api = Api::start().await;
    let caller = editor(&api).await;
    let path = caller.resolve("/v1/conversations/{id}/messages").await;
    let before = caller.list(&path).await;
    let text = "Línea uno\nzwei 🗝 \"three\"";
    let answer = caller.send(Method::POST, &path, Some(&json!({ "text": text }).to_string())).await;
    assert_eq!((answer.status.as_u16(), &answer.body["text"]), (201, &json!(text)));
    assert_eq!(answer.body["direction"], "outbound");

    let conversation = caller.get(path.strip_suffix("/messages").unwrap()).await;
    assert_eq!(conversation["lastMessageAt"], answer.body["sentAt"]);
    let after = caller.list(&path).await;
    assert_eq!(after[..before.len()], before);
    assert_eq!(after[before.len()..], [answer.body]);
}

#[tokio::test]
async fn a_conversation_keeps_its_latest_50_messages() {
    let api = Api::start().await;
    let caller = editor(&api).await;
    let path = caller.resolve("/v1/conversations/{id}/messages").await;
    let other = format!("/v1/conversations/{}/messages", {
        let conversations = caller.list("/v1/conversations").await;
        conversations[1]["id"].as_str().unwrap().to_owned()
    });
    let others = caller.list(&other).await;
    for n in 0..60 {
        let answer = caller.send(Method::POST, &path, Some(&format!(r#"{{"text":"{n}"}}"#))).await;
        assert_eq!(answer.status, 201);
    }
    let kept = caller.list(&path).await;
    let texts: Vec<_> = kept.iter().map(|message| message["text"].as_str().unwrap()).collect();
    assert_eq!(texts, (10..60).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(caller.list(&other).await, others);
}

#[tokio::test]
async fn a_custom_field_changes_name_and_value_but_not_type() {
    let api = Api::start().await;
    let caller = editor(&api).await;
    let values = [("text", json!("new")), ("number", json!(7)), ("boolean", json!(true))];
    for field in caller.list("/v1/custom-fields").await {
        let path = format!("/v1/custom-fields/{}", field["id"].as_str().unwrap());
        for (kind, value) in &values {
            let change = json!({ "name": "New", "value": value }).to_string();
            let answer = caller.send(Method::PATCH, &path, Some(&change)).await;
            if field["type"] == *kind {
                let shown = (&answer.body["name"], &answer.body["value"]);
                assert_eq!((answer.status.as_u16(), shown), (200, (&json!("New"), value)));
                assert!(caller.list("/v1/custom-fields").await.contains(&answer.body));
            } else {
                answer.assert_problem(422, "body_invalid", &change);
            }
        }
    }
}

#[tokio::test]
async fn an_invalid_body_is_refused_and_changes_nothing() {
    let api = Api::start().await;
    let caller = editor(&api).await;
    let stranger = api.caller("alpine-homes", &["full:read"]).await;
    let foreign_user = json!({ "assigneeId": stranger.first_id("/v1/organization/users").await });
    let foreign_user = foreign_user.to_string();
    let text = |text: String| json!({ "text": text }).to_string();
    let (blank, long) = (text(" \n\t".to_owned()), text("é".repeat(1_001)));
    let deep = format!(r#"{{"text":{}"#, "[".repeat(8_000));

    let conversation = (Method::PATCH, "/v1/conversations/{id}");
    let message = (Method::POST, "/v1/conversations/{id}/messages");
    let field = (Method::PATCH, "/v1/custom-fields/{id}");
    for (endpoint, body, status) in [
        (&conversation, r#"{"status":"closed""#, 400),
        (&conversation, r#"{"status":"closed"} x"#, 400),
        (&conversation, "", 400),
        (&conversation, "\u{feff}{}", 400),
        (&message, &deep, 400),
        (&conversation, r#"{"status":"deleted"}"#, 422),
        (&conversation, r#"{"status":null}"#, 422),
        (&conversation, r#"{"status":"closed","status":"closed"}"#, 422),
        (&conversation, r#"{"status":"closed","guestId":"gst_1"}"#, 422),
        (&conversation, r#"{"status":"closed","id":"cnv_1"}"#, 422),
        (&conversation, r#"{"status":"closed","assigneeId":"usr_unknown"}"#, 422),
        (&conversation, r#"{"status":"closed","assigneeId":7}"#, 422),
        (&conversation, r#"["closed",null]"#, 422),
        (&conversation, r#""closed""#, 422),
        (&conversation, "null", 422),
        (&conversation, &foreign_user, 422),
        (&message, "{}", 422),
        (&message, r#"{"text":"\ud800"}"#, 422),
        (&message, r#"["Hello"]"#, 422),
        (&message, r#"{"text":7}"#, 422),
        (&message, r#"{"text":"Hello","direction":"inbound"}"#, 422),
        (&message, &blank, 422),
        (&message, &long, 422),
        (&field, r#"{"value":null}"#, 422),
        (&field, r#"{"value":{}}"#, 422),
        (&field, r#"{"name":""}"#, 422),
        (&field, r#"{"name":"New","type":"text"}"#, 422),
    ] {
        assert_refused(&caller, endpoint, body, status).await;
    }
}

/// Asserts that the endpoint refuses the body with this status, and that its record does not change.
async fn assert_refused(caller: &Caller<'_>, endpoint: &(Method, &str), body: &str, status: u16) {
    let (method, path) = (endpoint.0.clone(), caller.resolve(endpoint.1).await);
    let read = path.split_once("/cf_").map_or(&*path, |(list, _)| list);
    let before = caller.get(read).await;
    let answer = caller.send(method, &path, Some(body)).await;
    let code = if status == 400 { "body_malformed" } else { "body_invalid" };
    answer.assert_problem(status, code, body);
    assert_eq!(caller.get(read).await, before, "{body}");
}

#[tokio::test]
async fn all_wrong_fields_of_a_body_are_named_at_once() {
    let api = Api::start().await;
    let caller = editor(&api).await;
    let conversation = "/v1/conversations/{id}";
    let message = "/v1/conversations/{id}/messages";
    let field = "/v1/custom-fields/{id}";
    for (path, body, expected) in [
        (conversation, r#"{"status":"deleted"}"#, &["#/status"][..]),
        (conversation, r#"{"status":null,"assigneeId":"x"}"#, &["#/status", "#/assigneeId"]),
        (conversation, r#"{"status":"open","status":"open"}"#, &["#/status"]),
        (conversation, r#"{"b":1,"assigneeId":{},"a":1}"#, &["#/assigneeId", "#/b", "#/a"]),
        (conversation, "[]", &["#"]),
        (conversation, "null", &["#"]),
        (conversation, r#"{"a b":1,"é":1}"#, &["#", "#"]),
        (message, "{}", &["#/text"]),
        (message, r#"{"Text":"Hello"}"#, &["#/text", "#/Text"]),
        (message, r#"{"text":"\ud800","to":1}"#, &["#/text", "#/to"]),
        (field, r#"{"name":"","value":null,"type":"text"}"#, &["#/name", "#/value", "#/type"]),
    ] {
        let method = if path == message { Method::POST } else { Method::PATCH };
        let answer = caller.send(method, &caller.resolve(path).await, Some(body)).await;
        answer.assert_problem(422, "body_invalid", body);
        assert_eq!(answer.faults("pointer"), expected, "{body}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_body_of_another_media_type_or_coding_is_refused() {
    let api = Api::start().await;
    let caller = editor(&api).await;
    let call = caller.call(&caller.resolve("/v1/conversations/{id}/messages").await);
    let with = |kind: Option<&'static str>| -> Request<Full<Bytes>> {
        let mut request = call.with(Method::POST, Some(r#"{"text":"Hello"}"#));
        request.headers_mut().remove(CONTENT_TYPE);
        if let Some(kind) = kind {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        request
    };
    for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("json")]
    {
        let answer = api.send(with(kind)).await;
        answer.assert_problem(415, "media_type_unsupported", kind.unwrap_or("none"));
    }
    for kind in ["application/json", "APPLICATION/JSON", "application/json; charset=utf-8"] {
        assert_eq!(api.send(with(Some(kind))).await.status, 201, "{kind}");
    }
    let mut coded = with(Some("application/json"));
    coded.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    api.send(coded).await.assert_problem(415, "media_type_unsupported", "gzip");
}

#[tokio::test]
async fn a_body_of_more_than_16_kib_is_refused() {
    let api = Api::start().await;
    let caller = editor(&api).await;
    let path = caller.resolve("/v1/conversations/{id}/messages").await;
    let body = |length: usize| {
        let text = json!({ "text": "Hello" }).to_string();
        format!("{text}{}", " ".repeat(length - text.len()))
    };
    let largest = caller.send(Method::POST, &path, Some(&body(16 * 1024))).await;
    assert_eq!(largest.status, 201);
    let larger = caller.send(Method::POST, &path, Some(&body(16 * 1024 + 1))).await;
    larger.assert_problem(413, "body_too_large", "one byte more");
}
