//! Values everything else is made of: digests, sizes, references, platforms, times, secrets, and the OCI wire
//! vocabulary. This room uses no other room, does no I/O, and reads no clock.

pub mod ancestry;
pub mod artifact_ref;
pub mod artifact_store;
pub mod asset_names;
pub mod digest;
pub mod duration;
pub mod failure;
pub mod host_options;
pub mod oci;
pub mod package_index;
pub mod path_error;
pub mod platform;
pub mod portable;
pub mod reference;
pub mod release_package;
pub mod remote_settings;
pub mod rendition;
pub mod safe_url;
pub mod secret;
pub mod size;
pub mod timestamp;
pub mod version;

pub use ancestry::Ancestry;
pub use artifact_store::{StorePlace, StoreSpec};
pub use asset_names::{NameRules, Renaming};
pub use digest::{Algorithm, Digest, Digester};
pub use failure::{Failure, Problem};
pub use host_options::HostOptions;
pub use package_index::{index_file, is_index_file};
pub use path_error::PathError;
pub use platform::Platform;
pub use portable::{portable_name, portable_path};
pub use reference::{Reference, Repository, Tag};
pub use release_package::release_package;
pub use remote_settings::{
    AdapterOrigin, IdentitySettings, RemoteRelease, RemoteSettings, RunsSettings, TransportSettings, is_adapter_secret, is_remote_name,
};
pub use rendition::{AttestationForm, Rendition};
pub use safe_url::SafeUrl;
pub use secret::{Redactor, Secret};
pub use size::ByteSize;
pub use timestamp::Timestamp;
pub use version::Version;

/// A boxed future, the shape of every asynchronous port method.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;
