//! Stories that chance tells: who does what, and when.

use proptest::{collection::vec, option::weighted, prelude::*, sample::Index};
use sayso_consent::{
    choice::{Authority, Effect, Method},
    id::Position,
};

use super::{
    asks::{Ask, Wide, ask, wide},
    catalogs::{Change, First, change, first},
};

/// How many people a story has.
pub(crate) const PEOPLE: usize = 5;

/// What happens from an empty ledger on.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    /// What is declared first.
    pub(crate) first: First,
    /// Then the first three are known to the systems and live together.
    pub(crate) steps: Vec<Step>,
}

/// One thing that happens, and what is asked then.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// How long after the one before; a clock may be set back.
    pub(crate) after_ms: i64,
    pub(crate) act: Act,
    pub(crate) asks: Vec<Ask>,
}

/// What somebody does. People are told by their number.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Change(Change),
    Appear { who: usize, names: Vec<Name>, is_active: bool, minor: Option<i64>, says: Vec<Says> },
    Import { who: usize, names: Vec<Name>, is_active: Option<bool>, says: Vec<Says> },
    Know { who: usize, name: Name, is_theirs: bool },
    Choose { who: usize, says: Vec<Says>, authority: Authority },
    Relate { who: usize, is_active: bool },
    Restrict { who: usize, is_restricted: bool },
    Age { who: usize, minor: Option<i64> },
    Guard { who: usize, guardian: usize, is_guardian: bool },
    Acquire { who: usize, device: Index, is_honest: bool },
    Share { who: usize, device: Index, with: Vec<usize> },
    Put { who: usize, device: Index, is_honest: bool, with: Vec<usize> },
    Report { who: usize, owed: Index, far: i64 },
    ReportAll { who: usize },
    Erase { who: usize, at_once: bool },
    Replay { who: usize, denials: Vec<Wide>, is_erased: bool },
    Restore { from: Position },
}

impl Act {
    /// Who says what.
    pub(crate) fn says(&self) -> Option<(usize, &[Says])> {
        match self {
            Self::Choose { who, says, .. }
            | Self::Import { who, says, .. }
            | Self::Appear { who, says, .. } => Some((*who, says)),
            _ => None,
        }
    }
}

/// A name that some system knows somebody by: whose it was meant to be, and which of a few.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub(crate) namespace: Index,
    pub(crate) whose: usize,
}

/// What somebody says.
#[derive(Clone, Debug)]
pub(crate) struct Says {
    pub(crate) effect: Effect,
    pub(crate) scope: Wide,
    pub(crate) from_ms: Option<i64>,
    pub(crate) until_ms: Option<i64>,
    /// States a version of the text, the newest or one before.
    pub(crate) notice: Option<u32>,
    pub(crate) method: Method,
    pub(crate) by: By,
}

/// Who says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Person,
    /// One of the person's guardians, if there is any.
    Guardian(usize),
    /// Somebody who calls themselves a guardian.
    Stranger,
    Agent,
    Signal,
    Import,
}

pub(crate) fn story() -> impl Strategy<Value = Story> {
    (first(), steps()).prop_map(|(first, steps)| Story { first, steps })
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let after_ms = proptest::sample::select(
        &[0, 0, 0, 1_000, 10_000, 20_000, 3_600_000, 46_800_000, 3_456_000_000, -86_400_000][..],
    );
    let step = (after_ms, act(), vec(ask(), 1..4));
    vec(step.prop_map(|(after_ms, act, asks)| Step { after_ms, act, asks }), 1..32)
}

/// Mostly those who are there from the beginning.
fn who() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 0..3usize, 1 => 3..PEOPLE]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![6 => choosing(), 4 => living(), 3 => keeping()]
}

