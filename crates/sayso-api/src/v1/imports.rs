//! `POST /v1/imports`: people and choices of an older system.

use std::{collections::BTreeMap, fmt, sync::Arc};

use axum::{Json, extract::State, http::StatusCode};
use sayso_consent::{
    Choice, Command, Id, Position, Scope, Timestamp,
    choice::{Actor, Effect, Evidence, Method, NoticeRef},
    event::Grade,
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor},
};
use utoipa::ToSchema;

use crate::{
    App,
    auth::Principal,
    body::Raw,
    dto::ChoiceBody,
    limits::IMPORT_LINES_MAX,
    problem::Problem,
    v1::{subjects::fresh, write},
};

/// One person of an import: one line of NDJSON.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// By namespace.
    #[serde(deserialize_with = "each_once")]
    #[schema(value_type = Object, example = json!({"email": "ana@example.org"}))]
    identifiers: BTreeMap<String, String>,
    /// Whether a contract or account is running.
    is_active: Option<bool>,
    /// Until then a grant counts only from a guardian.
    #[schema(value_type = Option<String>, format = DateTime)]
    minor_until: Option<Timestamp>,
    /// What the person had said.
    #[serde(default)]
    choices: Vec<ChoiceBody>,
}

/// Reads a map in which no key may stand twice: of two values it is not known which was meant.
fn each_once<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    struct EachOnce;

    impl<'de> Visitor<'de> for EachOnce {
        type Value = BTreeMap<String, String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object of texts")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((name, value)) = fields.next_entry()? {
                if map.insert(name, value).is_some() {
                    return Err(de::Error::custom(
                        "a namespace stands twice; one identifier of each at most",
                    ));
                }
            }
            Ok(map)
        }
    }

    deserializer.deserialize_map(EachOnce)
}

/// One line of CSV: any column that is named like a namespace is an identifier.
#[derive(Debug, Deserialize)]
struct CsvRow {
    effect: Option<String>,
    purpose: Option<Id>,
    data: Option<Id>,
    recipient: Option<Id>,
    channel: Option<Id>,
    device: Option<Id>,
    not_before: Option<Timestamp>,
    until: Option<Timestamp>,
    notice: Option<Id>,
    notice_version: Option<u32>,
    language: Option<String>,
    reference: Option<String>,
    occurred_at: Option<Timestamp>,
    is_active: Option<bool>,
    minor_until: Option<Timestamp>,
}

/// The columns that are not identifiers, and what each holds.
const COLUMNS: [(&str, &str); 15] = [
    ("effect", "`grant` or `denial`"),
    ("purpose", "a purpose of the catalog"),
    ("data", "a category of data of the catalog"),
    ("recipient", "a recipient of the catalog"),
    ("channel", "a channel of the catalog"),
    ("device", "a device type of the catalog, or a device as in `oven/4711`"),
    ("not_before", A_MOMENT),
    ("until", A_MOMENT),
    ("notice", "a notice of the catalog"),
    ("notice_version", "a number"),
    ("language", "a language tag, as in `en`"),
    ("reference", "any text"),
    ("occurred_at", A_MOMENT),
    ("is_active", "`true` or `false`"),
    ("minor_until", A_MOMENT),
];

const A_MOMENT: &str = "a moment, as in `2026-01-31T00:00:00Z`";

/// What became of an import.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Imported {
    /// Lines that were recorded.
    recorded: usize,
    /// Lines that said nothing new.
    known: usize,
    /// Lines that were refused, each with its reason.
    refused: Vec<RefusedLine>,
    /// The newest entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    position: Option<Position>,
}

/// A line that was refused. Says nothing of what stands in it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefusedLine {
    /// Which line of the body, from 1.
    line: u64,
    /// The stable code.
    code: String,
    /// In words.
    message: String,
}

