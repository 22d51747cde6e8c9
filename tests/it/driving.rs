//! Driving BuildKit: the same question to buildx and buildctl, everything a build can be given, and what goes wrong.

mod by_hand;
mod caches;
mod inputs;
mod perform;
mod rig;
mod trouble;
