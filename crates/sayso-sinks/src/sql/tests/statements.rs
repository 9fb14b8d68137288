use sayso_ledger::Secrets;

use super::*;
use crate::{
    conformance::people::Person,
    sql::statement::{Parameter::*, Problem},
};

fn statement(sql: &str) -> Statement {
    serde_json::from_value(json!({ "when": "always", "sql": sql })).unwrap()
}

#[test]
fn parameters_are_bound_by_place() {
    for (sql, postgres, mariadb, parameters) in [
        (
            "update c set a = :allow where e = :identifier;",
            "update c set a = $1 where e = $2",
            "update c set a = ? where e = ?",
            &[Allow, Identifier][..],
        ),
        ("f(:key, :key)", "f($1, $2)", "f(?, ?)", &[Key, Key]),
        ("select :identifier::uuid", "select $1::uuid", "select ?::uuid", &[Identifier]),
        (
            ":key 'a:b''s :c' \":d\" `:e`",
            "$1 'a:b''s :c' \":d\" `:e`",
            "? 'a:b''s :c' \":d\" `:e`",
            &[Key],
        ),
        (
            ":key -- :x\n/* :y; */ $t$:z$t$ $$:z$$ é",
            "$1 -- :x\n/* :y; */ $t$:z$t$ $$:z$$ é",
            "? -- :x\n/* :y; */ $t$:z$t$ $$:z$$ é",
            &[Key],
        ),
    ] {
        let prepared = statement(sql).prepare(Dialect::Postgres).unwrap();
        assert_eq!((prepared.sql.as_str(), &prepared.parameters[..]), (postgres, parameters));
        assert_eq!(statement(sql).prepare(Dialect::Mariadb).unwrap().sql, mariadb);
    }
}

#[test]
fn what_cannot_be_run_is_said_before_it_is() {
    for (sql, problem) in [
        ("delete from c", Problem::Everybody),
        ("update c set a = :allow", Problem::Everybody),
        ("delete from c where e = ':identifier'", Problem::Everybody),
        ("delete from c where e = :email", Problem::Parameter("email".into())),
        ("delete from c where e = :identifierx", Problem::Parameter("identifierx".into())),
        ("delete from c where e = : identifier", Problem::Parameter(String::new())),
        ("delete from c where e = :key and f = ?", Problem::Foreign),
        ("delete from c where e = :key and f = $1", Problem::Foreign),
        ("delete from c where e = :key; delete from d where e = :key", Problem::Several),
        ("delete from c where e = :key and f = 'x", Problem::Open),
        ("delete from c where e = :key /* x", Problem::Open),
    ] {
        assert_eq!(statement(sql).prepare(Dialect::Postgres), Err(problem), "{sql}");
    }
}

#[test]
fn exactly_one_of_denied_and_allowed_is_run() {
    let ana = Person::new(&Secrets::generate().unwrap(), 1);
    // Allowed: offers by e-mail, denied: offers by post.
    let (yes, no, leaving) = (ana.told(1, true), ana.told(1, false), ana.leaving(2));
    for (filters, message, allow) in [
        (json!({ "purpose": "marketing.offers", "channel": "email" }), &yes, true),
        (json!({ "purpose": "marketing", "channel": "email" }), &yes, true),
        (json!({ "purpose": "market", "channel": "email" }), &yes, false),
        (json!({ "purpose": "marketing" }), &yes, false),
        (json!({ "purpose": "marketing.offers", "channel": "post" }), &yes, false),
        (json!({ "purpose": "marketing.offers", "channel": "email" }), &no, false),
        (json!({ "channel": "post" }), &no, true),
        (json!({ "purpose": "never.declared" }), &yes, false),
        (json!({ "data": "contact", "purpose": "service" }), &yes, true),
        (json!({ "data": "contact.phone", "purpose": "service" }), &yes, false),
        (json!({ "channel": "email" }), &leaving, false),
    ] {
        let runs = |when: &str| {
            let mut all = json!({ "when": when, "sql": "f(:key)" });
            all.as_object_mut().unwrap().extend(filters.as_object().unwrap().clone());
            let statement: Statement = serde_json::from_value(all).unwrap();
            statement.runs(message, 0)
        };
        let names = message.identifiers.len();
        assert_eq!(runs("allowed").len(), if allow { names } else { 0 }, "{filters}");
        assert_eq!(runs("denied").len(), if allow { 0 } else { names }, "{filters}");
        assert_eq!(runs("leaving").len(), if message.leaving { names } else { 0 });
        assert!(runs("always").iter().all(|run| run.allow == allow));
        assert_eq!(runs("always")[0].identifier, message.identifiers[0]["email:".len()..]);
    }
}
