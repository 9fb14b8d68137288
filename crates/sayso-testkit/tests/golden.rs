//! Every golden example against the oracle; and that a wrong one is found.

use std::{collections::BTreeSet, fs};

use sayso_consent::{Position, Reason, Timestamp, oracle};
use sayso_testkit::{
    golden::{
        Answer, Deed, Example, Library, Mismatch, OracleSurface, Question, Surface, bless, check,
        parse, run,
    },
    world::World,
};

#[test]
fn golden_examples_hold_for_the_oracle() {
    let library = Library::here();
    let mut oracle = OracleSurface::default();
    if std::env::var_os("SAYSO_BLESS").is_some() {
        for file in library.files().unwrap() {
            let Ok(example) = library.example(&file) else { continue };
            let mismatches = run(&example, &mut oracle);
            if !mismatches.is_empty() {
                let text = fs::read_to_string(library.path(&file)).unwrap();
                fs::write(library.path(&file), bless(&text, &mismatches)).unwrap();
            }
        }
    }
    let summary = check(&library, &mut oracle).unwrap_or_else(|report| panic!("{report}"));
    assert!(summary.files > 0, "no golden example was found");
}

#[test]
fn every_reason_is_shown_by_an_example() {
    let library = Library::here();
    let mut shown = BTreeSet::new();
    for file in library.files().unwrap() {
        let example = library.example(&file).unwrap();
        for step in example.sections.iter().flat_map(|section| &section.steps) {
            let reason = step.expected.split([' ', '@']).nth(1).unwrap_or_default();
            shown.insert(reason.to_owned());
        }
    }
    // An oracle reads the ledger itself and needs no lease on it.
    for reason in Reason::ALL.into_iter().filter(|reason| *reason != Reason::NoLease) {
        assert!(shown.contains(reason.code()), "no example shows `{}`", reason.code());
    }
}

#[test]
fn a_world_that_is_replayed_is_the_world_that_was_lived() {
    let library = Library::here();
    let mut lived = OracleSurface::default();
    for file in library.files().unwrap() {
        let example = library.example(&file).unwrap();
        for section in &example.sections {
            let one = Example { sections: vec![section.clone()], ..example.clone() };
            run(&one, &mut lived);
            let entries = lived.world().entries();
            let replayed = World::following(entries);
            assert!(replayed.subjects().eq(lived.world().subjects()), "{file}");
            for (subject, state) in lived.world().subjects() {
                assert_eq!(oracle::replay(entries, subject).as_ref(), Some(state), "{file}");
            }
        }
    }
}

const PLANTED: &str = "# Planted

```ledger
1  2026-01-05T09:00Z  ana  appears
2  2026-01-05T09:00Z  ana  grants  marketing.offers channel=email
3  2026-01-05T09:00Z  ana  grants  marketing.offers channel=email
```

```decide at=2026-01-05T10:00Z
mailer  contact.email of ana for marketing.offers by email  →  deny withdrawn
mailer  contact.email of ana for marketing.offers by sms    →  deny never_asked
```

```refuse
2026-01-05T11:00Z  ana  denies  marketing.offers
2026-01-05T11:00Z  ana  grants  marketing.offers via=gpc    →  weak_authority
```
";

fn planted(text: &str) -> Vec<Mismatch> {
    let example = parse(text, "golden/planted.md", &Library::here());
    example.map(|example| run(&example, &mut OracleSurface::default())).unwrap_or_default()
}

#[test]
fn a_wrong_expectation_is_found_and_told_apart() {
    let found = planted(PLANTED);
    let seen: Vec<_> =
        found.iter().map(|found| (found.line, &*found.expected, &*found.got)).collect();
    let expected = [
        (6, "recorded", "nothing new"),
        (10, "deny withdrawn", "allow granted@2"),
        (15, "refused ", "recorded"),
        (16, "refused weak_authority", "refused signal_may_only_deny"),
    ];
    assert_eq!(seen, expected);
    let report = found[1].to_string();
    for shown in [
        "golden/planted.md:10  Planted · oracle",
        "▶ mailer contact.email of ana for marketing.offers by email, asked at 2026-01-05T10:00Z",
        "expected                  │ got",
        "deny withdrawn            │ allow granted@2",
        "ana grants marketing.offers channel=email",
    ] {
        assert!(report.contains(shown), "{shown:?} is missing from\n{report}");
    }
}

