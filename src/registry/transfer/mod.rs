//! The transfer engine: makes repositories hold what a digest leads to, with as few requests and as little work as the
//! other side allows, and without naming anything.
//!
//! `push` plans one closure: which blobs and manifests travel, in which order. `ladder` brings one blob: asked for,
//! borrowed, sent whole, sent in pieces. `session` speaks about upload sessions. `referrers` keeps the fallback tag of
//! registries without the referrers API, `attestation_tag` that of attestations; both are a `SharedTag` with other
//! publishers. `Gate` decides how much is asked of a host at a time, `HostFacts` remembers what the host has taught us.
//! Knows no policy of tags and no screen.

mod attestation_tag;
mod gate;
mod host_facts;
mod ladder;
mod order;
mod origin;
mod push;
mod referrers;
mod session;
mod shared_tag;
mod source;

pub(super) use attestation_tag::{Held, attest_under_tag, held};
pub(super) use host_facts::HostFacts;
pub use origin::Origin;
pub use push::{PushReport, push_blobs, push_closure, push_from};
pub use referrers::referrers_in;
