//! A browser without script: it keeps cookies, sends the headers that browsers send, follows no
//! redirect by itself, and checks the properties that every page must have.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    COOKIE, HOST, LOCATION, ORIGIN, REFERRER_POLICY, SET_COOKIE, VARY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use reqwest::{Method, RequestBuilder};
use url::form_urlencoded::Serializer;

use crate::site::{Answer, RIGHT, WRONG, builder};

pub const SESSION: &str = "__Host-karipass";
pub const BEFORE_LOGIN: &str = "__Host-karipass-login";
pub const LANGUAGE: &str = "__Host-karipass-lang";

/// One person's browser at one site.
#[derive(Clone)]
pub struct Browser {
    client: reqwest::Client,
    base: String,
    pub cookies: BTreeMap<String, String>,
    /// The languages that its user has set.
    pub accept_language: Option<&'static str>,
    /// Passwords that were typed; no answer may contain any of them.
    typed: BTreeSet<String>,
}

/// The headers by which a browser reports where a form came from; `None` is not sent.
#[derive(Debug, Clone, Copy)]
pub struct FormOrigin<'a> {
    pub sec_fetch_site: Option<&'a str>,
    pub origin: Option<&'a str>,
}

impl Browser {
    pub fn new(base: &str) -> Self {
        let client = builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let typed = BTreeSet::from([RIGHT, WRONG].map(str::to_owned));
        let (cookies, accept_language) = (BTreeMap::new(), None);
        Self { client, base: base.to_owned(), cookies, accept_language, typed }
    }

    /// From now on sends requests from this address of the loopback.
    pub fn move_to(&mut self, address: [u8; 4]) {
        let builder = builder().redirect(reqwest::redirect::Policy::none());
        self.client = builder.local_address(Some(address.into())).build().unwrap();
    }

    /// Opens a page.
    pub async fn get(&mut self, path: &str) -> Answer {
        let request = self.client.get(format!("{}{path}", self.base));
        self.send(request).await
    }

    /// Any other request, by a method and a path.
    pub async fn ask(&mut self, method: Method, path: &str) -> Answer {
        let request = self.client.request(method, format!("{}{path}", self.base));
        self.send(request).await
    }

    /// Fills in the form of `page` and sends it.
    pub async fn submit(&mut self, page: &Answer, path: &str, fields: &[(&str, &str)]) -> Answer {
        let id = form_id(page);
        let id = id.iter().map(|id| ("form_id", id.as_str()));
        let fields: Vec<_> = id.chain(fields.iter().copied()).collect();
        self.submit_token(&token(page), path, &fields).await
    }

    /// The same, with this token.
    pub async fn submit_token(
        &mut self,
        token: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let own = self.base.clone();
        let sender = FormOrigin { sec_fetch_site: Some("same-origin"), origin: Some(&own) };
        self.submit_from(sender, Some(token), path, fields).await
    }

    /// The same, as if from another site, or without a token.
    pub async fn submit_from(
        &mut self,
        sender: FormOrigin<'_>,
        token: Option<&str>,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let is_shown =
            |name: &str| ["number", "form_id"].contains(&name) || name.starts_with("proof-");
        let passwords = fields.iter().filter(|(name, _)| !is_shown(name));
        self.typed
            .extend(passwords.map(|(_, value)| (*value).to_owned()).filter(|it| it.len() > 5));
        let mut body = Serializer::new(String::new());
        body.extend_pairs(token.map(|token| ("form_token", token)));
        let body = body.extend_pairs(fields).finish();
        let mut request = self.client.post(format!("{}{path}", self.base)).body(body);
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(site) = sender.sec_fetch_site {
            request = request.header("Sec-Fetch-Site", site);
        }
        if let Some(origin) = sender.origin {
            request = request.header(ORIGIN, origin);
        }
        self.send(request).await
    }

    /// Sends a request with the cookies, keeps new ones, and checks the answer.
    pub async fn send(&mut self, mut request: RequestBuilder) -> Answer {
        if !self.cookies.is_empty() {
            let pairs: Vec<_> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(COOKIE, pairs.join("; "));
        }
        if let Some(languages) = self.accept_language {
            request = request.header(ACCEPT_LANGUAGE, languages);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let answer = Answer { status, headers, body: response.text().await.unwrap() };
        self.keep_cookies(&answer);
        self.look_at(&answer);
        answer
    }

    /// An empty request to this site.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// Logs in from the start: 303 to the top page.
    pub async fn log_in(&mut self, number: &str, password: &str) -> Answer {
        let page = self.get("/login").await;
        let fields = [("number", number), ("password", password)];
        let answer = self.submit(&page, "/login", &fields).await;
        assert_eq!(leads_to(&answer), "/");
        answer
    }

    fn keep_cookies(&mut self, answer: &Answer) {
        for cookie in answer.headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (pair, attributes) = cookie.split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            match attributes {
                "Path=/; Secure; HttpOnly; SameSite=Lax" => {
                    self.cookies.insert(name.to_owned(), value.to_owned());
                }
                "Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=31536000" => {
                    assert_eq!(name, LANGUAGE, "only the language outlives the browser");
                    self.cookies.insert(name.to_owned(), value.to_owned());
                }
                "Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0" => {
                    self.cookies.remove(name);
                }
                other => panic!("a cookie with {other}"),
            }
            assert!(name.starts_with("__Host-"), "{cookie}");
        }
    }

