//! `sayso choose`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Map, Value, json};

use crate::{
    cli::{Global, ScopeArgs, Word},
    output::{Output, field},
};

/// Records what a person says. In force when the command returns.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sayso choose email:ana@example.org deny --purpose marketing.offers --channel email\n  \
    sayso choose email:ana@example.org grant --purpose improvement.speech --notice speech@1/en --until 2027-01-01"
)]
pub(crate) struct ChooseArgs {
    /// Whose choice: a subject id or `namespace:value`
    subject: String,
    /// What the person says
    #[arg(required_unless_present = "file")]
    word: Option<Word>,
    #[command(flatten)]
    scope: ScopeArgs,
    /// The text it was made on, as in `offers@2/en`
    #[arg(long)]
    notice: Option<String>,
    /// A grant counts from here on
    #[arg(long)]
    not_before: Option<String>,
    /// A grant counts until here
    #[arg(long)]
    until: Option<String>,
    /// How it reached you: api, call_centre, paper, email, sms, device, one_click, gpc, import
    #[arg(long)]
    via: Option<String>,
    /// Who made it: self, guardian:<subject>, agent:<number>, signal, import
    #[arg(long)]
    by: Option<String>,
    /// Where the evidence is kept, such as a form's number
    #[arg(long)]
    reference: Option<String>,
    /// A weak credential, such as a link in a mail: may only deny
    #[arg(long)]
    weak: bool,
    /// Many choices at once, all or none: a JSON file as for the API
    #[arg(long, conflicts_with = "word")]
    file: Option<PathBuf>,
}

pub(crate) async fn run(global: &Global, args: ChooseArgs, out: Output) -> Result<()> {
    let client = global.client()?;
    let subject = client.subject(&args.subject).await?;
    let body = match &args.file {
        Some(file) => {
            let text =
                std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
            serde_json::from_slice(&text)
                .with_context(|| format!("`{}` is not JSON", file.display()))?
        }
        None => body(&args)?,
    };
    let written = client.post(&format!("/v1/subjects/{subject}/choices"), &body).await?;
    out.value(&written, |written| match written["is_new"] == true {
        true => format!("In force now. Position {}", field(written, "position")),
        false => format!("Nothing new: recorded already at {}", field(written, "position")),
    })
}

fn body(args: &ChooseArgs) -> Result<Value> {
    let mut choice = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            choice.insert(name.into(), value);
        }
    };
    let word = args.word.context("say `grant` or `deny`")?;
    set("effect", Some(json!(if matches!(word, Word::Grant) { "grant" } else { "denial" })));
    set("scope", Some(scope(&args.scope)));
    set("notice", args.notice.as_deref().map(notice).transpose()?);
    set("not_before", args.not_before.as_ref().map(|text| json!(text)));
    set("until", args.until.as_ref().map(|text| json!(text)));
    set("method", args.via.as_ref().map(|text| json!(text)));
    set("actor", args.by.as_deref().map(actor).transpose()?);
    set("evidence", args.reference.as_ref().map(|text| json!({"reference": text})));
    let authority = if args.weak { "weak" } else { "strong" };
    Ok(json!({"choices": [choice], "authority": authority}))
}

/// A scope as JSON, without what was not said.
fn scope(args: &ScopeArgs) -> Value {
    let dimensions = [
        ("purpose", &args.purpose),
        ("data", &args.data),
        ("recipient", &args.recipient),
        ("channel", &args.channel),
        ("device", &args.device),
    ];
    let said = dimensions
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?))));
    Value::Object(said.collect())
}

/// `offers@2/en`.
fn notice(text: &str) -> Result<Value> {
    let (id, rest) = text
        .split_once('@')
        .context("a notice is written `id@version` or `id@version/language`")?;
    let (version, language) =
        rest.split_once('/').map_or((rest, None), |(version, language)| (version, Some(language)));
    let version: u32 = version.parse().context("the version of a notice is a number")?;
    Ok(match language {
        Some(language) => json!({"id": id, "version": version, "language": language}),
        None => json!({"id": id, "version": version}),
    })
}

/// `guardian:<subject>`, `agent:<number>`, or a kind alone.
fn actor(text: &str) -> Result<Value> {
    Ok(match text.split_once(':') {
        Some(("guardian", subject)) => json!({"kind": "guardian", "subject": subject}),
        Some(("agent", id)) => json!({"kind": "agent", "id": id}),
        None if matches!(text, "self" | "signal" | "import") => json!({"kind": text}),
        _ => bail!("`--by` is self, guardian:<subject>, agent:<number>, signal or import"),
    })
}
