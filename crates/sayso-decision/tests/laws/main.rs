//! What always holds of the snapshot, whatever people do and whoever asks.
//!
//! Chance tells stories ([`history`], under [`catalogs`] that change, with questions of
//! [`asks`]); the laws are held to each of them: [`agreement`] with the oracle, [`withdrawal`],
//! [`replay`], [`image`], [`reach`], [`columns`], [`batches`]. [`lapse`] is about the very moment at
//! which something ends. [`planted`] shows that they can fail, [`found`] keeps what they found.
//! [`golden`] puts the examples for people to the snapshot. `SAYSO_CASES` says how many stories, 512
//! if nothing does.

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod asks;
#[cfg(test)]
mod batches;
#[cfg(test)]
mod catalogs;
#[cfg(test)]
mod columns;
#[cfg(test)]
mod found;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod hearing;
#[cfg(test)]
mod history;
#[cfg(test)]
mod image;
#[cfg(test)]
mod lapse;
#[cfg(test)]
mod live;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod reach;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod withdrawal;
