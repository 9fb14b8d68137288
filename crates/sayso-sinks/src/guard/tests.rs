use std::collections::VecDeque;
use std::sync::Mutex;

use super::address::{is_global, is_private};
use super::*;

/// Each network: what is written, its first and last address, and whether it may be opted in to.
const CLOSED: [(&str, &str, &str, bool); 44] = [
    ("this network", "0.0.0.0", "0.255.255.255", false),
    ("private", "10.0.0.0", "10.255.255.255", true),
    ("carriers", "100.64.0.0", "100.127.255.255", true),
    ("loopback", "127.0.0.0", "127.255.255.255", true),
    ("link-local", "169.254.0.0", "169.254.255.255", false),
    ("private", "172.16.0.0", "172.31.255.255", true),
    ("assignments", "192.0.0.0", "192.0.0.255", false),
    ("documentation", "192.0.2.0", "192.0.2.255", false),
    ("6to4 relays", "192.88.99.0", "192.88.99.255", false),
    ("private", "192.168.0.0", "192.168.255.255", true),
    ("benchmarks", "198.18.0.0", "198.19.255.255", false),
    ("documentation", "198.51.100.0", "198.51.100.255", false),
    ("documentation", "203.0.113.0", "203.0.113.255", false),
    ("multicast", "224.0.0.0", "239.255.255.255", false),
    ("reserved, broadcast", "240.0.0.0", "255.255.255.255", false),
    ("unspecified", "::", "::", false),
    ("loopback", "::1", "::1", true),
    ("compatible", "::0.0.0.2", "::255.255.255.255", false),
    ("mapped", "::ffff:0.0.0.0", "::ffff:255.255.255.255", false),
    ("translated", "::ffff:0:0.0.0.0", "::ffff:0:255.255.255.255", false),
    ("nat64", "64:ff9b::", "64:ff9b::ffff:ffff", false),
    ("local nat64", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", false),
    ("discard", "100::", "100::ffff:ffff:ffff:ffff", false),
    ("dummy", "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff", false),
    ("assignments, teredo", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", false),
    ("benchmarks", "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", false),
    ("orchid", "2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", false),
    ("documentation", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", false),
    ("6to4", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false),
    ("documentation", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", false),
    ("never given out", "4000::", "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false),
    ("segment routing", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false),
    ("unique-local", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true),
    ("never given out", "fe00::", "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false),
    ("link-local", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false),
    ("site-local", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false),
    ("multicast", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false),
    ("cloud metadata", "169.254.169.254", "169.254.170.2", false),
    ("Alibaba metadata", "100.100.100.200", "100.100.100.200", false),
    ("Azure metadata", "168.63.129.16", "168.63.129.16", false),
    ("Oracle metadata", "192.0.0.192", "192.0.0.192", false),
    ("Amazon metadata", "fd00:ec2::254", "fd00:ec2::23", false),
    ("Google metadata", "fd20:ce::254", "fd20:ce::254", false),
    ("Scaleway metadata", "fd00:42::42", "fd00:42::42", false),
];

/// The neighbours of the closed networks, and addresses of well-known public servers.
const PUBLIC: [&str; 44] = [
    "168.63.129.15",
    "168.63.129.17",
    "1.0.0.0",
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.0.1.255",
    "192.0.3.0",
    "192.88.98.255",
    "192.88.100.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.99.255",
    "198.51.101.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
    "2000::",
    "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:200::",
    "2001:4860:4860::8888",
    "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db9::",
    "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2003::",
    "2606:4700:4700::1111",
    "2620:fe::fe",
    "2a00:1450:4001::",
    "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "3fff:1000::",
    "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
];

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("{text} is an address"))
}

/// Answers each question with the next of its answers, and the last one for ever.
struct Scripted(Mutex<VecDeque<Vec<IpAddr>>>);

impl Scripted {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let answer = |answer: &&[&str]| answer.iter().map(|text| ip(text)).collect();
        Arc::new(Self(Mutex::new(answers.iter().map(answer).collect())))
    }
}

impl Resolve for Scripted {
    fn resolve<'a>(&'a self, _: &'a str) -> Later<'a, io::Result<Vec<IpAddr>>> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Box::pin(async move { Ok(answer.unwrap_or_default()) })
    }
}

fn guard(resolver: Arc<dyn Resolve>, allow_private: bool) -> Guard {
    Guard::new(resolver, allow_private, Duration::from_secs(1))
}

#[test]
fn closed_networks_are_closed_from_first_to_last_address() {
    for (name, first, last, may_opt_in) in CLOSED {
        for address in [first, last] {
            assert!(!is_global(ip(address)), "{name}: {address}");
            assert_eq!(is_private(ip(address)), may_opt_in, "{name}: {address}");
        }
    }
}

#[test]
fn their_neighbours_are_open() {
    for address in PUBLIC {
        assert!(is_global(ip(address)), "{address}");
        assert!(!is_private(ip(address)), "{address}");
    }
}

#[tokio::test]
async fn one_bad_address_condemns_the_name_wherever_it_stands() {
    for answer in [
        &["127.0.0.1", "8.8.8.8", "1.1.1.1"][..],
        &["8.8.8.8", "10.0.0.7", "1.1.1.1"],
        &["8.8.8.8", "2606:4700:4700::1111", "::1"],
        &["8.8.8.8", "::ffff:8.8.8.8"],
    ] {
        let outcome = guard(Scripted::new(&[answer]), false).addresses("mixed.example").await;
        assert!(matches!(outcome, Err(GuardError::Forbidden)), "{answer:?}");
    }
}

#[tokio::test]
async fn private_addresses_need_the_opt_in_and_others_have_none() {
    for (_, address, _, may_opt_in) in CLOSED {
        let resolver = Scripted::new(&[&[address]]);
        let with = guard(resolver.clone(), true).addresses("inside.example").await;
        assert_eq!(with.is_ok(), may_opt_in, "{address}");
        let without = guard(resolver, false).addresses("inside.example").await;
        assert!(matches!(without, Err(GuardError::Forbidden)), "{address}");
    }
}

#[tokio::test]
async fn every_question_is_asked_anew() {
    let guard = guard(Scripted::new(&[&["8.8.8.8"], &["127.0.0.1"], &["8.8.4.4"]]), false);
    assert_eq!(guard.addresses("a.example").await.unwrap(), [ip("8.8.8.8")]);
    assert!(matches!(guard.addresses("a.example").await, Err(GuardError::Forbidden)));
    assert_eq!(guard.addresses("a.example").await.unwrap(), [ip("8.8.4.4")]);
}

#[tokio::test]
async fn no_address_is_not_a_yes_and_too_many_are_not_looked_at_in_part() {
    let none = guard(Scripted::new(&[&[]]), false).addresses("none.example").await;
    assert!(matches!(none, Err(GuardError::Unresolved(None))));
    let full = guard(Scripted::new(&[&["8.8.8.8"; ADDRESSES_MAX]]), false);
    assert_eq!(full.addresses("full.example").await.unwrap().len(), ADDRESSES_MAX);
    let over = guard(Scripted::new(&[&["8.8.8.8"; ADDRESSES_MAX + 1]]), false);
    assert!(matches!(over.addresses("over.example").await, Err(GuardError::Forbidden)));
}
