//! Casbin: a rule for everything that a person has said; both trees are roles.

use std::fmt::Write;

use anyhow::Result;
use casbin::{CoreApi, DefaultModel, Enforcer, StringAdapter};
use sayso_consent::{Id, choice::Effect};

use crate::{
    crowd::{self, ACTIVITIES, AT, Asked},
    peers::told::Peer,
};

const MODEL: &str = include_str!("casbin.conf");
/// Later than anything: moments are compared as texts of one length.
const NEVER: &str = "9999999999999";

type Question = (String, String, String, String, String);

/// The rules, and what is asked about each.
pub(crate) struct Casbin {
    enforcer: Enforcer,
    questions: Vec<Question>,
}

/// Who uses which data by which channel, as one name.
fn way(asked: &Asked) -> String {
    format!("{}/{}/{}", asked.recipient, asked.data, asked.channel.unwrap_or_default())
}

fn rules(people: u64) -> Result<String> {
    let mut rules = String::new();
    for activity in 0..ACTIVITIES {
        let asked = Asked::about(activity);
        for (tree, name) in [("g", &asked.purpose), ("g2", &asked.data)] {
            let parent = name.split_once('.').map_or("*", |(parent, _)| parent);
            writeln!(rules, "{tree}, {name}, {parent}\n{tree}, {parent}, *")?;
        }
        writeln!(rules, "g3, {}, {}", way(&asked), asked.purpose)?;
        if !crowd::needs_consent(activity) {
            writeln!(rules, "p, *, {}, {}, {NEVER}, allow", asked.purpose, asked.data)?;
        }
    }
    for number in 0..people {
        for held in crowd::person(number)?.choices {
            let name = |id: Option<Id>| id.map_or("*".to_owned(), |id| id.to_string());
            let until = held.until.map_or(NEVER.to_owned(), |until| until.0.to_string());
            let effect = if held.effect == Effect::Grant { "allow" } else { "deny" };
            let (purpose, data) = (name(held.scope.purpose), name(held.scope.data));
            writeln!(rules, "p, {number}, {purpose}, {data}, {until}, {effect}")?;
        }
    }
    Ok(rules)
}

impl Casbin {
    /// Tells so many people.
    pub(crate) fn of(people: u64) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let enforcer = runtime.block_on(async {
            let model = DefaultModel::from_str(MODEL).await?;
            anyhow::Ok(Enforcer::new(model, StringAdapter::new(rules(people)?)).await?)
        })?;
        Ok(Self { enforcer, questions: Vec::new() })
    }
}

impl Peer for Casbin {
    fn prepare(&mut self, asked: &Asked, people: u64) -> Result<()> {
        let (way, at) = (way(asked), AT.0.to_string());
        let question = |number: u64| {
            let (purpose, data) = (asked.purpose.clone(), asked.data.clone());
            (number.to_string(), purpose, data, way.clone(), at.clone())
        };
        self.questions = (0..people).map(question).collect();
        Ok(())
    }

    fn allows(&mut self, number: u64) -> Result<bool> {
        Ok(self.enforcer.enforce(self.questions[number as usize].clone())?)
    }
}