    fn look_at(&self, answer: &Answer) {
        for secret in &self.typed {
            assert!(!answer.body.contains(secret), "a password is sent back: {answer:?}");
            let shows =
                |value: &reqwest::header::HeaderValue| value.to_str().unwrap().contains(secret);
            assert!(!answer.headers.values().any(shows), "a password is sent back: {answer:?}");
        }
        let policy = "default-src 'none'; style-src 'self'; script-src 'self'; \
                      connect-src 'self'; img-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";
        assert_eq!(answer.headers[CONTENT_SECURITY_POLICY], policy, "{answer:?}");
        assert_eq!(answer.headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(answer.headers[X_FRAME_OPTIONS], "DENY");
        assert_eq!(answer.headers[REFERRER_POLICY], "same-origin");
        assert_eq!(answer.headers["cross-origin-opener-policy"], "same-origin");
        assert_eq!(answer.headers["cross-origin-resource-policy"], "same-origin");
        assert!(answer.headers.contains_key("permissions-policy"));
        let html = "text/html; charset=utf-8";
        if answer.headers.get(CONTENT_TYPE).is_some_and(|kind| kind == html) {
            assert_eq!(answer.headers[CACHE_CONTROL], "no-store", "{answer:?}");
            let vary: Vec<_> = answer.headers.get_all(VARY).iter().collect();
            assert_eq!(vary, ["accept-language", "cookie"], "{answer:?}");
            expect_page(&answer.body, answer.headers[CONTENT_LANGUAGE].to_str().unwrap());
        }
    }
}

fn expect_page(html: &str, language: &str) {
    assert!(html.contains(&format!("<html lang=\"{language}\">")), "{language}: {html}");
    for part in [
        "<!DOCTYPE html>",
        "<a class=\"skip\" href=\"#main\">",
        "<header",
        "<main id=\"main\"",
        "<footer",
    ] {
        assert!(html.contains(part), "{part} is missing: {html}");
    }
    assert_eq!(html.matches("<h1").count(), 1, "{html}");
    // One script, from a file of the site.
    let script = "<script src=\"/assets/script-";
    assert_eq!([html.matches("<script").count(), html.matches(script).count()], [1, 1], "{html}");
    for never in ["<style", " style=", " onclick", "javascript:", "placeholder", " disabled"] {
        assert!(!html.contains(never), "{never}: {html}");
    }
}

/// The token of the page's own form, which is the last; the header's may come first.
pub fn token(page: &Answer) -> String {
    hidden(page, "form_token")
}

/// The id of the page's own form, if it has one.
pub fn form_id(page: &Answer) -> Option<String> {
    page.body.contains("name=\"form_id\"").then(|| hidden(page, "form_id"))
}

/// The value of the last hidden field of this name.
pub fn hidden(page: &Answer, name: &str) -> String {
    let field = format!("name=\"{name}\" value=\"");
    let after = page.body.rsplit_once(&field).expect(&page.body).1;
    after.split('"').next().unwrap().to_owned()
}

/// The target of a 303.
pub fn leads_to(answer: &Answer) -> &str {
    assert_eq!(answer.status, 303, "{answer:?}");
    answer.headers[LOCATION].to_str().unwrap()
}

/// The page's title without the ending that every page shares.
pub fn title(page: &Answer) -> &str {
    let after = page.body.split_once("<title>").expect(&page.body).1;
    after.split_once("｜設定サイト</title>").expect("the site's name").0
}

/// Where the page's language switch leads to, from the page at `path`.
pub fn other_language(page: &Answer, path: &str) -> String {
    let (before, _) = page.body.split_once("\" id=\"other-language\"").expect(&page.body);
    let href = before.rsplit_once("href=\"").unwrap().1.replace("&#38;", "&");
    if href.starts_with('?') { format!("{}{href}", path.split('?').next().unwrap()) } else { href }
}

/// Sets the host of a request, as a hostile client would write it.
pub fn with_host(request: RequestBuilder, host: &str) -> RequestBuilder {
    request.header(HOST, host)
}
