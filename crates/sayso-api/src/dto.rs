//! The written forms of requests and answers, where they differ from the nouns.

use sayso_consent::{
    Choice, Id, Position, Scope, SubjectId, Timestamp,
    choice::{Actor, Authority, Effect, Evidence, Method, NoticeRef},
    subject::Held,
};
use sayso_ledger::Written;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Purpose × data × recipient × channel × device; what is left out means *any*.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = ScopeForm)]
pub(crate) struct ScopeBody(pub(crate) Scope);

/// Purpose × data × recipient × channel × device; what is left out means *any*.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the schema of `Scope`, whose type belongs to a crate without HTTP")]
pub(crate) struct ScopeForm {
    /// Why the data is used.
    #[schema(example = "marketing.offers")]
    purpose: Option<String>,
    /// Which category of data.
    #[schema(example = "contact.email")]
    data: Option<String>,
    /// Who uses it.
    #[schema(example = "mailer")]
    recipient: Option<String>,
    /// How the person is reached.
    #[schema(example = "email")]
    channel: Option<String>,
    /// A device type (`oven`) or one device (`oven/4711`).
    #[schema(example = "oven")]
    device: Option<String>,
}

/// Yes or no.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of `Effect`")]
pub(crate) enum EffectForm {
    Grant,
    Denial,
}

/// How a choice reached the company.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of `Method`")]
pub(crate) enum MethodForm {
    Portal,
    Api,
    CallCentre,
    Paper,
    Email,
    Sms,
    Device,
    OneClick,
    Gpc,
    Import,
}

/// Who made a choice.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of `Actor`")]
pub(crate) struct ActorForm {
    /// `self`, `guardian`, `agent`, `signal` or `import`.
    #[schema(example = "self")]
    kind: String,
    /// The guardian's subject id, for a guardian.
    subject: Option<String>,
    /// The agent's number in the company's books, for an agent.
    id: Option<String>,
}

/// The text that a choice was made on.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the schema of `NoticeRef`")]
pub(crate) struct NoticeForm {
    /// The notice.
    #[schema(example = "offers")]
    id: String,
    /// Its version.
    #[schema(example = 2)]
    version: u32,
    /// The language it was shown in.
    #[schema(example = "en")]
    language: Option<String>,
}

/// What shows that a choice was made.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the schema of `Evidence`")]
pub(crate) struct EvidenceForm {
    /// A form number or call id in the company's own archive.
    reference: Option<String>,
    /// When the person acted.
    #[schema(format = DateTime)]
    occurred_at: Option<String>,
}

/// A choice to record.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChoiceBody {
    /// `grant` or `denial`.
    #[schema(value_type = EffectForm)]
    effect: Effect,
    /// Over what.
    scope: ScopeBody,
    /// A grant counts from here on.
    #[schema(value_type = Option<String>, format = DateTime)]
    not_before: Option<Timestamp>,
    /// A grant counts until here. Ignored for a denial, which holds until the person grants again.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// The text it was made on; left out, the text of the day.
    #[schema(value_type = Option<NoticeForm>)]
    notice: Option<NoticeRef>,
    /// How it reached you; `api` unless said.
    #[schema(value_type = Option<MethodForm>)]
    method: Option<Method>,
    /// Who made it; the person unless said.
    #[schema(value_type = Option<ActorForm>)]
    actor: Option<Actor>,
    /// What shows it.
    #[schema(value_type = Option<EvidenceForm>)]
    evidence: Option<Evidence>,
}

impl ChoiceBody {
    /// As the ledger records it, with defaults for who and how.
    pub(crate) fn into_choice(self, method: Method, actor: Actor) -> Choice {
        Choice {
            effect: self.effect,
            scope: self.scope.0,
            not_before: self.not_before,
            until: self.until,
            notice: self.notice,
            method: self.method.unwrap_or(method),
            actor: self.actor.unwrap_or(actor),
            evidence: self.evidence,
        }
    }
}

impl From<Choice> for ChoiceBody {
    fn from(choice: Choice) -> Self {
        Self {
            effect: choice.effect,
            scope: ScopeBody(choice.scope),
            not_before: choice.not_before,
            until: choice.until,
            notice: choice.notice,
            method: Some(choice.method),
            actor: Some(choice.actor),
            evidence: choice.evidence,
        }
    }
}

/// How surely choices are the person's.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of `Authority`")]
pub(crate) enum AuthorityForm {
    /// May only narrow.
    Weak,
    /// The person was authenticated.
    Strong,
}

/// Choices to record, all or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChoicesBody {
    /// At least one, at most 1,000.
    pub(crate) choices: Vec<ChoiceBody>,
    /// `weak` for an unsubscribe link or an unverified caller: grants are then refused.
    #[serde(default)]
    #[schema(value_type = Option<AuthorityForm>)]
    pub(crate) authority: Authority,
}

/// What a write came to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WrittenBody {
    /// The token: ask decisions with `at_least_as_fresh` set to it, fetch the receipt by it.
    #[schema(value_type = String, example = "0-17")]
    position: Position,
    /// Whom it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    subject: Option<SubjectId>,
    /// False if all of it was recorded already.
    is_new: bool,
}

impl From<Written> for WrittenBody {
    fn from(written: Written) -> Self {
        Self { position: written.position, subject: written.subject, is_new: written.is_new }
    }
}

/// A choice that is held now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HeldBody {
    /// `grant` or `denial`.
    #[schema(value_type = EffectForm)]
    effect: Effect,
    /// Over what.
    scope: ScopeBody,
    /// Where it was recorded.
    #[schema(value_type = String)]
    position: Position,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    not_before: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<NoticeForm>)]
    notice: Option<NoticeRef>,
    /// Brought over from an older system.
    is_import: bool,
    /// Given by a guardian.
    by_guardian: bool,
    /// A grant that a no of the person has taken back as a whole; it counts for nothing.
    is_withdrawn: bool,
}

impl HeldBody {
    /// One of a person's choices, among all of them.
    pub(crate) fn among(held: &Held, all: &[Held]) -> Self {
        let outranks = |no: &Held| match (no.is_import, held.is_import) {
            (true, false) => false,
            (false, true) => true,
            _ => no.position > held.position,
        };
        let is_withdrawn = held.effect == Effect::Grant
            && all.iter().any(|no| {
                no.effect == Effect::Denial && outranks(no) && no.scope.covers(&held.scope)
            });
        Self { is_withdrawn, ..held.into() }
    }
}

impl From<&Held> for HeldBody {
    fn from(held: &Held) -> Self {
        let notice = |(id, version): &(Id, u32)| NoticeRef {
            id: id.clone(),
            version: *version,
            language: None,
        };
        Self {
            effect: held.effect,
            scope: ScopeBody(held.scope.clone()),
            position: held.position,
            not_before: held.not_before,
            until: held.until,
            notice: held.notice.as_ref().map(notice),
            is_import: held.is_import,
            by_guardian: held.by_guardian,
            is_withdrawn: false,
        }
    }
}
