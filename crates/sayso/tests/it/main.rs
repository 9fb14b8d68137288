//! The whole program, from outside: its commands, its server, its demo, its pages in a browser, and
//! what is left after the process was killed or the machine lost power.
//!
//! Every server listens on a free port of this machine, every process is ended by its own id.

#[cfg(test)]
mod alerts;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod cli;
mod cli_filter;
#[cfg(test)]
mod cli_import;
#[cfg(test)]
mod cli_server;
#[cfg(test)]
mod cli_sink;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod crash_power;
#[cfg(test)]
mod crash_systems;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod doctor_backup;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod faults_choosers;
#[cfg(test)]
mod faults_held;
#[cfg(test)]
mod faults_nats;
#[cfg(test)]
mod faults_receiver;
#[cfg(test)]
mod faults_servers;
#[cfg(test)]
mod golden_cli;
#[cfg(test)]
mod golden_http;
#[cfg(test)]
mod golden_wire;
#[cfg(test)]
mod person_page;
#[cfg(test)]
mod replica;
#[cfg(test)]
mod replica_answers;
#[cfg(test)]
mod replica_start;
#[cfg(test)]
mod world;
