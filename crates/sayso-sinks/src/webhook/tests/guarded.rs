//! The guard as the webhook uses it. Nothing here reaches the network: what would be dialled is
//! recorded instead, or led to a receiver on this machine.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper_rustls::ConfigBuilderExt;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower::Service;

use super::receiver::Receiver;
use super::*;
use crate::guard::{Dial, Guard, GuardError, Later, Resolve, SystemResolver};

/// All of them mean an address that is not public, some in disguise.
const HOSTILE: [&str; 84] = [
    "localhost",
    "LOCALHOST",
    "localhost:8080",
    "127.0.0.1",
    "127.0.0.1:22",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "2130706433:6379",
    "017700000001",
    "0x7f000001",
    "0X7F000001",
    "0x7f.1",
    "0x7f.0.0.1",
    "0x7f.0x0.0x0.0x1",
    "0177.1",
    "0177.0.0.1",
    "0177.0.0.01",
    "0177.0x0.1",
    "00000177.0.0.1",
    "127.0x000001",
    "0",
    "0.0.0.0",
    "0x0",
    "0.1",
    "00.0.0.0",
    "10.0.0.1",
    "10.1",
    "167772161",
    "012.0.0.1",
    "0x0a000001",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "169.254.169.254",
    "169.254.169.254:80",
    "169.254.43518",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "0xa9.0xfe.0xa9.0xfe",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "2886729729",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.1",
    "3232235521",
    "0xc0a80001",
    "0300.0250.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "4294967295",
    "[::]",
    "[::1]",
    "[::1]:8080",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::a9fe:a9fe]",
    "[2001:0:7f00:1::]",
    "[2002:7f00:1::]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[ff02::1]",
];

/// What the resolver answers, by attempt.
struct Scripted {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Scripted {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self { answers: answers.iter().map(parse).collect(), asked: AtomicUsize::new(0) })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Resolve for Scripted {
    fn resolve<'a>(&'a self, host: &'a str) -> Later<'a, io::Result<Vec<IpAddr>>> {
        assert_eq!(host, "hooks.example");
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.get(number).or(self.answers.last()).cloned();
        Box::pin(async move { Ok(answer.unwrap_or_default()) })
    }
}

/// Records what is dialled. Leads every address to `to`, but for those that refuse or swallow.
pub(super) struct Exchange {
    pub(super) to: Option<SocketAddr>,
    pub(super) refusing: Option<IpAddr>,
    pub(super) swallowing: Option<IpAddr>,
    pub(super) dialled: Mutex<Vec<SocketAddr>>,
}

impl Exchange {
    pub(super) fn to(to: Option<SocketAddr>) -> Self {
        Self { to, refusing: None, swallowing: None, dialled: Mutex::default() }
    }

    pub(super) fn dialled(&self) -> Vec<String> {
        self.dialled.lock().unwrap().iter().map(ToString::to_string).collect()
    }
}

impl Dial for Exchange {
    fn dial(&self, address: SocketAddr) -> Later<'_, io::Result<TcpStream>> {
        self.dialled.lock().unwrap().push(address);
        Box::pin(async move {
            if self.swallowing == Some(address.ip()) {
                std::future::pending::<()>().await;
            }
            match self.to.filter(|_| self.refusing != Some(address.ip())) {
                Some(to) => TcpStream::connect(to).await,
                None => Err(io::ErrorKind::ConnectionRefused.into()),
            }
        })
    }
}

fn roots() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    builder.with_webpki_roots().with_no_client_auth()
}

fn webhook(
    config: WebhookConfig,
    resolver: Arc<dyn Resolve>,
    exchange: &Arc<Exchange>,
) -> Result<Webhook, WebhookError> {
    let patience = Duration::from_millis(config.timeout_ms);
    let guard = Guard::over(resolver, exchange.clone(), config.allow_private, patience);
    Webhook::assemble(config, guard, roots())
}

