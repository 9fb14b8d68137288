//! The grammar of one file: headings, blocks, and what a line needs to know of those before it.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use sayso_consent::{Catalog, Timestamp};

use super::{
    answer, line,
    step::{Act, Deed, Example, Section, Step},
};

/// The catalog of an example that names none.
pub const DEFAULT_CATALOG: &str = "examples/hearth/catalog.yaml";

/// Where examples and catalogs are found.
#[derive(Debug)]
pub struct Library {
    root: PathBuf,
    catalogs: RefCell<BTreeMap<String, Box<Catalog>>>,
}

impl Library {
    /// The library of a checked-out repository.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), catalogs: RefCell::default() }
    }

    /// The library of this repository.
    pub fn here() -> Self {
        Self::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
    }

    /// Every example below `golden/`, by its path from the root, in order.
    pub fn files(&self) -> io::Result<Vec<String>> {
        let mut files = Vec::new();
        let mut folders = vec![PathBuf::from("golden")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(self.root.join(&folder))? {
                let entry = entry?;
                let path = folder.join(entry.file_name());
                if entry.file_type()?.is_dir() {
                    folders.push(path);
                } else if is_example(&path) {
                    files.push(path.display().to_string());
                }
            }
        }
        files.sort();
        Ok(files)
    }

    /// A file's place on this machine.
    pub fn path(&self, file: &str) -> PathBuf {
        self.root.join(file)
    }

    /// Reads an example by its path from the root.
    pub fn example(&self, file: &str) -> Result<Example, Vec<Mistake>> {
        let text = fs::read_to_string(self.path(file)).map_err(|error| {
            vec![Mistake { file: file.into(), line: 1, text: error.to_string() }]
        })?;
        parse(&text, file, self)
    }

    fn catalog(&self, file: &str) -> Result<Box<Catalog>, String> {
        if let Some(catalog) = self.catalogs.borrow().get(file) {
            return Ok(catalog.clone());
        }
        let text =
            fs::read_to_string(self.path(file)).map_err(|error| format!("`{file}`: {error}"))?;
        let catalog = sayso_catalog::read(&text, file).map_err(|problems| {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            problems.join("; ")
        })?;
        let catalog = Box::new(catalog);
        self.catalogs.borrow_mut().insert(file.into(), catalog.clone());
        Ok(catalog)
    }
}

fn is_example(path: &Path) -> bool {
    path.extension().is_some_and(|kind| kind == "md")
        && path.file_name().is_some_and(|name| name != "README.md")
}

/// What cannot be understood, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub text: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.text)
    }
}

/// Reads one example; every mistake at once.
pub fn parse(text: &str, file: &str, library: &Library) -> Result<Example, Vec<Mistake>> {
    let mut reader = Reader {
        library,
        title: None,
        sections: Vec::new(),
        story: Story::default(),
        block: None,
        mistakes: Vec::new(),
    };
    for (number, text) in (1..).zip(text.lines()) {
        if let Err(text) = reader.line(number, text) {
            reader.mistakes.push((number, text));
        }
    }
    reader.end(file)
}

struct Reader<'a> {
    library: &'a Library,
    title: Option<String>,
    sections: Vec<Section>,
    story: Story,
    block: Option<Block>,
    mistakes: Vec<(usize, String)>,
}

struct Block {
    kind: Kind,
    line: usize,
}

/// The closed set of blocks.
#[derive(Clone, Copy)]
enum Kind {
    Ledger,
    Decide { at: Timestamp },
    Refuse,
    Catalog,
    Text,
}

/// The section that is being read.
#[derive(Default)]
struct Story {
    title: String,
    line: usize,
    steps: Vec<Step>,
    /// The catalog it begins with; `Some(None)` for none at all.
    first: Option<Option<Box<Catalog>>>,
    /// The catalog in force after the steps so far.
    now: Option<Box<Catalog>>,
    numbers: u64,
    recorded: Timestamp,
    asked: Timestamp,
}

