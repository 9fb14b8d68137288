//! What was saved and taken up again is what it was saved from, whatever happened meanwhile.

use std::{
    io,
    sync::{Arc, Mutex, atomic::AtomicU64},
};

use proptest::{collection::vec, prelude::*, sample::Index, test_runner::TestCaseError};
use sayso_consent::{SubjectId, SubjectState, Timestamp, request::Request};
use sayso_decision::{
    Snapshot,
    image::{Contents, Frozen, Image, Out, SECTIONS, Sections, States, resume},
};

use super::{
    asks::ask,
    history::story,
    live::{Live, config, faithful},
    replay::same,
};

/// A file in memory.
#[derive(Default)]
struct Memory {
    sections: Vec<Vec<u64>>,
    states: Mutex<Vec<(SubjectId, String)>>,
}

impl Out for Memory {
    fn section(&mut self, words: &[u64]) -> io::Result<()> {
        self.sections.push(words.to_vec());
        Ok(())
    }

    fn state(&mut self, subject: SubjectId, state: &SubjectState) -> io::Result<u64> {
        let states = &mut self.states.lock().unwrap();
        states.push((subject, serde_json::to_string(state)?));
        Ok(states.len() as u64)
    }
}

/// What is mapped of it.
struct Mapped(Vec<Vec<AtomicU64>>);

impl Sections for Mapped {
    fn section(&self, number: usize) -> &[AtomicU64] {
        &self.0[number]
    }
}

impl States for Memory {
    fn state(&self, subject: SubjectId, place: u64) -> Option<SubjectState> {
        let (whose, text) = &self.states.lock().unwrap()[place as usize - 1];
        assert_eq!(*whose, subject, "somebody else's place");
        Some(serde_json::from_str(text).expect("a state that was written can be read"))
    }

    fn is_gone(&self, _: SubjectId) -> bool {
        false
    }
}

/// Writes, and gives what was written, twice.
fn save(frozen: &Frozen) -> (Contents, Arc<Image>, Arc<Image>) {
    let mut memory = Memory::default();
    let contents = frozen.write(&mut memory).unwrap();
    let contents = serde_json::to_string(&contents).unwrap();
    let contents: Contents = serde_json::from_str(&contents).unwrap();
    assert_eq!(memory.sections.len(), SECTIONS);
    let memory = Arc::new(memory);
    let image = || {
        let section = |words: &Vec<u64>| words.iter().copied().map(AtomicU64::new).collect();
        let mapped = Mapped(memory.sections.iter().map(section).collect());
        Arc::new(Image::new(&contents, Arc::new(mapped), Arc::clone(&memory) as Arc<dyn States>))
    };
    let (one, other) = (image(), image());
    (contents, one, other)
}

/// Both answer alike, and reach the same people.
fn answer_alike(
    one: &Snapshot,
    other: &Snapshot,
    request: &Request,
    at: Timestamp,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(one.decide(request, at), other.decide(request, at), "{:?}", request);
    prop_assert_eq!(one.reach(request, at).people, other.reach(request, at).people);
    let audience = |snapshot: &Snapshot| snapshot.audience(request, SubjectId(0), 9, at).subjects;
    prop_assert_eq!(audience(one), audience(other));
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_saved_snapshot_goes_on_as_the_one_that_was_lived(
        story in story(),
        begun in any::<Index>(),
        ended in any::<Index>(),
        asks in vec(ask(), 1..6),
    ) {
        let live = Live::through(&story, faithful);
        let entries = live.world.entries();
        let begun = begun.index(entries.len() + 1);
        let ended = begun + ended.index(entries.len() - begun + 1);
        let whole = Snapshot::default();
        whole.apply(entries);

        let lived = Arc::new(Snapshot::default());
        lived.apply(&entries[..begun]);
        let frozen = lived.freeze();
        lived.apply(&entries[begun..ended]);
        let (contents, image, other) = save(&frozen);
        prop_assert_eq!(contents.head, frozen.head());
        frozen.replace(other);
        lived.settle_catalogs(contents.head);
        lived.apply(&entries[ended..]);
        same(&lived, &whole)?;

        let resumed = resume(&contents, image, &[]).expect("it belongs together");
        resumed.apply(&entries[begun..]);
        same(&resumed, &whole)?;
        for ask in &asks {
            let (request, at) = live.asked(ask);
            answer_alike(&lived, &whole, &request, at)?;
            answer_alike(&resumed, &whole, &request, at)?;
        }

        // While it is saved for the first time, and for as long as that fails.
        let saving = Arc::new(Snapshot::default());
        saving.apply(&entries[..begun]);
        let _frozen = saving.freeze();
        saving.apply(&entries[begun..]);
        same(&saving, &whole)?;
        for ask in &asks {
            let (request, at) = live.asked(ask);
            answer_alike(&saving, &whole, &request, at)?;
        }

        // And once more, over what was saved before.
        let again = Arc::new(resumed);
        let frozen = again.freeze();
        let (contents, image, _) = save(&frozen);
        let resumed = resume(&contents, image, &[]).expect("it belongs together");
        same(&resumed, &whole)?;
        for ask in &asks {
            let (request, at) = live.asked(ask);
            answer_alike(&resumed, &whole, &request, at)?;
        }
    }
}
