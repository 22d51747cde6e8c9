//! Components of a GitLab project: read where the plan is made, told apart by their digest where it is written down.

use super::session::Session;
use crate::config::{COMPONENT_DIR, Config, MAX_BYTES, Publish, PublishKind, component_name};
use crate::error::{Error, Result};
use crate::forge::catalog::{CatalogSettings, KIND};
use crate::fs::Beneath;
use crate::manifest::Destination;
use crate::plan::{ComponentFile, chooses};

/// Most files that are read; more than GitLab takes of a project.
const MOST: usize = 200;

/// Every file where GitLab looks for components, where an entry is about them; those that one chooses are read. Never
/// through a link: GitLab follows none.
pub fn read(session: &Session, config: &Config) -> Result<Vec<ComponentFile>> {
    let of_entry = |publish: &Publish| match &publish.kind {
        PublishKind::Component(kind) => Some(kind.spec_files.clone()),
        _ => None,
    };
    let wanted: Vec<Vec<String>> = config.publish.values().filter_map(of_entry).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let unreadable = |error: crate::core::PathError| {
        Error::usage(error.to_string())
            .hint(format!("{COMPONENT_DIR}/ is a directory of the repository with the components; check its permissions"))
    };
    let workspace = Beneath::open(&session.directory).map_err(unreadable)?;
    let directory = match workspace.dir(COMPONENT_DIR, false) {
        Ok(directory) => directory,
        // The plan says so, with the entry that wants them.
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut files = Vec::new();
    let mut chosen = 0;
    for name in directory.names().map_err(unreadable)? {
        let own = if name.strip_suffix(".yml").is_some() {
            name
        } else {
            let below = format!("{name}/template.yml");
            match directory.file(&below) {
                Err(error) if error.is_not_found() || error.source.kind() == std::io::ErrorKind::NotADirectory => continue,
                // One that cannot be read is told with the entry it belongs to.
                Ok(_) | Err(_) => below,
            }
        };
        let path = format!("{COMPONENT_DIR}/{own}");
        if component_name(&path).is_none() {
            let hint = "the name of a component is letters, digits, `_` and `-`".to_owned();
            session.events.warn(format!("{} is no component to GitLab", path.escape_debug()), Some(hint));
            continue;
        }
        if !wanted.iter().any(|patterns| chooses(patterns, &path)) {
            // Where it lies is said to those who look for it.
            files.push(ComponentFile { path, text: Err("is chosen by no entry".to_owned()) });
            continue;
        }
        chosen += 1;
        if chosen > MOST {
            return Err(Error::usage(format!("more than {MOST} components of {COMPONENT_DIR}/ would be published"))
                .hint("divide them between projects, or choose some with `spec_files`"));
        }
        let text = directory.read(&own, MAX_BYTES as u64).map_err(|error| format!("cannot be read: {error}"));
        let text = text.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned()));
        files.push(ComponentFile { path, text });
    }
    Ok(files)
}

/// Digest and length of what the catalog will be told: review approves them.
pub fn seal(destinations: &mut [Destination]) -> Result<()> {
    for destination in destinations.iter_mut().filter(|destination| destination.kind == KIND) {
        let (digest, size) = CatalogSettings::of(destination)?.digest(&destination.tag);
        (destination.digest, destination.size) = (digest.to_string(), size);
    }
    Ok(())
}
