//! From the boxes of a form to choices. Pure.
//!
//! A box is wider than one choice and narrower than a person's words, so the way there is: a box
//! that was shown ticked and came back unticked becomes denials over the box, and one that was
//! shown unticked and came back ticked becomes grants, one for each use that the page showed. A no
//! may be wider than its box; a yes never is. A box that came back as it was shown says nothing:
//! the page may be older than what was said since, and must not undo it.
//!
//! Reading order: [`Sent`], [`Standing`], `tick` (what a box shows).

#[cfg(test)]
mod tests;
mod tick;

use std::collections::BTreeSet;

use sayso_consent::{
    Choice, Id, Position, Scope, SubjectId, SubjectState, Timestamp,
    catalog::{Activity, Catalog, InForce, RecipientKind},
    choice::{Actor, Effect, Method, NoticeRef},
};
use sayso_decision::Snapshot;

pub(crate) use tick::Tick;

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

    /// What a field is about, whether or not today's page has such a box.
    fn read(name: &str) -> Option<Self> {
        let part = |text: &str| match text {
            "" => Some(None),
            text => text.parse::<Id>().ok().map(Some),
        };
        let mut parts = name.split('~');
        let (activity, channel, third_party) = (parts.next()?, parts.next()?, parts.next()?);
        let activity = activity.parse().ok()?;
        Some(Self { activity, channel: part(channel)?, third_party: part(third_party)? })
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
    let main = ways(activity).into_iter().map(|channel| of(channel, None)).collect();
    let (own, third) = parties(catalog, activity);
    // Where only third parties use the data, the box itself is about them.
    let sharing = if own.is_empty() {
        Vec::new()
    } else {
        third.iter().map(|id| of(None, Some(id))).collect()
    };
    (main, sharing)
}

/// The channels of an activity; one that is none, if it has none.
fn ways(activity: &Activity) -> Vec<Option<&Id>> {
    match activity.channels.as_slice() {
        [] => vec![None],
        channels => channels.iter().map(Some).collect(),
    }
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

/// The recipients that the boxes of an activity's ways are about.
fn main_recipients<'a>(catalog: &Catalog, activity: &'a Activity) -> Vec<&'a Id> {
    let (own, third) = parties(catalog, activity);
    if own.is_empty() { third } else { own }
}

/// What a form said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    /// Under which catalog the page was shown.
    pub(crate) catalog: Option<Position>,
    /// The boxes that were on the page.
    pub(crate) shown: BTreeSet<String>,
    /// Those of them that were ticked when it was shown.
    pub(crate) shown_ticked: BTreeSet<String>,
    /// Those that were ticked when it was sent.
    pub(crate) ticked: BTreeSet<String>,
}

impl Sent {
    /// From the fields of a form.
    pub(crate) fn read(fields: &[(String, String)]) -> Self {
        let of = |wanted: &str| {
            let own = fields.iter().filter(|(name, _)| name == wanted);
            own.map(|(_, value)| value.clone()).collect::<BTreeSet<String>>()
        };
        let ticked = fields.iter().filter(|(_, value)| value == "yes");
        Self {
            catalog: of("catalog").first().and_then(|position| position.parse().ok()),
            shown: of("shown"),
            shown_ticked: of("shown_ticked"),
            ticked: ticked.map(|(name, _)| name.clone()).collect(),
        }
    }

    /// Whether a box was ticked by the person, on the page as it was shown.
    fn is_new(&self, name: &str) -> bool {
        self.ticked.contains(name) && self.shown.contains(name) && !self.shown_ticked.contains(name)
    }

    /// Whether it asks for anything that it was not shown to have.
    pub(crate) fn widens(&self) -> bool {
        self.ticked.iter().any(|name| self.is_new(name))
    }
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
    /// Whether a form shows the texts and boxes of today. To what was not read nobody said yes.
    pub(crate) fn is_of_today(&self, sent: &Sent) -> bool {
        sent.catalog == Some(self.in_force.position)
    }