#[tokio::test]
async fn no_spelling_of_a_private_address_is_dialled() {
    for host in HOSTILE {
        let exchange = Arc::new(Exchange::to(None));
        let plain =
            webhook(strict(&format!("http://{host}/")), Arc::new(SystemResolver), &exchange);
        assert!(matches!(plain, Err(WebhookError::Scheme)), "{host}");
        let url = format!("https://{host}/latest/meta-data/");
        match webhook(strict(&url), Arc::new(SystemResolver), &exchange) {
            Ok(webhook) => assert_eq!(send(&webhook).await, again(Why::Forbidden), "{host}"),
            Err(error) => assert!(matches!(error, WebhookError::OddAddress), "{host}: {error}"),
        }
        assert_eq!(exchange.dialled(), [""; 0], "{host}");
    }
}

/// What the configuration would not take, the guard would not let out either.
#[tokio::test]
async fn the_guard_alone_sees_through_every_spelling() {
    for host in HOSTILE {
        let exchange = Arc::new(Exchange::to(None));
        let uri = format!("https://{host}/").parse().unwrap();
        let resolver = Arc::new(SystemResolver);
        let mut guard = Guard::over(resolver, exchange.clone(), false, Duration::from_secs(5));
        let outcome = guard.call(uri).await;
        assert!(matches!(outcome, Err(GuardError::Forbidden)), "{host}");
        assert_eq!(exchange.dialled(), [""; 0], "{host}");
    }
}

#[tokio::test]
async fn malformed_hosts_lead_nowhere() {
    for host in [
        "[fe80::1%25lo]",
        "[::1",
        "::1",
        "[]",
        "[127.0.0.1]",
        "127.0.0.1%2f.hooks.example",
        "hooks.example@127.0.0.1",
        "127.0.0.1\\@hooks.example",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "0x7f.0.0.0x1ff",
        "256.256.256.256",
    ] {
        let exchange = Arc::new(Exchange::to(None));
        let url = format!("https://{host}/");
        // Nothing of it is a public address, and where it is a name it is one that nobody has.
        if let Ok(webhook) = webhook(strict(&url), Arc::new(LiteralsOnly), &exchange) {
            let sent = send(&webhook).await;
            let is_kept_in = matches!(
                sent,
                Sent::Retry { why: Why::Forbidden | Why::Unresolved | Why::Tls, .. }
            );
            assert!(is_kept_in, "{host}: {sent:?}");
        }
        assert_eq!(exchange.dialled(), [""; 0], "{host}");
    }
}

/// Like the system's, but asks nobody.
struct LiteralsOnly;

impl Resolve for LiteralsOnly {
    fn resolve<'a>(&'a self, host: &'a str) -> Later<'a, io::Result<Vec<IpAddr>>> {
        let found = host.parse().map_err(|_| io::ErrorKind::NotFound.into());
        Box::pin(async move { found.map(|address| vec![address]) })
    }
}

#[tokio::test]
async fn a_listener_on_this_machine_is_not_reached_without_the_opt_in() {
    let listener = Receiver::status(200).await;
    let port = listener.address.port();
    for host in ["localhost", "127.0.0.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"] {
        let sent = send_to(strict(&format!("https://{host}:{port}/"))).await;
        assert_eq!(sent, again(Why::Forbidden), "{host}");
    }
    assert_eq!(listener.connections().await, 0);
    assert_eq!(send_to(local(&listener.url())).await, Sent::Delivered);
    assert_eq!(listener.connections().await, 1, "the counter counts");
}

#[tokio::test]
async fn the_opt_in_does_not_open_metadata_services() {
    for host in ["169.254.169.254", "0.0.0.0", "[fe80::1]", "[::ffff:127.0.0.1]", "224.0.0.1"] {
        let exchange = Arc::new(Exchange::to(None));
        let config = local(&format!("http://{host}/"));
        let webhook = webhook(config, Arc::new(SystemResolver), &exchange).unwrap();
        assert_eq!(send(&webhook).await, again(Why::Forbidden), "{host}");
        assert_eq!(exchange.dialled(), [""; 0], "{host}");
    }
}

