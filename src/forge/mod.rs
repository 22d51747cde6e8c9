//! Forges: releases as transactions, and packages.
//!
//! What a forge can do is one port, [`Forge`], with an adapter for each product; what a release needs is decided above
//! it, once for all. Adapters make single calls: they do not repeat, wait or settle anything. Asset bytes go through the
//! one [`Uploader`], everything else through [`Api`], both over `http`, which alone repeats what may be repeated.
//!
//! Implements the ports of `publish`; sees no other room that does.

mod adapters;
mod api;
mod asset;
pub mod catalog;
mod credentials;
mod error;
mod forges;
pub mod gitea;
pub mod github;
pub mod gitlab;
mod hash;
pub mod install;
pub mod notes;
mod pace;
pub mod packages;
mod port;
mod refs;
mod release;
pub mod release_links;
pub mod retention;
pub mod transaction;
mod upload;

pub use crate::core::{NameRules, Renaming};
pub use adapters::ReleaseAdapters;
pub use api::{Answer, Api, Page};
pub use asset::{AssetSource, AssetState, StoredAsset};
pub use credentials::{Carrier, Token, Wanted, find as find_token, hint as token_hint};
pub use error::{ForgeError, ForgeErrorKind};
pub use forges::{Forges, ProjectSettings};
pub use pace::Pace;
pub use port::{EMBEDDED, EMBEDDED_GITLAB, Flow, Forge, Place, Provider, REHEARSAL_TOKEN, Rules, TagTarget};
pub use refs::{Refs, TagRef};
pub use release::{Container, ReleaseSpec, StoredRelease, Visibility};
pub use release_links::{LinkKind, ReleaseLink};
pub use upload::{Sent, Uploader};
