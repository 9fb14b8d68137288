//! From the boxes of a form to choices. Pure.
//!
//! A box is wider than one choice and narrower than a person's words, so the way there is: what is
//! unticked becomes a denial over the box, and what is ticked and would be denied then becomes
//! grants, one for each use that the page showed. A no may be wider than its box; a yes never is.

use std::collections::BTreeSet;

use sayso_consent::{
    Choice, Id, Position, Scope, SubjectId, SubjectState, Timestamp,
    catalog::{Activity, Catalog, InForce, RecipientKind},
    choice::{Actor, Effect, Method, NoticeRef},
    subject::Held,
};
use sayso_decision::{Snapshot, permission::permissions};

/// What a box is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choosing {
    pub(crate) activity: Id,
    pub(crate) channel: Option<Id>,
    /// For a box of sharing: the third party.
    pub(crate) third_party: Option<Id>,
}

impl Choosing {
    /// The name of its field.
    pub(crate) fn name(&self) -> String {
        let part = |id: &Option<Id>| id.as_ref().map_or_else(String::new, ToString::to_string);
        format!("{}~{}~{}", self.activity, part(&self.channel), part(&self.third_party))
    }
}

/// The boxes of an activity: one a channel, or one in all; then one for each third party.
pub(crate) fn boxes(
    catalog: &Catalog,
    id: &Id,
    activity: &Activity,
) -> (Vec<Choosing>, Vec<Choosing>) {
    let of = |channel: Option<&Id>, third_party: Option<&Id>| Choosing {
        activity: id.clone(),
        channel: channel.cloned(),
        third_party: third_party.cloned(),
    };
    let main = match activity.channels.as_slice() {
        [] => vec![of(None, None)],
        channels => channels.iter().map(|channel| of(Some(channel), None)).collect(),
    };
    let (own, third) = parties(catalog, activity);
    // Where only third parties use the data, the box itself is about them.
    let sharing = if own.is_empty() {
        Vec::new()
    } else {
        third.iter().map(|id| of(None, Some(id))).collect()
    };
    (main, sharing)
}

/// The recipients of an activity: those that work for the company, and third parties.
pub(crate) fn parties<'a>(catalog: &Catalog, activity: &'a Activity) -> (Vec<&'a Id>, Vec<&'a Id>) {
    let is_own = |id: &&'a Id| {
        catalog
            .recipients
            .get(*id)
            .is_none_or(|recipient| recipient.kind != RecipientKind::ThirdParty)
    };
    activity.recipients.iter().partition(is_own)
}

/// What a person may be asked about: where everything stands now.
pub(crate) struct Standing<'a> {
    pub(crate) in_force: &'a InForce,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) subject: SubjectId,
    pub(crate) state: &'a SubjectState,
    pub(crate) at: Timestamp,
}

