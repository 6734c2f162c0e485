//! Pages and filters of lists.

use crate::organizations::LISTS;
use crate::support::api::{Api, Caller};
use hyper::Method;
use serde_json::Value;

const RESERVATIONS: &str = "/v1/reservations";

async fn reader(api: &Api) -> Caller<'_> {
    api.caller("harbour-stays", &["full:edit"]).await
}

/// The records of all pages of this length, and the number of pages.
async fn in_pages(caller: &Caller<'_>, path: &str, limit: usize) -> (Vec<Value>, usize) {
    let first = format!("{path}{}limit={limit}", if path.contains('?') { '&' } else { '?' });
    let (mut records, mut pages, mut at) = (Vec::new(), 0, first.clone());
    loop {
        let page = caller.get(&at).await;
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= limit, "{at}");
        records.extend(data.iter().cloned());
        pages += 1;
        match &page["nextCursor"] {
            Value::Null => return (records, pages),
            cursor => at = format!("{first}&cursor={}", cursor.as_str().unwrap()),
        }
    }
}

#[tokio::test]
async fn every_list_can_be_read_page_by_page() {
    let api = Api::start().await;
    let caller = reader(&api).await;
    let mut paths = LISTS.map(str::to_owned).to_vec();
    for path in ["/v1/reservations/{id}/accesses", "/v1/conversations/{id}/messages"] {
        paths.push(caller.resolve(path).await);
    }
    for path in paths {
        let all = caller.get(&path).await;
        assert_eq!(all["nextCursor"], Value::Null, "{path}");
        let all = all["data"].as_array().unwrap();
        for limit in [1, 2, 100] {
            let (records, pages) = in_pages(&caller, &path, limit).await;
            assert_eq!(&records, all, "{path} by {limit}");
            assert_eq!(pages, all.len().div_ceil(limit), "{path} by {limit}");
        }
    }
}