impl Reader<'_> {
    fn line(&mut self, number: usize, text: &str) -> Result<(), String> {
        match (&self.block, text.strip_prefix("```")) {
            (None, Some(info)) => {
                // A block that is not understood is still left at its end.
                self.block = Some(Block { kind: Kind::Text, line: number });
                let kind = kind(info)?;
                self.block = Some(Block { kind, line: number });
                Ok(())
            }
            (Some(_), Some("")) => {
                self.block = None;
                Ok(())
            }
            (Some(_), Some(_)) => Err("a block begins inside a block".into()),
            (Some(block), None) => self.inside(block.kind, number, text),
            (None, None) => self.prose(number, text),
        }
    }

    fn prose(&mut self, number: usize, text: &str) -> Result<(), String> {
        if let Some(title) = text.strip_prefix("## ") {
            self.turn_to(Story { title: title.into(), line: number, ..Story::default() });
        } else if let Some(title) = text.strip_prefix("# ") {
            if self.title.is_some() {
                return Err("a file has one title; a new story begins with `##`".into());
            }
            self.title = Some(title.into());
            self.story = Story { title: title.into(), line: number, ..Story::default() };
        }
        Ok(())
    }

    fn inside(&mut self, kind: Kind, number: usize, text: &str) -> Result<(), String> {
        if text.trim().is_empty() {
            return Ok(());
        }
        let (said, answer) = match text.split_once('→').or_else(|| text.split_once("->")) {
            Some((said, answer)) => (said.trim(), Some(answer.trim())),
            None => (text.trim(), None),
        };
        let line = Line { number, said, answer };
        match kind {
            Kind::Text => Ok(()),
            Kind::Catalog => self.begin_with(text.trim()),
            Kind::Ledger => self.recorded(line),
            Kind::Refuse => self.refused(line),
            Kind::Decide { at } => self.asked(line, at),
        }
    }

    fn begin_with(&mut self, file: &str) -> Result<(), String> {
        if self.story.first.is_some() {
            return Err("a story begins with one catalog, before everything else; \
                        later ones come by `hearth applies`"
                .into());
        }
        let catalog = if file == "none" { None } else { Some(self.library.catalog(file)?) };
        self.story.now.clone_from(&catalog);
        self.story.first = Some(catalog);
        Ok(())
    }

    fn begin(&mut self) -> Result<(), String> {
        match self.story.first {
            Some(_) => Ok(()),
            None => self.begin_with(DEFAULT_CATALOG),
        }
    }

    fn recorded(&mut self, line: Line) -> Result<(), String> {
        self.begin()?;
        self.story.numbers += 1;
        let next = self.story.numbers;
        let (number, rest) = line.said.split_once(' ').unwrap_or((line.said, ""));
        if number.parse() != Ok(next) {
            return Err(format!("the lines of a story count from 1; this one is {next}"));
        }
        let (at, said) = at(rest)?;
        let deed = self.deed(said)?;
        let expected = match line.answer {
            None => "recorded",
            Some("nothing new") => "nothing new",
            Some(_) => return Err("a recorded line ends by itself or with `→ nothing new`".into()),
        };
        self.story.recorded = self.story.recorded.max(at);
        self.push(line, at, Act::Do { number: Some(next), deed }, expected.into());
        Ok(())
    }

    fn refused(&mut self, line: Line) -> Result<(), String> {
        self.begin()?;
        let (at, said) = at(line.said)?;
        let deed = line::deed(said)?;
        self.story.ask(at)?;
        let expected = format!("refused {}", line.answer.unwrap_or_default());
        self.push(line, at, Act::Do { number: None, deed }, expected);
        Ok(())
    }

    fn asked(&mut self, line: Line, at: Timestamp) -> Result<(), String> {
        self.begin()?;
        let question = line::question(line.said)?;
        // Without an answer it still runs, so that blessing can write the first one.
        let (expected, parts) = line.answer.map_or(Ok(Default::default()), answer::answer)?;
        self.story.ask(at)?;
        self.push(line, at, Act::Ask { question, parts }, expected);
        Ok(())
    }

    fn push(&mut self, line: Line, at: Timestamp, act: Act, expected: String) {
        let said = line.said.split_whitespace().collect::<Vec<_>>().join(" ");
        self.story.steps.push(Step { line: line.number, at, said, act, expected });
    }

    fn deed(&mut self, said: &str) -> Result<Deed, String> {
        let words: Vec<&str> = said.split_whitespace().collect();
        let catalog = match words.as_slice() {
            [line::COMPANY, "applies", file] => self.library.catalog(file)?,
            [line::COMPANY, "publishes", notice] => self.published(notice, false)?,
            [line::COMPANY, "publishes", notice, "material"] => self.published(notice, true)?,
            _ => return line::deed(said),
        };
        self.story.now = Some(catalog.clone());
        Ok(Deed::Applies { catalog })
    }

    /// The catalog in force with one more version of a notice.
    fn published(&self, notice: &str, material: bool) -> Result<Box<Catalog>, String> {
        let (id, version) = line::version(notice)?;
        let mut catalog = self.story.now.clone().ok_or("no catalog is in force")?;
        let versions = catalog.notices.get_mut(&id).ok_or("the catalog has no such notice")?;
        let mut newest = versions.last().cloned().ok_or("the notice has no version yet")?;
        if version <= newest.version {
            return Err(format!("the notice is at version {} already", newest.version));
        }
        newest.version = version;
        newest.material = material;
        versions.push(newest);
        Ok(catalog)
    }

    /// Ends the story so far and begins another.
    fn turn_to(&mut self, next: Story) {
        let story = std::mem::replace(&mut self.story, next);
        if story.steps.is_empty() {
            return;
        }
        if !story.steps.iter().any(Step::expects) {
            self.mistakes.push((story.line, "nothing is expected in this story".into()));
        }
        self.sections.push(Section {
            title: story.title,
            catalog: story.first.flatten(),
            steps: story.steps,
        });
    }

    fn end(mut self, file: &str) -> Result<Example, Vec<Mistake>> {
        self.turn_to(Story::default());
        if let Some(block) = &self.block {
            self.mistakes.push((block.line, "the block does not end".into()));
        }
        if self.title.is_none() {
            self.mistakes.push((1, "a file begins with its title, after `#`".into()));
        }
        if self.sections.is_empty() && self.mistakes.is_empty() {
            self.mistakes.push((1, "the file holds no story".into()));
        }
        if self.mistakes.is_empty() {
            let title = self.title.unwrap_or_default();
            return Ok(Example { file: file.into(), title, sections: self.sections });
        }
        self.mistakes.sort();
        let mistake = |(line, text)| Mistake { file: file.into(), line, text };
        Err(self.mistakes.into_iter().map(mistake).collect())
    }
}

