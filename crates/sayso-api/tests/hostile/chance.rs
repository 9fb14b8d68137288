//! What chance makes of good requests.

use std::cell::OnceCell;

use proptest::{collection::vec, prelude::*, sample::Index};

use super::property::{ask::ask, parsers, samples, world::World};

thread_local! {
    /// One for all cases of a test: what earlier ones recorded is in the way of later ones, as in
    /// life.
    static WORLD: OnceCell<World> = const { OnceCell::new() };
}

fn with_world<T>(act: impl FnOnce(&World) -> T) -> T {
    WORLD.with(|world| act(world.get_or_init(World::new)))
}

/// At least so many cases; `PROPTEST_CASES` raises it.
fn cases(min: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: default.cases.max(min), failure_persistence: None, ..default }
}

/// One thing that befalls a body.
#[derive(Clone, Debug)]
enum Change {
    Cut(Index, usize),
    Put(Index, Vec<u8>),
    Repeat(Index, usize, usize),
    Flip(Index, u8),
}

/// Pieces that parsers trip over.
const PIECES: [&[u8]; 24] = [
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\n",
    b"\r",
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"0-99999999999",
    b"\"\"",
    b"oven/4711",
    b"'",
];

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    let piece = proptest::sample::select(PIECES.as_slice()).prop_map(<[u8]>::to_vec);
    prop_oneof![
        (at(), 1usize..40).prop_map(|(at, len)| Change::Cut(at, len)),
        (at(), piece).prop_map(|(at, piece)| Change::Put(at, piece)),
        (at(), vec(any::<u8>(), 1..6)).prop_map(|(at, bytes)| Change::Put(at, bytes)),
        (at(), 1usize..30, 1usize..50).prop_map(|(at, len, times)| Change::Repeat(at, len, times)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Flip(at, byte)),
    ]
}

fn changed(mut body: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        if body.is_empty() {
            break;
        }
        let len = body.len();
        match change {
            Change::Cut(at, count) => {
                let from = at.index(len);
                body.drain(from..(from + count).min(len));
            }
            Change::Put(at, piece) => {
                let at = at.index(len);
                body.splice(at..at, piece.iter().copied());
            }
            Change::Repeat(at, count, times) => {
                let from = at.index(len);
                let piece = body[from..(from + count).min(len)].repeat(*times);
                body.splice(from..from, piece);
            }
            Change::Flip(at, byte) => body[at.index(len)] = *byte,
        }
    }
    body
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn changed_requests_are_answered(sample in any::<Index>(), changes in vec(change(), 1..5)) {
        let samples = samples::all();
        let sample = sample.get(&samples);
        let body = changed(sample.body.clone().into_bytes(), &changes);
        with_world(|world| ask(world, sample.with(body)));
    }

    #[test]
    fn any_bytes_are_answered(sample in any::<Index>(), body in vec(any::<u8>(), 0..200)) {
        let samples = samples::all();
        with_world(|world| ask(world, sample.get(&samples).with(body)));
    }

    #[test]
    fn identifiers_are_their_own_comparable_form(value in "\\PC{0,20}|[+0-9 ()/.-]{3,30}|.{0,6}@.{0,6}\\..{1,6}") {
        parsers::identifier(&value);
    }

    #[test]
    fn choices_read_back(changes in vec(change(), 0..4)) {
        const CHOICE: &str = r#"{"effect":"grant","scope":{"purpose":"marketing.offers","device":"oven/4711"},"until":"2031-01-01","notice":{"id":"offers","version":2},"method":"paper","actor":{"kind":"agent","id":"17"},"evidence":{"reference":"form 12","occurred_at":"2025-12-31T10:00:00Z"}}"#;
        parsers::choice(&changed(CHOICE.as_bytes().to_vec(), &changes));
    }
}

proptest! {
    // A catalog takes its time to be read, and has thousands of cases in its own crate.
    #![proptest_config(cases(200))]

    #[test]
    fn changed_catalogs_are_answered(changes in vec(change(), 1..4)) {
        let text = changed(hearth::CATALOG.as_bytes().to_vec(), &changes);
        parsers::catalog(&String::from_utf8_lossy(&text));
    }
}

#[test]
fn long_identifiers_do_not_outgrow_the_limit() {
    for text in
        ["a".repeat(256), "a".repeat(257), "İ".repeat(128), "ß".repeat(128), "\u{1e9e}".repeat(85)]
    {
        parsers::identifier(&text);
        parsers::identifier(&format!("{text}@example.org"));
    }
}
