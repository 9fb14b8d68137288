//! Profiles as they are kept: each as its text, which is taken apart when somebody first asks what
//! holds of it. So a start has nothing to do for those that nobody asks about.

use std::{
    ops::Range,
    sync::{Arc, OnceLock, atomic::Ordering},
};

use sayso_consent::subject::SubjectState;

use crate::engine::{
    profile::Profile,
    saved::{FORMS, Sections},
};

/// The text of a profile. Equal profiles have equal texts.
pub(crate) enum Form {
    Own(Box<[u8]>),
    /// Words of the section of forms, and how many bytes they hold.
    Saved(Arc<dyn Sections>, Range<usize>, usize),
}

impl Form {
    /// The text itself.
    pub(crate) fn text(&self) -> Vec<u8> {
        match self {
            Self::Own(text) => text.to_vec(),
            Self::Saved(sections, words, bytes) => {
                let words = sections.section(FORMS).get(words.clone()).unwrap_or_default();
                let words = words.iter().map(|word| word.load(Ordering::Relaxed));
                let mut text: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
                text.truncate(*bytes);
                text
            }
        }
    }
}

/// A text as words, the last filled with zeros.
pub(crate) fn words_of(text: &[u8]) -> impl Iterator<Item = u64> {
    text.chunks(8).map(|some| {
        let mut word = [0; 8];
        word[..some.len()].copy_from_slice(some);
        u64::from_le_bytes(word)
    })
}

/// A profile.
pub(crate) struct Kept {
    pub(crate) form: Form,
    /// What concerns a household depends on others too.
    pub(crate) has_home: bool,
    /// Whether it is of somebody's part in a device.
    pub(crate) is_of_device: bool,
    somebody: OnceLock<Option<Arc<SubjectState>>>,
}

impl Kept {
    pub(crate) fn new(form: Form, has_home: bool, is_of_device: bool) -> Self {
        Self { form, has_home, is_of_device, somebody: OnceLock::new() }
    }

    /// Somebody of whom exactly this holds; `None` if the text is none of a profile.
    pub(crate) fn somebody(&self) -> Option<&Arc<SubjectState>> {
        let somebody = || {
            let profile: Profile = postcard::from_bytes(&self.form.text()).ok()?;
            Some(Arc::new(profile.somebody()))
        };
        self.somebody.get_or_init(somebody).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    struct Forms(Vec<AtomicU64>);

    impl Sections for Forms {
        fn section(&self, _: usize) -> &[AtomicU64] {
            &self.0
        }
    }

    #[test]
    fn a_text_comes_back_from_words_whatever_its_length() {
        let texts = ["", "1", "1234567", "12345678", "123456789", "1234567890123456"];
        for text in texts {
            let words: Vec<AtomicU64> = words_of(text.as_bytes()).map(AtomicU64::new).collect();
            let all = 0..words.len();
            let form = Form::Saved(Arc::new(Forms(words)), all, text.len());
            assert_eq!(form.text(), text.as_bytes());
        }
    }

    #[test]
    fn what_is_no_profile_is_nobody() {
        let kept = Kept::new(Form::Own((*b"\xff").into()), false, false);
        assert!(kept.somebody().is_none());
        let text = postcard::to_allocvec(&Profile::of_nobody()).unwrap();
        assert!(Kept::new(Form::Own(text.into()), false, false).somebody().is_some());
    }
}
