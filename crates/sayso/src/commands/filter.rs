//! `sayso filter`.

use std::{num::NonZeroUsize, path::PathBuf, sync::Arc};

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use sayso_consent::{Id, catalog::Catalog, id::Lookup};
use sayso_filter::{
    Answers, Live, Report, Sieve, Spec,
    answers::Names,
    file::{Format, Source, Target},
    layout::Layout,
    report::Tally,
    run::run as sift,
    spec::Mapped,
};
use sayso_ledger::{Reader, reader::Finder};
use serde_json::json;

use crate::{
    cli::Global,
    output::{Output, table},
    partial::Partial,
};

/// Keep of a file what may be used, and blank the rest.
///
/// Reads the ledger in the folder, also while a server runs on it. Of each row it asks whether the
/// recipient may use each column's data of that person; what it may not is blank in the output. An
/// identifier stays where something else does.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sayso filter --purpose marketing.offers --recipient mailer --channel email \\\n    --id email=email --column email=contact.email people.csv -o may-be-sent.csv\n\n  sayso filter --purpose marketing.offers --recipient mailer --channel email --drop-rows \\\n    --id customer=crm --column email=contact.email people.parquet -o may-be-sent.parquet\n\n  sayso filter --dry-run --json …    only says what would be withheld, and why"
)]
pub(crate) struct FilterArgs {
    /// The table: a name that ends in `.parquet` or `.csv`
    file: PathBuf,
    /// Where to write what may be used: `.parquet` or `.csv`
    #[arg(short, long, value_name = "FILE", required_unless_present = "dry_run")]
    output: Option<PathBuf>,
    /// What for
    #[arg(long)]
    purpose: Id,
    /// Who wants to use the data
    #[arg(long)]
    recipient: Id,
    /// How people would be reached
    #[arg(long)]
    channel: Option<Id>,
    /// Which column says whom a row is about: with a namespace its identifiers, else subject ids
    #[arg(long, value_name = "COLUMN[=NAMESPACE]")]
    id: String,
    /// Which category of data is in a column; once for each
    #[arg(long = "column", value_name = "NAME=DATA", required = true, value_parser = mapped)]
    columns: Vec<Mapped>,
    /// Let columns pass of which nobody said what data they are
    #[arg(long)]
    keep_unmapped: bool,
    /// Leave out rows in which nothing is left
    #[arg(long)]
    drop_rows: bool,
    /// Write nothing; only report
    #[arg(long)]
    dry_run: bool,
}

fn mapped(text: &str) -> Result<Mapped, String> {
    let malformed = || "a column is written `NAME=data.category`, as in `mail=contact.email`";
    let (column, data) = text.rsplit_once('=').ok_or_else(malformed)?;
    let data = data.parse().map_err(|_| malformed())?;
    Ok(Mapped { column: column.to_owned(), data })
}

pub(crate) fn run(global: &Global, args: &FilterArgs, out: Output) -> Result<()> {
    // What is wrong with the file is said before the ledger is read, which may take a while.
    let shown = args.file.display();
    let source = Source::open(&args.file).with_context(|| format!("cannot read `{shown}`"))?;
    let mut spec = args.spec();
    Layout::new(&source.schema, &spec).with_context(|| format!("`{shown}`"))?;
    let target = args.target()?;
    let reader = read(global)?;
    let catalog = reader.snapshot().in_force().context("no catalog is in force yet")?;
    args.check(&catalog.catalog)?;
    let live = args.live(&reader, global)?;
    let duties: Vec<_> = spec.columns.iter().map(|mapped| live.duties(&mapped.data)).collect();
    spec.redact = duties.iter().flat_map(|duties| duties.redact.clone()).collect();
    let layout = Layout::new(&source.schema, &spec)?;
    let (as_of, at) = (live.as_of(), live.at);
    let sieve = Sieve { layout, answers: live };
    let tally = write(source, &sieve, target.as_ref()).with_context(|| format!("`{shown}`"))?;
    if let Some((partial, _)) = target {
        partial.keep()?;
    }
    let delete_by: Vec<_> = duties.iter().map(|duties| duties.delete_by).collect();
    let report = Report::new((as_of, at), (&spec, &sieve.layout), &tally, &delete_by);
    let mut value = serde_json::to_value(&report)?;
    value["output"] = json!(args.output.as_ref().filter(|_| !args.dry_run));
    out.value(&value, |_| show(&report))
}

impl FilterArgs {
    fn spec(&self) -> Spec {
        let id = self.id.rsplit_once('=').map_or(self.id.as_str(), |(column, _)| column);
        Spec {
            id: id.to_owned(),
            columns: self.columns.clone(),
            keep_unmapped: self.keep_unmapped,
            drop_rows: self.drop_rows,
            redact: Vec::new(),
        }
    }

    /// The file to write, if one is to be written.
    fn target(&self) -> Result<Option<(Partial, Format)>> {
        let Some(path) = self.output.as_ref().filter(|_| !self.dry_run) else { return Ok(None) };
        let shown = path.display();
        let format = Format::of(path).with_context(|| format!("`{shown}`"))?;
        let is_input = path
            .canonicalize()
            .is_ok_and(|path| self.file.canonicalize().is_ok_and(|file| file == path));
        if is_input {
            bail!("`{shown}` is the file that is read; name another to write");
        }
        Ok(Some((Partial::new(path)?, format)))
    }

