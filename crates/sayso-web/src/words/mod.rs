//! Every text of every page, by language. A field for each text: a translation that is missing
//! does not compile. Texts that depend on a number or a name are small functions.

mod console;
mod countries;
mod docs;
mod everywhere;
mod format;
mod portal;

pub(crate) use console::Console;
pub(crate) use docs::Docs;
pub(crate) use everywhere::Everywhere;
pub(crate) use portal::Portal;

/// All texts of one language.
pub struct Words {
    /// The language tag, `en`: what a page declares as its language.
    pub tag: &'static str,
    /// The language's own name for itself.
    pub name: &'static str,
    pub(crate) everywhere: Everywhere,
    pub(crate) portal: Portal,
    pub(crate) console: Console,
    pub(crate) docs: Docs,
}

/// English.
pub const EN: Words = Words {
    tag: "en",
    name: "English",
    everywhere: everywhere::EN,
    portal: portal::EN,
    console: console::EN,
    docs: docs::EN,
};

/// German.
pub const DE: Words = Words {
    tag: "de",
    name: "Deutsch",
    everywhere: everywhere::DE,
    portal: portal::DE,
    console: console::DE,
    docs: docs::DE,
};

/// The languages that the pages speak; the first is used where another is asked for.
pub static LANGUAGES: [&Words; 2] = [&EN, &DE];

impl Words {
    /// The words of a language tag: `de`, `de-AT` and `DE` are German, the unknown is English.
    pub fn of(language: &str) -> &'static Words {
        let primary = language.split(['-', '_']).next().unwrap_or_default();
        let is_asked = |words: &&&Words| words.tag.eq_ignore_ascii_case(primary);
        LANGUAGES.iter().find(is_asked).unwrap_or(&LANGUAGES[0])
    }

    /// The label of a box that lets a third party have the data.
    pub fn shared_with(&self, recipient: &str) -> String {
        (self.portal.shared_with)(recipient)
    }
}