#[test]
fn blessing_writes_answers_and_leaves_what_is_another_story() {
    let blessed = bless(PLANTED, &planted(PLANTED));
    assert!(blessed.contains(
        "3  2026-01-05T09:00Z  ana  grants  marketing.offers channel=email  →  nothing new\n"
    ));
    assert!(blessed.contains("by email  →  allow granted@2\n"));
    assert!(blessed.contains("via=gpc    →  signal_may_only_deny\n"));
    assert!(blessed.contains("ana  denies  marketing.offers\n"));
    assert_eq!(planted(&blessed).iter().map(|left| left.line).collect::<Vec<_>>(), [15]);
}

#[test]
fn mistakes_are_told_with_their_lines() {
    let head = "# Mistakes\n\n";
    let ask = "```decide at=2026-01-05\nmailer contact of ana for marketing by email → deny never_asked\n```\n";
    for (block, line, text) in [
        ("```leger\n```\n", 3, "`leger` is no block"),
        ("```ledger\n2  2026-01-05  ana  appears\n```\n", 4, "this one is 1"),
        ("```ledger\n1  2026-13-05  ana  appears\n```\n", 4, "RFC 3339"),
        ("```ledger\n1  2026-01-05  ana  dances\n```\n", 4, "`dances` is not understood"),
        ("```ledger\n1  2026-01-05  ana  appears email:ana@web.de\n```\n", 4, "`@example.org`"),
        ("```ledger\n1  2026-01-05  ana  grants marketing colour=red\n```\n", 4, "`colour=`"),
        ("```ledger\n1  2026-01-05  hearth  publishes  offers@1\n```\n", 4, "version 2 already"),
        ("```catalog\ngolden/catalogs/none-such.yaml\n```\n", 4, "none-such.yaml"),
        (
            "```decide at=2026-01-05\nmailer contact of ana for marketing → allow withdrawn\n```\n",
            4,
            "does not go with",
        ),
        (
            "```decide at=2026-01-05\nmailer contact of ana for marketing → deny maybe\n```\n",
            4,
            "`maybe` is no reason",
        ),
        (
            "```decide at=2026-01-05\nmailer contact ana for marketing → deny withdrawn\n```\n",
            4,
            "a question is",
        ),
        (
            "```decide at=2026-01-06\nmailer contact of ana for marketing → deny undeclared\n```\n",
            7,
            "before an earlier",
        ),
        (
            "## Idle\n```ledger\n1  2026-01-05  ana  appears\n```\n## Busy\n",
            3,
            "nothing is expected",
        ),
    ] {
        let document = format!("{head}{block}{ask}");
        let mistakes = parse(&document, "golden/x.md", &Library::here()).unwrap_err();
        let first = mistakes.first().map(ToString::to_string).unwrap_or_default();
        assert!(first.starts_with(&format!("golden/x.md:{line}: ")), "{block}: {first}");
        assert!(first.contains(text), "{block}: {first}");
    }
}

#[test]
fn an_answer_from_before_the_last_line_is_found() {
    /// Answers rightly, but from the ledger as it was at the start.
    struct Late(OracleSurface);

    impl Surface for Late {
        fn name(&self) -> &str {
            "late"
        }
        fn reset(&mut self) {
            self.0.reset();
        }
        fn command(&mut self, at: Timestamp, deed: &Deed) -> Result<Option<Position>, String> {
            self.0.command(at, deed)
        }
        fn decide(&mut self, at: Timestamp, question: &Question) -> Answer {
            Answer { as_of: Position::at(1), ..self.0.decide(at, question) }
        }
    }

    let text = "# Late\n```ledger\n1  2026-01-05  ana  appears\n```\n```decide at=2026-01-05\n\
                mailer contact of ana for marketing.offers by email → deny never_asked\n```\n";
    let example = parse(text, "golden/late.md", &Library::here()).unwrap();
    assert_eq!(run(&example, &mut OracleSurface::default()), []);
    let found = run(&example, &mut Late(OracleSurface::default()));
    assert_eq!(found[0].got, "deny never_asked (read at 0-1, before 0-2)");
}
