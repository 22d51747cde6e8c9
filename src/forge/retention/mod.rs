//! Taking back and taking away: yanked releases, old releases and packages, drafts that crashes left behind.
//!
//! `policy` decides, from what a forge lists, and does nothing; `prune` does what was decided, when somebody says so;
//! `yank` marks and never deletes. Only what carries our marker is ever touched: a release's notes, a version's index.

mod packages;
mod policy;
mod prune;
mod yank;

pub use packages::{PrunedVersion, VersionDecision, look_at_package, remove_versions};
pub use policy::{Decision, Fate, ORPHAN_AGE, Policy, decide};
pub use prune::{Pruned, carry_out, look};
pub use yank::{YANK_BEGIN, is_yanked, yank, yanked_notes};
