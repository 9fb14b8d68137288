//! Statements that a company declares, and for whom they are run.
//!
//! Parameters are named in the text and bound by place: no value ever becomes a part of a statement.

use sayso_ledger::{deliver::PermissionData, sink::Message};
use serde::Deserialize;

use super::tables::Dialect;

/// When a statement is run for somebody. What is not declared is denied, and so is everything for
/// somebody who is leaving: of `denied` and `allowed` exactly one holds, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Something that the filters name is denied, or nothing that they name is declared.
    Denied,
    /// All that the filters name is allowed.
    Allowed,
    /// What is held under the name has to be deleted.
    Leaving,
    /// At every message.
    Always,
}

/// A statement that is run for each name of somebody, in the transaction that tells of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// When.
    pub when: When,
    /// Look at this purpose and what lies within it only.
    pub purpose: Option<String>,
    /// Look at this data and what lies within it only.
    pub data: Option<String>,
    /// Look at this channel only.
    pub channel: Option<String>,
    /// One statement with `:identifier` (the name without its namespace), `:key` and `:allow`. The
    /// first two are texts: PostgreSQL compares them with other types after `:identifier::uuid`.
    pub sql: String,
    /// A query of the names for which the company's own columns say what this statement would have
    /// changed, in one column: they are reported as drift. It takes no parameters.
    pub check_sql: Option<String>,
}

/// Why a statement cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It has a parameter that there is not.
    #[error("`:{0}` is no parameter; there are :identifier, :key and :allow")]
    Parameter(String),
    /// It has none that says whom it is about.
    #[error("it names neither :identifier nor :key, and would be run on everybody")]
    Everybody,
    /// It has a parameter of the database's own.
    #[error("write parameters as :identifier, :key or :allow")]
    Foreign,
    /// A quote or a comment has no end.
    #[error("a quote or a comment has no end")]
    Open,
    /// There is more than one.
    #[error("there is more than one; declare them one by one, so that each is counted")]
    Several,
}

/// What a parameter stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parameter {
    Identifier,
    Key,
    Allow,
}

/// A statement as a database takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prepared {
    pub(super) sql: String,
    /// What is bound, by place.
    pub(super) parameters: Vec<Parameter>,
}

/// What a statement is run with, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Which message it counts for, by its place in the batch.
    pub(super) message: usize,
    pub(super) identifier: String,
    pub(super) key: String,
    pub(super) allow: bool,
}

impl Statement {
    /// With the parameters of a dialect.
    pub(super) fn prepare(&self, dialect: Dialect) -> Result<Prepared, Problem> {
        let mut sql = String::new();
        let mut parameters = Vec::new();
        let mut rest = self.sql.trim().trim_end_matches(';');
        while let Some(c) = rest.chars().next() {
            let taken = match c {
                ':' if rest.starts_with("::") => 2,
                ':' => {
                    let name: String = rest.chars().skip(1).take_while(is_of_a_name).collect();
                    parameters.push(Parameter::named(&name)?);
                    sql.push_str(&dialect.placeholder(parameters.len()));
                    rest = &rest[1 + name.len()..];
                    continue;
                }
                '?' => return Err(Problem::Foreign),
                '$' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                    return Err(Problem::Foreign);
                }
                ';' => return Err(Problem::Several),
                _ => quoted(rest)?.unwrap_or(c.len_utf8()),
            };
            sql.push_str(&rest[..taken]);
            rest = &rest[taken..];
        }
        if parameters.iter().all(|parameter| *parameter == Parameter::Allow) {
            return Err(Problem::Everybody);
        }
        Ok(Prepared { sql, parameters })
    }

    /// What it is run with for a message, the `place`-th of its batch.
    pub(super) fn runs(&self, message: &Message, place: usize) -> Vec<Run> {
        let mut own = message.permissions.iter().filter(|own| self.is_about(own)).peekable();
        let is_declared = own.peek().is_some();
        let allow = is_declared && !message.leaving && own.all(|permission| permission.allow);
        let is_run = match self.when {
            When::Denied => !allow,
            When::Allowed => allow,
            When::Leaving => message.leaving,
            When::Always => true,
        };
        let names = message.identifiers.iter().filter(|_| is_run);
        let run = |name: &String| Run {
            message: place,
            identifier: split(name).1.to_owned(),
            key: message.key.clone(),
            allow,
        };
        names.map(run).collect()
    }

    fn is_about(&self, permission: &PermissionData) -> bool {
        let PermissionData { purpose, data, channel, .. } = permission;
        let covers = |filter: &Option<String>, id: &str| {
            filter.as_deref().is_none_or(|filter| {
                id.strip_prefix(filter)
                    .is_some_and(|rest| matches!(rest.as_bytes(), [] | [b'.', ..]))
            })
        };
        covers(&self.purpose, purpose.as_str())
            && covers(&self.data, data.as_str())
            && (self.channel.is_none()
                || self.channel.as_deref() == channel.as_ref().map(|channel| channel.as_str()))
    }
}

impl Parameter {
    fn named(name: &str) -> Result<Self, Problem> {
        match name {
            "identifier" => Ok(Self::Identifier),
            "key" => Ok(Self::Key),
            "allow" => Ok(Self::Allow),
            _ => Err(Problem::Parameter(name.to_owned())),
        }
    }
}

/// An identifier's namespace and value.
pub(super) fn split(identifier: &str) -> (&str, &str) {
    identifier.split_once(':').unwrap_or(("", identifier))
}

fn is_of_a_name(c: &char) -> bool {
    c.is_ascii_alphanumeric() || *c == '_'
}

/// How long the quoted part or comment is that a text begins with, if it begins with one. A colon in
/// it is no parameter.
fn quoted(text: &str) -> Result<Option<usize>, Problem> {
    let end_of = |begin: usize, end: &str| {
        let found = text[begin..].find(end).ok_or(Problem::Open)?;
        Ok(Some(begin + found + end.len()))
    };
    match text.as_bytes() {
        // A doubled quote ends one part and begins the next, which comes to the same.
        [b'\'', ..] => end_of(1, "'"),
        [b'"', ..] => end_of(1, "\""),
        [b'`', ..] => end_of(1, "`"),
        [b'/', b'*', ..] => end_of(2, "*/"),
        [b'-', b'-', ..] => Ok(Some(text.find('\n').unwrap_or(text.len()))),
        [b'$', ..] => {
            let tag: usize = text[1..].chars().take_while(is_of_a_name).map(char::len_utf8).sum();
            match text[1 + tag..].starts_with('$') {
                true => end_of(tag + 2, &text[..tag + 2]),
                false => Ok(None),
            }
        }
        _ => Ok(None),
    }
}
