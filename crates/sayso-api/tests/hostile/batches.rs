//! Many questions in one request are answered as each in a request of its own, to the byte.

use axum::http::Request;
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Value, json};

use super::property::world::{ANA, EMAIL, World};

const PEOPLE: [&str; 6] =
    [EMAIL, "ben@example.org", "cleo@example.org", "dora@example.org", "", "x"];

/// Ana and others, who have said one thing and another.
fn world() -> World {
    let world = World::new();
    let offers = |effect: &str, until: Option<&str>| {
        let scope = json!({"purpose": "marketing.offers"});
        let notice = json!({"id": "offers", "version": 2});
        json!({"effect": effect, "scope": scope, "notice": notice, "until": until})
    };
    let objects = json!({"effect": "denial", "scope": {"purpose": "service"}});
    for (who, choices) in [
        (PEOPLE[1], json!([offers("grant", None), objects])),
        (PEOPLE[2], json!([offers("denial", None)])),
        (PEOPLE[3], json!([offers("grant", Some("2031-01-01"))])),
    ] {
        let made =
            json!({"identifiers": [format!("email:{who}")], "is_active": true, "choices": choices});
        let made = post(&world, "/v1/subjects", &made);
        assert_eq!(made.0, 201, "{}", made.1);
    }
    world
}

fn post(world: &World, path: &str, body: &Value) -> (u16, Value) {
    let request = Request::post(path).header("content-type", "application/json");
    let answer = world.send(request.body(body.to_string().into()).unwrap());
    (answer.status, answer.json())
}

/// A question, of which some parts may be left to the defaults.
fn item() -> impl Strategy<Value = Value> {
    let some = |texts: &'static [&'static str]| option::weighted(0.8, select(texts));
    let purposes =
        &["marketing.offers", "marketing", "safety.recall", "service.support", "none.such", "-"];
    let parts = (
        some(&["mailer", "crm", "nobody"]),
        some(purposes),
        some(&["contact.email", "contact", "device.usage", "none.such"]),
        select(&PEOPLE[..]),
        option::weighted(0.8, option::weighted(0.8, select(&["email", "sms", "post", "none"][..]))),
        option::weighted(0.2, select(&["oven/4711", "oven/1", "?"][..])),
        any::<bool>(),
    );
    parts.prop_map(|(recipient, purpose, data, who, channel, device, by_id)| {
        let mut item = json!({});
        if let Some(recipient) = recipient {
            item["subject"] = json!({"type": "recipient", "id": recipient});
        }
        if let Some(purpose) = purpose {
            item["action"] = json!({"name": purpose});
        }
        if let Some(data) = data {
            let id = if by_id && who == EMAIL { ANA.to_string() } else { format!("email:{who}") };
            item["resource"] = json!({"type": data, "id": id});
            if let Some(device) = device {
                item["resource"]["properties"] = json!({"device": device});
            }
        }
        if let Some(channel) = channel {
            item["context"] = channel.map_or(json!({}), |channel| json!({"channel": channel}));
        }
        item
    })
}

/// What each is answered alone, with the defaults put in by hand.
fn alone(world: &World, defaults: &Value, item: &Value) -> Value {
    let mut whole = defaults.clone();
    for (name, part) in item.as_object().unwrap() {
        whole[name] = part.clone();
    }
    for field in ["subject", "action", "resource"] {
        if whole.get(field).is_none() {
            let message = format!("missing field `{field}`");
            return json!({"decision": false, "context": {"error": {"status": 400, "message": message}}});
        }
    }
    post(world, "/access/v1/evaluation", &whole).1
}

fn law(world: &World, defaults: &Value, items: &[Value]) -> Result<usize, TestCaseError> {
    let mut alone: Vec<_> = items.iter().map(|item| alone(world, defaults, item)).collect();
    for semantic in ["execute_all", "deny_on_first_deny", "permit_on_first_permit"] {
        let mut asked = defaults.clone();
        asked["evaluations"] = json!(items);
        asked["options"] = json!({"evaluations_semantic": semantic});
        let (status, answer) = post(world, "/access/v1/evaluations", &asked);
        let stops = match semantic {
            "execute_all" => None,
            name => alone.iter().position(|one| one["decision"] == (name.starts_with("permit"))),
        };
        let heard = &alone[..stops.map_or(alone.len(), |last| last + 1)];
        prop_assert_eq!(status, 200);
        prop_assert_eq!(&answer["evaluations"], &json!(heard), "{}", asked);
    }
    alone.retain(|one| one["decision"] == true);
    Ok(alone.len())
}

#[test]
fn a_batch_is_answered_as_each_of_its_questions_alone() {
    let world = world();
    let whole = json!({
        "subject": {"type": "recipient", "id": "mailer"},
        "action": {"name": "marketing.offers"},
        "resource": {"type": "contact.email", "id": format!("email:{EMAIL}")},
        "context": {"channel": "email"},
    });
    let allowed = std::cell::Cell::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let asked = (any::<bool>(), vec(item(), 1..40));
    let ran = runner.run(&asked, |(has_defaults, items)| {
        let defaults = if has_defaults { whole.clone() } else { json!({}) };
        allowed.set(allowed.get() + law(&world, &defaults, &items)?);
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
    assert!(allowed.get() > 100, "{}", allowed.get());
    // More than are answered at one moment.
    let many: Vec<Value> = (0..600)
        .map(|number| json!({"resource": {"type": "contact.email", "id": format!("email:{}", PEOPLE[number % 4])}}))
        .collect();
    law(&world, &whole, &many).unwrap();
}
