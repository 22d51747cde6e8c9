//! BuildKit's cache between builds: fresh BuildKit daemons, real registries, directories. Nothing is pulled.

mod local;
mod registry;
mod rig;
mod tags;
