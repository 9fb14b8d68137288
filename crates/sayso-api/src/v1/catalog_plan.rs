//! `POST /v1/catalog/plan`: what a catalog would change, and for how many people.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use sayso_catalog::Change;
use sayso_consent::{Id, Position, Reason, Timestamp, catalog::InForce, event::Grade};
use sayso_decision::{Snapshot, permission::permissions};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    App,
    auth::Principal,
    body::Raw,
    problem::Problem,
    v1::{catalog, write},
};

/// What would change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Plan {
    /// What differs, in words.
    #[schema(value_type = Vec<Object>)]
    changes: Vec<Change>,
    /// How many people are known.
    people: usize,
    /// How many of them would have to be asked again about something they allow now.
    asked_again: usize,
    /// What recipients would gain and lose.
    effects: Vec<Effect>,
}

/// What one recipient would gain or lose for one purpose.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Effect {
    #[schema(value_type = String)]
    recipient: Id,
    #[schema(value_type = String)]
    purpose: Id,
    /// People whose data it may use then and not now.
    gains: usize,
    /// People whose data it may use now and not then.
    loses: usize,
}

/// What a catalog would change, and for how many people. Records nothing.
#[utoipa::path(post, path = "/v1/catalog/plan", operation_id = "plan_catalog", tag = "catalog",
    request_body(content((String = "application/yaml"), (Object = "application/json"))),
    responses(
        (status = 200, description = "The plan.", body = Plan),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 422, description = "The catalog has problems, each with its place.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    principal: Principal,
    body: Raw,
) -> Result<Json<Plan>, Problem> {
    principal.require(Grade::Administer)?;
    let catalog = Arc::new(catalog::read(&body)?);
    let plan = write::blocking(move || {
        let snapshot = app.ledger.snapshot();
        let before = snapshot.in_force();
        let changes = sayso_catalog::compare(before.as_ref().map(|now| &*now.catalog), &catalog);
        let after = InForce::follow(before.as_deref(), catalog, Position::at(u64::MAX));
        let mut count = Count::default();
        if let Some(before) = &before {
            count.everyone(snapshot, before, &after, app.at());
        }
        Ok(count.plan(changes, snapshot.count()))
    });
    plan.await.map(Json)
}

#[derive(Default)]
struct Count {
    asked_again: usize,
    effects: BTreeMap<(Id, Id), (usize, usize)>,
}

/// What a recipient may do: by purpose, data and channel, with the reason.
type May = BTreeMap<(Id, Id, Option<Id>), Reason>;

impl Count {
    fn everyone(&mut self, snapshot: &Snapshot, before: &InForce, after: &InForce, at: Timestamp) {
        // Only recipients whose rules differ can gain or lose anything.
        let both = before.catalog.recipients.keys().chain(after.catalog.recipients.keys());
        let mut recipients: Vec<&Id> = both
            .filter(|recipient| after.catalog.rules_differ(&before.catalog, recipient))
            .collect();
        recipients.sort();
        recipients.dedup();
        for people in snapshot.pages_of_people() {
            for (subject, state) in &people {
                let may = |now: &InForce, recipient: &Id| -> May {
                    let all = permissions(now, snapshot, *subject, Some(state), recipient, at);
                    all.into_iter()
                        .map(|one| ((one.purpose, one.data, one.channel), one.reason))
                        .collect()
                };
                let mut is_asked_again = false;
                for recipient in &recipients {
                    let (now, then) = (may(before, recipient), may(after, recipient));
                    is_asked_again |= self.compare(recipient, &now, &then);
                }
                self.asked_again += usize::from(is_asked_again);
            }
        }
    }

    /// Counts one person and recipient; returns whether the person must be asked again.
    fn compare(&mut self, recipient: &Id, now: &May, then: &May) -> bool {
        let allows = |may: &May, key: &(Id, Id, Option<Id>)| {
            may.get(key).is_some_and(|reason| reason.allows())
        };
        let mut purposes: BTreeMap<&Id, (bool, bool)> = BTreeMap::new();
        for key in now.keys().chain(then.keys()) {
            let (before, after) = (allows(now, key), allows(then, key));
            let (gains, loses) = purposes.entry(&key.0).or_default();
            *gains |= after && !before;
            *loses |= before && !after;
        }
        for (purpose, (gains, loses)) in
            purposes.into_iter().filter(|(_, (gains, loses))| *gains || *loses)
        {
            let count = self.effects.entry((recipient.clone(), purpose.clone())).or_default();
            count.0 += usize::from(gains);
            count.1 += usize::from(loses);
        }
        let is_superseded = |(key, reason): (&(Id, Id, Option<Id>), &Reason)| {
            *reason == Reason::NoticeSuperseded && allows(now, key)
        };
        then.iter().any(is_superseded)
    }

    fn plan(self, changes: Vec<Change>, people: usize) -> Plan {
        let effect =
            |((recipient, purpose), (gains, loses))| Effect { recipient, purpose, gains, loses };
        let effects = self.effects.into_iter().map(effect).collect();
        Plan { changes, people, asked_again: self.asked_again, effects }
    }
}