#[tokio::test]
async fn a_page_has_50_records_unless_a_limit_is_given() {
    let api = Api::start().await;
    let caller = reader(&api).await;
    let messages = caller.resolve("/v1/conversations/{id}/messages").await;
    for _ in 0..50 {
        caller.send(Method::POST, &messages, Some(r#"{"text":"Hello"}"#)).await;
    }
    assert_eq!(caller.list(&messages).await.len(), 50);
    assert_eq!(in_pages(&caller, &messages, 49).await.1, 2);
}

#[tokio::test]
async fn a_cursor_stays_valid_while_records_come_and_go() {
    let api = Api::start().await;
    let caller = reader(&api).await;
    let messages = caller.resolve("/v1/conversations/{id}/messages").await;
    let first = caller.get(&format!("{messages}?limit=1")).await;
    let next = format!("{messages}?limit=100&cursor={}", first["nextCursor"].as_str().unwrap());
    let second = caller.get(&next).await["data"][0].clone();

    let sent = caller.send(Method::POST, &messages, Some(r#"{"text":"Hello"}"#)).await.body;
    assert_eq!(caller.get(&next).await["data"].as_array().unwrap()[..], [second, sent]);

    for _ in 0..49 {
        caller.send(Method::POST, &messages, Some(r#"{"text":"Hello"}"#)).await;
    }
    let kept = caller.list(&messages).await;
    assert!(!kept.contains(&first["data"][0]), "the oldest one is gone");
    assert_eq!(caller.get(&next).await["data"].as_array().unwrap(), &kept);
}

#[tokio::test]
async fn reservations_are_filtered_by_status_and_check_in() {
    let api = Api::start().await;
    let caller = reader(&api).await;
    let all = caller.list(RESERVATIONS).await;
    let days: Vec<_> = all.iter().map(|one| one["checkIn"].as_str().unwrap()).collect();
    assert!(days.is_sorted() && days.len() == 6, "{days:?}");
    let (first, third, last) = (days[0], days[2], days[5]);
    for (query, expected) in [
        ("status=confirmed", &[2, 3, 5][..]),
        ("status=checkedIn", &[1]),
        ("status=checkedOut", &[0]),
        ("status=cancelled", &[4]),
        (&format!("checkInFrom={third}"), &[2, 3, 4, 5]),
        (&format!("checkInTo={third}"), &[0, 1, 2]),
        (&format!("checkInFrom={third}&checkInTo={third}"), &[2]),
        (&format!("checkInFrom={first}&checkInTo={last}"), &[0, 1, 2, 3, 4, 5]),
        (&format!("status=cancelled&checkInTo={third}"), &[]),
        (&format!("status=confirmed&checkInFrom={third}"), &[2, 3, 5]),
        ("checkInTo=0000-01-01", &[]),
        ("checkInFrom=9999-12-31", &[]),
    ] {
        let path = format!("{RESERVATIONS}?{query}");
        let expected: Vec<_> = expected.iter().map(|&at| all[at].clone()).collect();
        assert_eq!(caller.list(&path).await, expected, "{query}");
        assert_eq!(in_pages(&caller, &path, 1).await.0, expected, "{query}");
    }
}

#[tokio::test]
async fn each_wrong_parameter_is_named() {
    let api = Api::start().await;
    let caller = reader(&api).await;
    let guests = caller.get("/v1/guests?limit=1").await;
    let of_guests = format!("cursor={}", guests["nextCursor"].as_str().unwrap());
    let altered = format!("{of_guests}x");
    for (query, expected) in [
        ("limit=0", &["limit"][..]),
        ("limit=101", &["limit"]),
        ("limit=-1", &["limit"]),
        ("limit=%2B1", &["limit"]),
        ("limit=1.0", &["limit"]),
        ("limit=ten", &["limit"]),
        ("limit=", &["limit"]),
        ("limit", &["limit"]),
        ("limit=99999999999999999999", &["limit"]),
        ("limit=1&limit=1", &["limit"]),
        ("cursor=", &["cursor"]),
        ("cursor=made-up", &["cursor"]),
        ("cursor=%00%ff", &["cursor"]),
        (&of_guests, &["cursor"]),
        (&altered, &["cursor"]),
        ("status=deleted", &["status"]),
        ("status=Confirmed", &["status"]),
        ("status=confirmed,cancelled", &["status"]),
        ("status=confirmed&status=cancelled", &["status"]),
        ("checkInFrom=2026-02-29", &["checkInFrom"]),
        ("checkInFrom=20260228", &["checkInFrom"]),
        ("checkInTo=2026-02-28T00:00:00Z", &["checkInTo"]),
        ("checkInTo=today", &["checkInTo"]),
        ("checkInFrom=-000001-01-01", &["checkInFrom"]),
        ("checkInFrom=2026-03-01&checkInTo=2026-02-28", &["checkInFrom"]),
        ("checkinFrom=2026-03-01", &["checkinFrom"]),
        ("limit=0&status=&cursor=x&page=2", &["limit", "cursor", "status", "page"]),
    ] {
        let answer = caller.send(Method::GET, &format!("{RESERVATIONS}?{query}"), None).await;
        answer.assert_problem(400, "parameter_invalid", query);
        assert_eq!(answer.faults("parameter"), expected, "{query}: {}", answer.body);
    }
}

#[tokio::test]
async fn lists_without_filters_refuse_those_of_others() {
    let api = Api::start().await;
    let caller = reader(&api).await;
    for path in LISTS.iter().filter(|path| **path != RESERVATIONS) {
        let answer = caller.send(Method::GET, &format!("{path}?status=confirmed"), None).await;
        answer.assert_problem(400, "parameter_invalid", path);
        assert_eq!(answer.faults("parameter"), ["status"], "{path}");
    }
}

#[tokio::test]
async fn a_token_in_the_place_of_a_name_is_not_repeated() {
    let api = Api::start().await;
    let caller = reader(&api).await;
    let token = caller.token.clone();
    let in_query = format!("{RESERVATIONS}?{token}={token}");
    let in_query = caller.send(Method::GET, &in_query, None).await;
    in_query.assert_problem(400, "parameter_invalid", "the query");
    let messages = caller.resolve("/v1/conversations/{id}/messages").await;
    let body = format!(r#"{{"text":"Hello","{token}":"{token}"}}"#);
    let in_body = caller.send(Method::POST, &messages, Some(&body)).await;
    in_body.assert_problem(422, "body_invalid", "the body");
    assert_eq!(in_body.faults("pointer"), ["#"]);
    for answer in [in_query, in_body] {
        assert!(!answer.body.to_string().contains(&token[3..20]), "{}", answer.body);
    }
}
