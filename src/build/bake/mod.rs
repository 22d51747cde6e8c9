//! Bake files as build definitions: `buildx bake --print` resolves variables, functions, inheritance and matrices, and
//! one target of what it prints becomes the settings of one build. What a bake file says of tags and outputs is not
//! taken: `publish` decides where an image goes, and `build_cache` which caches are used.

mod definition;
mod print;
mod target;

pub use definition::apply;
pub use print::print;
