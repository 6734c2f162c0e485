use std::future::pending;
use std::num::NonZeroU32;

use dualkey::{LimitPolicy, NewPartner, NewToken, Rate, Registry, Verifier};
use guestway::{ConnectionLimits, PREFIX, catalogue, router};
use hyper::Method;
use serde_json::Value;
use tokio::net::TcpListener;

use super::client::{Answer, Call, Client};
use super::unique_name;

/// The API on its own socket, with a partner whose limits are never reached.
pub(crate) struct Api {
    server: String,
    registry: Registry,
    pub(crate) verifier: Verifier,
    api_key: String,
    client: Client,
}

/// A client of the API with one token.
pub(crate) struct Caller<'a> {
    api: &'a Api,
    pub(crate) token: String,
}

impl Api {
    pub(crate) async fn start() -> Self {
        Self::start_on(Registry::in_memory(catalogue(), PREFIX)).await
    }

    pub(crate) async fn start_on(registry: Registry) -> Self {
        let verifier = Verifier::new(registry.clone());
        let api = router(verifier.clone(), registry.catalogue()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(guestway::serve(listener, api, ConnectionLimits::default(), pending()));

        let number = |n| NonZeroU32::new(n).unwrap();
        let policy = LimitPolicy::new(Rate::per_second(number(1_000_000)), number(1_000_000));
        let partner = NewPartner::new("Tests").with_policy(policy);
        let api_key = registry.register_partner(partner).await.unwrap().api_key.to_string();
        Self { server, registry, verifier, api_key, client: Client::http1() }
    }

    /// Issues a token of this organization with these scopes, and returns a client that uses it.
    pub(crate) async fn caller(&self, organization: &str, scopes: &[&str]) -> Caller<'_> {
        let token = NewToken::new(organization, unique_name(), scopes.iter().copied());
        let issued = self.registry.issue_token(token).await.unwrap();
        Caller { api: self, token: issued.secret.expose_secret().to_owned() }
    }

    /// Sends a request without credentials.
    pub(crate) async fn send_anonymously(&self, method: Method, path: &str) -> Answer {
        let request = hyper::Request::builder().method(method).uri(self.url(path));
        self.client.send(request.body(http_body_util::Full::default()).unwrap()).await
    }

    pub(crate) async fn send(
        &self,
        request: hyper::Request<http_body_util::Full<bytes::Bytes>>,
    ) -> Answer {
        self.client.send(request).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }
}

impl Caller<'_> {
    pub(crate) fn call(&self, path: &str) -> Call {
        let api_key = self.api.api_key.clone();
        Call { url: self.api.url(path), api_key, token: self.token.clone() }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, json: Option<&str>) -> Answer {
        self.api.client.send(self.call(path).with(method, json)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.send(Method::GET, path, None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// The records of a list.
    pub(crate) async fn list(&self, path: &str) -> Vec<Value> {
        self.get(path).await["data"].as_array().unwrap().clone()
    }

    /// The id of the first record of a list.
    pub(crate) async fn first_id(&self, path: &str) -> String {
        self.list(path).await[0]["id"].as_str().unwrap().to_owned()
    }

    /// The path with `{id}` replaced by an id of this organization.
    pub(crate) async fn resolve(&self, path: &str) -> String {
        match path.split_once("/{id}") {
            None => path.to_owned(),
            Some((list, rest)) => format!("{list}/{}{rest}", self.first_id(list).await),
        }
    }
}
