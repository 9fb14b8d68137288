//! What comes to an end by itself: until when profiles hold, and who is summed up anew.

use std::sync::Arc;

use sayso_consent::{
    id::{Id, SubjectId},
    subject::SubjectState,
    time::Timestamp,
};

use crate::engine::{Engine, minute, slot::Said, table::PARTS};

impl Engine {
    /// Sums up again those whose profile no longer holds at a moment that will not come again: at
    /// most so many, the longest ago first. Says how many there were: with fewer than `most` there
    /// are no more for now. Only by whoever puts people in.
    pub(crate) fn settle(
        &self,
        state: impl Fn(SubjectId) -> Option<Arc<SubjectState>>,
        at: Timestamp,
        most: usize,
    ) -> usize {
        // Within its minute a profile may hold still.
        let until = (minute(at), SubjectId(0));
        for count in 0..most {
            let mut writing = self.writing();
            let next = Some(writing.settled).filter(|settled| *settled < until);
            let next = next.and_then(|from| writing.unsettled.range(from..until).next().copied());
            let Some((lapse, subject)) = next else {
                writing.settled = writing.settled.max(until);
                return count;
            };
            // Whoever stays unsettled, as those who are owed something, is passed by.
            writing.settled = (lapse, SubjectId(subject.0.saturating_add(1)));
            writing.unsettled.remove(&(lapse, subject));
            if let Some(state) = state(subject) {
                self.put_in(&mut writing, subject, (Some(&state), Some(&state)), at);
            }
        }
        most
    }

    /// A profile holds until a moment at most.
    pub(crate) fn lapse_by(&self, subject: SubjectId, state: &SubjectState, due: Timestamp) {
        let writing = &mut *self.writing();
        let view = self.view.load();
        let mut keys = vec![(self.keyed.person(subject), true)];
        let device = |device: &Id| self.keyed.device(subject, device.as_str());
        keys.extend(state.devices.iter().map(|link| (device(&link.device), false)));
        for (key, is_person) in keys {
            let Some(said) = view.table.find(key).filter(|said| minute(due) < said.lapse) else {
                continue;
            };
            let lapse = minute(due);
            writing.changes += 1;
            writing.table.say(&view.table, &self.keyed, key, Said { lapse, ..said });
            if is_person {
                writing.unsettled.remove(&(said.lapse, subject));
                writing.unsettled.insert((lapse, subject));
            }
        }
    }

    /// The profiles of all these people hold until a moment at most, and so do those of their
    /// devices. Whoever is put in again is known better.
    pub(crate) fn lapse_all_by(&self, due: Timestamp, concerns: impl Fn(SubjectId) -> bool) {
        let writing = &mut *self.writing();
        let view = self.view.load();
        let lapse = minute(due);
        writing.doubt = writing.doubt.min(lapse);
        for part in 0..PARTS {
            view.table.part(part).lapse_by(lapse, &concerns);
        }
    }
}
