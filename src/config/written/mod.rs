//! The config as people write it: every section's shape, with places. Nothing here is checked against anything else
//! yet; `resolve` does that. One declaration makes the type, its reader and its part of the JSON Schema.

pub mod build_cache;
mod builder;
mod builds;
mod catalog;
mod document;
mod files;
mod forges;
mod git;
mod later;
mod packages;
mod publish;
mod registries;
mod remotes;
mod retention;
mod security;
mod stores;

pub use builder::{BackendWord, BuilderNode, BuilderSection, DriverWord};
pub use builds::{Build, BuildSecret, Compression, DockerBuild, DockerBuilder, Network, Provenance};
pub use catalog::ComponentPublish;
pub use document::Document;
pub use files::{ArchiveBuild, ArchiveFormatWord, BinaryBuild, BuildOutput, CommandBuild, LibcWord, OutputWord, Stage, ToolchainWord};
pub use forges::{
    BinaryArchivePublish, Forge, ForgeProvider, Notes, NotesGrouping, PrimaryTurn, Release, ReleasePublish, ReleaseType, Repo, RepoRole,
};
pub use git::{BranchBuild, BranchBuilds, Git, NoLineage, NoLineageMode, TagSource, Versioning};
pub use packages::{FilesPublish, PackagePublish};
pub use publish::{Condition, Moving, Publish, RegistryPublish, Requires, StorePublish, TagEntry};
pub use registries::{AttestationForm, Registry};
pub use remotes::{Environment, Remote, RemoteAuth, RemoteDefaults, RemotePublish, RemoteRuns, RemoteTarget, RemoteTransport};
pub use retention::{ReleaseRetention, ReleaseRules};
pub use security::Security;
pub use stores::{AzurePlace, FilePlace, GcsPlace, MemoryPlace, OciPlace, S3Place, Store};

/// Declares a map with known keys: `Option` keys may be left out, others must be there, unknown ones are problems.
macro_rules! written {
    ($(#[$meta:meta])* $name:ident { $( $(#[$field_meta:meta])* $field:ident: $type:ty, )* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $type, )*
        }

        impl $crate::config::decode::Decode for $name {
            fn decode(node: &$crate::config::node::Node, cx: &mut $crate::config::decode::Cx) -> Option<Self> {
                let entries = cx.map(node)?;
                // `r#as` is written `as`.
                cx.known_keys(entries, &[$( stringify!($field).trim_start_matches("r#"), )*]);
                $( let $field: Option<$type> = cx.field(node, entries, stringify!($field).trim_start_matches("r#")); )*
                Some(Self { $( $field: $field?, )* })
            }
        }
    };
}

/// Declares a map whose key `kind` decides its other keys. Kinds after `later` are read and are not supported yet.
macro_rules! kinds {
    ($(#[$meta:meta])* $name:ident {
        $( $(#[$variant_meta:meta])* $variant:ident($type:ty) = $kind:literal, )*
        ; later
        $( $(#[$later_meta:meta])* $later:ident($later_type:ty) = $later_kind:literal, )*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, schemars::JsonSchema)]
        #[schemars(tag = "kind")]
        pub enum $name {
            $( $(#[$variant_meta])* #[schemars(rename = $kind)] $variant($type), )*
            $( $(#[$later_meta])* #[schemars(rename = $later_kind)] $later($later_type), )*
        }

        impl $crate::config::decode::Decode for $name {
            fn decode(node: &$crate::config::node::Node, cx: &mut $crate::config::decode::Cx) -> Option<Self> {
                let (kind, rest) = $crate::config::written::kind_of(node, cx)?;
                match kind.value.as_str() {
                    $( $kind => <$type>::decode(&rest, cx).map(Self::$variant), )*
                    $( $later_kind => {
                        cx.report($crate::config::decode::not_supported(kind.span, &format!("kind `{}` of {}", $later_kind, cx.path())));
                        <$later_type>::decode(&rest, cx).map(Self::$later)
                    } )*
                    _ => {
                        $crate::config::written::unknown_word(&kind, "kind", &[$( $kind, )* $( $later_kind, )*], cx);
                        None
                    }
                }
            }
        }
    };
}

/// Declares a closed set of words.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident $what:literal { $( $(#[$variant_meta:meta])* $variant:ident = $word:literal, )* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, schemars::JsonSchema)]
        #[schemars(inline)]
        pub enum $name {
            $( $(#[$variant_meta])* #[schemars(rename = $word)] $variant, )*
        }

        impl $crate::config::decode::Decode for $name {
            fn decode(node: &$crate::config::node::Node, cx: &mut $crate::config::decode::Cx) -> Option<Self> {
                let Some(word) = node.value.scalar() else {
                    cx.wrong_shape(node, "text");
                    return None;
                };
                let text = $crate::config::span::Text { value: word.to_owned(), span: node.span };
                match text.value.as_str() {
                    $( $word => Some(Self::$variant), )*
                    _ => {
                        $crate::config::written::unknown_word(&text, $what, &[$( $word, )*], cx);
                        None
                    }
                }
            }
        }
    };
}

use kinds;
use words;
use written;

use super::decode::{Cx, Decode as _};
use super::node::{Node, Value};
use super::problem::Problem;
use super::span::Text;
use super::suggest;

/// Reports a word that is not in its set.
pub(super) fn unknown_word(text: &Text, what: &str, known: &[&str], cx: &mut Cx) {
    let message = format!("{what} `{}` of {} is unknown", text.value, cx.path());
    let label = suggest::label(&text.value, known.iter().copied());
    cx.report(Problem::at(text.span, message).label(label).hint(format!("known: {}", suggest::list(known.iter().copied()))));
}

/// The value of `kind`, and the map without it.
fn kind_of(node: &Node, cx: &mut Cx) -> Option<(Text, Node)> {
    let entries = cx.map(node)?;
    let kind: Option<Text> = match entries.iter().find(|(key, _)| key.text == "kind") {
        Some((_, value)) => Text::decode(value, cx),
        None => cx.field(node, entries, "kind"),
    };
    let rest = entries.iter().filter(|(key, _)| key.text != "kind").cloned().collect();
    kind.map(|kind| (kind, Node { span: node.span, value: Value::Map(rest) }))
}
