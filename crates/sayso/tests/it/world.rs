//! Folders, ports, processes and requests: what the tests of the whole program share.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Output, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use tokio::process::{Child, Command};

/// The longest that anything here is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The sample customer.
pub(crate) const ANA: &str = "email:ana@example.org";

/// The program, on a folder, with nothing of the caller's environment that it would heed.
pub(crate) fn sayso(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sayso"));
    for name in ["SAYSO_URL", "SAYSO_KEY", "SAYSO_AT", "RUST_LOG"] {
        command.env_remove(name);
    }
    command.env("SAYSO_DIR", dir).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// What it printed, as one JSON value.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs a command of the program to its end.
pub(crate) async fn run(dir: &Path, args: &[&str]) -> Said {
    finish(sayso(dir).args(args)).await
}

/// Runs a prepared command to its end.
pub(crate) async fn finish(command: &mut Command) -> Said {
    let ended = tokio::time::timeout(PATIENCE, command.output()).await;
    let Output { status, stdout, stderr } = ended.expect("the command ends in time").unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}

/// Runs a command that must do what it is asked.
pub(crate) async fn done(dir: &Path, args: &[&str]) -> String {
    let said = run(dir, args).await;
    assert_eq!(said.code, 0, "{args:?}: {said:?}");
    said.out
}

/// Runs a command with `--json` and reads what it prints.
pub(crate) async fn json(dir: &Path, args: &[&str]) -> Value {
    run(dir, &[args, &["--json"]].concat()).await.json()
}

/// Sends a signal to a process that this test started.
pub(crate) async fn signal(child: &Child, name: &str) {
    let pid = child.id().expect("it runs").to_string();
    let sent = Command::new("kill").arg(format!("-{name}")).arg(pid).status().await.unwrap();
    assert!(sent.success());
}

/// Waits for the end of a process that was asked to end.
pub(crate) async fn ended(child: &mut Child) -> std::process::ExitStatus {
    tokio::time::timeout(PATIENCE, child.wait()).await.expect("it ends in time").unwrap()
}

/// A port that nothing listens on. Below the ports that systems give out by themselves: whoever
/// connects again and again to one of those while nobody listens meets itself in the end.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = (std::process::id() % 9_000) as u16;
    loop {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// Tries until something is there.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// The command lines of processes that were started on files of a folder.
pub(crate) fn processes_on(dir: &Path) -> Vec<String> {
    let dir = dir.to_str().unwrap();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(dir) && line.contains("sayso")).collect()
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// Its body.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

/// Somebody who sends requests, with a key or without.
#[derive(Clone)]
pub(crate) struct Caller {
    http: Client<HttpConnector, Full<Bytes>>,
    url: String,
    key: Option<String>,
}

impl Caller {
    /// Without a key, as a browser.
    pub(crate) fn new(url: &str) -> Self {
        let http = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        Self { http, url: url.to_owned(), key: None }
    }

    /// The same with a key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self.clone() }
    }

    /// Sends a request; `None` if it was not answered, or not to the end.
    pub(crate) async fn attempt(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Option<Answer> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let asking = async {
            let (parts, body) = self.http.request(request).await.ok()?.into_parts();
            let text = String::from_utf8(body.collect().await.ok()?.to_bytes().to_vec()).ok()?;
            Some(Answer { status: parts.status, headers: parts.headers, text })
        };
        tokio::time::timeout(PATIENCE, asking).await.ok()?
    }

    /// Sends a request that is answered.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let answer = self.attempt(method, path, headers, body).await;
        answer.unwrap_or_else(|| panic!("{path} was not answered"))
    }

    /// Reads JSON.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.send(Method::GET, path, &[], "").await;
        assert!(answer.status.is_success(), "{path}: {answer:?}");
        answer.json()
    }

    /// Sends JSON and reads JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let headers = [("content-type", "application/json")];
        let answer = self.send(Method::POST, path, &headers, body.to_string()).await;
        assert!(answer.status.is_success(), "{path}: {answer:?}");
        answer.json()
    }
}

