//! A policy in Rego, compiled for regorus' virtual machine; people are its data.

use anyhow::Result;
use regorus::{Engine, Value, languages::rego::compiler::Compiler, rvm::RegoVM};
use sayso_consent::{Id, choice::Effect};
use serde_json::{Map, json};

use crate::{
    crowd::{self, ACTIVITIES, AT, Asked},
    peers::told::Peer,
};

const POLICY: &str = include_str!("rules.rego");
const ENTRY: &str = "data.sayso.allow";

/// The machine, and what is asked about each.
pub(crate) struct Rego {
    machine: RegoVM,
    inputs: Vec<Value>,
}

/// A name and what is above it, nearest first.
fn above(name: &str) -> Vec<&str> {
    let parent = name.split_once('.').map(|(parent, _)| parent);
    [Some(name), parent, Some("*")].into_iter().flatten().collect()
}

fn catalog() -> (Map<String, serde_json::Value>, Map<String, serde_json::Value>) {
    let (mut activities, mut trees) = (Map::new(), Map::new());
    for activity in 0..ACTIVITIES {
        let Asked { purpose, data, recipient, channel } = Asked::about(activity);
        for name in [&purpose, &data] {
            trees.insert(name.clone(), json!(above(name)));
        }
        let basis = if crowd::needs_consent(activity) { "consent" } else { "legitimate_interests" };
        let channels: Vec<_> = channel.into_iter().collect();
        let declared = json!({"recipients": [recipient], "basis": basis, "channels": channels});
        activities.insert(purpose, json!({ data: declared }));
    }
    (activities, trees)
}

/// By purpose and kind of data: until when a yes holds, and every no.
fn person(number: u64) -> Result<serde_json::Value> {
    let (mut grants, mut denials) = (json!({}), json!({}));
    for held in crowd::person(number)?.choices {
        let name = |id: Option<Id>| id.map_or("*".to_owned(), |id| id.to_string());
        let (purpose, data) = (name(held.scope.purpose), name(held.scope.data));
        match held.effect {
            Effect::Grant => {
                grants[purpose][data] = held.until.map_or(i64::MAX, |until| until.0).into();
            }
            Effect::Denial => denials[purpose][data] = true.into(),
        }
    }
    Ok(json!({"grants": grants, "denials": denials}))
}

impl Rego {
    /// Tells so many people.
    pub(crate) fn of(people: u64) -> Result<Self> {
        let mut all = Value::new_object();
        let map = all.as_object_mut()?;
        for number in 0..people {
            map.insert(number.to_string().into(), person(number)?.into());
        }
        let (activities, trees) = catalog();
        let mut data = Value::from(json!({"activities": activities, "above": trees}));
        data.as_object_mut()?.insert("people".into(), all);
        let mut engine = Engine::new();
        engine.add_policy("rules.rego".to_owned(), POLICY.to_owned())?;
        let policy = engine.compile_with_entrypoint(&ENTRY.into())?;
        let mut machine = RegoVM::new();
        machine.load_program(Compiler::compile_from_policy(&policy, &[ENTRY])?);
        machine.set_data(data)?;
        Ok(Self { machine, inputs: Vec::new() })
    }
}

impl Peer for Rego {
    fn prepare(&mut self, asked: &Asked, people: u64) -> Result<()> {
        let Asked { purpose, data, recipient, channel } = asked;
        let input = |number: u64| {
            Value::from(json!({
                "subject": number.to_string(), "purpose": purpose, "data": data,
                "recipient": recipient, "channel": channel, "at": AT.0,
            }))
        };
        self.inputs = (0..people).map(input).collect();
        Ok(())
    }

    fn allows(&mut self, number: u64) -> Result<bool> {
        self.machine.set_input(self.inputs[number as usize].clone());
        Ok(self.machine.execute()? == Value::from(true))
    }
}
