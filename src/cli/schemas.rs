//! JSON Schemas of everything the commands write or print: of the files below `.stagefreight/`, and of each command
//! whose `--output json` is not one of these files. `schemas/` holds them, a test compares.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::check::Checked;
use super::commands;
use super::document::Document;
use super::perform::CacheReport;
use super::perform::parts::Part;
use super::perform::{FailureDetail, Performed};
use crate::manifest::{BuildRecords, schema};
use crate::plan::Plan;
use crate::publish::Placements;
use crate::remote::receipt::{PullReceipt, PushReceipt};
use crate::review::Approval;

/// Files with a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SchemaOf {
    /// outputs.json
    Outputs,
    /// published.json
    Results,
    /// destinations.json
    Destinations,
    /// builds.json
    Builds,
    /// cache.json
    Cache,
    /// plan.json
    Plan,
    /// a file of parts/
    Part,
    /// review.json
    Review,
    /// placements.json
    Placements,
    /// failure-detail.json
    FailureDetail,
    /// a file of receipts/push/
    PushReceipt,
    /// a file of receipts/pull/
    PullReceipt,
}

/// The schema of a file.
pub fn of_file(file: SchemaOf) -> Value {
    match file {
        SchemaOf::Outputs => schema::outputs_schema(),
        SchemaOf::Results => schema::results_schema(),
        SchemaOf::Destinations => schema::destinations_schema(),
        SchemaOf::Builds => schemars::schema_for!(BuildRecords).to_value(),
        SchemaOf::Cache => schemars::schema_for!(CacheReport).to_value(),
        SchemaOf::Plan => schemars::schema_for!(Plan).to_value(),
        SchemaOf::Part => schemars::schema_for!(Part).to_value(),
        SchemaOf::Review => schemars::schema_for!(Approval).to_value(),
        SchemaOf::Placements => schemars::schema_for!(Placements).to_value(),
        SchemaOf::PushReceipt => schemars::schema_for!(PushReceipt).to_value(),
        SchemaOf::PullReceipt => schemars::schema_for!(PullReceipt).to_value(),
        SchemaOf::FailureDetail => schemars::schema_for!(FailureDetail).to_value(),
    }
}

/// The commands that print a document of their own, each with its schema. `plan`, `review` and `publish` print a file.
pub fn of_commands() -> Vec<(&'static str, Value)> {
    vec![
        ("builder create", of::<commands::builder::Inspection>("builder create")),
        ("builder du", of::<commands::builder::DiskUsage>("builder du")),
        ("builder inspect", of::<commands::builder::Inspection>("builder inspect")),
        ("builder rm", of::<commands::builder::Removed>("builder rm")),
        ("cache ls", of::<commands::cache::CacheListing>("cache ls")),
        ("cache prune", of::<super::tidy::Tidied>("cache prune")),
        ("check", of::<Checked>("check")),
        ("ci run narrate", of::<commands::status::Status>("ci run narrate")),
        ("ci show", of::<crate::ci::PipelineContext>("ci show")),
        ("cleanup", of::<super::cleanup::Cleaned>("cleanup")),
        ("config check", of::<commands::config::Verdict>("config check")),
        ("config show", of::<commands::config::ShownConfig<'static>>("config show")),
        ("copy", of::<commands::copy::Copied>("copy")),
        ("init", of::<super::init::Initialised>("init")),
        ("inspect", of::<commands::inspected::Inspected<'static>>("inspect")),
        ("inventory", of::<commands::inventory::Inventories>("inventory")),
        ("manifest diff", of::<commands::manifest::Difference>("manifest diff")),
        ("manifest show", of::<commands::manifest::Shown>("manifest show")),
        ("manifest verify", of::<commands::manifest::Report>("manifest verify")),
        ("merge", of::<Performed>("merge")),
        ("diff", of::<commands::diff::ImageDiff>("diff")),
        ("ls", of::<commands::ls::Listed>("ls")),
        ("mirror", of::<commands::mirror::Mirrored>("mirror")),
        ("perform", of::<Performed>("perform")),
        ("preflight", of::<super::preflight::Preflighted>("preflight")),
        ("receipt list", of::<commands::receipt::Receipts>("receipt list")),
        ("receipt settle", of::<PushReceipt>("receipt settle")),
        ("receipt show", of::<commands::receipt::Shown>("receipt show")),
        ("receipt verify", of::<commands::receipt::Checked>("receipt verify")),
        ("notes preview", of::<commands::notes::Preview>("notes preview")),
        ("release plan", of::<commands::release::ReleasePlan>("release plan")),
        ("release prune", of::<commands::release::prune::ReleasePrune>("release prune")),
        ("release status", of::<commands::status::Status>("release status")),
        ("release verify", of::<commands::status::Status>("release verify")),
        ("release yank", of::<commands::release::yank::ReleaseYank>("release yank")),
        ("registry serve", of::<commands::registry::Listening>("registry serve")),
        ("remote add", of::<commands::remote::Added>("remote add")),
        ("remote list", of::<commands::remote::Listing>("remote list")),
        ("remote lock", of::<commands::remote::Locked>("remote lock")),
        ("remote login", of::<commands::remote::Login>("remote login")),
        ("remote pull", of::<commands::remote::PulledPack>("remote pull")),
        ("remote push", of::<commands::remote::PushedPack>("remote push")),
        ("remote update", of::<commands::remote::Locked>("remote update")),
        ("remote verify", of::<commands::remote::Listing>("remote verify")),
        ("remote whoami", of::<commands::remote::Whoami>("remote whoami")),
        ("remote conformance", of::<commands::remote::Examined>("remote conformance")),
        ("status", of::<commands::status::Status>("status")),
        ("store exists", of::<commands::store::Existence>("store exists")),
        ("store gc", of::<commands::store::Swept>("store gc")),
        ("store get", of::<commands::store::Moved>("store get")),
        ("store ls", of::<commands::store::Listing>("store ls")),
        ("store pack", of::<crate::store::HandOver>("store pack")),
        ("store put", of::<commands::store::Moved>("store put")),
        ("store rm", of::<commands::store::Removed>("store rm")),
        ("store unpack", of::<crate::store::HandOver>("store unpack")),
        ("store verify", of::<commands::store::Verification>("store verify")),
        ("verify", of::<commands::verify::Verified>("verify")),
        ("version", of::<commands::version::Version>("version")),
    ]
}

// As it is written: what serialising never leaves out is required.
fn of<T: JsonSchema>(command: &str) -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let description = generator.root_schema_for::<T>().remove("description");
    let mut schema = generator.into_root_schema_for::<Document<T>>();
    schema.insert("title".to_owned(), format!("stagefreight {command} --output json").into());
    schema.insert("description".to_owned(), description.unwrap_or_default());
    schema.to_value()
}
