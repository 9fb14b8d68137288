//! Reads a page strictly enough to find what a browser would forgive.

use std::collections::{BTreeMap, BTreeSet};

const VOID: [&str; 5] = ["meta", "link", "input", "img", "br"];

/// An element as it was opened.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    /// The names of the elements around it.
    around: Vec<String>,
    /// The text in it, that of its elements included.
    text: String,
}

/// A page.
pub(crate) struct Html {
    pub(crate) elements: Vec<Element>,
}

impl Html {
    /// Reads tags and attributes; every element that is opened has to be closed, in order.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut elements: Vec<Element> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        let mut rest = text.strip_prefix("<!doctype html>").unwrap_or(text);
        while let Some(start) = rest.find('<') {
            for &index in &open {
                elements[index].text.push_str(rest[..start].trim());
            }
            let tag = &rest[start + 1..];
            let end = tag_end(tag).ok_or("a tag is not closed")?;
            let (tag, after) = (&tag[..end], &tag[end + 1..]);
            rest = after;
            if let Some(name) = tag.strip_prefix('/') {
                let last = open.pop().ok_or_else(|| format!("</{name}> closes nothing"))?;
                if elements[last].name != name {
                    return Err(format!("</{name}> closes <{}>", elements[last].name));
                }
                continue;
            }
            let (name, attributes) = attributes(tag)?;
            let around = open.iter().map(|&index| elements[index].name.clone()).collect();
            let is_void = VOID.contains(&name.as_str()) || tag.ends_with('/');
            elements.push(Element { name, attributes, around, text: String::new() });
            if !is_void {
                open.push(elements.len() - 1);
            }
        }
        if open.is_empty() { Ok(Self { elements }) } else { Err("an element stays open".into()) }
    }

    /// What is wrong with the page, in words.
    pub(crate) fn faults(&self, language: &str) -> Vec<String> {
        let mut faults = self.references();
        let count =
            |name: &str| self.elements.iter().filter(|element| element.name == name).count();
        if count("h1") != 1 {
            faults.push(format!("{} h1", count("h1")));
        }
        if self.elements[0].get("lang") != Some(language) {
            faults.push("wrong lang".into());
        }
        let mut level = 0;
        for element in &self.elements {
            faults.extend(element.faults());
            if let Some(next) = element.heading() {
                if next > level + 1 {
                    faults.push(format!("h{next} follows h{level}"));
                }
                level = next;
            }
        }
        faults
    }

    /// Ids that stand twice, and links and labels that lead nowhere.
    fn references(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut ids = BTreeSet::new();
        for id in self.elements.iter().filter_map(|element| element.get("id")) {
            if !ids.insert(id) {
                faults.push(format!("id {id} stands twice"));
            }
        }
        for element in &self.elements {
            let link = element.get("href").and_then(|href| href.strip_prefix('#'));
            for target in link.into_iter().chain(element.get("aria-labelledby")) {
                if !ids.contains(target) {
                    faults.push(format!("#{target} is nowhere"));
                }
            }
        }
        faults
    }
}

impl Element {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    fn heading(&self) -> Option<u8> {
        self.name.strip_prefix('h')?.parse().ok().filter(|level| (1..=6).contains(level))
    }

    fn faults(&self) -> Option<String> {
        if let Some(name) = self.attributes.keys().find(|name| name.starts_with("on")) {
            return Some(format!("{name} on {}", self.name));
        }
        let is_hidden = self.get("type") == Some("hidden");
        let is_labelled = self.around.iter().any(|name| name == "label");
        match self.name.as_str() {
            "input" if !is_hidden && !is_labelled => Some("an input is unlabelled".into()),
            "button" | "a" | "summary" | "label" if self.text.is_empty() => {
                Some(format!("a nameless {}", self.name))
            }
            "img" if self.get("alt").is_none() => Some("an image without alt".into()),
            "svg" if self.get("aria-label").is_none() => Some("a chart without a label".into()),
            _ => None,
        }
    }
}

/// Where a tag ends: the first `>` outside quotes.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quoted = false;
    tag.char_indices().find_map(|(index, c)| {
        quoted ^= c == '"';
        (c == '>' && !quoted).then_some(index)
    })
}

fn attributes(tag: &str) -> Result<(String, BTreeMap<String, String>), String> {
    let (name, mut rest) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
    let mut attributes = BTreeMap::new();
    while !rest.trim_matches(['/', ' ', '\n']).is_empty() {
        rest = rest.trim_start();
        let end = rest.find(['=', ' ']).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        let value = match after.strip_prefix("=\"") {
            Some(quoted) => {
                let (value, after) = quoted.split_once('"').ok_or("an open quote")?;
                rest = after;
                value
            }
            None => {
                rest = after;
                ""
            }
        };
        if attributes.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(format!("{key} stands twice on {name}"));
        }
    }
    Ok((name.trim_end_matches('/').to_owned(), attributes))
}
