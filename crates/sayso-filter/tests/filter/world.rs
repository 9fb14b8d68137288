//! Hearth's people in a snapshot, and tables of them.

use std::sync::{Arc, LazyLock};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, StructArray};
use arrow_schema::{DataType, Field, Schema};
use sayso_consent::{
    Choice, Command, Id, Scope, SubjectId, Timestamp,
    choice::{Actor, Effect, Method, NoticeRef},
    id::Lookup,
};
use sayso_decision::Snapshot;
use sayso_filter::{Live, Spec, answers::Names, spec::Mapped};
use sayso_testkit::{golden::step::Identity, world::World};

/// 2026-01-05T09:00Z.
pub(crate) const AT: Timestamp = Timestamp(1_767_603_600_000);
/// How many people Hearth has here.
pub(crate) const PEOPLE: usize = 400;

/// The columns of the tables, and the data in them.
pub(crate) const COLUMNS: [(&str, &str); 3] =
    [("mail", "contact.email"), ("street", "contact.postal"), ("phone", "contact.phone")];

pub(crate) fn id(text: &str) -> Id {
    text.parse().unwrap()
}

/// Everybody in a snapshot.
pub(crate) static HEARTH: LazyLock<Snapshot> = LazyLock::new(|| {
    let mut world = World::new();
    let catalog = sayso_catalog::read(hearth::CATALOG, "catalog.yaml").unwrap();
    world.command(Command::ApplyCatalog { catalog: Box::new(catalog) }, AT).unwrap();
    for (number, person) in people().enumerate() {
        let identities = person.identifiers.iter();
        let identifiers =
            identities.map(|(namespace, value)| identity(namespace, value).identifier()).collect();
        let import = Command::Import {
            fresh: subject(number),
            identifiers,
            is_active: Some(person.is_active),
            minor_until: person.minor_until.map(|until| until.parse().unwrap()),
            choices: person.choices.iter().map(choice).collect(),
        };
        world.command(import, AT).unwrap();
        if number % 40 == 7 {
            let subject = subject(number);
            world.command(Command::SetRestriction { subject, is_restricted: true }, AT).unwrap();
        }
    }
    let snapshot = Snapshot::default();
    snapshot.apply(world.entries());
    snapshot
});

pub(crate) fn people() -> impl Iterator<Item = hearth::Person> {
    hearth::people(3, PEOPLE)
}

/// The id of Hearth's customer with this number.
pub(crate) fn subject(number: usize) -> SubjectId {
    SubjectId((number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834))
}

fn choice(said: &hearth::people::Choice) -> Choice {
    let effect = match said.effect {
        hearth::people::Effect::Grant => Effect::Grant,
        hearth::people::Effect::Denial => Effect::Denial,
    };
    let scope = Scope {
        purpose: Some(id(said.scope.purpose)),
        data: said.scope.data.map(id),
        channel: said.scope.channel.map(id),
        ..Scope::default()
    };
    let notice = said.notice.as_ref().map(|notice| NoticeRef {
        id: id(notice.id),
        version: notice.version,
        language: Some(notice.language.to_owned()),
    });
    let (method, actor) = (Method::Import, Actor::Import);
    Choice { notice, method, actor, ..Choice::of_person(effect, scope) }
}

pub(crate) fn identity(namespace: &str, value: &str) -> Identity {
    Identity { namespace: id(namespace), value: value.to_owned() }
}

/// The answers for one use, by customer number.
pub(crate) fn live(
    purpose: &str,
    recipient: &str,
    channel: Option<&str>,
) -> Live<'static, impl Fn(&str) -> Option<Lookup> + Sync> {
    Live {
        snapshot: &HEARTH,
        names: Names::Identifiers(|text: &str| Some(identity("crm", text).lookup())),
        purpose: id(purpose),
        recipient: id(recipient),
        channel: channel.map(id),
        at: AT,
    }
}

pub(crate) fn spec() -> Spec {
    let mapped = |(column, data): (&str, &str)| Mapped { column: column.into(), data: id(data) };
    Spec {
        id: "customer".into(),
        columns: COLUMNS.map(mapped).into(),
        keep_unmapped: false,
        drop_rows: false,
        redact: Vec::new(),
    }
}

/// Something in a column that stands nowhere else.
pub(crate) fn secret(column: &str, row: usize) -> String {
    format!("{column}-{:016x}-{row:05}", (row as u64 + 7).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// A table of these customers, by number.
pub(crate) fn table(customers: &[Option<i64>]) -> RecordBatch {
    let rows = 0..customers.len();
    let column = |name: &str| -> ArrayRef {
        let values = rows.clone().map(|row| (row % 11 != 3).then(|| secret(name, row)));
        Arc::new(values.collect::<StringArray>())
    };
    // One of them is nested: what is under it must go with it.
    let inner: ArrayRef =
        Arc::new(rows.clone().map(|row| Some(secret("street", row))).collect::<StringArray>());
    let field = Arc::new(Field::new("line", DataType::Utf8, false));
    let street = StructArray::from(vec![(Arc::clone(&field), inner)]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("customer", Arc::new(Int64Array::from(customers.to_vec()))),
        ("mail", column("mail")),
        ("street", Arc::new(street)),
        ("phone", column("phone")),
    ];
    let fields = columns.iter().map(|(name, values)| {
        Field::new(
            *name,
            values.data_type().clone(),
            *name == "customer" || *name == "mail" || *name == "phone",
        )
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    RecordBatch::try_new(schema, columns.into_iter().map(|(_, values)| values).collect()).unwrap()
}

/// The customer number that Hearth gave somebody; some rows are about nobody.
pub(crate) fn customers() -> Vec<Option<i64>> {
    let known = people().map(|person| person.identifiers["crm"].parse().ok());
    known.chain([Some(999_999_999), None]).collect()
}

/// Who has a customer number.
pub(crate) fn owner(customer: Option<i64>) -> Option<SubjectId> {
    HEARTH.owner(&identity("crm", &customer?.to_string()).lookup())
}
