//! The little Markdown that doc comments use: paragraphs, lists and `code`. All else is text.

use std::fmt::Write as _;

use askama::filters::Safe;

/// Prose as HTML. Everything is escaped before the first tag is put in.
pub(crate) fn prose(text: &str) -> Safe<String> {
    let mut html = String::new();
    for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        let is_list = block.lines().all(|line| is_item(line) || line.starts_with(' '));
        let tag = if is_list && is_item(block) { list(block) } else { paragraph(block) };
        html.push_str(&tag);
    }
    Safe(html)
}

/// A single line as HTML, without a paragraph around it.
pub(crate) fn line(text: &str) -> Safe<String> {
    Safe(inline(text))
}

fn is_item(line: &str) -> bool {
    line.starts_with("- ") || line.starts_with("* ")
}

fn paragraph(block: &str) -> String {
    format!("<p>{}</p>", inline(block.trim_start_matches('#').trim_start()))
}

fn list(block: &str) -> String {
    let mut html = String::from("<ul>");
    let mut item = String::new();
    for line in block.lines() {
        if is_item(line) && !item.is_empty() {
            push_item(&mut html, &item);
            item.clear();
        }
        item.push_str(if is_item(line) { &line[2..] } else { line });
        item.push('\n');
    }
    push_item(&mut html, &item);
    html.push_str("</ul>");
    html
}

fn push_item(html: &mut String, item: &str) {
    // Writing to a string cannot fail.
    let _ = write!(html, "<li>{}</li>", inline(item.trim()));
}

/// Text with `code` between back-ticks; an odd back-tick stays as it is.
fn inline(text: &str) -> String {
    let escaped = escape(text);
    let pieces: Vec<&str> = escaped.split('`').collect();
    let mut html = String::with_capacity(escaped.len() + 16);
    for (index, piece) in pieces.iter().enumerate() {
        let (is_code, is_last) = (index % 2 == 1, index + 1 == pieces.len());
        match (is_code, is_last) {
            (true, true) => {
                html.push('`');
                html.push_str(piece);
            }
            (true, false) => {
                let _ = write!(html, "<code>{piece}</code>");
            }
            (false, _) => html.push_str(piece),
        }
    }
    html
}

fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::prose;

    #[test]
    fn paragraphs_lists_and_code() {
        let text = "One `a<b` line\nand more.\n\n- first\n  goes on\n- second\n\nodd ` tick";
        let html = "<p>One <code>a&lt;b</code> line\nand more.</p>\
                    <ul><li>first\n  goes on</li><li>second</li></ul><p>odd ` tick</p>";
        assert_eq!(prose(text).0, html);
    }

    #[test]
    fn a_line_has_code_and_no_paragraph() {
        assert_eq!(super::line("the role `administer`").0, "the role <code>administer</code>");
        assert_eq!(super::line("<b>").0, "&lt;b&gt;");
    }

    #[test]
    fn nothing_typed_in_becomes_markup() {
        assert_eq!(prose("<b>\"&'").0, "<p>&lt;b&gt;&quot;&amp;&#39;</p>");
        assert_eq!(prose("` <i> `").0, "<p><code> &lt;i&gt; </code></p>");
    }
}
