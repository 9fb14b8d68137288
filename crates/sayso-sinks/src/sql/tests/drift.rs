//! What hands changed is seen in the sums, in each database alike.

use std::collections::BTreeSet;

use sayso_ledger::{
    deliver::{range, sum},
    sink::{Kept, Message, Sink, Sum},
};
use sayso_testkit::servers::{MariaDb, Postgres};
use serde_json::{Value, json};

use super::{
    rig::{Hand, Room},
    *,
};
use crate::conformance::people::Person;

fn told() -> Vec<Message> {
    let secrets = sayso_ledger::Secrets::generate().unwrap();
    (0..200).map(|number| Person::new(&secrets, number).told(1, number % 2 == 0)).collect()
}

/// By hand, on rows that exist: each changes a sum.
fn tampering(key: &str) -> [String; 9] {
    let own = format!("where `key` = '{key}'");
    [
        format!("update sayso_permissions set allow = not allow {own} and channel = 'email'"),
        format!("update sayso_permissions set until_ms = 1 {own} and channel = 'email'"),
        format!("update sayso_permissions set until_ms = null {own} and channel = ''"),
        format!("update sayso_permissions set purpose = 'service' {own} and channel = ''"),
        format!("update sayso_permissions set channel = 'sms' {own} and channel = 'email'"),
        format!("delete from sayso_permissions {own} and channel = 'email'"),
        format!("delete from sayso_names {own}"),
        format!(
            "insert into sayso_names (identifier, namespace, `key`) values ('x', 'email', '{key}')"
        ),
        format!("delete from sayso_people {own}"),
    ]
}

async fn sums_see_hands(sink: &Sql, hand: impl Fn(&str)) {
    let told = told();
    let key = &told[0].key;
    apply(sink, &told).await;
    let mirror = sink.mirror().unwrap();
    assert_eq!(mirror.sums().await.unwrap(), expected(&told));
    for statement in tampering(key) {
        hand(&statement);
        let sums = mirror.sums().await.unwrap();
        assert_ne!(sums, expected(&told), "{statement}");
        // Told again they are what they should be.
        let mut again = told[0].clone();
        again.at.0 += 1;
        hand(&format!("delete from sayso_people where `key` = '{key}'"));
        apply(sink, &[again]).await;
        assert_eq!(mirror.sums().await.unwrap(), expected(&told), "after {statement}");
    }
    let own = told.iter().filter(|message| range(&message.key) == range(key)).map(kept);
    let mut own: Vec<Kept> = own.collect();
    let mut people = mirror.people(&BTreeSet::from([range(key)])).await.unwrap();
    own.sort_by(|one, other| one.key.cmp(&other.key));
    people.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(people, own);
}

fn kept(message: &Message) -> Kept {
    Kept {
        key: message.key.clone(),
        position: Some(message.position),
        names: message.identifiers.len() as u64,
        marks: sum(&message.key, &message.permissions),
    }
}

fn expected(told: &[Message]) -> Vec<Sum> {
    let mut sums: std::collections::BTreeMap<u16, Sum> = Default::default();
    for kept in told.iter().map(kept) {
        let range = range(&kept.key);
        let sum = sums.entry(range).or_insert(Sum { range, ..Sum::default() });
        sum.people += 1;
        sum.names += kept.names;
        sum.marks = sum.marks.wrapping_add(kept.marks);
    }
    sums.into_values().collect()
}

#[tokio::test]
async fn in_sqlite() {
    let file = File::new();
    let sink = file.sink(&json!([]));
    sums_see_hands(&sink, |sql| file.hand(sql)).await;
}

#[tokio::test]
async fn in_postgres() {
    in_a_server::<Postgres>().await;
}

#[tokio::test]
async fn in_mariadb() {
    in_a_server::<MariaDb>().await;
}

async fn in_a_server<K: Hand>() {
    let Some(room) = Room::<K>::new() else { return };
    room.ask("create table customers (email varchar(256) not null primary key, opt_in boolean)");
    let password = &room.server.place().login.password;
    let settings = json!({ "url": room.url(), "timeout_ms": 20_000 });
    let sink = super::sink(&settings, Some(password));
    sums_see_hands(&sink, |sql| drop(room.ask(sql))).await;
    let mut settings = settings;
    settings["statements"] = statements(K::DIALECT);
    let sink = super::sink(&settings, Some(password));
    contradictions_are_drift(&sink, |sql| drop(room.ask(sql))).await;
    assert_eq!(room.ask("select opt_in from customers where not opt_in").lines().count(), 1);
}

fn statements(dialect: Dialect) -> Value {
    let insert = match dialect {
        Dialect::Mariadb => {
            "insert into customers values (:identifier, :allow) on duplicate key update opt_in = :allow"
        }
        _ => {
            "insert into customers values (:identifier, :allow)
             on conflict (email) do update set opt_in = excluded.opt_in"
        }
    };
    json!([{
        "when": "always", "purpose": "marketing", "channel": "email", "sql": insert,
        "check_sql": "select c.email from customers c where c.opt_in and not exists (
            select 1 from sayso_allowed a where a.identifier = c.email
            and a.purpose = 'marketing.offers' and a.channel = 'email') -- {as told}",
    }])
}

async fn contradictions_are_drift(sink: &Sql, hand: impl Fn(&str)) {
    let mut message = told().remove(1);
    message.identifiers = vec!["email:ben@example.org".into()];
    assert_eq!(apply(sink, std::slice::from_ref(&message)).await, ["5 rows"]);
    let mirror = sink.mirror().unwrap();
    let range = range(&message.key);
    let own = async || {
        let sums = mirror.sums().await.unwrap();
        let kept = mirror.person(&message.key).await.unwrap().unwrap();
        (sums.into_iter().find(|sum| sum.range == range).unwrap(), kept)
    };
    let before = own().await;
    hand("update customers set opt_in = true where email = 'ben@example.org'");
    hand("insert into customers values ('nobody@example.org', true)");
    let (sum, kept) = own().await;
    assert_eq!(sum.marks, before.0.marks.wrapping_add(1));
    assert_eq!(kept.marks, before.1.marks.wrapping_add(1));
    let mut again = message.clone();
    again.at.0 += 1;
    apply(sink, &[again]).await;
    assert_eq!(own().await, before);
    hand("delete from customers where email = 'nobody@example.org'");
}

#[tokio::test]
async fn columns_that_contradict_are_drift() {
    let file = File::new();
    file.hand("create table customers (email text primary key, opt_in integer)");
    let sink = file.sink(&statements(Dialect::Sqlite));
    contradictions_are_drift(&sink, |sql| file.hand(sql)).await;
}
