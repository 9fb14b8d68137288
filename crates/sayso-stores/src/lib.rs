//! Stores of the ledger.
