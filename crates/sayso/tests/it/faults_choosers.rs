//! Those who choose: each writes about people of their own, one choice after the other, so that the
//! last word of everybody is known.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use hyper::{Method, StatusCode};
use serde_json::json;
use tokio::{task::JoinSet, time::sleep};

use crate::world::Caller;

/// How many choose at once.
const CHOOSERS: usize = 48;

/// All of them.
pub(crate) struct Choosers {
    caller: Caller,
    people: Vec<String>,
    /// What was acknowledged last, by the number of the person.
    last: Vec<Mutex<Option<bool>>>,
    pub(crate) acknowledged: AtomicU64,
    stop: AtomicBool,
}

impl Choosers {
    pub(crate) fn new(caller: &Caller, people: &[String]) -> Arc<Self> {
        Arc::new(Self {
            caller: caller.clone(),
            people: people.to_vec(),
            last: people.iter().map(|_| Mutex::default()).collect(),
            acknowledged: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        })
    }

    pub(crate) fn begin(self: &Arc<Self>) -> JoinSet<()> {
        let begun = (0..CHOOSERS).map(|number| Arc::clone(self).choose(number));
        begun.collect()
    }

    /// They bring to an end what they have begun.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// What everybody said last.
    pub(crate) fn words(&self) -> Vec<Option<bool>> {
        self.last.iter().map(|last| *last.lock().unwrap()).collect()
    }

    async fn choose(self: Arc<Self>, number: usize) {
        let own = (number..self.people.len()).step_by(CHOOSERS);
        for (turn, person) in own.cycle().enumerate() {
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            let word = self.last[person].lock().unwrap().is_none_or(|last| !last);
            self.send(person, &format!("{person}-{turn}"), word).await;
            *self.last[person].lock().unwrap() = Some(word);
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Says it until it is acknowledged: whether a try that was not answered was recorded, nobody
    /// outside can know.
    async fn send(&self, person: usize, reference: &str, is_grant: bool) {
        let effect = if is_grant { "grant" } else { "denial" };
        let scope = json!({"purpose": "marketing.offers", "channel": "email"});
        let body = json!({"choices": [{"effect": effect, "scope": scope}]}).to_string();
        let path = format!("/v1/subjects/{}/choices", self.people[person]);
        let headers = [("content-type", "application/json"), ("idempotency-key", reference)];
        loop {
            let sent = self.caller.attempt(Method::POST, &path, &headers, body.clone()).await;
            match sent {
                Some(answer) if answer.status == StatusCode::OK => return,
                Some(answer) => {
                    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
                }
                None => {}
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}
