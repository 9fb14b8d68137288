//! Whatever comes in, the answer is a catalog or problems.

use proptest::prelude::*;

use super::sample::{HEARTH, SMALL};

fn read(text: &str) -> bool {
    match sayso_catalog::read(text, "f") {
        Ok(_) => true,
        Err(problems) => {
            assert!(!problems.is_empty(), "a refused catalog has a problem");
            assert!(problems.iter().all(|problem| problem.line > 0 && problem.column > 0));
            false
        }
    }
}

#[test]
fn truncations_of_the_sample_are_refused_or_read() {
    for end in (0..HEARTH.len()).step_by(41).filter(|end| HEARTH.is_char_boundary(*end)) {
        read(&HEARTH[..end]);
    }
    let ends = (0..SMALL.len()).filter(|end| SMALL.is_char_boundary(*end));
    let whole: Vec<usize> = ends.filter(|end| read(&SMALL[..*end])).collect();
    // Without its promises the small catalog is still one; cut anywhere above, it is none.
    let promises = SMALL.find("promises:").unwrap();
    assert_eq!(whole, [promises - 1, promises, SMALL.len() - 1]);
}

#[test]
fn deep_and_wide_texts_end_soon() {
    for piece in
        ["[", "{", "- ", "? ", "{a: ", "[[],", "a: {", "\"", "'", "|\n", "&a ", "*a ", "%TAG "]
    {
        assert!(!read(&piece.repeat(20_000)), "{piece}");
    }
    assert!(!read(&format!("activities: {{{}}}", "a: {}, ".repeat(20_000))));
    let keys: String = (0..20_000).map(|number| format!("k{number}: {{}}\n")).collect();
    assert!(!read(&keys));
}

proptest! {
    #[test]
    fn soup_is_refused(soup in "[\\-?:,\\[\\]{}#&*!|>'\"%@`a-z0-9 \n\t~./\u{feff}\u{0}äß]{0,300}") {
        prop_assert!(!read(&soup));
    }

    #[test]
    fn any_text_is_refused(text in ".{0,200}") {
        prop_assert!(!read(&text));
    }

    #[test]
    fn a_small_change_is_answered(
        at in 0..SMALL.len(),
        piece in "[\\-?:,\\[\\]{}&*!|>'\" \n0-9a-z]{0,6}",
        gap in 0usize..12,
    ) {
        let end = (at + gap).min(SMALL.len());
        prop_assume!(SMALL.is_char_boundary(at) && SMALL.is_char_boundary(end));
        let text = format!("{}{piece}{}", &SMALL[..at], &SMALL[end..]);
        if let Ok(catalog) = sayso_catalog::read(&text, "f") {
            // What was read writes and reads back to the same.
            let json = serde_json::to_string(&catalog).unwrap();
            prop_assert_eq!(sayso_catalog::read(&json, "f").unwrap(), catalog);
        }
    }
}
