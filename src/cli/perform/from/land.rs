//! A file's way into `.stagefreight/dist`, and what the outputs manifest says of it.

use super::super::MadeFile;
use crate::build::adopt::{FileKind, Found, FoundFile};
use crate::cli::session::Session;
use crate::error::Result;
use crate::fs;
use crate::manifest::{ArchiveDescriptor, Artifact, ArtifactId, ArtifactKind, BinaryDescriptor, BuildRecord, Origin};
use crate::names;
use crate::plan::Plan;

/// Readable by later stages whatever user they run as.
const MODE: u32 = 0o644;
const MODE_EXECUTABLE: u32 = 0o755;

/// Puts it there. A file of that name from another day gives way.
pub(super) fn land(session: &Session, plan: &Plan, found: &Found, file: &FoundFile) -> Result<MadeFile> {
    // Programs of several platforms are often called the same.
    let path = match &file.kind {
        FileKind::Binary { .. } => format!("{}/{}/{}", names::path::DIST, file.name, file.file_name),
        FileKind::Archive { .. } => format!("{}/{}", names::path::DIST, file.file_name),
    };
    let place = session.path(&path);
    if let Some(parent) = place.parent() {
        fs::create_dir(parent)?;
    }
    fs::set_mode(&file.staged, if file.executable { MODE_EXECUTABLE } else { MODE })?;
    fs::sync_file(&file.staged)?;
    fs::rename(&file.staged, &place)?;

    let kind = match &file.kind {
        FileKind::Binary { .. } => ArtifactKind::Binary,
        FileKind::Archive { .. } => ArtifactKind::Archive,
    };
    let mut artifact = Artifact {
        id: ArtifactId::new(&kind, &file.name),
        kind,
        name: file.name.clone(),
        version: found.says.version.clone().unwrap_or_else(|| plan.version.version.clone()),
        digest: file.digest.to_string(),
        ..Artifact::default()
    };
    match &file.kind {
        FileKind::Binary { os, arch, toolchain, build_id: _ } => {
            let (os, arch, toolchain) = (os.clone(), arch.clone(), toolchain.clone());
            artifact.binary = Some(BinaryDescriptor { os, arch, path, toolchain, ..BinaryDescriptor::default() });
        }
        FileKind::Archive { format } => {
            artifact.archive = Some(ArchiveDescriptor { format: format.clone(), path, ..ArchiveDescriptor::default() });
        }
    }
    let record = BuildRecord {
        artifact: artifact.id.as_str().to_owned(),
        origin: Origin::Adopted,
        by: found.by(),
        // A file has no base image, which is not the same as one that is not known.
        bases: Some(Vec::new()),
        args: std::collections::BTreeMap::new(),
        sources: Vec::new(),
    };
    Ok(MadeFile { artifact, record, size: file.size, listed: false })
}
