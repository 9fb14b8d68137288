//! What every endpoint shares.

use std::sync::Arc;

use sayso_consent::Timestamp;
use sayso_ledger::{
    Ledger,
    deliver::{Board, Open},
    door::Door,
    sink::Kind,
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

/// What can make sinks: given by whoever knows the drivers.
#[derive(Clone)]
pub struct Drivers {
    /// Makes one.
    pub open: Open,
    /// The kinds that there are.
    pub kinds: Vec<Kind>,
}

impl Drivers {
    /// None at all.
    pub fn none() -> Self {
        Self { open: Arc::new(|_, _| Err("there are no drivers".to_owned())), kinds: Vec::new() }
    }
}

impl App {
    /// This moment.
    pub fn at(&self) -> Timestamp {
        self.ledger.clock().at()
    }
}
