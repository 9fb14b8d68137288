//! What every endpoint shares.

use std::sync::Arc;

use sayso_consent::Timestamp;
use sayso_ledger::{
    Ledger,
    deliver::{Board, Drivers},
    door::Door,
};

use crate::metrics::Metrics;

/// The program as the API sees it.
pub struct App {
    /// The ledger.
    pub ledger: Arc<Ledger>,
    /// How deliveries stand.
    pub board: Arc<Board>,
    /// One-time links.
    pub door: Arc<Door>,
    /// The drivers that sinks are made of.
    pub drivers: Drivers,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where people reach this server: `https://my.example`. Without a slash at the end.
    pub public_url: String,
}

impl App {
    /// This moment.
    pub fn at(&self) -> Timestamp {
        self.ledger.clock().at()
    }
}