impl Story {
    /// A server remembers the latest moment it was asked at, the pure rule only what was recorded.
    /// A story in which the two differ would have two right answers.
    fn ask(&mut self, at: Timestamp) -> Result<(), String> {
        if at < self.asked && self.asked > self.recorded {
            return Err("a story is not asked about a moment before an earlier question".into());
        }
        self.asked = self.asked.max(at);
        Ok(())
    }
}

impl Step {
    fn expects(&self) -> bool {
        self.expected != "recorded"
    }
}

#[derive(Clone, Copy)]
struct Line<'a> {
    number: usize,
    said: &'a str,
    answer: Option<&'a str>,
}

fn kind(info: &str) -> Result<Kind, String> {
    match info.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["ledger"] => Ok(Kind::Ledger),
        ["refuse"] => Ok(Kind::Refuse),
        ["catalog"] => Ok(Kind::Catalog),
        ["text"] => Ok(Kind::Text),
        ["decide", at] => {
            let at = at.strip_prefix("at=").ok_or("say when: `decide at=` and a moment")?;
            Ok(Kind::Decide { at: line::moment(at)? })
        }
        _ => Err(format!(
            "`{info}` is no block; there are ledger, decide at=…, refuse, catalog, and text for \
             what nobody checks"
        )),
    }
}

fn at(text: &str) -> Result<(Timestamp, &str), String> {
    let (at, rest) = text.trim_start().split_once(' ').ok_or("say when, who and what")?;
    Ok((line::moment(at)?, rest.trim_start()))
}
