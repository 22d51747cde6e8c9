//! Files in places that are no releases: generic packages of GitLab, Gitea and Forgejo, servers that take a `PUT`
//! (Artifactory, Nexus), and buckets.
//!
//! All of them keep files below directories; [`FileHost`] is the port they share, with one adapter each. A file is sent
//! when it is not there, kept when it is the same, and a conflict when it is another. A pointer (`latest`) is one small
//! document that says which version is meant; it is written last, in one piece, and only moves forward. Every publish leaves
//! such a document in its version too, by which cleaning up knows what is ours.

mod bucket;
mod file_step;
mod gitea;
mod gitlab;
mod host;
mod http_put;
mod index;
mod pointer_step;
mod target;

pub use bucket::BucketFiles;
pub use gitea::GiteaPackages;
pub use gitlab::GitlabPackages;
pub use host::{At, Document, FileHost, Held, HeldVersion};
pub use http_put::{HttpPut, Login};
pub use index::{Index, IndexedFile, POINTER_FILE};
pub use target::{Kind, PackageTarget, PointerSettings};