/// SplitMix64: dice that fall alike for the same seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// How a form is sent.
pub(crate) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A browser: it keeps its cookies and follows where it is sent.
pub(crate) struct Browser {
    pub(crate) caller: Caller,
    pub(crate) cookie: String,
}

impl Browser {
    /// Opens a one-time link that was handed to somebody.
    pub(crate) async fn open(url: &str, link: &str) -> (Self, Answer) {
        let path = link.strip_prefix(url).expect("the link leads here");
        let caller = Caller::new(url);
        let headers = [("sec-fetch-mode", "navigate"), ("accept-language", "en")];
        let opened = caller.send(Method::GET, path, &headers, "").await;
        Self::enter(caller, &opened).await
    }

    /// Opens one that was mailed: with a click.
    pub(crate) async fn open_mailed(url: &str, link: &str) -> (Self, Answer) {
        let caller = Caller::new(url);
        let token = format!("token={}", link.rsplit_once('/').unwrap().1);
        let headers = [FORM, ("sec-fetch-site", "same-origin")];
        let opened = caller.send(Method::POST, "/open", &headers, token).await;
        Self::enter(caller, &opened).await
    }

    async fn enter(caller: Caller, opened: &Answer) -> (Self, Answer) {
        assert_eq!(opened.status, StatusCode::SEE_OTHER, "{opened:?}");
        let cookie = opened.headers["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let browser = Self { caller, cookie };
        let page = browser.get(opened.headers["location"].to_str().unwrap()).await;
        (browser, page)
    }

    /// Whatever is at an address.
    pub(crate) async fn look(&self, path: &str) -> Answer {
        let headers = [("cookie", self.cookie.as_str()), ("accept-language", "en")];
        self.caller.send(Method::GET, path, &headers, "").await
    }

    /// A page.
    pub(crate) async fn get(&self, href: &str) -> Answer {
        let answer = self.look(href.split('#').next().unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer
    }

    /// Sends a form from a page of ours, and gives whatever answers.
    pub(crate) async fn form(&self, path: &str, form: &str) -> Answer {
        let headers = [FORM, ("cookie", self.cookie.as_str()), ("sec-fetch-site", "same-origin")];
        self.caller.send(Method::POST, path, &headers, form.to_owned()).await
    }

    /// Sends the page's form with one box as it is to be, and gives the page that follows.
    pub(crate) async fn save(&self, page: &Answer, name: &str, ticked: bool) -> (String, Answer) {
        let mut fields = vec![("csrf", attribute(&page.text, "name=\"csrf\"", "value"))];
        for input in page.text.split("<input").skip(1) {
            let input = &input[..input.find('>').unwrap()];
            if input.contains("type=\"checkbox\"") {
                let own = attribute(input, "", "name");
                if if own == name { ticked } else { input.ends_with("checked") } {
                    fields.push((own, "yes"));
                }
            } else if let Some(name) = ["catalog", "shown", "shown_ticked"]
                .into_iter()
                .find(|name| input.contains(&format!("name=\"{name}\"")))
            {
                fields.push((name, attribute(input, "", "value")));
            }
        }
        let form: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.post(&form.join("&")).await
    }

    /// Sends a form to the page, and gives the page that follows.
    pub(crate) async fn post(&self, form: &str) -> (String, Answer) {
        let headers = [("cookie", self.cookie.as_str()), FORM, ("sec-fetch-site", "same-origin")];
        let saved = self.caller.send(Method::POST, "/me", &headers, form.to_owned()).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER, "{saved:?}");
        let to = saved.headers["location"].to_str().unwrap().to_owned();
        let page = self.get(&to).await;
        (to, page)
    }
}

/// The value of an attribute that stands behind a mark.
pub(crate) fn attribute<'a>(html: &'a str, mark: &str, name: &str) -> &'a str {
    let behind = &html[html.find(mark).unwrap_or_else(|| panic!("no {mark}: {html}"))..];
    let name = format!("{name}=\"");
    let value = &behind[behind.find(&name).unwrap() + name.len()..];
    &value[..value.find('"').unwrap()]
}