    /// A name that is declared nowhere would blank everything, and look like an answer.
    fn check(&self, catalog: &Catalog) -> Result<()> {
        let is_known = |name: &Id, known: &dyn Fn(&Id) -> bool| {
            std::iter::successors(Some(name.clone()), Id::parent).any(|name| known(&name))
        };
        let recipient = &self.recipient;
        if !catalog.recipients.contains_key(recipient) {
            bail!("the catalog declares no recipient `{recipient}`");
        }
        let purpose = &self.purpose;
        if !is_known(purpose, &|name| catalog.purposes.contains_key(name)) {
            bail!("the catalog declares no purpose `{purpose}`");
        }
        let undeclared = |channel: &&Id| !catalog.channels.contains_key(*channel);
        if let Some(channel) = self.channel.as_ref().filter(undeclared) {
            bail!("the catalog declares no channel `{channel}`");
        }
        for Mapped { column, data } in &self.columns {
            if !is_known(data, &|name| catalog.data.contains_key(name)) {
                bail!("the column `{column}`: the catalog declares no data `{data}`");
            }
        }
        Ok(())
    }

    /// Who decides about each row.
    fn live<'a>(
        &self,
        reader: &'a Reader,
        global: &Global,
    ) -> Result<Live<'a, impl Fn(&str) -> Option<Lookup> + Sync>> {
        let names = match self.id.rsplit_once('=') {
            None => Names::Subjects,
            Some((_, namespace)) => {
                let wrong = || format!("`--id`: `{namespace}` is no namespace of the catalog");
                let finder: Finder = reader.finder(&namespace.parse().with_context(wrong)?)?;
                // What cannot be an identifier is nobody's.
                Names::Identifiers(move |text: &str| finder.lookup(text).ok())
            }
        };
        Ok(Live {
            snapshot: reader.snapshot(),
            names,
            purpose: self.purpose.clone(),
            recipient: self.recipient.clone(),
            channel: self.channel.clone(),
            at: global.clock().at(),
        })
    }
}

/// Follows the ledger in the folder. While it is read no server starts on it: one that runs
/// already appends behind what is read, and one that starts may change what lies beneath.
fn read(global: &Global) -> Result<Reader> {
    let home = global.home()?;
    let secrets = home.secrets()?;
    let _lock = home.lock()?;
    let shown = home.dir().display();
    let damaged = || format!("the ledger in `{shown}` cannot be read; `sayso doctor` says more");
    let path = home.file("ledger.db");
    let store = sayso_stores::Embedded::open_file(&path).with_context(damaged)?;
    let head = sayso_ledger::Store::head(&store).with_context(damaged)?;
    let style = "reading the ledger {bar:30} {human_pos}/{human_len} entries";
    let bar =
        ProgressBar::new(head.position.number).with_style(ProgressStyle::with_template(style)?);
    let show = &mut |position: sayso_consent::Position| bar.set_position(position.number);
    let reader = Reader::open(Arc::new(store), secrets, home.journal(), show);
    bar.finish_and_clear();
    reader.with_context(damaged)
}

/// Sifts the whole table; written into the target, if there is one.
fn write<A: Answers>(
    source: Source,
    sieve: &Sieve<A>,
    target: Option<&(Partial, Format)>,
) -> Result<Tally> {
    let bar = match source.rows {
        Some(rows) => ProgressBar::new(rows).with_style(ProgressStyle::with_template(
            "filtering {bar:30} {percent}%  {per_sec} rows",
        )?),
        None => ProgressBar::no_length().with_style(ProgressStyle::with_template(
            "filtering {spinner} {human_pos} rows  {per_sec}",
        )?),
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut into = match target {
        Some((partial, format)) => {
            Some(Target::new(partial.file(), *format, &sieve.layout.schema)?)
        }
        None => None,
    };
    let told = |tally: &Tally| bar.inc(tally.rows);
    let tally = sift(sieve, source.batches(), threads, into.as_mut(), told)?;
    if let Some(into) = into {
        into.finish()?;
    }
    bar.finish_and_clear();
    Ok(tally)
}

fn show(report: &Report) -> String {
    let rows = report.columns.iter().map(|column| {
        let is_no = |reason: &str| {
            sayso_consent::Reason::ALL.iter().any(|known| known.code() == reason && !known.allows())
        };
        let reasons = column.reasons.iter().filter(|(reason, _)| is_no(reason));
        let mut why: Vec<_> = reasons.map(|(reason, rows)| format!("{reason} {rows}")).collect();
        if column.is_redacted {
            why = vec![format!("redacted {}", column.withheld)];
        }
        let (kept, withheld) = (column.kept.to_string(), column.withheld.to_string());
        let delete_by = column.delete_by.map(|at| at.to_string()).unwrap_or_default();
        let data = column.data.to_string();
        vec![column.column.clone(), data, kept, withheld, why.join(", "), delete_by]
    });
    let head = ["column", "data", "kept", "withheld", "why", "delete by"];
    let mut text = table(&head, rows);
    let left = if report.is_dropped { "left out" } else { "blank" };
    text += &format!(
        "\n{} rows, {} of them about nobody who is known, {} {left}\n",
        report.rows, report.unknown, report.emptied
    );
    if !report.unmapped.is_empty() {
        text += &format!("passed without being mapped: {}\n", report.unmapped.join(", "));
    }
    text + &format!("as of entry {} of the ledger", report.as_of)
}
