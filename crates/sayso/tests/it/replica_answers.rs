//! What a replica answers: the same as its server.

use hyper::Method;
use serde_json::{Value, json};

use crate::{
    cli::file,
    replica::{CLEO, begin, choose, ledger_at_ease, offers, question, world},
    world::{ANA, Caller, done, json as json_of},
};

/// Everything that Hearth's catalog lets be asked about its sample people, in one batch.
pub(crate) async fn everything(caller: &Caller, catalog: &Value, people: &[&str]) -> Value {
    let names = |what: &str| -> Vec<String> {
        catalog[what].as_object().unwrap().keys().cloned().collect()
    };
    let mut evaluations = Vec::new();
    for purpose in names("purposes") {
        for data in ["contact.email", "contact", "device.usage", "nothing.known"] {
            for who in people {
                for recipient in names("recipients") {
                    evaluations.push(json!({
                        "subject": {"type": "recipient", "id": recipient},
                        "action": {"name": purpose},
                        "resource": {"type": data, "id": who},
                    }));
                }
            }
        }
    }
    let asked = json!({"context": {"channel": "email"}, "evaluations": evaluations});
    let mut answers = caller.post("/access/v1/evaluations", &asked).await;
    for answer in answers["evaluations"].as_array_mut().unwrap() {
        let context = answer["context"].as_object_mut().unwrap();
        // The one thing that differs: a replica's answer ends with its lease at the latest.
        assert!(context.remove("lease").is_some());
        context.remove("keep_until");
        context.remove("obligations");
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_answers_as_its_server_does() {
    let (folder, dir) = ledger_at_ease().await;
    let people = include_str!("../../../../examples/hearth/customers.csv");
    done(&dir, &["subject", "import", &file(&folder, "customers.csv", people)]).await;
    done(&dir, &["subject", "create", ANA]).await;
    let world = begin(folder, dir).await;
    let token = choose(&world.dir, ANA, "grant").await;
    assert_eq!(offers(&world.at_replica, ANA, Some(&token)).await, "granted");
    let catalog = world.catalog().await;
    let people = [
        "email:ada@example.org",
        "crm:9001",
        "email:ben@example.org",
        CLEO,
        ANA,
        "email:nobody@example.org",
        "x",
    ];
    let at_server = everything(&world.at_server, &catalog, &people).await;
    assert_eq!(everything(&world.at_replica, &catalog, &people).await, at_server);
    assert!(
        at_server.to_string().contains("granted") && at_server.to_string().contains("withdrawn")
    );

    let search = json!({
        "subject": {"type": "recipient", "id": "mailer"},
        "action": {"name": "marketing.offers"},
        "resource": {"type": "contact.email"},
        "context": {"channel": "email"},
    });
    let path = "/access/v1/search/resource";
    let found = world.at_replica.post(path, &search).await;
    assert_eq!(found, world.at_server.post(path, &search).await);
    assert_eq!(found["page"]["count"], 2, "{found}");
    for (path, missing) in [("subject", "subject"), ("action", "action")] {
        let mut search = question("mailer", "marketing.offers", ANA, None);
        match missing {
            "subject" => drop(search["subject"].as_object_mut().unwrap().remove("id")),
            _ => drop(search.as_object_mut().unwrap().remove("action")),
        }
        let path = format!("/access/v1/search/{path}");
        let found = world.at_replica.post(&path, &search).await;
        assert_eq!(found, world.at_server.post(&path, &search).await);
    }
    let known = world.at_replica.get("/.well-known/authzen-configuration").await;
    assert!(
        known["access_evaluation_endpoint"].as_str().unwrap().contains("/access/v1/evaluation")
    );
    world.end().await;
}

/// What takes identifiers is the server's to answer, and is asked there in the same key's name.
#[tokio::test(flavor = "multi_thread")]
async fn a_recipients_search_is_passed_on_and_a_replica_has_metrics() {
    let mut world = world().await;
    let made =
        json_of(&world.dir, &["key", "create", "--role", "decide", "--recipient", "mailer"]).await;
    let key = made["key"].as_str().unwrap();
    let [at_server, at_replica] =
        [&world.at_server, &world.at_replica].map(|caller| caller.with_key(key));
    let mut search = json!({
        "subject": {"type": "recipient", "id": "mailer"},
        "action": {"name": "marketing.offers"},
        "resource": {"type": "contact.email"},
        "context": {"channel": "email"},
        "page": {"limit": 1},
    });
    let path = "/access/v1/search/resource";
    // A replica refuses a key by itself, so it has to have heard of it.
    let token = choose(&world.dir, CLEO, "grant").await;
    assert_eq!(offers(&world.at_replica, CLEO, Some(&token)).await, "granted");
    let mut names = Vec::new();
    loop {
        let found = at_replica.post(path, &search).await;
        let same = at_server.post(path, &search).await;
        assert_eq!(found["results"], same["results"]);
        names.extend(found["results"].as_array().unwrap().iter().map(|one| one["id"].clone()));
        if found["page"]["next_token"] == "" {
            break;
        }
        search["page"]["token"] = found["page"]["next_token"].clone();
    }
    names.sort_by_key(Value::to_string);
    assert_eq!(names, [ANA, CLEO]);
    let headers = [("content-type", "application/json")];
    for (body, status) in [("{}", 400), ("[", 400)] {
        let [refused, same] = [
            at_replica.send(Method::POST, path, &headers, body).await,
            at_server.send(Method::POST, path, &headers, body).await,
        ];
        assert_eq!((refused.status.as_u16(), &refused.text), (status, &same.text));
    }

    let admin = std::fs::read_to_string(world.dir.join("admin.key")).unwrap();
    let told = world.at_replica.with_key(&admin).send(Method::GET, "/metrics", &[], "").await.text;
    for line in ["sayso_subjects 2", "sayso_replica_lag_entries 0", "reason=\"granted\""] {
        assert!(told.contains(line), "{line}: {told}");
    }
    let refused = at_replica.send(Method::GET, "/metrics", &[], "").await;
    assert_eq!(refused.status, 403);

    world.stop_server().await;
    let refused = at_replica.send(Method::POST, path, &headers, search.to_string()).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    world.lapses().await;
    let told = world.at_replica.with_key(&admin).send(Method::GET, "/metrics", &[], "").await.text;
    assert!(told.contains("sayso_replica_lease_seconds 0.0"), "{told}");
    world.end().await;
}
