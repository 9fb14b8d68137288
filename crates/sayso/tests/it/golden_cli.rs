//! The golden examples through the program: a process for each line, and no server.

use std::{fs, path::PathBuf};

use sayso_consent::{
    Id, Position, Timestamp,
    choice::{Authority, Effect, Evidence, Method},
};
use sayso_testkit::golden::{
    Answer, Deed, Library, Question, Surface, run,
    step::{By, Identity, Person, Said, Whose},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    golden_wire::{People, answer, name, place, position, refusal},
    world::{finish, sayso},
};

/// What was written, or the code of the refusal.
type Outcome = Result<Option<Position>, String>;

/// The command line as examples use it.
struct Cli {
    runtime: Runtime,
    /// A ledger that was just made, to begin each story with a copy.
    fresh: TempDir,
    dir: TempDir,
    people: People,
    at: Timestamp,
    /// The newest entry that was seen.
    head: Position,
}

impl Cli {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let [fresh, dir] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let (people, at, head) = (People::default(), Timestamp::MIN, Position::START);
        let cli = Self { runtime, fresh, dir, people, at, head };
        let mut init = sayso(&cli.fresh.path().join("ledger"));
        // Time never runs backwards, so a ledger has to be older than its story.
        let made = cli.runtime.block_on(finish(init.env("SAYSO_AT", "2000-01-01").arg("init")));
        assert_eq!(made.code, 0, "{made:?}");
        cli
    }

    fn ledger(&self) -> PathBuf {
        self.dir.path().join("ledger")
    }

    /// Writes a file for a command to read.
    fn file(&self, name: &str, value: &Value) -> String {
        let path = self.dir.path().join(name);
        fs::write(&path, value.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs a command to its end: what it printed, or the code of its problem document.
    fn run(&self, args: &[String]) -> Result<Value, String> {
        let mut command = sayso(&self.ledger());
        command.env("SAYSO_AT", self.at.to_string()).arg("--json").args(args);
        let said = self.runtime.block_on(finish(&mut command));
        // An import of which a line was refused says what it did and ends with 1.
        if let Ok(done) = serde_json::from_str(&said.out) {
            return Ok(done);
        }
        let problem: Value = serde_json::from_str(said.err.lines().next().unwrap_or_default())
            .unwrap_or_else(|_| panic!("{args:?}: no problem document: {said:?}"));
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{args:?}");
        Err(problem["code"].as_str().unwrap_or_else(|| panic!("no code: {said:?}")).to_owned())
    }

    fn write(&self, args: &[&str]) -> Outcome {
        self.run(&owned(args)).map(|written| position(&written))
    }

    fn deed(&mut self, deed: &Deed) -> Outcome {
        let id = |person: &Person| self.people.id(person);
        match deed {
            Deed::Applies { catalog } => {
                let file = self.file("catalog.json", &json!(catalog));
                self.write(&["catalog", "apply", &file])
            }
            Deed::Appears { .. } => self.appears(deed),
            Deed::Imported { .. } => self.imported(deed),
            Deed::Known { person, identity, is_theirs } => {
                self.identify(&id(person), identity, *is_theirs)
            }
            Deed::Chooses { person, choices, authority } => {
                self.choose(&id(person), choices, *authority)
            }
            Deed::Relationship { person, is_active } => {
                self.write(&["subject", "set", &id(person), "--active", &is_active.to_string()])
            }
            Deed::Restriction { person, is_restricted } => {
                let is_restricted = is_restricted.to_string();
                self.write(&["subject", "set", &id(person), "--restricted", &is_restricted])
            }
            Deed::Minority { person, minor_until } => {
                let until = minor_until.map_or("never".into(), |at| at.to_string());
                self.write(&["subject", "set", &id(person), "--minor-until", &until])
            }
            Deed::Guardian { person, guardian, is_guardian } => {
                let (person, guardian) = (id(person), id(guardian));
                let end: &[&str] = if *is_guardian { &[] } else { &["--end"] };
                self.write(&[&["subject", "guardian", &person, &guardian], end].concat())
            }
            Deed::Acquires { person, device, from } => {
                let from = from.as_ref().map(&id);
                let mut args =
                    vec!["subject".to_owned(), "device".into(), id(person), device.to_string()];
                args.extend(from.into_iter().flat_map(|from| ["--from".into(), from]));
                self.run(&args).map(|written| position(&written))
            }
            Deed::Shares { person, device, members } => {
                let mut args =
                    vec!["subject".to_owned(), "device".into(), id(person), device.to_string()];
                args.extend(members.iter().flat_map(|member| ["--member".into(), id(member)]));
                if members.is_empty() {
                    args.push("--alone".into());
                }
                self.run(&args).map(|written| position(&written))
            }
            Deed::Reports { recipient, person, through } => {
                let (person, through) = (id(person), through.to_string());
                let args = [
                    "subject",
                    "report",
                    &person,
                    "--recipient",
                    recipient.as_str(),
                    "--through",
                    &through,
                ];
                let result = self.run(&owned(&args))?;
                Ok((result["status"] == "recorded").then(|| place(&result["position"])))
            }
            Deed::Erased { person, at_once } => {
                let person = id(person);
                let at_once: &[&str] = if *at_once { &["--at-once"] } else { &[] };
                self.write(&[&["subject", "erase", &person], at_once].concat())
            }
        }
    }

    fn appears(&mut self, deed: &Deed) -> Outcome {
        let Deed::Appears { person, identities, is_active, minor_until, choices } = deed else {
            unreachable!("{deed:?}")
        };
        // The ledger gives out ids itself, so nobody can ask for one that is taken.
        if self.run(&owned(&["subject", "show", &self.people.id(person)])).is_ok() {
            return Err("subject_exists".into());
        }
        let mut args = owned(&["subject", "create"]);
        args.extend(identities.iter().map(name));
        if !is_active {
            args.push("--inactive".into());
        }
        args.extend(minor_until.iter().flat_map(|at| ["--minor-until".into(), at.to_string()]));
        if !choices.is_empty() {
            let file = self.file("choices.json", &json!({"choices": self.people.choices(choices)}));
            args.extend(["--choices".into(), file]);
        }
        let written = self.run(&args)?;
        self.people.meet(person, written["subject"].as_str().unwrap());
        Ok(position(&written))
    }

    fn imported(&mut self, deed: &Deed) -> Outcome {
        let Deed::Imported { person, identities, is_active, minor_until, choices } = deed else {
            unreachable!("{deed:?}")
        };
        let (row, rest) = self.people.row(identities, *is_active, *minor_until, choices);
        for identity in rest {
            let subject = self.find(&identities[0]);
            self.identify(&subject, identity, true)?;
        }
        let file = self.file("people.ndjson", &row);
        let report = self.dir.path().join("refused.csv");
        let args = ["subject", "import", &file, "--report", report.to_str().unwrap()];
        let imported = self.run(&owned(&args))?;
        if imported["refused"] == 1 {
            let refused = fs::read_to_string(report).unwrap();
            let line = refused.lines().nth(1).unwrap_or_else(|| panic!("{refused}"));
            return Err(line.split(',').nth(1).unwrap_or_default().to_owned());
        }
        let subject = self.find(&identities[0]);
        self.people.meet(person, &subject);
        let recorded = (imported["recorded"] == 1).then(|| place(&imported["position"]));
        // A file that comes again is answered as it was the first time, and recorded no more.
        Ok(recorded.filter(|position| *position > self.head))
    }

    fn find(&self, identity: &Identity) -> String {
        let found = self.run(&owned(&["subject", "find", &name(identity)])).unwrap();
        found["subject"].as_str().unwrap().to_owned()
    }

    fn identify(&self, subject: &str, identity: &Identity, is_theirs: bool) -> Outcome {
        let identity = name(identity);
        let end: &[&str] = if is_theirs { &[] } else { &["--end"] };
        self.write(&[&["subject", "identify", subject, &identity], end].concat())
    }

    /// One choice goes by options, as a person types it; several, or what no option says, by file.
    fn choose(&self, subject: &str, choices: &[Said], authority: Authority) -> Outcome {
        let mut args = owned(&["choose", subject]);
        match choices {
            [said] if said.evidence.as_ref().is_none_or(|shown| shown.occurred_at.is_none()) => {
                args.extend(self.options(said));
                if authority == Authority::Weak {
                    args.push("--weak".into());
                }
            }
            choices => {
                let choices = self.people.choices(choices);
                let body = json!({"choices": choices, "authority": authority});
                args.extend(["--file".into(), self.file("choices.json", &body)]);
            }
        }
        self.run(&args).map(|written| position(&written))
    }

    fn options(&self, said: &Said) -> Vec<String> {
        let word = if said.effect == Effect::Grant { "grant" } else { "deny" };
        let id = |id: &Option<Id>| id.as_ref().map(Id::to_string);
        let notice = said.notice.as_ref().map(|notice| {
            let language = notice.language.as_ref().map(|language| format!("/{language}"));
            format!("{}@{}{}", notice.id, notice.version, language.unwrap_or_default())
        });
        let by = match &said.by {
            By::Person => None,
            By::Guardian(guardian) => Some(format!("guardian:{}", self.people.id(guardian))),
            By::Agent(id) => Some(format!("agent:{id}")),
            By::Signal => Some("signal".into()),
            By::Import => Some("import".into()),
        };
        let reference = |shown: &Evidence| shown.reference.clone();
        let via = (said.method != Method::Api).then(|| json!(said.method));
        let options = [
            ("--purpose", id(&said.scope.purpose)),
            ("--data", id(&said.scope.data)),
            ("--recipient", id(&said.scope.recipient)),
            ("--channel", id(&said.scope.channel)),
            ("--device", id(&said.scope.device)),
            ("--notice", notice),
            ("--not-before", said.not_before.map(|at| at.to_string())),
            ("--until", said.until.map(|at| at.to_string())),
            ("--via", via.and_then(|via| via.as_str().map(str::to_owned))),
            ("--by", by),
            ("--reference", said.evidence.as_ref().and_then(reference)),
        ];
        let said = options.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?]));
        std::iter::once(word.to_owned()).chain(said.flatten()).collect()
    }
}

