//! What a recipient is told: a CloudEvents 1.0 event with all its permissions for one person.

use sayso_consent::{
    Timestamp,
    id::{Id, Position},
    request::Reason,
};
use sayso_decision::Permission;
use serde::Serialize;

/// The type of the one event there is.
pub(super) const EVENT_TYPE: &str = "sayso.permissions.v1";

/// A CloudEvents 1.0 event in the JSON format.
#[derive(Debug, Serialize)]
pub struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: String,
    #[serde(rename = "type")]
    kind: &'static str,
    time: Timestamp,
    datacontenttype: &'static str,
    data: PermissionsData<'a>,
}

/// The body of the event: what the recipient may do now, not only what changed.
#[derive(Debug, Serialize)]
pub struct PermissionsData<'a> {
    /// Who is told.
    pub recipient: &'a Id,
    /// Names the person to this recipient alone, in every message about them.
    pub key: &'a str,
    /// Through which entry: apply it only if nothing newer was applied.
    pub position: Position,
    /// The names that this recipient knows the person by, and no other's.
    pub identifiers: &'a [String],
    /// Delete what is held under these names: the person is being erased, or the name is theirs no
    /// longer.
    pub leaving: bool,
    /// Everything that is declared for this recipient.
    pub permissions: &'a [PermissionData],
}

/// One thing that the recipient may or may not do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PermissionData {
    /// For what.
    pub purpose: Id,
    /// Which data.
    pub data: Id,
    /// By which channel; none for what reaches nobody.
    pub channel: Option<Id>,
    /// Whether it may.
    pub allow: bool,
    /// Why.
    pub reason: Reason,
    /// Until when, if it ends by itself.
    pub until: Option<Timestamp>,
    /// The grant that it rests on.
    pub grant: Option<Position>,
}

impl From<Permission> for PermissionData {
    fn from(permission: Permission) -> Self {
        Self {
            purpose: permission.purpose,
            data: permission.data,
            channel: permission.channel,
            allow: permission.reason.allows(),
            reason: permission.reason,
            until: permission.until,
            grant: permission.grant,
        }
    }
}

/// The name of a message: the same for every try of the same state, and another for everybody: a
/// catalog changes many people with one entry.
pub(super) fn message_id(ledger: &str, recipient: &Id, key: &str, position: Position) -> String {
    // A full stop separates the parts that are signed, so an id has none.
    let recipient = recipient.as_str().replace('.', "_");
    let key = key.get(..16).unwrap_or(key);
    format!("msg_{ledger}_{position}_{recipient}_{key}")
}

/// The event as bytes.
///
/// # Errors
/// None: the types serialise.
pub fn encode(
    ledger: &str,
    id: &str,
    at: Timestamp,
    data: PermissionsData,
) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&CloudEvent {
        specversion: "1.0",
        id,
        source: format!("urn:sayso:{ledger}"),
        kind: EVENT_TYPE,
        time: at,
        datacontenttype: "application/json",
        data,
    })
}
