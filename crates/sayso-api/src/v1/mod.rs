//! `/v1`: everything but decisions.

pub(crate) mod audience;
pub(crate) mod audience_count;
pub(crate) mod catalog;
pub(crate) mod catalog_plan;
pub(crate) mod choices;
pub(crate) mod devices;
pub(crate) mod effects;
pub(crate) mod effects_of;
pub(crate) mod guardians;
pub(crate) mod history;
pub(crate) mod identifiers;
pub(crate) mod imports;
pub(crate) mod keys;
pub(crate) mod links;
pub(crate) mod log;
pub(crate) mod operator_links;
pub(crate) mod receipts;
pub(crate) mod sinks;
pub(crate) mod snapshot;
pub(crate) mod subject;
pub(crate) mod subjects;
pub(crate) mod subjects_find;
pub(crate) mod systems;
pub(crate) mod tail;
pub(crate) mod write;
