//! Tests of packaging: the action, the setup action, the CI templates and the image, run by what runs them.

mod actions;
mod files;
mod gitlab;
mod project;
mod setup;
