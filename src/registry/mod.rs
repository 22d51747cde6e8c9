//! OCI distribution client and the registry destinations.
//!
//! `Registries` knows the hosts of a run and hands out one `Client` each; the client speaks the distribution
//! specification 1.1 and owns authentication; `transfer` and `pull` move closures between a client and an OCI layout;
//! `RegistryTarget`, `RegistryBaseImages`, `RegistryLogins` and `OciStore` implement the ports of `publish`, `build` and `store`. Beyond the rooms of the
//! import table it uses `process` (credential helpers are programs) and `world` (credentials are environment).
//! Knows no command and no screen.

mod about;
mod adapters;
mod artifact_store;
mod auth;
mod base_images;
mod blobs;
mod cache_tags;
mod challenge;
mod client;
mod client_certificate;
mod closure;
mod credentials;
mod docker_config;
mod error;
mod location;
mod logins;
mod manifests;
mod pace;
mod preflight;
mod provider;
mod pull;
mod realm;
mod registries;
mod target;
mod token_exchange;
mod transfer;
mod work;

pub use about::About;
pub use adapters::RegistryAdapters;
pub use artifact_store::OciStore;
pub use base_images::RegistryBaseImages;
pub use cache_tags::RegistryCacheTags;
pub use client::{Access, Client, HostSpec};
pub use closure::{fetch_closure, fetch_companions, fetch_referrers, find, of_platform};
pub use credentials::Credentials;
pub use error::{RegistryError, RegistryErrorKind};
pub use logins::RegistryLogins;
pub use manifests::{Found, Referrers};
pub use pull::{pull, pull_closures};
pub use registries::Registries;
pub use target::RegistryTarget;
pub use transfer::{Origin, PushReport, push_blobs, push_closure, push_from, referrers_in};
pub use work::Work;
