//! Runs examples against a surface and says what differs.

use std::fmt;

use sayso_consent::{Position, Timestamp};

use super::{
    answer::short,
    parse::Library,
    step::{Act, Deed, Example, Part, Section, Step},
    surface::{Answer, Surface},
};

/// Runs every example of the library. `Err` is the whole report, for a person to read.
pub fn check(library: &Library, surface: &mut dyn Surface) -> Result<Summary, String> {
    let mut summary = Summary::default();
    let mut report = String::new();
    let files = library.files().map_err(|error| format!("golden/: {error}"))?;
    for file in files {
        match library.example(&file) {
            Ok(example) => {
                summary.count(&example);
                for mismatch in run(&example, surface) {
                    report.push_str(&format!("{mismatch}\n"));
                }
            }
            Err(mistakes) => {
                for mistake in mistakes {
                    report.push_str(&format!("{mistake}\n"));
                }
            }
        }
    }
    if report.is_empty() { Ok(summary) } else { Err(format!("\n{report}{HINT}")) }
}

const HINT: &str =
    "if what was got is right, SAYSO_BLESS=1 writes the oracle's answers into the files";

/// How much was run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files.
    pub files: usize,
    /// Stories.
    pub sections: usize,
    /// Lines that expect something.
    pub steps: usize,
}

impl Summary {
    fn count(&mut self, example: &Example) {
        self.files += 1;
        self.sections += example.sections.len();
        self.steps += example.sections.iter().map(|section| section.steps.len()).sum::<usize>();
    }
}

/// A line whose answer is another than the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The story and the surface.
    pub heading: String,
    /// What was recorded before, newest last.
    pub before: Vec<String>,
    /// What was said or asked.
    pub said: String,
    /// The answer in the file.
    pub expected: String,
    /// The answer of the surface.
    pub got: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:{}  {}", self.file, self.line, self.heading)?;
        for before in &self.before {
            writeln!(f, "    {before}")?;
        }
        writeln!(f, "  ▶ {}\n", self.said)?;
        let expected = if self.expected.is_empty() { "(no answer yet)" } else { &self.expected };
        let width = expected.chars().count().max(24);
        writeln!(f, "    {:width$}  │ got", "expected")?;
        writeln!(f, "    {expected:width$}  │ {}", self.got)
    }
}

/// Runs one example from an empty ledger for each of its stories.
pub fn run(example: &Example, surface: &mut dyn Surface) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    for section in &example.sections {
        let mut run = Run { surface: &mut *surface, places: Vec::new(), head: Position::START };
        let answers = run.section(section);
        let differs = |(step, got): &(&Step, String)| step.expected != *got;
        for (step, got) in section.steps.iter().zip(answers).filter(differs) {
            mismatches.push(Mismatch {
                file: example.file.clone(),
                line: step.line,
                heading: format!("{} · {}", section.title, surface.name()),
                before: before(section, step),
                said: asked(step),
                expected: step.expected.clone(),
                got,
            });
        }
    }
    mismatches
}

/// The last few recorded lines before a step: enough to judge it without opening the file.
fn before(section: &Section, step: &Step) -> Vec<String> {
    const SHOWN: usize = 6;
    let is_recorded = |other: &&Step| matches!(other.act, Act::Do { number: Some(_), .. });
    let earlier = section.steps.iter().take_while(|other| other.line < step.line);
    let lines: Vec<String> = earlier.filter(is_recorded).map(|other| other.said.clone()).collect();
    lines[lines.len().saturating_sub(SHOWN)..].to_vec()
}

fn asked(step: &Step) -> String {
    match step.act {
        Act::Ask { .. } => format!("{}, asked at {}", step.said, short(step.at)),
        Act::Do { .. } => step.said.clone(),
    }
}

struct Run<'a> {
    surface: &'a mut dyn Surface,
    /// Where each numbered line was recorded.
    places: Vec<(u64, Position)>,
    head: Position,
}

impl Run<'_> {
    fn section(&mut self, section: &Section) -> Vec<String> {
        self.surface.reset();
        if let (Some(catalog), Some(first)) = (&section.catalog, section.steps.first()) {
            let deed = Deed::Applies { catalog: catalog.clone() };
            self.record(first.at, None, &deed);
        }
        section.steps.iter().map(|step| self.step(step)).collect()
    }

    fn step(&mut self, step: &Step) -> String {
        match &step.act {
            Act::Do { number, deed } => self.record(step.at, *number, deed),
            Act::Ask { question, parts } => {
                let answer = self.surface.decide(step.at, question);
                self.say(&answer, parts)
            }
        }
    }

    fn record(&mut self, at: Timestamp, number: Option<u64>, deed: &Deed) -> String {
        match self.surface.command(at, &self.placed(deed)) {
            Ok(Some(position)) => {
                self.head = position;
                self.places.extend(number.map(|number| (number, position)));
                "recorded".into()
            }
            Ok(None) => "nothing new".into(),
            Err(code) => format!("refused {code}"),
        }
    }

    /// A report speaks of a line of the file; the surface only knows places of its own.
    fn placed(&self, deed: &Deed) -> Deed {
        let mut deed = deed.clone();
        if let Deed::Reports { through, .. } = &mut deed {
            let place = self.places.iter().find(|(number, _)| *number == through.number);
            let beyond = Position { number: self.head.number + 1_000, ..self.head };
            *through = place.map_or(beyond, |(_, position)| *position);
        }
        deed
    }

    fn say(&self, answer: &Answer, parts: &[Part]) -> String {
        let mut said = format!("{} {}", if answer.allow { "allow" } else { "deny" }, answer.reason);
        if let Some(grant) = answer.grant {
            let line = self.places.iter().find(|(_, position)| *position == grant);
            let line = line.map_or_else(|| grant.to_string(), |(number, _)| number.to_string());
            said.push_str(&format!("@{line}"));
        }
        for part in parts {
            said.push_str(&format!(" {}={}", part.word(), part_of(answer, *part)));
        }
        // Whatever is recorded is seen by the next question; an answer from before it is wrong
        // even if it happens to be the same.
        if answer.as_of.partition == self.head.partition && answer.as_of < self.head {
            said.push_str(&format!(" (read at {}, before {})", answer.as_of, self.head));
        }
        said
    }
}

fn part_of(answer: &Answer, part: Part) -> String {
    let moment = |at: Option<Timestamp>| at.map_or_else(|| "none".into(), short);
    match part {
        Part::Activity => answer.activity.clone().unwrap_or_else(|| "none".into()),
        Part::Until => moment(answer.until),
        Part::KeepUntil => moment(answer.keep_until),
        Part::DeleteBy => moment(answer.delete_by),
        Part::Redact if answer.redact.is_empty() => "none".into(),
        Part::Redact => answer.redact.join(","),
    }
}
