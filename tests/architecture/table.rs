//! The import table of the design (docs/architecture.md, "What may look at what"), as data.

/// What a room may name of another room.
pub enum May {
    /// Everything.
    Use(&'static str),
    /// Only these items, which are the room's ports and the plain values that cross them.
    Items(&'static str, &'static [&'static str]),
}

use May::{Items, Use};

/// Rooms that decide and never act: no async, no I/O, no clock, no process state. A path is a room or a part of one.
pub const PURE: &[&str] = &["core", "manifest", "config", "ci", "plan", "review", "publish::order"];

/// Items of the outside that pure rooms must not name, by prefix.
pub const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::time::SystemTime",
    "std::time::Instant",
    "tokio",
    "reqwest",
    "hyper",
    "rustix",
    "getrandom",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "futures_util",
];

/// Below an impure prefix, but known when the program was compiled.
pub const CONSTANTS: &str = "std::env::consts::";

/// Methods of `std::path::Path` that look at the disk.
pub const IMPURE_METHODS: &[&str] = &["canonicalize", "read_dir", "try_exists", "symlink_metadata", "read_link", "exists", "is_file"];

/// The builder's ports for base images, caches and credentials, which `registry` implements.
const BUILD_PORTS: &[&str] = &["BaseImages", "BaseImage", "CacheTags", "Stamp", "TagFacts", "Login", "Logins"];

/// The publishing ports and their values, which `registry`, `forge` and `remote` implement.
const PUBLISH_PORTS: &[&str] = &[
    "Target",
    "Content",
    "Image",
    "File",
    "Step",
    "StepName",
    "Stage",
    "Cx",
    "Inquiry",
    "ApprovedArtifact",
    "Content",
    "Image",
    "File",
    "Preflight",
    "Problem",
    "Observation",
    "Depth",
    "Reading",
    "Placed",
    "PlaceError",
    "PlaceErrorKind",
    "Verified",
    "VerifyError",
];

/// What test code of every room may name besides: tests prepare files, and make the world a port asks for.
pub const IN_TESTS: &[&str] = &["fs", "world"];

/// What publish says about where things are, and what reading a destination saw: values that `verify` and `report` use.
const PUBLISH_VALUES: &[&str] =
    &["Placement", "Placements", "PlacementState", "PlacementError", "Totals", "Reading", "PlaceError", "PlaceErrorKind"];

/// Destinations as perform wrote them: they cross the `Target` port.
const DESTINATIONS: &[&str] = &["Destination", "DestinationTarget", "Derived"];

const GIT_FACTS: &[&str] = &["GitFacts", "ReachableTag"];

/// Who may name what. A room that is not listed may name nothing; `cli`, `main` and the programs in `bin` may name everything.
pub const TABLE: &[(&str, &[May])] = &[
    ("core", &[]),
    ("names", &[Use("core")]),
    ("error", &[Use("core")]),
    ("event", &[Use("core")]),
    ("world", &[Use("core"), Use("names"), Use("event")]),
    ("fs", &[Use("core")]),
    ("manifest", &[Use("core"), Use("names"), Use("error"), Use("event")]),
    ("config", &[Use("core"), Use("names"), Use("error"), Use("event")]),
    ("ci", &[Use("core"), Use("names"), Use("error"), Use("event")]),
    ("plan", &[Use("core"), Use("names"), Use("error"), Use("event"), Use("config"), Use("ci"), Items("git", GIT_FACTS)]),
    ("http", &[Use("core"), Use("names"), Use("error"), Use("event"), Use("world"), Use("fs")]),
    ("process", &[Use("core"), Use("names"), Use("error"), Use("event"), Use("world"), Use("fs")]),
    ("git", &[Use("core"), Use("error"), Use("event"), Use("process")]),
    ("store", &[Use("core"), Use("names"), Use("error"), Use("event"), Use("fs"), Use("http")]),
    ("build", BUILDING),
    ("crucible", BUILDING),
    ("attest", BUILDING),
    ("review", &[Use("core"), Use("names"), Use("error"), Use("manifest"), Use("config")]),
    ("publish", &[Use("core"), Use("names"), Use("error"), Use("event"), Use("manifest"), Use("review"), Use("store"), Use("fs")]),
    (
        "registry",
        &[
            Use("core"),
            Use("names"),
            Use("error"),
            Use("event"),
            Use("world"),
            Use("process"),
            Use("http"),
            Use("fs"),
            Use("store"),
            Items("build", BUILD_PORTS),
            Items("publish", PUBLISH_PORTS),
            Items("remote", &["AdapterSource"]),
            Items("manifest", DESTINATIONS),
        ],
    ),
    ("forge", HOSTS),
    ("remote", HOSTS),
    ("rehearse", &[Use("core"), Use("names"), Use("error"), Use("event"), Use("fs"), Use("store")]),
    ("verify", READING),
    ("report", READING),
];

const BUILDING: &[May] = &[
    Use("core"),
    Use("names"),
    Use("error"),
    Use("event"),
    Use("world"),
    Use("fs"),
    Use("store"),
    Use("process"),
    Use("manifest"),
    Use("config"),
    Use("plan"),
];

const HOSTS: &[May] = &[
    Use("core"),
    Use("names"),
    Use("error"),
    Use("event"),
    Use("world"),
    Use("http"),
    Use("process"),
    Use("fs"),
    Use("store"),
    Items("publish", PUBLISH_PORTS),
    Items("remote", &["AdapterSource"]),
    Items("manifest", DESTINATIONS),
];

const READING: &[May] = &[Use("core"), Use("names"), Use("error"), Use("event"), Use("manifest"), Items("publish", PUBLISH_VALUES)];

/// May code of `room` name `item` of `other`? `item` is none where the room itself or all of it (`*`) is named.
pub fn allows(room: &str, other: &str, item: Option<&str>) -> bool {
    if room == other || matches!(room, "cli" | "main" | "bin") {
        return true;
    }
    let Some((_, may)) = TABLE.iter().find(|(name, _)| *name == room) else { return false };
    may.iter().any(|may| match may {
        Use(allowed) => *allowed == other,
        Items(allowed, items) => *allowed == other && item.is_some_and(|item| items.contains(&item)),
    })
}