#[tokio::test]
async fn a_name_that_turns_inward_is_found_at_the_next_attempt() {
    let listener = Receiver::serving(|stream, _| async move { drop(stream) }).await;
    let exchange = Arc::new(Exchange::to(Some(listener.address)));
    let resolver = Scripted::new(&[&["93.184.216.34"], &["127.0.0.1"]]);
    let config = strict("https://hooks.example:8443/in");
    let webhook = webhook(config, resolver.clone(), &exchange).unwrap();
    // What was looked at is what is dialled, and the name is resolved once, not once for the look
    // and once more for the connection.
    assert_eq!(send(&webhook).await, again(Why::Tls));
    assert_eq!(exchange.dialled(), ["93.184.216.34:8443"]);
    assert_eq!(resolver.asked(), 1);
    assert_eq!(listener.connections().await, 1);
    for attempt in 2..5 {
        assert_eq!(send(&webhook).await, again(Why::Forbidden));
        assert_eq!(resolver.asked(), attempt);
    }
    assert_eq!(exchange.dialled().len(), 1);
    assert_eq!(listener.connections().await, 1);
}

#[tokio::test]
async fn a_name_with_a_public_and_a_private_address_is_not_dialled_at_all() {
    let exchange = Arc::new(Exchange::to(None));
    let resolver = Scripted::new(&[&["93.184.216.34", "169.254.169.254"], &["::1", "8.8.8.8"]]);
    let webhook = webhook(strict("https://hooks.example/"), resolver, &exchange).unwrap();
    for _ in 0..2 {
        assert_eq!(send(&webhook).await, again(Why::Forbidden));
    }
    assert_eq!(exchange.dialled(), [""; 0]);
}

#[tokio::test]
async fn each_address_is_tried_and_a_silent_one_does_not_use_up_the_time() {
    let receiver = Receiver::status(200).await;
    let exchange = Arc::new(Exchange {
        refusing: Some("10.0.0.1".parse().unwrap()),
        swallowing: Some("10.0.0.2".parse().unwrap()),
        ..Exchange::to(Some(receiver.address))
    });
    let resolver = Scripted::new(&[&["10.0.0.1", "10.0.0.2", "10.0.0.3"]]);
    let config = WebhookConfig { timeout_ms: 1_500, ..local("http://hooks.example/") };
    let webhook = webhook(config, resolver, &exchange).unwrap();
    assert_eq!(send(&webhook).await, Sent::Delivered);
    assert_eq!(exchange.dialled(), ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]);
    assert_eq!(receiver.heard()[0].header("host"), "hooks.example");
}

#[tokio::test]
async fn names_without_an_address_and_name_servers_without_an_answer_are_tried_again() {
    struct Silent;
    impl Resolve for Silent {
        fn resolve<'a>(&'a self, _: &'a str) -> Later<'a, io::Result<Vec<IpAddr>>> {
            Box::pin(std::future::pending())
        }
    }
    struct Failing;
    impl Resolve for Failing {
        fn resolve<'a>(&'a self, _: &'a str) -> Later<'a, io::Result<Vec<IpAddr>>> {
            Box::pin(async { Err(io::Error::other("no such name")) })
        }
    }
    let cases: [(Arc<dyn Resolve>, Why); 3] = [
        (Arc::new(Silent), Why::Timeout),
        (Arc::new(Failing), Why::Unresolved),
        (Scripted::new(&[&[]]), Why::Unresolved),
    ];
    for (resolver, why) in cases {
        let config = WebhookConfig { timeout_ms: 200, ..strict("https://hooks.example/") };
        let webhook = Webhook::with_resolver(config, resolver).unwrap();
        assert_eq!(send(&webhook).await, again(why));
    }
}
