//! The same questions about a column of people: each question is understood once, and people are
//! looked up many at a time, so that the memory's latency is waited for once instead of for each.

use sayso_consent::{
    id::{Lookup, SubjectId},
    request::{Reason, Request},
    time::Timestamp,
};

use crate::{
    engine::{
        View,
        plan::{Answer, Cell, Question},
    },
    snapshot::Snapshot,
};

/// How a question can be put to everybody.
enum Way {
    /// The same for all.
    Always(Reason),
    /// By this cell, and by the rule for those of whom a slot cannot say.
    Cell(Cell),
    /// By the rule, one by one.
    Rule,
}

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
        let ways: Vec<Way> =
            requests.iter().map(|request| self.column_way(&view, request, at)).collect();
        reasons.iter_mut().for_each(Vec::clear);
        let by_rule = |request: &Request, subject| {
            self.by_rule(&Request { subject, ..request.clone() }, at).reason
        };
        self.engine.look_up_each(&view, people.iter().copied(), |subject, said| {
            for ((way, request), reasons) in ways.iter().zip(requests).zip(&mut *reasons) {
                let known = match way {
                    Way::Always(reason) => Some(*reason),
                    Way::Cell(cell) => self.engine.reason(&view, *cell, said, at),
                    Way::Rule => None,
                };
                reasons.push(known.unwrap_or_else(|| by_rule(request, subject)));
            }
        });
    }

    fn column_way(&self, view: &View, request: &Request, at: Timestamp) -> Way {
        // What is never done with one device may be done with another.
        if request.device.is_some() {
            return Way::Rule;
        }
        let plan = &view.book.plan;
        match plan.ask(&Question::of(request)) {
            Answer::Never(reason, _) => Way::Always(reason),
            Answer::Cell(cell) if !plan.may_rest(plan.declared(cell), at) => Way::Cell(cell),
            Answer::Cell(_) | Answer::Unprepared => Way::Rule,
        }
    }

    /// Whose identifiers these digests are, in order. One part of what is known is gone through at
    /// a time: it is locked once, and near the processor while it is read.
    pub fn owners(&self, lookups: &[Option<Lookup>], owners: &mut Vec<Option<SubjectId>>) {
        owners.clear();
        owners.resize(lookups.len(), None);
        let shard = |lookup: &Lookup| usize::from(lookup.0[0]);
        // Where each part begins among the places in their order: counted, then added up.
        let mut begins = [0; 257];
        for lookup in lookups.iter().flatten() {
            begins[shard(lookup) + 1] += 1;
        }
        for part in 0..256 {
            begins[part + 1] += begins[part];
        }
        let mut ends = begins;
        let mut places = vec![0; begins[256]];
        for (place, lookup) in lookups.iter().enumerate() {
            if let Some(lookup) = lookup {
                let end = &mut ends[shard(lookup)];
                places[*end] = place;
                *end += 1;
            }
        }
        for part in 0..256 {
            let places = &places[begins[part]..begins[part + 1]];
            if let Some(first) = places.first().and_then(|place| lookups[*place].as_ref()) {
                let (shard, base) = (self.lookups.shard_of(first), self.base.load());
                let owner = |lookup| shard.get(&lookup).or_below(|| base.as_ref()?.owner(&lookup));
                for place in places {
                    owners[*place] = lookups[*place].and_then(owner);
                }
            }
        }
    }
}
