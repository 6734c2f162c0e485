use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use hyper::{HeaderMap, Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::program::Program;

/// Reads pages and sends forms, with the cookie of one session.
pub(crate) struct Browser {
    client: Client<HttpConnector, Full<Bytes>>,
    site: String,
    /// `name=value`, once signed in.
    pub(crate) cookie: Option<String>,
    /// The site whose page sends the forms. `None`: a program that is no browser.
    pub(crate) origin: Option<String>,
}

pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Browser {
    pub(crate) fn at(program: &Program) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let site = program.calls[0].url.trim_end_matches("/v1/organization").to_owned();
        Self { client, site, cookie: None, origin: None }
    }

    /// The same client on a server that was started again.
    pub(crate) fn moved_to(self, program: &Program) -> Self {
        Self { cookie: self.cookie, ..Self::at(program) }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        self.send(Method::GET, path, String::new()).await
    }

    pub(crate) async fn post(&mut self, path: &str, form: &str) -> Page {
        self.send(Method::POST, path, form.to_owned()).await
    }

    async fn send(&mut self, method: Method, path: &str, form: String) -> Page {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.site));
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        if let Some(origin) = &self.origin {
            request = request.header("origin", origin);
        }
        let answer = self.client.request(request.body(form.into()).unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        if let Some(cookie) = head.headers.get(SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            self.cookie = Some(pair.to_owned()).filter(|pair| !pair.ends_with('='));
        }
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Page { status: head.status.as_u16(), headers: head.headers, text }
    }
}

impl Page {
    pub(crate) fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |location| location.to_str().unwrap())
    }
}
