//! The embedded registry: every requirement of the distribution specification, foreign clients, faults, the command.

mod clients;
mod command;
mod faults;
mod requirements;
mod rig;
