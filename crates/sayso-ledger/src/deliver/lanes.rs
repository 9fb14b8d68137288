//! Who is to be told, in which order, and when: bookkeeping without I/O, so that it can be tested
//! as a table. One lane a person, and one for each name that is theirs no longer; a lane is in exactly
//! one of four places.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet, VecDeque},
    time::{Duration, Instant},
};

use sayso_consent::id::Position;

use crate::{
    limits::{LANES_MAX, PARKED_MS, RETRY_FIRST_MS, RETRY_MAX_MS},
    sink::About,
};

/// One lane.
#[derive(Clone, Copy, Debug)]
struct Lane {
    /// The oldest entry that was not delivered.
    since: Position,
    /// The newest.
    through: Position,
    attempts: u32,
    /// To be told though nothing is owed.
    anyway: bool,
}

/// Those about whom a recipient has something to take, as many as fit; whoever finds no room is
/// found again by going through everybody.
#[derive(Default)]
pub(super) struct Lanes {
    lanes: HashMap<About, Lane>,
    ready: VecDeque<About>,
    under_way: HashSet<About>,
    resting: BinaryHeap<Reverse<(Instant, About)>>,
    /// Failures in a row, of whatever lane: the system itself is down.
    failures: u32,
    closed_until: Option<Instant>,
}

/// The wait after so many failures: doubling, up to a limit, of which `share` of 255 is taken.
pub(super) fn backoff(failures: u32, share: u8) -> Duration {
    let doubled = RETRY_FIRST_MS.saturating_mul(1 << failures.saturating_sub(1).min(20));
    let longest = doubled.min(RETRY_MAX_MS);
    // Half is certain and half is spread, so that many that failed at once do not return at once.
    Duration::from_millis(longest / 2 + longest / 2 * u64::from(share) / 255)
}

impl Lanes {
    /// Notes that a person's entry has to be told, if there is room. Whether there was.
    pub(super) fn touch(&mut self, about: About, position: Position) -> bool {
        let has_room = self.has_room() || self.lanes.contains_key(&about);
        if has_room {
            self.touch_all(about, position, false);
        }
        has_room
    }

    /// Notes that a person's entry has to be told, whether there is room or not: for a page of
    /// people, which is not begun without room. `anyway` if nothing need be owed.
    pub(super) fn touch_all(&mut self, about: About, position: Position, anyway: bool) {
        let is_new = !self.lanes.contains_key(&about);
        let lane = Lane { since: position, through: position, attempts: 0, anyway };
        let lane = self.lanes.entry(about).or_insert(lane);
        lane.anyway |= anyway;
        let is_news = position > lane.through;
        lane.through = lane.through.max(position);
        // News for somebody who rests is a reason to try at once: a no must not wait for a clock.
        if is_new || (is_news && !self.under_way.contains(&about)) {
            self.ready.push_back(about);
        }
    }

    /// Whether somebody more finds room.
    pub(super) fn has_room(&self) -> bool {
        self.lanes.len() < LANES_MAX
    }

    /// The next to tell, at most so many; none while the system is left in peace. After a failure
    /// one at a time finds out whether it is back.
    pub(super) fn take(&mut self, now: Instant, at_most: usize) -> Vec<About> {
        self.wake(now);
        let is_closed = self.closed_until.is_some_and(|until| now < until);
        let at_most = match self.failures {
            _ if is_closed => 0,
            0 => at_most,
            _ if self.under_way.is_empty() => at_most.min(1),
            _ => 0,
        };
        let mut taken = Vec::new();
        while taken.len() < at_most {
            let Some(about) = self.ready.pop_front() else { break };
            // A person may stand in line twice, by news and by a rest that ended.
            if self.lanes.contains_key(&about) && self.under_way.insert(about) {
                taken.push(about);
            }
        }
        taken
    }

    fn wake(&mut self, now: Instant) {
        while let Some(Reverse((when, about))) = self.resting.peek().copied() {
            if when > now {
                return;
            }
            self.resting.pop();
            self.ready.push_back(about);
        }
    }

    /// Whether a person is to be told though nothing is owed.
    pub(super) fn is_anyway(&self, about: About) -> bool {
        self.lanes.get(&about).is_some_and(|lane| lane.anyway)
    }

    /// The person has nothing to be told after all.
    pub(super) fn drop_lane(&mut self, about: About) {
        self.under_way.remove(&about);
        self.lanes.remove(&about);
    }

    /// A message through `position` was taken.
    pub(super) fn delivered(&mut self, about: About, position: Position) {
        self.failures = 0;
        self.closed_until = None;
        self.under_way.remove(&about);
        if let Some(lane) = self.lanes.get_mut(&about) {
            if lane.through <= position {
                self.lanes.remove(&about);
            } else {
                *lane = Lane { since: position.next(), attempts: 0, anyway: false, ..*lane };
                self.ready.push_back(about);
            }
        }
    }

