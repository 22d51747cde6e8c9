//! Components in GitLab's CI/CD catalog: what a plan says of them, and what publishing them comes to.

mod plan;
