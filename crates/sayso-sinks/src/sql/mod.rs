//! The SQL sink: permissions as rows of the company's own database.
//!
//! Whoever builds an audience joins with the view `allowed` and has nothing else to do: what is not
//! in it may not be done, and what ends by itself leaves it by itself. PostgreSQL, MariaDB and SQLite
//! are spoken to by their own protocols, each by one file that holds all of its SQL.
//!
//! A batch is one transaction, and what was told is remembered in the same transaction: a message
//! that comes twice, or after a newer one, changes nothing. Statements that the company declares run
//! in it as well, with bound parameters, so that its own columns can never disagree with the tables.
//!
//! It refuses to alter tables that exist, to run a statement for something that it did not apply,
//! and to put any value into the text of a statement.
//!
//! Reading order: [`config`], [`tables`], `plan`, `deliver`, then one database, `mirror`.

pub mod config;
mod database;
mod deliver;
mod failure;
mod mariadb;
mod mirror;
mod plan;
mod postgres;
mod sqlite;
pub mod statement;
pub mod tables;
#[cfg(test)]
mod tests;

pub use config::{KIND, PREFIX, Settings, is_prefix};
pub use deliver::Sql;
pub use statement::{Statement, When};
pub use tables::{Dialect, ddl};
