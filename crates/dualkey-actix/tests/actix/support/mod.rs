//! The actix guard and the tower layer on one registry and one clock. Their responses must be the same.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use actix_web::{App, HttpServer, rt, web};
use bytes::Bytes;
use dualkey_actix::{Gate, Granted, Guard, Verifier};
use dualkey_limit::{FakeClock, LimitPolicy, Rate};
use dualkey_scope::{Catalogue, Requirement};
use dualkey_store::{MemoryStore, NewPartner, NewToken, Registry, Store};
use dualkey_testing::NOON;
use dualkey_token::{PlainToken, Prefix};
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower::{Layer as _, ServiceExt as _, service_fn};

pub(crate) const KEY: &str = "partner-key-1";

/// Name and value of a field.
pub(crate) type Field<'a> = (&'a str, &'a str);

/// A registry without partners and tokens, on a clock that stands still.
pub(crate) struct Fixture {
    pub(crate) registry: Registry,
}

/// A response of either framework.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Sorted by name, without `Connection` and `Date`.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::on(MemoryStore::new())
    }

    pub(crate) fn on(store: impl Store + 'static) -> Self {
        let catalogue = Catalogue::builder()
            .scope("guests:read", "Guests - Read")
            .scope("guests:edit", "Guests - Edit")
            .build()
            .unwrap();
        let clock = Arc::new(FakeClock::new(NOON));
        Self { registry: Registry::new(catalogue, Prefix::new("gw"), Arc::new(store), clock) }
    }

    /// A new gate, with its own cache and its own limits.
    pub(crate) fn gate(&self) -> Gate {
        Gate::new(Verifier::new(self.registry.clone()))
    }

    pub(crate) fn require(&self, scope: &str) -> Requirement {
        self.registry.catalogue().require_all([scope]).unwrap()
    }

    pub(crate) async fn partner(&self, policy: LimitPolicy) {
        let partner = NewPartner::new("One").with_policy(policy).with_api_key(KEY.parse().unwrap());
        self.registry.register_partner(partner).await.unwrap();
    }

    /// The plain text of a new token that may read guests.
    pub(crate) async fn token(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(1);

        let name = format!("token {}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let token = NewToken::new("acme", name, ["guests:read"]);
        let issued = self.registry.issue_token(token).await.unwrap();
        issued.secret.expose_secret().to_owned()
    }

    /// Sends these requests to both frameworks in order, compares each pair of responses byte for byte,
    /// and returns the last.
    pub(crate) async fn last_refusal(&self, scope: &str, requests: &[&[Field<'_>]]) -> Answer {
        self.last_refusal_of(|_| self.gate(), scope, requests).await
    }

    pub(crate) async fn last_refusal_of(
        &self,
        gate: impl Fn(&Self) -> Gate,
        scope: &str,
        requests: &[&[Field<'_>]],
    ) -> Answer {
        let requirement = self.require(scope);
        let address = serve(Guard::new(gate(self), requirement.clone()));
        let tower = gate(self).require(requirement);
        let mut last = None;
        for fields in requests {
            let actix = send_over_socket(address, "GET", fields).await;
            let hello = service_fn(async |_: http::Request<()>| {
                Ok::<_, Infallible>(http::Response::new(Full::from("guests of acme")))
            });
            let tower = tower.layer(hello).oneshot(http_request(fields)).await.unwrap();
            let tower = of_tower(tower).await;
            if tower.status == 200 {
                assert_eq!(actix.status, 200, "{actix:?}");
                assert_eq!(actix.limits(), tower.limits());
            } else {
                assert_eq!(actix, tower);
            }
            last = Some(actix);
        }
        last.unwrap()
    }
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Both `RateLimit` fields.
    pub(crate) fn limits(&self) -> [Option<&str>; 2] {
        ["ratelimit-policy", "ratelimit"].map(|name| self.field(name))
    }

    pub(crate) fn assert_refused(&self, status: u16, code: &str) {
        assert_eq!(self.status, status);
        assert!(self.body.contains(&format!(r#""code":"{code}""#)), "{}", self.body);
        assert_eq!(self.field("content-type"), Some("application/problem+json"));
        assert_eq!(self.field("cache-control"), Some("no-store"));
    }
}

/// Starts an actix server whose only resource, `/guests`, is behind this guard.
pub(crate) fn serve(guard: Guard) -> SocketAddr {
    let app = move || {
        let guests = async |Granted(grant): Granted| format!("guests of {}", grant.organization);
        App::new().service(web::resource("/guests").wrap(guard.clone()).to(guests))
    };
    let server = HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    rt::spawn(server.run());
    address
}

/// The response to a request with these fields.
pub(crate) async fn send_over_socket(
    address: SocketAddr,
    method: &str,
    fields: &[Field<'_>],
) -> Answer {
    let mut request = format!("{method} /guests HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    for (name, value) in fields {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();

    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let (status, fields) = head.split_once("\r\n").unwrap();
    let status = status.split(' ').nth(1).unwrap().parse().unwrap();
    let fields = fields.lines().map(|line| line.split_once(": ").unwrap());
    let kept = fields.filter(|(name, _)| !["connection", "date"].contains(name));
    Answer { status, fields: sorted(kept), body: body.to_owned() }
}

fn http_request(fields: &[Field<'_>]) -> http::Request<()> {
    let request = http::Request::get("/guests");
    fields.iter().fold(request, |to, (name, value)| to.header(*name, *value)).body(()).unwrap()
}

async fn of_tower<B>(answer: http::Response<B>) -> Answer
where
    B: BodyExt<Data = Bytes, Error: std::fmt::Debug>,
{
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let fields = head.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let body = String::from_utf8(body.into()).unwrap();
    Answer { status: head.status.as_u16(), fields: sorted(fields), body }
}

fn sorted<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(String, String)> {
    let owned = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut fields: Vec<_> = owned.collect();
    fields.sort();
    fields
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// A well-formed token that was never issued.
pub(crate) fn unknown_token() -> String {
    PlainToken::mint(&Prefix::new("gw")).expose_secret().to_owned()
}

/// One permit a minute, with this burst and this daily quota.
pub(crate) fn policy(burst: u32, daily: u32) -> LimitPolicy {
    let number = |n| NonZeroU32::new(n).unwrap();
    let policy = LimitPolicy::new(Rate::per_minute(number(1)), number(burst));
    policy.with_daily(number(daily)).unwrap()
}