impl Standing<'_> {
    /// The cells of an activity that are allowed, as (data, recipient, channel).
    fn allowed(
        &self,
        state: &SubjectState,
        id: &Id,
        activity: &Activity,
    ) -> BTreeSet<(Id, Id, Option<Id>)> {
        let mut allowed = BTreeSet::new();
        for recipient in &activity.recipients {
            let all = permissions(
                self.in_force,
                self.snapshot,
                self.subject,
                Some(state),
                recipient,
                self.at,
            );
            let own = all.into_iter().filter(|one| one.activity == *id && one.reason.allows());
            allowed.extend(own.map(|one| (one.data, recipient.clone(), one.channel)));
        }
        allowed
    }

    /// Whether a box is ticked: whether anything that it is about is allowed.
    pub(crate) fn is_ticked(&self, own: &Choosing) -> bool {
        let Some(activity) = self.in_force.catalog.activities.get(&own.activity) else {
            return false;
        };
        let (main, third) = parties(&self.in_force.catalog, activity);
        let meant = match &own.third_party {
            Some(third_party) => vec![third_party],
            None if main.is_empty() => third,
            None => main,
        };
        let is_meant = |(_, recipient, channel): &(Id, Id, Option<Id>)| {
            meant.contains(&recipient) && (own.third_party.is_some() || *channel == own.channel)
        };
        self.allowed(self.state, &own.activity, activity).iter().any(is_meant)
    }

    /// The choices that make the boxes stand as they were sent. `shown` are the boxes that were on
    /// the page, `ticked` those of them that were ticked.
    pub(crate) fn choices(
        &self,
        shown: &BTreeSet<String>,
        ticked: &BTreeSet<String>,
        language: &str,
    ) -> Vec<Choice> {
        let catalog = &self.in_force.catalog;
        let mut choices = Vec::new();
        for (id, activity) in &catalog.activities {
            let (main, sharing) = boxes(catalog, id, activity);
            let all: Vec<&Choosing> = main.iter().chain(&sharing).collect();
            let is_shown =
                activity.basis.is_choosable() && all.iter().any(|own| shown.contains(&own.name()));
            if is_shown {
                let wish = Wish {
                    standing: self,
                    id,
                    activity,
                    main: &main,
                    sharing: &sharing,
                    ticked,
                    language,
                };
                wish.choices(&mut choices);
            }
        }
        choices
    }

    /// Whether a box of sharing was ticked and none of the ways above it: there is nothing yet that
    /// could be shared, and the box stays empty.
    pub(crate) fn has_idle_sharing(&self, ticked: &BTreeSet<String>) -> bool {
        let catalog = &self.in_force.catalog;
        let any = |boxes: &[Choosing]| boxes.iter().any(|own| ticked.contains(&own.name()));
        let is_idle = |(id, activity): (&Id, &Activity)| {
            let (main, sharing) = boxes(catalog, id, activity);
            activity.basis.is_choosable() && any(&sharing) && !any(&main)
        };
        catalog.activities.iter().any(is_idle)
    }

    /// The denials of "say no to everything".
    pub(crate) fn refuse_everything(&self) -> Vec<Choice> {
        let choosable = self
            .in_force
            .catalog
            .activities
            .iter()
            .filter(|(_, activity)| activity.basis.is_choosable());
        let mut scopes: Vec<Scope> = Vec::new();
        for (id, activity) in choosable {
            for data in self.data_of(id, activity) {
                let scope =
                    Scope { purpose: Some(activity.purpose.clone()), data, ..Scope::default() };
                if !scopes.contains(&scope) {
                    scopes.push(scope);
                }
            }
        }
        scopes.into_iter().map(|scope| of_portal(Effect::Denial, scope)).collect()
    }

    /// How a denial says which data: *any* where the activity has its purpose to itself, else one
    /// by one, so that a box does not speak for another activity of the same purpose.
    fn data_of(&self, id: &Id, activity: &Activity) -> Vec<Option<Id>> {
        let shares_purpose = |(other, its): (&Id, &Activity)| {
            other != id && its.basis.is_choosable() && its.purpose.overlaps(&activity.purpose)
        };
        if self.in_force.catalog.activities.iter().any(shares_purpose) {
            activity.data.iter().cloned().map(Some).collect()
        } else {
            vec![None]
        }
    }
}

fn of_portal(effect: Effect, scope: Scope) -> Choice {
    Choice { method: Method::Portal, actor: Actor::Person, ..Choice::of_person(effect, scope) }
}

/// What was ticked for one activity.
struct Wish<'a> {
    standing: &'a Standing<'a>,
    id: &'a Id,
    activity: &'a Activity,
    main: &'a [Choosing],
    sharing: &'a [Choosing],
    ticked: &'a BTreeSet<String>,
    language: &'a str,
}

