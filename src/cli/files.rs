//! Reading and writing the files of `.stagefreight/`: the one place that knows their paths, limits and modes.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::core::PathError;
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::manifest::OutputsManifest;
use crate::names;

/// Larger than any file of ours with hundreds of thousands of artifacts.
const MAX_FILE: u64 = 256 * 1024 * 1024;

/// Readable by later stages whatever user they run as (spec/manifest.md §5.3).
const MODE: u32 = 0o644;

/// Bytes of a file below the workspace.
pub fn read(workspace: &Path, name: &str) -> Result<Vec<u8>, PathError> {
    fs::read_bounded(&workspace.join(name), MAX_FILE)
}

/// Bytes of a file an earlier stage should have written; its absence names the command that writes it.
pub fn need(workspace: &Path, name: &str, written_by: &str) -> Result<Vec<u8>> {
    read(workspace, name).map_err(|error| {
        if error.is_not_found() && name == names::path::OUTPUTS && !parts(workspace).is_empty() {
            Error::missing(format!("{name} is not there: this workspace holds only parts of a build, {}", parts(workspace).join(", ")))
                .hint("collect the .stagefreight/ of every job that built a part, then run `stagefreight merge`")
        } else if error.is_not_found() {
            Error::missing(format!("{name} is not there"))
                .hint(format!("run `stagefreight {written_by}` first, or pass the .stagefreight/ directory of the job that did"))
        } else {
            error.into()
        }
    })
}

fn parts(workspace: &Path) -> Vec<String> {
    let names = fs::names_in(&workspace.join(names::path::PARTS)).unwrap_or_default();
    names.into_iter().filter_map(|name| Some(name.strip_suffix(".json")?.to_owned())).collect()
}

/// The outputs manifest in these bytes; what is wrong with them is said of the file.
pub fn outputs(bytes: &[u8]) -> Result<OutputsManifest> {
    OutputsManifest::from_file(Ok(bytes.to_vec())).map_err(|error| Error::from(error).context(names::path::OUTPUTS))
}

/// Reads one of our JSON files. `version` is the schema version this program knows.
pub fn parse<T: DeserializeOwned>(name: &str, bytes: &[u8], version: &str) -> Result<T> {
    #[derive(serde::Deserialize)]
    struct Head {
        schema_version: String,
    }
    let broken = |error: serde_json::Error| {
        Error::new(Kind::Failed, format!("{name} is not valid: {error}"))
            .hint("it is written by an earlier stage and must not be edited; run that stage again")
    };
    let head: Head = serde_json::from_slice(bytes).map_err(broken)?;
    if head.schema_version != version {
        return Err(Error::failed(format!("{name} has schema version {:?}; this program knows {version:?}", head.schema_version))
            .hint("use the same version of stagefreight in every job of a pipeline"));
    }
    serde_json::from_slice(bytes).map_err(broken)
}

/// Writes one of our JSON files, whole or not at all.
pub fn write<T: Serialize>(workspace: &Path, name: &str, value: &T) -> Result<()> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| Error::failed(format!("cannot encode {name}")).because(&error))?;
    bytes.push(b'\n');
    write_bytes(workspace, name, &bytes)
}

/// Writes bytes, whole or not at all.
pub fn write_bytes(workspace: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    fs::write_atomic(&workspace.join(name), bytes, MODE).map_err(|error| {
        let full = error.source.kind() == std::io::ErrorKind::StorageFull;
        let hint = if full {
            "free some space; nothing was half-written, run the same command again"
        } else {
            "check the permissions of .stagefreight/"
        };
        Error::from(error).hint(hint)
    })
}
