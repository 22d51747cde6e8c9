//! Real tools on this machine.