    /// A try failed: the lane rests, and so does everything else for a while. Those of one batch
    /// count as one failure of the system: `is_first` says of which.
    pub(super) fn failed(
        &mut self,
        (about, is_first): (About, bool),
        now: Instant,
        after_ms: Option<u64>,
        share: u8,
    ) {
        let asked = after_ms.map(Duration::from_millis).unwrap_or_default();
        // What was under way together when the system went down failed once, and not so many times.
        let is_closed = self.closed_until.is_some_and(|until| now < until);
        if is_first && !is_closed {
            self.failures = self.failures.saturating_add(1);
            self.closed_until = Some(now + backoff(self.failures, share).max(asked));
        }
        let attempts = self.lanes.get_mut(&about).map_or(1, |lane| {
            lane.attempts = lane.attempts.saturating_add(1);
            lane.attempts
        });
        self.rest(about, now + backoff(attempts, share).max(asked));
    }

    /// The system refused the message: it is tried again rarely, or when there is news.
    pub(super) fn refused(&mut self, about: About, now: Instant) {
        self.failures = 0;
        self.rest(about, now + Duration::from_millis(PARKED_MS));
    }

    fn rest(&mut self, about: About, until: Instant) {
        self.under_way.remove(&about);
        self.resting.push(Reverse((until, about)));
    }

    /// When there may be something to do without any news.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let rested = self.resting.peek().map(|Reverse((when, _))| *when);
        let opened = self.closed_until.filter(|_| !self.ready.is_empty());
        match (rested, opened) {
            (Some(rested), Some(opened)) => Some(rested.min(opened)),
            (rested, opened) => rested.or(opened),
        }
    }

    /// Everything up to here was delivered, given how far the ledger was followed.
    pub(super) fn delivered_through(&self, followed: Position) -> Position {
        let oldest = self.lanes.values().map(|lane| lane.since).min();
        oldest.map_or(followed, |oldest| {
            let before = Position { number: oldest.number.saturating_sub(1), ..oldest };
            before.min(followed)
        })
    }

    /// Whether everything that could be sent was, and nothing failed lately.
    pub(super) fn is_quiet(&self) -> bool {
        self.failures == 0 && self.ready.is_empty() && self.under_way.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.lanes.len()
    }

    /// What there is to tell, in no order.
    pub(super) fn all(&self) -> impl Iterator<Item = About> {
        self.lanes.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use sayso_consent::id::SubjectId;

    use super::*;

    const ANA: About = About { subject: SubjectId(1), former: None };
    const BEN: About = About { subject: SubjectId(2), former: None };

    fn at(number: u64) -> Position {
        Position::at(number)
    }

    #[test]
    fn a_person_is_told_one_thing_at_a_time_and_then_the_newest() {
        let (mut lanes, now) = (Lanes::default(), Instant::now());
        lanes.touch(ANA, at(1));
        assert_eq!(lanes.take(now, 9), [ANA]);
        lanes.touch(ANA, at(2));
        lanes.touch(ANA, at(3));
        assert_eq!(lanes.take(now, 9), []);
        lanes.delivered(ANA, at(1));
        assert_eq!(lanes.delivered_through(at(3)), at(1));
        assert_eq!(lanes.take(now, 9), [ANA]);
        lanes.delivered(ANA, at(3));
        assert_eq!((lanes.take(now, 9), lanes.len()), (Vec::new(), 0));
        assert_eq!(lanes.delivered_through(at(3)), at(3));
    }

    #[test]
    fn several_are_taken_at_once_and_no_more_than_were_asked_for() {
        let (mut lanes, now) = (Lanes::default(), Instant::now());
        lanes.touch(ANA, at(1));
        lanes.touch(BEN, at(2));
        assert_eq!(lanes.take(now, 1), [ANA]);
        assert_eq!(lanes.take(now, 9), [BEN]);
    }

    #[test]
    fn a_failure_closes_the_system_and_a_success_opens_it() {
        let (mut lanes, now) = (Lanes::default(), Instant::now());
        lanes.touch(ANA, at(1));
        lanes.touch(BEN, at(2));
        assert_eq!(lanes.take(now, 1), [ANA]);
        lanes.failed((ANA, true), now, None, 255);
        assert_eq!(lanes.take(now, 9), [], "closed");
        let later = now + backoff(1, 255);
        assert_eq!(lanes.take(later, 9), [BEN], "one at a time");
        assert_eq!(lanes.take(later, 9), []);
        lanes.delivered(BEN, at(2));
        assert_eq!(lanes.take(later, 9), [ANA], "nothing is given up");
        assert_eq!(lanes.delivered_through(at(2)), at(0));
    }

    #[test]
    fn a_refused_person_is_tried_again_on_news() {
        let (mut lanes, now) = (Lanes::default(), Instant::now());
        lanes.touch(ANA, at(1));
        assert_eq!(lanes.take(now, 9), [ANA]);
        lanes.refused(ANA, now);
        assert_eq!(lanes.take(now, 9), []);
        lanes.touch(ANA, at(4));
        assert_eq!(lanes.take(now, 9), [ANA]);
    }

    #[test]
    fn waits_grow_and_end() {
        let waits: Vec<_> = (1..40).map(|failures| backoff(failures, 255)).collect();
        assert!(waits.is_sorted());
        assert_eq!(waits.last().map(Duration::as_millis), Some(u128::from(RETRY_MAX_MS)));
        assert!(backoff(5, 0) < backoff(5, 255));
    }
}
