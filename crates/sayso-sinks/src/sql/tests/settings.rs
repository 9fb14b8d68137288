use super::*;

fn refusal(settings: &Value) -> String {
    let opened = crate::open::open("sql", settings, &Default::default(), &told());
    opened.err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn settings_are_checked_before_anybody_is_connected_to() {
    for (settings, needle) in [
        (json!({}), "url"),
        (json!({ "url": "sqlite:/x.db", "password": "geheim" }), "no setting"),
        (json!({ "url": "geheim" }), "cannot be read"),
        (json!({ "url": "postgres://host/db" }), "cannot be read"),
        (json!({ "url": "postgres://role@host" }), "cannot be read"),
        (json!({ "url": "postgres://role@host/a/b" }), "cannot be read"),
        (json!({ "url": "postgres://role@host:66666/db" }), "cannot be read"),
        (json!({ "url": "postgres://role@host/db?sslmode=disable" }), "cannot be read"),
        (json!({ "url": "oracle://role@host/db" }), "cannot be read"),
        (json!({ "url": "sqlite:own.db" }), "cannot be read"),
        (json!({ "url": "postgres://role:geheim@host/db" }), "secret `password`"),
        (json!({ "url": "sqlite:/x.db", "prefix": "Sayso" }), "prefix"),
        (json!({ "url": "sqlite:/x.db", "prefix": "" }), "prefix"),
        (json!({ "url": "sqlite:/x.db", "prefix": "a; drop" }), "prefix"),
        (json!({ "url": "postgres://role@host/db", "tls": false }), "allow_private"),
        (json!({ "url": "sqlite:/x.db", "batch_max": 0 }), "batch_max"),
        (json!({ "url": "sqlite:/x.db", "timeout_ms": 0 }), "timeout_ms"),
        (json!({ "url": "mariadb://r@h/d", "ca_file": "/nowhere/geheim.pem" }), "ca_file"),
        (
            json!({ "url": "sqlite:/x.db", "statements": [{ "when": "denied", "sql": "delete from c" }] }),
            "number 1",
        ),
    ] {
        let text = refusal(&settings);
        assert!(text.contains(needle), "{settings}: {text}");
        assert!(!text.contains("geheim"), "{text}");
    }
}

#[test]
fn fit_settings_are_taken() {
    for url in [
        "postgres://role@db.example/shop",
        "postgresql://role@[::1]:5433/shop",
        "postgres://role@localhost/shop?socket=/run/postgresql",
        "mariadb://role@db.example:3307/shop",
        "mysql://role@db.example/shop",
        "sqlite:/var/lib/shop.db",
    ] {
        assert_eq!(refusal(&json!({ "url": url })), "", "{url}");
    }
}

#[test]
fn the_ddl_can_be_shown() {
    for dialect in [Dialect::Postgres, Dialect::Mariadb, Dialect::Sqlite] {
        let ddl = ddl(dialect, "own_");
        let text = ddl.join(";\n");
        for name in ["own_ledger", "own_people", "own_names", "own_permissions", "own_allowed"] {
            assert!(text.contains(name), "{name} in {dialect:?}");
        }
        assert!(!text.contains(['{', '}']), "{text}");
    }
}