/// Brings over people and choices of an older system. An import never outranks a choice that a
/// person made. Lines are taken one by one; those that are refused are listed with reasons.
#[utoipa::path(post, path = "/v1/imports", operation_id = "import_subjects", tag = "choices",
    request_body(content((Row = "application/x-ndjson"), (String = "text/csv"))),
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeating a request with the same key records nothing twice.")),
    responses(
        (status = 200, description = "What became of each line.", body = Imported),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 413, description = "Too many lines, or too large.", body = Problem),
        (status = 415, description = "Neither NDJSON nor CSV.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    principal: Principal,
    body: Raw,
) -> Result<Json<Imported>, Problem> {
    principal.require(Grade::Record)?;
    let rows = match body.media_type.as_str() {
        "application/x-ndjson" | "application/json" => ndjson(&body.bytes),
        "text/csv" => csv(&body.bytes)?,
        _ => {
            let title = "the body is of another media type";
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                title,
            )
            .detail("send `Content-Type: application/x-ndjson` or `text/csv`"));
        }
    };
    if rows.len() > IMPORT_LINES_MAX {
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many", "too many lines")
            .detail(format!(
                "at most {IMPORT_LINES_MAX} at once; `sayso subject import` cuts files up"
            )));
    }
    let mut imported = Imported::default();
    let (mut commands, mut lines) = (Vec::new(), Vec::new());
    for (line, row) in rows {
        match row.and_then(|row| command(&app, row)) {
            Ok(command) => {
                commands.push(command);
                lines.push(line);
            }
            Err((code, message)) => imported.refused.push(RefusedLine { line, code, message }),
        }
    }
    let idempotency = body.asked.idempotency(&principal);
    let outcomes = match commands.is_empty() {
        true => Vec::new(),
        false => app.ledger.submit(commands, principal.id(), idempotency).await?,
    };
    for (line, outcome) in lines.into_iter().zip(outcomes) {
        match outcome {
            Ok(written) => {
                imported.recorded += usize::from(written.is_new);
                imported.known += usize::from(!written.is_new);
                imported.position = imported.position.max(Some(written.position));
            }
            Err(refused) => {
                imported.refused.push(RefusedLine {
                    line,
                    code: refused.code,
                    message: refused.message,
                });
            }
        }
    }
    imported.refused.sort_by_key(|refused| refused.line);
    Ok(Json(imported))
}

/// Why a line cannot be read: code and words.
type Unread = (String, String);

type Rows = Vec<(u64, Result<Row, Unread>)>;

fn ndjson(bytes: &[u8]) -> Rows {
    let lines = (1..).zip(bytes.split(|byte| *byte == b'\n'));
    let filled = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    filled
        .map(|(number, line)| {
            let row = crate::body::parse::<Row>(line);
            (number, row.map_err(|problem| unread("malformed_line", problem.words())))
        })
        .collect()
}

fn unread(code: &str, message: impl Into<String>) -> Unread {
    (code.to_owned(), message.into())
}

fn csv(bytes: &[u8]) -> Result<Rows, Problem> {
    let mut reader =
        csv::ReaderBuilder::new().flexible(false).trim(csv::Trim::All).from_reader(bytes);
    let bad = |detail: String| Problem::bad_request("malformed_csv", detail);
    let headers =
        reader.headers().map_err(|_| bad("the first line must name the columns".into()))?.clone();
    // By number: in a file whose head was lost the first line holds people.
    let mut seen = BTreeMap::new();
    for (number, header) in (1..).zip(&headers) {
        if let Some(first) = seen.insert(header, number) {
            return Err(bad(format!("columns {first} and {number} have the same name")));
        }
    }
    let mut rows = Rows::new();
    let mut record = csv::StringRecord::new();
    loop {
        let line = reader.position().line();
        match reader.read_record(&mut record) {
            Ok(false) => return Ok(rows),
            Ok(true) => {
                let line = record.position().map_or(line, csv::Position::line);
                rows.push((line, csv_row(&headers, &record)));
            }
            Err(error) => {
                let line = error.position().map_or(line, csv::Position::line);
                rows.push((line, Err(unread("malformed_line", csv_words(&error)))));
            }
        }
    }
}

