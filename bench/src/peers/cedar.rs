//! Cedar. A purpose and a kind of data together are an entity, below every pair of what is above
//! the two: so one `in` says whether a choice covers a question.

use std::collections::HashSet;

use anyhow::Result;
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicySet, Request, RestrictedExpression as Value,
};
use sayso_consent::{choice::Effect, subject::Held};

use crate::{
    crowd::{self, ACTIVITIES, AT, Asked},
    peers::told::Peer,
};

/// What the crowd needs, in one policy.
pub(crate) const ONE: &str = include_str!("one.cedar");
/// What an organisation needs, as people write it: a policy for each basis and each exception.
pub(crate) const RULES: &str = include_str!("rules.cedar");

/// Everything at the root of a tree.
const ALL: &str = "*";

/// The policies, the people, and what is asked about each.
pub(crate) struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    requests: Vec<Request>,
}

fn uid(kind: &str, id: &str) -> Result<EntityUid> {
    let kind: EntityTypeName = kind.parse()?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

fn reference(kind: &str, id: &str) -> Result<Value> {
    Ok(Value::new_entity_uid(uid(kind, id)?))
}

/// What is right above a name.
fn parent(name: &str) -> Option<&str> {
    match name.rsplit_once('.') {
        Some((parent, _)) => Some(parent),
        None => (name != ALL).then_some(ALL),
    }
}

fn pair(purpose: &str, data: &str) -> String {
    format!("{purpose}/{data}")
}

/// Everything that can be asked or chosen.
fn pairs() -> Result<Vec<Entity>> {
    let with_parents = |name: String| {
        let above = std::iter::successors(Some(name), |name| parent(name).map(str::to_owned));
        above.collect::<Vec<_>>()
    };
    let all = (0..ACTIVITIES).map(Asked::about);
    let (purposes, data): (Vec<_>, Vec<_>) =
        all.map(|asked| (with_parents(asked.purpose), with_parents(asked.data))).unzip();
    let purposes: HashSet<String> = purposes.into_iter().flatten().collect();
    let data: HashSet<String> = data.into_iter().flatten().collect();
    let mut pairs = Vec::new();
    for purpose in &purposes {
        for kind in &data {
            let mut parents = HashSet::new();
            if let Some(parent) = parent(purpose) {
                parents.insert(uid("Use", &pair(parent, kind))?);
            }
            if let Some(parent) = parent(kind) {
                parents.insert(uid("Use", &pair(purpose, parent))?);
            }
            let attributes = declared(purpose, kind)?;
            pairs.push(Entity::new(uid("Use", &pair(purpose, kind))?, attributes, parents)?);
        }
    }
    Ok(pairs)
}

/// What the catalog says about a pair.
fn declared(purpose: &str, data: &str) -> Result<std::collections::HashMap<String, Value>> {
    let is_it = |activity: &u64| {
        let asked = Asked::about(*activity);
        asked.purpose == purpose && asked.data == data
    };
    let Some(activity) = (0..ACTIVITIES).find(is_it) else { return Ok([].into()) };
    let asked = Asked::about(activity);
    let basis = if crowd::needs_consent(activity) { "consent" } else { "legitimate_interests" };
    let channels: Result<Vec<_>> =
        asked.channel.iter().map(|channel| reference("Channel", channel)).collect();
    Ok([
        ("basis".to_owned(), Value::new_string(basis.to_owned())),
        ("recipients".to_owned(), Value::new_set([reference("Recipient", &asked.recipient)?])),
        ("channels".to_owned(), Value::new_set(channels?)),
    ]
    .into())
}

/// What a person has said.
fn person(number: u64) -> Result<Entity> {
    let state = crowd::person(number)?;
    let covered = |held: &Held| {
        let name = |id: Option<&sayso_consent::Id>| id.map_or(ALL.to_owned(), ToString::to_string);
        let scope = &held.scope;
        reference("Use", &pair(&name(scope.purpose.as_ref()), &name(scope.data.as_ref())))
    };
    let set = |is_in: fn(&Held) -> bool| {
        let choices = state.choices.iter().filter(|held| is_in(held));
        anyhow::Ok(Value::new_set(choices.map(covered).collect::<Result<Vec<_>>>()?))
    };
    let is_grant = |held: &Held| held.effect == Effect::Grant;
    let mut attributes = vec![
        ("granted", set(|held| held.effect == Effect::Grant && held.until.is_none())?),
        ("ending", set(|held| held.effect == Effect::Grant && held.until.is_some())?),
        ("denied", set(|held| held.effect == Effect::Denial)?),
        ("overdue", Value::new_set([])),
        ("unreachable", Value::new_set([])),
        ("is_active", Value::new_bool(state.is_active)),
        ("is_restricted", Value::new_bool(state.is_restricted)),
        ("is_leaving", Value::new_bool(state.is_leaving)),
    ];
    if let Some(until) = state.choices.iter().filter(|held| is_grant(held)).find_map(|it| it.until)
    {
        attributes.push(("until", Value::new_long(until.0)));
    }
    let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(Entity::new(uid("Person", &number.to_string())?, attributes, HashSet::new())?)
}

impl Cedar {
    /// Tells so many people, under some policies.
    pub(crate) fn of(people: u64, policies: &str) -> Result<Self> {
        let people = (0..people).map(person).collect::<Result<Vec<_>>>()?;
        let entities = Entities::from_entities(pairs()?.into_iter().chain(people), None)?;
        let policies = policies.parse()?;
        Ok(Self { authorizer: Authorizer::new(), policies, entities, requests: Vec::new() })
    }
}

impl Peer for Cedar {
    fn prepare(&mut self, asked: &Asked, people: u64) -> Result<()> {
        let (recipient, action) = (uid("Recipient", &asked.recipient)?, uid("Action", "use")?);
        let request = |number: u64| {
            let mut context = vec![
                ("use".to_owned(), reference("Use", &pair(&asked.purpose, &asked.data))?),
                ("at".to_owned(), Value::new_long(AT.0)),
            ];
            if let Some(channel) = asked.channel {
                context.push(("channel".to_owned(), reference("Channel", channel)?));
            }
            let (context, person) = (Context::from_pairs(context)?, number.to_string());
            let person = uid("Person", &person)?;
            Ok(Request::new(recipient.clone(), action.clone(), person, context, None)?)
        };
        self.requests = (0..people).map(request).collect::<Result<_>>()?;
        Ok(())
    }

    fn allows(&mut self, number: u64) -> Result<bool> {
        let request = &self.requests[number as usize];
        let answer = self.authorizer.is_authorized(request, &self.policies, &self.entities);
        Ok(answer.decision() == Decision::Allow)
    }
}