/// What people say.
fn choosing() -> impl Strategy<Value = Act> {
    let authority = prop_oneof![19 => Just(Authority::Strong), 1 => Just(Authority::Weak)];
    let says = || vec(says(), 1..3);
    let is_active = proptest::option::of(any::<bool>());
    prop_oneof![
        12 => (who(), says(), authority)
            .prop_map(|(who, says, authority)| Act::Choose { who, says, authority }),
        3 => (who(), vec(name(), 0..3), is_active, says())
            .prop_map(|(who, names, is_active, says)| Act::Import { who, names, is_active, says }),
        1 => (who(), vec(wide(), 0..3), proptest::bool::weighted(0.2))
            .prop_map(|(who, denials, is_erased)| Act::Replay { who, denials, is_erased }),
    ]
}

/// What changes about people and their things.
fn living() -> impl Strategy<Value = Act> {
    let (device, is) = (any::<Index>, any::<bool>);
    let minor = || proptest::option::of(proptest::sample::select(&[20_000, 4_000_000_000][..]));
    let known = (who(), vec(name(), 0..3), is(), minor(), vec(says(), 0..3));
    prop_oneof![
        3 => known.prop_map(|(who, names, is_active, minor, says)| {
            Act::Appear { who, names, is_active, minor, says }
        }),
        2 => (who(), name(), is())
            .prop_map(|(who, name, is_theirs)| Act::Know { who, name, is_theirs }),
        2 => (who(), is()).prop_map(|(who, is_active)| Act::Relate { who, is_active }),
        1 => (who(), proptest::bool::weighted(0.3)).prop_map(|(who, is_restricted)| Act::Restrict { who, is_restricted }),
        2 => (who(), minor()).prop_map(|(who, minor)| Act::Age { who, minor }),
        3 => (who(), who(), proptest::bool::weighted(0.8))
            .prop_map(|(who, guardian, is_guardian)| Act::Guard { who, guardian, is_guardian }),
        4 => (who(), device(), proptest::bool::weighted(0.8))
            .prop_map(|(who, device, is_honest)| Act::Acquire { who, device, is_honest }),
        4 => (who(), device(), vec(who(), 0..4))
            .prop_map(|(who, device, with)| Act::Share { who, device, with }),
        2 => (who(), device(), proptest::bool::weighted(0.8), vec(who(), 0..4)).prop_map(
            |(who, device, is_honest, with)| Act::Put { who, device, is_honest, with }
        ),
        2 => (who(), is()).prop_map(|(who, at_once)| Act::Erase { who, at_once }),
    ]
}

/// What the company and its systems do.
fn keeping() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => change().prop_map(Act::Change),
        3 => who().prop_map(|who| Act::ReportAll { who }),
        2 => (who(), any::<Index>(), -1..2i64)
            .prop_map(|(who, owed, far)| Act::Report { who, owed, far }),
        1 => (0..4u64).prop_map(|number| Act::Restore { from: Position::at(number) }),
    ]
}

fn name() -> impl Strategy<Value = Name> {
    (any::<Index>(), 0..PEOPLE).prop_map(|(namespace, whose)| Name { namespace, whose })
}

fn says() -> impl Strategy<Value = Says> {
    let effect = prop_oneof![3 => Just(Effect::Grant), 2 => Just(Effect::Denial)];
    let method = prop_oneof![
        9 => Just(Method::Api),
        3 => Just(Method::Portal),
        1 => Just(Method::Gpc),
        1 => Just(Method::OneClick),
    ];
    let by = prop_oneof![
        24 => Just(By::Person),
        8 => who().prop_map(By::Guardian),
        1 => Just(By::Stranger),
        1 => Just(By::Agent),
        1 => Just(By::Signal),
        1 => Just(By::Import),
    ];
    let moment = proptest::sample::select(&[5_000, 30_000, 50_000_000, 9_000_000_000][..]);
    let (from_ms, until_ms) = (weighted(0.1, moment.clone()), weighted(0.25, moment));
    let parts = (effect, wide(), from_ms, until_ms, weighted(0.4, 0..3u32), method, by);
    parts.prop_map(|(effect, scope, from_ms, until_ms, notice, method, by)| Says {
        effect,
        scope,
        from_ms,
        until_ms,
        notice,
        method,
        by,
    })
}