fn owned(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}

impl Surface for Cli {
    fn name(&self) -> &str {
        "cli"
    }

    fn reset(&mut self) {
        self.dir = tempfile::tempdir().unwrap();
        (self.people, self.head) = (People::default(), Position::START);
        fs::create_dir(self.ledger()).unwrap();
        for file in fs::read_dir(self.fresh.path().join("ledger")).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), self.ledger().join(file.file_name())).unwrap();
        }
    }

    fn command(&mut self, at: Timestamp, deed: &Deed) -> Outcome {
        self.at = at;
        let outcome = self.deed(deed).map_err(|code| refusal(deed, &code))?;
        self.head = outcome.map_or(self.head, |position| position.max(self.head));
        Ok(outcome)
    }

    fn decide(&mut self, at: Timestamp, question: &Question) -> Answer {
        self.at = at;
        let whose = match &question.whose {
            Whose::Person(person) => self.people.id(person),
            Whose::Identity(identity) => name(identity),
        };
        let (recipient, data) = (question.recipient.as_str(), question.data.as_str());
        let mut args = owned(&["decide", "--recipient", recipient, "--data", data]);
        args.extend(owned(&["--purpose", question.purpose.as_str(), "--subject", &whose]));
        for (option, value) in [("--channel", &question.channel), ("--device", &question.device)] {
            args.extend(value.iter().flat_map(|value| [option.to_owned(), value.to_string()]));
        }
        answer(&self.run(&args).unwrap_or_else(|code| panic!("{args:?}: {code}")))
    }
}

/// Every `count`th file from `first` on: processes take their time, so two tests share the work.
fn check_some(first: usize, count: usize) {
    let (library, mut cli) = (Library::here(), Cli::new());
    let files = library.files().unwrap();
    let mut report = String::new();
    for file in files.iter().skip(first).step_by(count) {
        let example = library.example(file).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        report.extend(run(&example, &mut cli).iter().map(|mismatch| format!("{mismatch}\n")));
    }
    assert!(files.len() > count, "no golden example was found");
    assert!(report.is_empty(), "\n{report}");
}

#[test]
fn golden_examples_hold_on_the_command_line_odd_files() {
    check_some(0, 2);
}

#[test]
fn golden_examples_hold_on_the_command_line_even_files() {
    check_some(1, 2);
}