impl Wish<'_> {
    fn choices(&self, choices: &mut Vec<Choice>) {
        let is_ticked = |own: &&Choosing| self.ticked.contains(&own.name());
        let was_ticked = |own: &&Choosing| self.standing.is_ticked(own);
        let mut said: Vec<Choice> = Vec::new();
        for own in
            self.main.iter().chain(self.sharing).filter(|own| !is_ticked(own) && was_ticked(own))
        {
            said.extend(
                self.refused(own.channel.as_ref(), own.third_party.as_ref())
                    .into_iter()
                    .map(|scope| of_portal(Effect::Denial, scope)),
            );
        }
        let (main, third) = parties(&self.standing.in_force.catalog, self.activity);
        let shared =
            self.sharing.iter().filter(is_ticked).filter_map(|own| own.third_party.as_ref());
        let recipients: Vec<&Id> =
            if main.is_empty() { third } else { main.into_iter().chain(shared).collect() };
        let channels: Vec<Option<&Id>> =
            self.main.iter().filter(is_ticked).map(|own| own.channel.as_ref()).collect();
        self.grant_missing(&mut said, &recipients, &channels);
        choices.extend(said);
    }

    /// Grants, one by one, what was ticked and would still be denied. Never wider than what the
    /// page showed: a grant of any data would cover what a later catalog adds to the activity.
    fn grant_missing(&self, said: &mut Vec<Choice>, recipients: &[&Id], channels: &[Option<&Id>]) {
        let mut then = self.standing.state.clone();
        for denial in said.iter() {
            then.hold(Held::new(denial, Position::at(u64::MAX)));
        }
        let allowed = self.standing.allowed(&then, self.id, self.activity);
        for data in &self.activity.data {
            for recipient in recipients {
                for channel in channels {
                    let cell = (data.clone(), (*recipient).clone(), channel.cloned());
                    if !allowed.contains(&cell) {
                        let (data, recipient, channel) = cell;
                        said.push(self.grant(Scope {
                            purpose: Some(self.activity.purpose.clone()),
                            data: Some(data),
                            recipient: Some(recipient),
                            channel,
                            device: None,
                        }));
                    }
                }
            }
        }
    }

    fn refused(&self, channel: Option<&Id>, recipient: Option<&Id>) -> Vec<Scope> {
        let scope = |data| Scope {
            purpose: Some(self.activity.purpose.clone()),
            data,
            recipient: recipient.cloned(),
            channel: channel.cloned(),
            device: None,
        };
        self.standing.data_of(self.id, self.activity).into_iter().map(scope).collect()
    }

    fn grant(&self, scope: Scope) -> Choice {
        let shown = self.activity.notice.as_ref().and_then(|id| {
            let version = self.standing.in_force.catalog.notice(id)?.version;
            Some(NoticeRef { id: id.clone(), version, language: Some(self.language.to_owned()) })
        });
        Choice { notice: shown, ..of_portal(Effect::Grant, scope) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sayso_consent::{Entry, Event, event::VERSION};

    use super::*;

    const ANA: SubjectId = SubjectId(1);

    /// Two activities of one purpose, and a third party.
    const CATALOG: &str = r#"{
        "sayso": 1, "organisation": {"name": "H", "contact": "c", "country": "DE"}, "languages": ["en"],
        "time_zone": "UTC", "data": {"contact": {"title": {}}, "usage": {"title": {}}},
        "purposes": {"offers": {"title": {}}},
        "recipients": {
            "mailer": {"title": {}, "kind": "processor", "country": "DE"},
            "partner": {"title": {}, "kind": "third_party", "country": "US"}},
        "channels": {"email": {"title": {}}, "sms": {"title": {}}},
        "activities": {
            "offers": {"title": {}, "purpose": "offers", "data": ["contact"], "recipients": ["mailer", "partner"],
                "basis": "consent", "channels": ["email", "sms"], "retention": "1 year"},
            "usage": {"title": {}, "purpose": "offers", "data": ["usage"], "recipients": ["mailer"],
                "basis": "consent", "channels": ["email"], "retention": "1 year"}}}"#;

    struct Ledger {
        snapshot: Snapshot,
        head: u64,
    }

    impl Ledger {
        fn new() -> Self {
            let catalog: Catalog = serde_json::from_str(CATALOG).unwrap();
            let mut ledger = Self { snapshot: Snapshot::default(), head: 0 };
            ledger.record(None, vec![Event::CatalogApplied { catalog: Box::new(catalog) }]);
            ledger.record(
                Some(ANA),
                vec![Event::SubjectCreated { is_active: true, minor_until: None }],
            );
            ledger
        }

        /// Brings another catalog into force.
        fn alter(&mut self, change: impl FnOnce(&mut Catalog)) {
            let mut catalog = self.with(|standing| Catalog::clone(&standing.in_force.catalog));
            change(&mut catalog);
            self.record(None, vec![Event::CatalogApplied { catalog: Box::new(catalog) }]);
        }

        fn record(&mut self, subject: Option<SubjectId>, events: Vec<Event>) {
            self.head += 1;
            let position = Position::at(self.head);
            let entry = Entry {
                v: VERSION,
                position,
                at: Timestamp(0),
                subject,
                by: "test".into(),
                events,
            };
            self.snapshot.apply(&[entry]);
        }

        fn with<T>(&self, look: impl FnOnce(&Standing) -> T) -> T {
            let in_force = self.snapshot.in_force().unwrap();
            let state: Arc<SubjectState> = self.snapshot.subject(ANA).unwrap();
            let (snapshot, at) = (&self.snapshot, Timestamp(0));
            look(&Standing { in_force: &in_force, snapshot, subject: ANA, state: &state, at })
        }

        /// Sends the form with these boxes ticked; the boxes that are ticked on the page after it.
        fn save(&mut self, ticked: &[&str]) -> BTreeSet<String> {
            let shown = self.boxes().iter().map(Choosing::name).collect();
            let ticked = ticked.iter().map(ToString::to_string).collect();
            let choices = self.with(|standing| standing.choices(&shown, &ticked, "en"));
            if !choices.is_empty() {
                self.record(Some(ANA), choices.into_iter().map(Event::ChoiceRecorded).collect());
            }
            self.ticked()
        }

        fn boxes(&self) -> Vec<Choosing> {
            self.with(|standing| {
                let catalog = &standing.in_force.catalog;
                let of = |(id, activity): (&Id, &Activity)| {
                    let (main, sharing) = boxes(catalog, id, activity);
                    main.into_iter().chain(sharing)
                };
                catalog.activities.iter().flat_map(of).collect()
            })
        }

        fn ticked(&self) -> BTreeSet<String> {
            let ticked = |own: &Choosing| self.with(|standing| standing.is_ticked(own));
            self.boxes().iter().filter(|own| ticked(own)).map(Choosing::name).collect()
        }
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nothing_is_ticked_to_begin_with_and_saving_that_says_nothing() {
        let mut ledger = Ledger::new();
        assert_eq!(ledger.save(&[]), names(&[]));
        assert_eq!(ledger.head, 2);
    }

    #[test]
    fn a_tick_allows_that_box_only_and_no_third_party() {
        let mut ledger = Ledger::new();
        assert_eq!(ledger.save(&["offers~email~"]), names(&["offers~email~"]));
        assert_eq!(
            ledger.save(&["offers~email~", "offers~~partner"]),
            names(&["offers~email~", "offers~~partner"])
        );
        assert_eq!(ledger.save(&["offers~email~"]), names(&["offers~email~"]));
    }

    #[test]
    fn two_activities_of_one_purpose_do_not_speak_for_each_other() {
        let mut ledger = Ledger::new();
        let both = names(&["offers~email~", "usage~email~"]);
        assert_eq!(ledger.save(&["offers~email~", "usage~email~"]), both);
        assert_eq!(ledger.save(&["offers~email~"]), names(&["offers~email~"]));
        assert_eq!(ledger.save(&["offers~email~", "usage~email~"]), both);
        assert_eq!(ledger.save(&["usage~email~"]), names(&["usage~email~"]));
    }

    #[test]
    fn what_is_ticked_after_a_no_to_everything_is_allowed_again() {
        let mut ledger = Ledger::new();
        ledger.save(&["offers~email~", "offers~sms~"]);
        let refusals = ledger.with(|standing| standing.refuse_everything());
        ledger.record(Some(ANA), refusals.into_iter().map(Event::ChoiceRecorded).collect());
        assert_eq!(ledger.ticked(), names(&[]));
        assert_eq!(ledger.save(&["offers~sms~"]), names(&["offers~sms~"]));
    }

    #[test]
    fn a_tick_is_never_wider_than_what_the_page_showed() {
        let mut ledger = Ledger::new();
        let usage: Id = "usage".parse().unwrap();
        ledger.alter(|catalog| drop(catalog.activities.remove(&usage)));
        let own = names(&["offers~email~"]);
        let said = ledger.with(|standing| standing.choices(&own, &own, "en"));
        assert!(!said.is_empty() && said.iter().all(|choice| choice.scope.data.is_some()));
        ledger.save(&["offers~email~"]);
        let offers: Id = "offers".parse().unwrap();
        ledger.alter(|catalog| {
            catalog.activities.get_mut(&offers).unwrap().data.push(usage.clone());
        });
        let allowed = ledger.with(|standing| {
            standing.allowed(
                standing.state,
                &offers,
                &standing.in_force.catalog.activities[&offers],
            )
        });
        assert!(!allowed.is_empty() && allowed.iter().all(|(data, ..)| *data != usage));
    }

    #[test]
    fn sharing_alone_is_noticed() {
        let mut ledger = Ledger::new();
        let is_idle = |ledger: &Ledger, ticked: &[&str]| {
            ledger.with(|standing| standing.has_idle_sharing(&names(ticked)))
        };
        assert_eq!(ledger.save(&["offers~~partner"]), names(&[]));
        assert!(is_idle(&ledger, &["offers~~partner"]));
        assert!(!is_idle(&ledger, &["offers~~partner", "offers~sms~"]));
        assert!(!is_idle(&ledger, &["offers~sms~"]));
    }

    #[test]
    fn an_older_and_narrower_no_is_overcome_by_a_tick() {
        let mut ledger = Ledger::new();
        let narrow = Scope {
            data: Some("contact".parse().unwrap()),
            recipient: Some("mailer".parse().unwrap()),
            ..Scope::default()
        };
        ledger.record(Some(ANA), vec![Event::ChoiceRecorded(of_portal(Effect::Denial, narrow))]);
        assert_eq!(ledger.save(&["offers~sms~"]), names(&["offers~sms~"]));
    }
}
