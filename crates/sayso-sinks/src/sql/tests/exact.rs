//! Exactly once, with the company's own columns in the same transaction.

use sayso_ledger::sink::{Outcome, Sink};
use serde_json::json;

use super::*;
use crate::conformance::people::Person;

fn person(number: u64) -> Person {
    Person::new(&sayso_ledger::Secrets::generate().unwrap(), number)
}

fn first_name(person: &Person) -> String {
    person.identifiers()[0].strip_prefix("email:").unwrap().to_owned()
}

#[tokio::test]
async fn declared_statements_follow_what_may_be_done() {
    let file = File::new();
    let ana = person(1);
    let name = first_name(&ana);
    file.hand(
        "create table customers (email text primary key, opt_in integer, gone integer default 0)",
    );
    file.hand(&format!("insert into customers (email, opt_in) values ('{name}', 1), ('other', 1)"));
    let about = json!({ "purpose": "marketing", "channel": "email" });
    let statement = |when: &str, sql: &str| {
        let mut own = json!({ "when": when, "sql": sql });
        own.as_object_mut().unwrap().extend(about.as_object().unwrap().clone());
        own
    };
    let sink = file.sink(&json!([
        statement("denied", "update customers set opt_in = 0 where email = :identifier"),
        statement("allowed", "update customers set opt_in = 1 where email = :identifier"),
        { "when": "leaving", "sql": "update customers set gone = 1 where email = :identifier" },
    ]));
    let select = "select opt_in, gone from customers order by email = 'other'";
    // Three permissions, two names, one customer.
    for (told, changed, customers) in [
        (ana.told(1, false), "6 rows", ["0|0", "1|0"]),
        (ana.told(2, true), "6 rows", ["1|0", "1|0"]),
        // Told again, and something older, however late: nothing.
        (ana.told(2, true), "0 rows", ["1|0", "1|0"]),
        (ana.told(1, false), "0 rows", ["1|0", "1|0"]),
        // Who leaves is denied everything, and gone.
        (ana.leaving(3), "2 rows", ["0|1", "1|0"]),
    ] {
        assert_eq!(apply(&sink, &[told]).await, [changed]);
        assert_eq!(file.rows(select), customers);
    }
}

#[tokio::test]
async fn a_statement_that_fails_takes_nothing_with_it_but_its_own_message() {
    let file = File::new();
    file.hand("create table orders (email text primary key check (email not like '%person-2%'))");
    let sink = file.sink(&json!([
        { "when": "always", "sql": "insert into orders values (:identifier)" }
    ]));
    let people = [person(1), person(2), person(3)];
    let told: Vec<_> = people.iter().map(|person| person.told(1, true)).collect();
    let outcomes = deliver(&sink, &told).await;
    assert!(matches!(outcomes[0], Outcome::Applied { .. }), "{outcomes:?}");
    assert_eq!(outcomes[1], Outcome::Refused { why: "sql_constraint".into() });
    assert!(matches!(outcomes[2], Outcome::Applied { .. }), "{outcomes:?}");
    assert_eq!(file.rows("select count(*) from sayso_people"), ["2"]);
    assert_eq!(file.rows("select count(*) from orders"), ["4"]);
}

#[tokio::test]
async fn values_are_bound_and_never_become_text() {
    let file = File::new();
    file.hand("create table customers (email text)");
    let sink = file.sink(&json!([
        { "when": "always", "sql": "insert into customers values (:identifier || ':identifier' || :allow)" }
    ]));
    let mut told = person(1).told(1, true);
    told.identifiers = vec!["email:'); drop table customers; --".into()];
    apply(&sink, &[told]).await;
    assert_eq!(
        file.rows("select email from customers"),
        ["'); drop table customers; --:identifier0"]
    );
}

#[tokio::test]
async fn the_view_holds_what_may_be_done_now() {
    let file = File::new();
    let sink = file.sink(&json!([]));
    let ana = person(1);
    apply(&sink, &[ana.told(1, true)]).await;
    let select = "select distinct purpose, data, channel from sayso_allowed order by 1";
    let name = first_name(&ana);
    assert_eq!(
        file.rows(select),
        ["marketing.offers|contact.email|email", "service.news|contact.email|"]
    );
    let own = format!("select count(*) from sayso_allowed where identifier = '{name}'");
    assert_eq!(file.rows(&own), ["2"]);
    // What has ended by itself has left by itself.
    file.hand("update sayso_permissions set until_ms = 1000 where purpose = 'service.news'");
    assert_eq!(file.rows(select), ["marketing.offers|contact.email|email"]);
    apply(&sink, &[ana.told(2, false)]).await;
    assert_eq!(file.rows(select), ["marketing.offers|contact.email|post"]);
    apply(&sink, &[ana.leaving(3)]).await;
    assert_eq!(file.rows("select * from sayso_allowed"), [""; 0]);
}

#[tokio::test]
async fn one_thing_that_two_activities_declare_is_one_row_of_the_view() {
    let file = File::new();
    let sink = file.sink(&json!([]));
    let mut told = person(1).told(1, true);
    let twice: Vec<_> = told.permissions.iter().chain(told.permissions.iter()).cloned().collect();
    told.permissions = twice.into();
    told.identifiers.truncate(1);
    assert_eq!(apply(&sink, std::slice::from_ref(&told)).await, ["7 rows"]);
    assert_eq!(file.rows("select count(*) from sayso_allowed"), ["2"]);
    let sums = sink.mirror().unwrap().sums().await.unwrap();
    assert_eq!(sums[0].marks, sayso_ledger::deliver::sum(&told.key, &told.permissions));
}

#[tokio::test]
async fn tables_of_another_are_left_alone() {
    let file = File::new();
    apply(&file.sink(&json!([])), &[person(1).told(1, true)]).await;
    let before = file.rows("select * from sayso_permissions");
    let settings =
        serde_json::from_value(json!({ "url": file.url(), "tls": false, "allow_private": true }));
    let other = Told { ledger: "another".into(), ..told() };
    let sink = Sql::new(&settings.unwrap(), None, &other).unwrap();
    let why = "tables_of_another";
    assert_eq!(deliver(&sink, &[person(2).told(1, true)]).await, [Outcome::again(why)]);
    assert_eq!(sink.check().await.unwrap_err().0, why);
    assert_eq!(file.rows("select * from sayso_permissions"), before);
}

#[tokio::test]
async fn nothing_is_made_that_was_not_asked_for() {
    let file = File::new();
    let sink = super::sink(&json!({ "url": file.url() }), None);
    let told = person(1).told(1, true);
    assert_eq!(deliver(&sink, std::slice::from_ref(&told)).await, [Outcome::again("unreachable")]);
    assert_eq!(sink.check().await.unwrap_err().0, "unreachable");
    file.hand("create table customers (email text)");
    assert_eq!(
        deliver(&sink, std::slice::from_ref(&told)).await,
        [Outcome::again("missing_tables")]
    );
    assert_eq!(sink.check().await.unwrap_err().0, "missing_tables");
    for statement in ddl(Dialect::Sqlite, "sayso_") {
        file.hand(&statement);
    }
    assert_eq!(sink.check().await.unwrap(), ["connected", "tables are empty"]);
    assert_eq!(apply(&sink, &[told]).await, ["5 rows"]);
    assert_eq!(sink.check().await.unwrap(), ["connected", "tables at 0-1"]);
}