/// What a column holds, for whoever wrote something else.
fn column_words(name: &str) -> String {
    match COLUMNS.iter().find(|(column, _)| *column == name) {
        Some((_, holds)) => format!("column `{name}` holds {holds}"),
        None => "the line cannot be read as what its columns say".into(),
    }
}

/// Says which column of a line cannot be read: each is tried alone, since the error of the whole
/// line does not always name one.
fn bad_column(headers: &csv::StringRecord, record: &csv::StringRecord) -> String {
    let is_bad = |(name, value): &(&str, &str)| {
        let (head, field) = (csv::StringRecord::from(vec![*name]), [*value]);
        csv::StringRecord::from(field.as_slice()).deserialize::<CsvRow>(Some(&head)).is_err()
    };
    let bad = headers.iter().zip(record).find(is_bad);
    column_words(bad.map_or("", |(name, _)| name))
}

/// A CSV error in words without the value that was sent.
fn csv_words(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("the line has {len} fields, the first line has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "the line is not UTF-8".into(),
        _ => "the line cannot be read".into(),
    }
}

fn csv_row(headers: &csv::StringRecord, record: &csv::StringRecord) -> Result<Row, Unread> {
    let row: CsvRow = record
        .deserialize(Some(headers))
        .map_err(|_| unread("malformed_line", bad_column(headers, record)))?;
    let is_identifier = |(name, value): &(&str, &str)| {
        !COLUMNS.iter().any(|(column, _)| column == name) && !value.is_empty()
    };
    let identifiers = headers.iter().zip(record).filter(is_identifier);
    let scope = Scope {
        purpose: row.purpose,
        data: row.data,
        recipient: row.recipient,
        channel: row.channel,
        device: row.device,
    };
    let notice = match (row.notice, row.notice_version) {
        (Some(id), Some(version)) => Some(NoticeRef { id, version, language: row.language }),
        (None, None) => None,
        _ => return Err(unread("malformed_line", "`notice` and `notice_version` come together")),
    };
    let evidence = Evidence { reference: row.reference, occurred_at: row.occurred_at };
    let evidence = (evidence != Evidence::default()).then_some(evidence);
    let effect = row.effect.as_deref().map(effect).transpose()?;
    let choice = effect.map(|effect| {
        let choice = Choice {
            effect,
            scope,
            not_before: row.not_before,
            until: row.until,
            notice,
            method: Method::Import,
            actor: Actor::Import,
            evidence,
        };
        ChoiceBody::from(choice)
    });
    Ok(Row {
        identifiers: identifiers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        is_active: row.is_active,
        minor_until: row.minor_until,
        choices: choice.into_iter().collect(),
    })
}

/// Reads an effect by the word of the API or by that of the command line.
fn effect(word: &str) -> Result<Effect, Unread> {
    match word {
        "grant" => Ok(Effect::Grant),
        "denial" | "deny" => Ok(Effect::Denial),
        _ => Err(unread("malformed_line", column_words("effect"))),
    }
}

fn command(app: &App, row: Row) -> Result<Command, Unread> {
    let identifier = |(namespace, value): (String, String)| {
        write::identifier(app, &format!("{namespace}:{value}"))
    };
    let identifiers: Result<Vec<_>, Problem> =
        row.identifiers.into_iter().map(identifier).collect();
    let identifiers =
        identifiers.map_err(|problem| unread("invalid_identifier", problem.words()))?;
    // Whatever the line says about who made a choice: it is an import, and ranks as one.
    let choice = |choice: ChoiceBody| Choice {
        method: Method::Import,
        actor: Actor::Import,
        ..choice.into_choice(Method::Import, Actor::Import)
    };
    Ok(Command::Import {
        fresh: fresh().map_err(|problem| unread("unavailable", problem.words()))?,
        identifiers,
        is_active: row.is_active,
        minor_until: row.minor_until,
        choices: row.choices.into_iter().map(choice).collect(),
    })
}
