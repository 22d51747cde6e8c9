//! Bake files as build definitions, resolved by `buildx bake --print`.
