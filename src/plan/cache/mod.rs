//! Which caches a build reads and writes: names, scopes and flags (spec/build.md E). Pure.
