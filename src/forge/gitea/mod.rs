//! Gitea and Forgejo, whose API is the same as far as releases and packages go.
//!
//! A draft takes the files as attachments and becomes visible in one change. Attachments have no digest, and the forge
//! keeps two of one name side by side: this adapter sees the first, which is what a download gets, and takes the others
//! away before the release is seen.

mod adapter;
mod wire;

pub use adapter::Gitea;
