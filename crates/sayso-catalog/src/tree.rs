//! A small tree that remembers where everything stands.

use serde_json::{Map, Number, Value};

use crate::problem::Place;

/// A value and where it stands.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) content: Content,
}

/// What a value is made of.
#[derive(Debug)]
pub(crate) enum Content {
    /// A text, or with `is_plain` (without quotes) whatever it reads as.
    Scalar {
        text: String,
        is_plain: bool,
    },
    List(Vec<Node>),
    Mapping(Vec<(Key, Node)>),
}

/// A key and where it stands.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) place: Place,
}

/// Adds a segment to a JSON pointer.
pub(crate) fn push_segment(path: &mut String, segment: &str) {
    path.push('/');
    path.push_str(&segment.replace('~', "~0").replace('/', "~1"));
}

impl Node {
    /// Whether it has entries, or could have.
    pub(crate) fn is_mapping(&self) -> bool {
        matches!(self.content, Content::Mapping(_))
    }

    /// As the value that it stands for.
    pub(crate) fn to_value(&self) -> Value {
        match &self.content {
            Content::Scalar { text, is_plain: true } => plain(text),
            Content::Scalar { text, .. } => Value::String(text.clone()),
            Content::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Content::Mapping(entries) => {
                let entry = |(key, node): &(Key, Node)| (key.text.clone(), node.to_value());
                Value::Object(entries.iter().map(entry).collect::<Map<_, _>>())
            }
        }
    }
}

/// What a scalar without quotes reads as, by the core schema of YAML 1.2: `no` is a text.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

fn number(text: &str) -> Option<Number> {
    if let Ok(number) = text.parse::<i64>() {
        return Some(number.into());
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
        && !text.starts_with(['e', 'E']);
    let number: f64 = if is_number { text.parse().ok()? } else { return None };
    let is_whole = number.fract() == 0.0 && number.abs() <= f64::from(u32::MAX);
    // INVARIANT: a whole number of at most 2^32 fits, so `1.0` is the number 1 for every reader.
    if is_whole { Some((number as i64).into()) } else { Number::from_f64(number) }
}

/// A node with its key and its path: what a check walks.
#[derive(Clone)]
pub(crate) struct At<'a> {
    pub(crate) node: &'a Node,
    key: Option<&'a Key>,
    pub(crate) path: String,
}

impl<'a> At<'a> {
    pub(crate) fn root(node: &'a Node) -> Self {
        Self { node, key: None, path: String::new() }
    }

    /// The path of what is below it under a name or number.
    pub(crate) fn below(&self, name: &str) -> String {
        let mut path = self.path.clone();
        push_segment(&mut path, name);
        path
    }

    /// Where its value stands.
    pub(crate) fn place(&self) -> Place {
        self.node.place
    }

    /// Where its key stands, or the value if it has none.
    pub(crate) fn key_place(&self) -> Place {
        self.key.map_or(self.node.place, |key| key.place)
    }

    /// Its key.
    pub(crate) fn name(&self) -> &'a str {
        self.key.map_or("", |key| &key.text)
    }

    /// Its text, if it is one.
    pub(crate) fn text(&self) -> Option<&'a str> {
        match &self.node.content {
            Content::Scalar { text, is_plain } => {
                let is_text = !is_plain || plain(text).is_string();
                is_text.then_some(text)
            }
            _ => None,
        }
    }

    /// The entry with a key.
    pub(crate) fn get(&self, name: &str) -> Option<Self> {
        let Content::Mapping(entries) = &self.node.content else { return None };
        let (key, node) = entries.iter().find(|(key, _)| key.text == name)?;
        Some(Self { node, key: Some(key), path: self.below(name) })
    }

    /// The entries of a mapping; none if it is something else.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Self> + use<'a> {
        let entries: &'a [(Key, Node)] = match &self.node.content {
            Content::Mapping(entries) => entries,
            _ => &[],
        };
        let above = self.clone();
        entries.iter().map(move |(key, node)| Self {
            node,
            key: Some(key),
            path: above.below(&key.text),
        })
    }

    /// The entries of a mapping within the entry `name`.
    pub(crate) fn entries_of(&self, name: &str) -> impl Iterator<Item = Self> + use<'a> {
        self.get(name).into_iter().flat_map(|section| section.entries())
    }

    /// The items of a list; none if it is something else.
    pub(crate) fn items(&self) -> impl Iterator<Item = Self> + use<'a> {
        let items: &'a [Node] = match &self.node.content {
            Content::List(items) => items,
            _ => &[],
        };
        let above = self.clone();
        let item = move |(number, node): (usize, &'a Node)| Self {
            node,
            key: None,
            path: above.below(&number.to_string()),
        };
        items.iter().enumerate().map(item)
    }

    /// The items of a list within the entry `name`.
    pub(crate) fn items_of(&self, name: &str) -> impl Iterator<Item = Self> + use<'a> {
        self.get(name).into_iter().flat_map(|list| list.items())
    }

    /// What a JSON pointer leads to.
    pub(crate) fn find(&self, pointer: &str) -> Option<Self> {
        pointer.split('/').skip(1).try_fold(self.clone(), |at, segment| {
            let name = segment.replace("~1", "/").replace("~0", "~");
            match &at.node.content {
                Content::List(_) => at.items().nth(name.parse().ok()?),
                _ => at.get(&name),
            }
        })
    }
}
