//! A name goes from one person to another, in whatever order that is told.

use sayso_consent::Timestamp;
use sayso_ledger::sink::Message;
use serde_json::json;

use super::*;
use crate::conformance::people::Person;

const NAME: &str = "email:shared@example.org";

fn under(name: Option<&str>, message: Message) -> Message {
    Message { identifiers: name.map(str::to_owned).into_iter().collect(), ..message }
}

fn holder(file: &File) -> Vec<String> {
    file.rows("select key from sayso_names where identifier = 'shared@example.org'")
}

/// Ana has the name, gives it up, and Ben gets it.
fn story() -> ([Message; 4], String) {
    let secrets = sayso_ledger::Secrets::generate().unwrap();
    let (ana, ben) = (Person::new(&secrets, 1), Person::new(&secrets, 2));
    let story = [
        under(Some(NAME), ana.told(1, true)),
        under(None, ana.told(2, true)),
        under(Some(NAME), ana.parting(&secrets, 2)),
        under(Some(NAME), ben.told(3, false)),
    ];
    (story, ben.key().to_owned())
}

#[tokio::test]
async fn in_every_order_the_name_ends_with_whoever_got_it_last() {
    for order in orders(4) {
        let (story, ben) = story();
        let file = File::new();
        let sink = file.sink(&json!([]));
        for place in &order {
            apply(&sink, &story[*place..=*place]).await;
        }
        assert_eq!(holder(&file), std::slice::from_ref(&ben), "{order:?}");
        let at_once = File::new();
        let told: Vec<_> =
            order.iter().filter(|place| **place != 0).map(|place| story[*place].clone()).collect();
        apply(&at_once.sink(&json!([])), &told).await;
        assert_eq!(holder(&at_once), [ben], "{order:?} at once");
    }
}

#[tokio::test]
async fn what_is_told_of_a_former_name_later_does_not_take_it_from_its_new_holder() {
    let (story, ben) = story();
    let file = File::new();
    let sink = file.sink(&json!([]));
    for message in [&story[3], &story[2], &story[0]] {
        apply(&sink, std::slice::from_ref(message)).await;
    }
    assert_eq!(holder(&file), [ben]);
}

#[tokio::test]
async fn names_that_differ_by_a_space_or_by_case_are_two() {
    let secrets = sayso_ledger::Secrets::generate().unwrap();
    let mut told = Person::new(&secrets, 1).told(1, true);
    told.identifiers = ["a", "a ", "A", "á"].map(|name| format!("crm:{name}")).into();
    told.at = Timestamp(told.at.0 + 1);
    let file = File::new();
    assert_eq!(apply(&file.sink(&json!([])), &[told]).await, ["7 rows"]);
    assert_eq!(file.rows("select count(*) from sayso_names"), ["4"]);
}

fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(count - 1);
    let insert = |order: &Vec<usize>, place: usize| {
        let mut order = order.clone();
        order.insert(place, count - 1);
        order
    };
    shorter.iter().flat_map(|order| (0..count).map(move |place| insert(order, place))).collect()
}
