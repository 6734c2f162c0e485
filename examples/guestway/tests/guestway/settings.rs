//! The pages of the settings: who is admitted, and for how long.

use dualkey::{PlainToken, Prefix, Timestamp};
use dualkey_testing::postgres::Server;
use guestway::{Sessions, User};

use crate::support::browser::{Browser, Page};
use crate::support::sandbox::{Sandbox, text};

const TOKENS: &str = "/settings/api-access";

/// The code of a new link.
pub(crate) fn code(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let link = sandbox.json(&[&["admin", "sign-in"], arguments].concat());
    let code = text(&link, "link").rsplit('/').next().unwrap();
    code.to_owned()
}

async fn sign_in(browser: &mut Browser, sandbox: &Sandbox, arguments: &[&str]) -> Page {
    browser.post("/sign-in", &format!("code={}", code(sandbox, arguments))).await
}

#[tokio::test]
async fn a_link_signs_in_once_and_not_by_being_opened() {
    let sandbox = Sandbox::new();
    let program = sandbox.serve("info");
    let mut browser = Browser::at(&program);
    let code = code(&sandbox, &["--organization", "harbour-stays", "--user", "alice"]);
    for _ in 0..2 {
        let opened = browser.get(&format!("/sign-in/{code}")).await;
        assert_eq!((opened.status, &browser.cookie), (200, &None));
        assert_eq!(opened.headers["cache-control"], "no-store");
    }
    let form = format!("code={code}");
    let signed_in = browser.post("/sign-in", &form).await;
    assert_eq!((signed_in.status, signed_in.location()), (303, TOKENS));
    let cookie = signed_in.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    assert!(browser.get(TOKENS).await.text.contains("<bdi>alice</bdi>"));

    let mut other = Browser::at(&program);
    let made_up = PlainToken::mint(&Prefix::new("gwlink"));
    for form in [&*form, "code=", &format!("code={}", made_up.expose_secret())] {
        assert_eq!((other.post("/sign-in", form).await.status, &other.cookie), (410, &None));
    }
}

#[tokio::test]
async fn a_session_outlives_a_restart_until_it_is_ended() {
    let sandbox = Sandbox::new();
    let mut program = sandbox.serve("info");
    let mut browser = Browser::at(&program);
    for end in ["sign out", "command"] {
        assert_eq!(sign_in(&mut browser, &sandbox, &["--organization", "acme"]).await.status, 303);
        program.stop("TERM").await;
        program = sandbox.serve("info");
        browser = browser.moved_to(&program);
        assert_eq!(browser.get(TOKENS).await.status, 200);
        let cookie = browser.cookie.clone();
        if end == "command" {
            let ended = sandbox.json(&["admin", "sign-out", "--organization", "acme"]);
            assert_eq!(ended["sessions"], 1);
        } else {
            assert_eq!(browser.post("/sign-out", "").await.location(), "/sign-in");
            assert_eq!(browser.cookie, None);
        }
        browser.cookie = cookie;
        let page = browser.get(TOKENS).await;
        assert_eq!((page.status, page.location()), (303, "/sign-in"), "{end}");
    }
}

#[tokio::test]
async fn each_page_admits_only_its_own_users() {
    let sandbox = Sandbox::new();
    let program = sandbox.serve("info");
    let mut browser = Browser::at(&program);
    for (arguments, tokens, operator) in
        [(&["--organization", "acme"][..], 200, 403), (&["--operator"], 403, 200)]
    {
        sign_in(&mut browser, &sandbox, arguments).await;
        assert_eq!(browser.get(TOKENS).await.status, tokens, "{arguments:?}");
        assert_eq!(browser.get("/operator").await.status, operator, "{arguments:?}");
    }
    sign_in(&mut browser, &sandbox, &["--organization", "acme", "--read-only"]).await;
    assert_eq!(browser.post(TOKENS, "name=x&scope=guests%3Aread").await.status, 403);
    assert!(sandbox.list(&["token", "list", "--organization", "acme"]).is_empty());
}

#[tokio::test]
async fn a_form_of_another_site_spends_no_link_and_ends_no_session() {
    let sandbox = Sandbox::new();
    let program = sandbox.serve("info");
    let mut browser = Browser::at(&program);
    let form = format!("code={}", code(&sandbox, &["--organization", "acme"]));
    browser.origin = Some("https://other.example".into());
    assert_eq!(browser.post("/sign-in", &form).await.status, 403);
    browser.origin = None;
    assert_eq!(browser.post("/sign-in", &form).await.status, 303);
    browser.origin = Some("https://other.example".into());
    assert_eq!(browser.post("/sign-out", "").await.status, 403);
    assert_eq!(browser.get(TOKENS).await.status, 200);
}

#[tokio::test]
async fn links_and_sessions_end_by_time_and_for_their_own_users() {
    let postgres = Server::shared().new_database();
    for url in ["memory:", &postgres] {
        let sessions = Sessions::open(url).await.unwrap();
        let at = |minutes: u64| Timestamp::from_secs(1_700_000_000 + 60 * minutes);
        let user = |organization: Option<&str>, may_edit| User {
            actor: "alice".into(),
            organization: organization.map(Into::into),
            may_edit,
        };
        let (acme, staff) = (user(Some("acme"), false), user(None, true));
        let late = sessions.create_link(&acme, at(0)).await.unwrap();
        assert!(sessions.sign_in(late.expose_secret(), at(10)).await.unwrap().is_none());

        let mut begun = Vec::new();
        for user in [&acme, &staff] {
            let link = sessions.create_link(user, at(0)).await.unwrap();
            let signed_in = sessions.sign_in(link.expose_secret(), at(9)).await.unwrap();
            let (session, signed_in) = signed_in.unwrap();
            assert_eq!((&signed_in, session.prefix().as_str()), (user, "gwsession"));
            begun.push(session);
        }
        let found = async |session: usize, minutes: u64| {
            sessions.user(begun[session].expose_secret(), at(minutes)).await.unwrap()
        };
        assert_eq!(found(0, 9 + 12 * 60 - 1).await, Some(acme.clone()));
        assert_eq!(found(0, 9 + 12 * 60).await, None);

        let unspent = sessions.create_link(&acme, at(20)).await.unwrap();
        assert_eq!(sessions.sign_out_all(acme.organization.as_ref()).await.unwrap(), 1);
        assert!(sessions.sign_in(unspent.expose_secret(), at(21)).await.unwrap().is_none());
        assert_eq!((found(0, 21).await, found(1, 21).await), (None, Some(staff.clone())));
        assert_eq!(sessions.sign_out_all(None).await.unwrap(), 1);
        assert_eq!(found(1, 21).await, None);
    }
}
