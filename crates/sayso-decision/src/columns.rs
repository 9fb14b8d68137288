//! The same questions about a column of people: each question is understood once, and people are
//! looked up many at a time, so that the memory's latency is waited for once instead of for each.

use sayso_consent::{
    id::{Lookup, SubjectId},
    request::{Reason, Request},
    time::Timestamp,
};

use crate::{
    engine::plan::{Answer, Question},
    layers::{SHARDS, Sharded},
    snapshot::Snapshot,
};

impl Snapshot {
    /// For each request why [`Snapshot::decide`] says yes or no about each of these people, in
    /// order; the request's own subject does not matter. `None` is somebody unknown. All of them are
    /// asked about at one moment, and answered as of the head when this was called or later.
    pub fn reasons(
        &self,
        requests: &[Request],
        people: &[Option<SubjectId>],
        at: Timestamp,
        reasons: &mut [Vec<Reason>],
    ) {
        let at = at.max(self.latest());
        let view = self.engine.view();
        let ask = |request| view.book.plan.ask_of_many(&Question::of(request), at);
        let answers: Vec<Answer> = requests.iter().map(ask).collect();
        reasons.iter_mut().for_each(Vec::clear);
        let by_rule = |request: &Request, subject| {
            self.by_rule(&Request { subject, ..request.clone() }, at).reason
        };
        self.engine.look_up_each(
            &view,
            people,
            |subject| subject,
            |subject, said| {
                for ((answer, request), reasons) in answers.iter().zip(requests).zip(&mut *reasons)
                {
                    let known = match answer {
                        Answer::Never(reason, _) => Some(*reason),
                        Answer::Cell(cell) => self.engine.reason(&view, *cell, said, at),
                        Answer::Unprepared => None,
                    };
                    reasons.push(known.unwrap_or_else(|| by_rule(request, subject)));
                }
            },
        );
    }

    /// Whose identifiers these digests are, in order. Every part of what is known that is asked is
    /// locked first: between the reads that follow nothing then keeps one waiting for another.
    pub fn owners(&self, lookups: &[Option<Lookup>], owners: &mut Vec<Option<SubjectId>>) {
        let mut shards = [const { None }; SHARDS];
        for lookup in lookups.iter().flatten() {
            shards[lookup.shard()].get_or_insert_with(|| self.lookups.shard_of(lookup));
        }
        let base = self.base.load();
        let owner = |lookup: &Lookup| {
            let shard = shards[lookup.shard()].as_ref()?;
            shard.get(lookup).or_below(|| base.as_ref()?.owner(lookup))
        };
        owners.clear();
        owners.extend(lookups.iter().map(|lookup| lookup.as_ref().and_then(owner)));
    }
}
