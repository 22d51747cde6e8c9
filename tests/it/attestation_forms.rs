//! `attestations` and `platforms` of registries: what each form publishes, read back by other people's clients, and that a
//! second publish, another machine and a verify come to the same.

pub mod adopted;
mod forms;
mod oci_client;
mod one_tag_more;
mod real;
mod trouble;