    /// The denials of what was shown ticked and is not any more. Taken from the page as it was
    /// shown, however old: a no is understood as far as it can be, and never waits for a reload.
    pub(crate) fn narrowing(&self, sent: &Sent) -> Vec<Choice> {
        let unticked = sent.shown_ticked.difference(&sent.ticked);
        let mut scopes: Vec<Scope> = Vec::new();
        for scope in
            unticked.filter_map(|name| Choosing::read(name)).flat_map(|own| self.refused(&own))
        {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        scopes.into_iter().map(|scope| of_portal(Effect::Denial, scope)).collect()
    }

    /// The grants of what was shown unticked and is ticked now; none from a page of another day.
    pub(crate) fn widening(&self, sent: &Sent, language: &str) -> Vec<Choice> {
        if !self.is_of_today(sent) {
            return Vec::new();
        }
        let mut grants = Vec::new();
        for (id, activity) in self.choosable() {
            let scopes = self.granted(id, activity, sent);
            grants.extend(scopes.into_iter().map(|scope| self.grant(activity, scope, language)));
        }
        grants
    }

    /// Whether a box of sharing was ticked and none of the ways above it: there is nothing yet that
    /// could be shared, and the box stays empty.
    pub(crate) fn has_idle_sharing(&self, sent: &Sent) -> bool {
        self.choosable().any(|(id, activity)| {
            let (main, sharing) = boxes(&self.in_force.catalog, id, activity);
            sharing.iter().any(|own| sent.is_new(&own.name()))
                && !main.iter().any(|own| self.wish(own, sent).is_some())
        })
    }

    /// The denials of "say no to everything": one a purpose, so that they fit into one entry
    /// however much the catalog has.
    pub(crate) fn refuse_everything(&self) -> Vec<Choice> {
        let purposes: BTreeSet<&Id> =
            self.choosable().map(|(_, activity)| &activity.purpose).collect();
        let is_covered =
            |own: &&Id| purposes.iter().any(|other| *other != *own && other.covers(own));
        let widest = purposes.iter().copied().filter(|own| !is_covered(own));
        let scope = |purpose: &Id| Scope { purpose: Some(purpose.clone()), ..Scope::default() };
        widest.map(|purpose| of_portal(Effect::Denial, scope(purpose))).collect()
    }

    fn choosable(&self) -> impl Iterator<Item = (&Id, &Activity)> {
        self.in_force
            .catalog
            .activities
            .iter()
            .filter(|(_, activity)| activity.basis.is_choosable())
    }

    /// What unticking a box says no to: as much as can be said without speaking for the box of
    /// another activity. One that has its purpose to itself denies any data to any recipient, also
    /// those that a later catalog adds. One that shares it names its data. One that shares both
    /// names its recipients and channels too: the catalog's check sees to it that these differ.
    /// Such a no does not cover a recipient that is added later to a use that needs no consent.
    fn refused(&self, own: &Choosing) -> Vec<Scope> {
        let catalog = &self.in_force.catalog;
        let Some(activity) = catalog.activities.get(&own.activity) else { return Vec::new() };
        let is_known = own.channel.as_ref().is_none_or(|id| catalog.channels.contains_key(id))
            && own.third_party.as_ref().is_none_or(|id| catalog.recipients.contains_key(id));
        if !activity.basis.is_choosable() || !is_known {
            return Vec::new();
        }
        let beside: Vec<&Activity> = self
            .choosable()
            .filter(|(id, its)| **id != own.activity && its.purpose.overlaps(&activity.purpose))
            .map(|(_, its)| its)
            .collect();
        let uses = |its: &&Activity, data: &Id| its.data.iter().any(|one| one.overlaps(data));
        let shares_data = activity.data.iter().any(|data| beside.iter().any(|its| uses(its, data)));
        let channels = match &own.channel {
            None if shares_data => ways(activity),
            channel => vec![channel.as_ref()],
        };
        let recipients: Vec<&Id> = match &own.third_party {
            None if shares_data => activity.recipients.iter().collect(),
            third_party => third_party.iter().collect(),
        };
        let mut scopes = product(activity, &recipients, &channels);
        if beside.is_empty() {
            scopes.iter_mut().for_each(|scope| scope.data = None);
            scopes.dedup();
        }
        scopes
    }

    /// What ticking the boxes of an activity says yes to, as far as it is not allowed already.
    fn granted(&self, id: &Id, activity: &Activity, sent: &Sent) -> Vec<Scope> {
        let catalog = &self.in_force.catalog;
        let (main, sharing) = boxes(catalog, id, activity);
        let direct = main_recipients(catalog, activity);
        let mut scopes = Vec::new();
        for way in &main {
            let Some(is_new) = self.wish(way, sent) else { continue };
            let mut recipients: Vec<&Id> = if is_new { direct.clone() } else { Vec::new() };
            for share in &sharing {
                // To share is to use: it is said yes to with the first of the two that is ticked.
                let is_asked =
                    self.wish(share, sent).is_some_and(|is_new_too| is_new || is_new_too);
                recipients.extend(share.third_party.as_ref().filter(|_| is_asked));
            }
            if !recipients.is_empty() {
                scopes.extend(product(activity, &recipients, &[way.channel.as_ref()]));
            }
        }
        scopes.retain(|scope| !self.allows(id, scope));
        scopes
    }

    /// Whether a box is wanted ticked, and if so, whether that is new. What was shown ticked and is
    /// not wholly so any more was taken back since; what stands in part is not widened in passing.
    fn wish(&self, own: &Choosing, sent: &Sent) -> Option<bool> {
        let name = own.name();
        let is_new = sent.is_new(&name);
        let stands = || sent.ticked.contains(&name) && self.tick(own) == Tick::Whole;
        (is_new || stands()).then_some(is_new)
    }

    fn grant(&self, activity: &Activity, scope: Scope, language: &str) -> Choice {
        let shown = activity.notice.as_ref().and_then(|id| {
            let version = self.in_force.catalog.notice(id)?.version;
            Some(NoticeRef { id: id.clone(), version, language: Some(language.to_owned()) })
        });
        Choice { notice: shown, ..of_portal(Effect::Grant, scope) }
    }
}

fn of_portal(effect: Effect, scope: Scope) -> Choice {
    Choice { method: Method::Portal, actor: Actor::Person, ..Choice::of_person(effect, scope) }
}

/// The uses of an activity, by recipient and channel; by any recipient, if none is named.
fn product(activity: &Activity, recipients: &[&Id], channels: &[Option<&Id>]) -> Vec<Scope> {
    let purpose = || Some(activity.purpose.clone());
    let recipients: Vec<Option<&Id>> = match recipients {
        [] => vec![None],
        recipients => recipients.iter().copied().map(Some).collect(),
    };
    let mut scopes = Vec::new();
    for recipient in recipients {
        for channel in channels {
            let (recipient, channel) = (recipient.cloned(), channel.cloned());
            let scope = |data: &Id| Scope {
                purpose: purpose(),
                data: Some(data.clone()),
                recipient: recipient.clone(),
                channel: channel.clone(),
                device: None,
            };
            scopes.extend(activity.data.iter().map(scope));
        }
    }
    scopes
}
