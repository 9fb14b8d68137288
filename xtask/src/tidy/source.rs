//! Rust source with what a rule must not see blanked out. Lines and columns stay where they are.

/// Without what stands in string and character literals.
pub(super) fn without_strings(text: &str) -> String {
    blank(text, false)
}

/// Without literals and comments.
pub(super) fn code_only(text: &str) -> String {
    blank(text, true)
}

/// What a stretch of source is.
enum Kind {
    Code,
    Comment,
    Literal,
}

fn blank(text: &str, blanks_comments: bool) -> String {
    let mut blanked = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let (kind, len) = stretch(rest, before);
        let (stretch, after) = rest.split_at(len.max(first.len_utf8()).min(rest.len()));
        let is_blanked = match kind {
            Kind::Code => false,
            Kind::Comment => blanks_comments,
            Kind::Literal => true,
        };
        let shown = |c: char| if is_blanked && c != '\n' { ' ' } else { c };
        blanked.extend(stretch.chars().map(shown));
        before = stretch.chars().next_back().unwrap_or(' ');
        rest = after;
    }
    blanked
}

/// What begins here, and its length in bytes.
fn stretch(rest: &str, before: char) -> (Kind, usize) {
    if rest.starts_with("//") {
        return (Kind::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Kind::Comment, block_comment(rest));
    }
    if rest.starts_with('"') {
        return (Kind::Literal, escaped(rest, '"'));
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    let follows_a_name = before.is_alphanumeric() || before == '_';
    match (follows_a_name, raw(rest)) {
        (false, Some(len)) => (Kind::Literal, len),
        _ => (Kind::Code, 1),
    }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// The length of a literal with escapes, quotes included.
fn escaped(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character literal, or the quote of a lifetime.
fn character(rest: &str) -> (Kind, usize) {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), _) => (Kind::Literal, escaped(rest, '\'')),
        (Some(_), Some((at, '\''))) => (Kind::Literal, at + 1),
        _ => (Kind::Code, 1),
    }
}

/// The length of a raw string that begins here.
fn raw(rest: &str) -> Option<usize> {
    let after = ["r", "br", "cr"].iter().find_map(|prefix| {
        let after = rest.strip_prefix(prefix)?;
        after.starts_with(['#', '"']).then_some(after)
    })?;
    let hashes = after.bytes().take_while(|byte| *byte == b'#').count();
    let body = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = rest.len() - body.len();
    Some(body.find(&end).map_or(rest.len(), |at| start + at + end.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_blanked_and_comments_on_demand() {
        for (text, without, code) in [
            (r#"a("b") // c"#, r#"a(   ) // c"#, r#"a(   )     "#),
            (r#"x = "a\"b" + y"#, r#"x =        + y"#, r#"x =        + y"#),
            ("r#\"a\"b\"# z", "         z", "         z"),
            ("'a' <'a> '\\'' '\"' q", "    <'a>          q", "    <'a>          q"),
            ("/* a /* b */ c */ d", "/* a /* b */ c */ d", "                  d"),
            ("for\"x\"", "for   ", "for   "),
            ("\"a\nb\"", "  \n  ", "  \n  "),
        ] {
            assert_eq!(without_strings(text), without, "{text}");
            assert_eq!(code_only(text), code, "{text}");
        }
    }
}
