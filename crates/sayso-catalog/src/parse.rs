//! YAML (and JSON, which is YAML) into a tree. Of two equal keys neither is silently dropped.
//!
//! Anchors, aliases and tags are refused: a catalog is read by people who decide about it, and
//! what they read has to be all there is. It also leaves no way to make a small file a large value.

use std::{borrow::Cow, collections::BTreeMap};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use crate::{
    problem::{Place, Problems},
    tree::{Content, Key, Node, push_segment},
};

/// Largest catalog, in bytes.
pub const BYTES_MAX: usize = 1 << 20;
/// Deepest nesting.
pub const DEPTH_MAX: usize = 32;

/// Reads the text. `None` if there is nothing to go on with; the problems say why.
pub(crate) fn parse(text: &str, problems: &mut Problems) -> Option<Node> {
    if text.len() > BYTES_MAX {
        let message = format!("the catalog has {} bytes; at most {BYTES_MAX} are read", text.len());
        problems.add(Place::START, "", message, None);
        return None;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = &join_surrogates(text);
    let mut builder = Builder { problems, stack: Vec::new(), root: None, is_sound: true };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => builder.take(event, place(&span.start)),
            Err(error) => builder.refuse_syntax(&error),
        }
        if !builder.is_sound {
            return None;
        }
    }
    let root = builder.root;
    if root.is_none() {
        problems.add(
            Place::START,
            "",
            "the catalog is empty",
            Some("start it with `sayso: 1`".into()),
        );
    }
    root
}

/// JSON writes a character beyond `\uFFFF` as a pair of escapes, which YAML does not know. They
/// become one escape; what follows on that line moves two columns to the left for each.
fn join_surrogates(text: &str) -> Cow<'_, str> {
    if !text.trim_start().starts_with('{') || !text.contains("\\u") {
        return Cow::Borrowed(text);
    }
    let mut joined = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        joined.push_str(before);
        // Any other escape is taken over with the character after it, which may be a backslash.
        let length = 1 + escape.chars().nth(1).map_or(0, char::len_utf8);
        let taken = match surrogate_pair(escape) {
            Some(character) => {
                joined.push_str(&format!("\\U{:08X}", u32::from(character)));
                PAIR_BYTES
            }
            None => {
                joined.push_str(escape.get(..length).unwrap_or(escape));
                length
            }
        };
        rest = escape.get(taken..).unwrap_or_default();
    }
    joined.push_str(rest);
    Cow::Owned(joined)
}

/// The bytes of `\uD83D\uDD25`.
const PAIR_BYTES: usize = 12;

fn surrogate_pair(text: &str) -> Option<char> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    char::decode_utf16([unit(0)?, unit(6)?])
        .next()?
        .ok()
        .filter(|character| character.len_utf16() == 2)
}

fn place(marker: &Marker) -> Place {
    Place { line: marker.line().max(1), column: marker.col() + 1 }
}

struct Builder<'a, 'f> {
    problems: &'a mut Problems<'f>,
    stack: Vec<Open>,
    root: Option<Node>,
    /// What was refused leaves nothing sensible to go on with.
    is_sound: bool,
}

/// A list or mapping that has not ended yet.
enum Open {
    List { place: Place, items: Vec<Node> },
    Mapping(OpenMapping),
}

struct OpenMapping {
    place: Place,
    entries: Vec<(Key, Node)>,
    lines: BTreeMap<String, usize>,
    key: Option<Key>,
}

impl Builder<'_, '_> {
    fn take(&mut self, event: Event, place: Place) {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_decoration(anchor, tag.as_ref(), place);
                let is_plain = style == ScalarStyle::Plain;
                self.put(Node {
                    place,
                    content: Content::Scalar { text: text.into_owned(), is_plain },
                });
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_decoration(anchor, tag.as_ref(), place);
                self.open(Open::List { place, items: Vec::new() }, place);
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_decoration(anchor, tag.as_ref(), place);
                let (entries, lines) = (Vec::new(), BTreeMap::new());
                self.open(Open::Mapping(OpenMapping { place, entries, lines, key: None }), place);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(_) => {
                self.refuse(place, "an alias is not read here", "write the value out");
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                self.refuse(
                    place,
                    "a second document begins",
                    "a catalog is one document; remove the `---`",
                );
            }
            _ => {}
        }
    }

    fn open(&mut self, open: Open, place: Place) {
        if self.stack.len() >= DEPTH_MAX {
            let message = format!("nested more than {DEPTH_MAX} deep");
            return self.refuse(place, &message, "a catalog needs no more than eight levels");
        }
        self.stack.push(open);
    }

    fn close(&mut self) {
        let node = match self.stack.pop() {
            Some(Open::List { place, items }) => Node { place, content: Content::List(items) },
            Some(Open::Mapping(OpenMapping { place, entries, .. })) => {
                Node { place, content: Content::Mapping(entries) }
            }
            None => return,
        };
        self.put(node);
    }

    fn put(&mut self, node: Node) {
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Mapping(mapping)) => match mapping.key.take() {
                Some(key) => self.put_entry(key, node),
                None => match node.content {
                    Content::Scalar { text, .. } => {
                        mapping.key = Some(Key { text, place: node.place });
                    }
                    _ => self.refuse(
                        node.place,
                        "a key is a list or a mapping",
                        "a key is a plain word",
                    ),
                },
            },
        }
    }

    /// Keeps the first of two equal keys; the second is a problem, so neither is ever used.
    fn put_entry(&mut self, key: Key, node: Node) {
        let Some(Open::Mapping(mapping)) = self.stack.last_mut() else { return };
        if let Some(line) = mapping.lines.get(&key.text) {
            let message = format!("`{}` is given twice", key.text);
            let hint = format!("it is given on line {line} already; remove one of the two");
            let path = self.path(&key.text);
            return self.problems.add(key.place, &path, message, Some(hint));
        }
        mapping.lines.insert(key.text.clone(), key.place.line);
        mapping.entries.push((key, node));
    }

    /// The path of a key of the innermost open mapping.
    fn path(&self, last: &str) -> String {
        let mut path = String::new();
        for open in self.stack.iter().take(self.stack.len().saturating_sub(1)) {
            match open {
                Open::List { items, .. } => push_segment(&mut path, &items.len().to_string()),
                Open::Mapping(mapping) => {
                    push_segment(&mut path, mapping.key.as_ref().map_or("", |key| &key.text));
                }
            }
        }
        push_segment(&mut path, last);
        path
    }

    fn refuse(&mut self, place: Place, message: &str, hint: &str) {
        self.is_sound = false;
        self.problems.add(place, "", message, Some(hint.to_owned()));
    }

    fn refuse_decoration(&mut self, anchor: usize, tag: Option<&Cow<Tag>>, place: Place) {
        if anchor != 0 {
            self.refuse(
                place,
                "an anchor is not read here",
                "write the value out where it is needed",
            );
        }
        if tag.is_some() {
            self.refuse(place, "a tag is not read here", "remove what begins with `!`");
        }
    }

    fn refuse_syntax(&mut self, error: &ScanError) {
        let (info, place) = (error.info(), place(error.marker()));
        let hint = if info.contains("tab") {
            "indent with spaces"
        } else if info.contains("mapping values are not allowed") {
            "put a text that has `: ` in it into quotes"
        } else if info.contains("indent") || info.contains("expected key") {
            "entries of one level begin in one column"
        } else {
            "look for a missing quote, bracket or colon here or on the line before"
        };
        self.refuse(place, &format!("this is not YAML: {info}"), hint);
    }
}
