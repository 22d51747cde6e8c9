//! Shapes of sections and kinds whose capability does not exist yet (spec/build.md T.1, T.2): their keys are checked
//! and in the schema, their use is reported as not supported yet.

mod entries;
mod sections;

pub use entries::*;
pub use sections::*;

use super::{Condition, written};
