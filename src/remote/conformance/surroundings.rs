//! Directories an adapter runs in, and whether it left them as they were.

use std::path::{Path, PathBuf};

use super::findings::Findings;
use crate::core::Digest;
use crate::error::Result;
use crate::fs::{self, Scratch};
use crate::world::World;

/// How many bytes the file has that is pushed: more than one buffer of any adapter, and no round number.
const PACK_SIZE: usize = 200_003;

/// The most an adapter may weigh.
const MAX_ADAPTER: u64 = 512 * 1024 * 1024;

/// What is expected to be as it was at the end.
const MARKER: &str = "marker";

/// The directories. Everything disappears with them.
pub struct Surroundings {
    _scratch: Scratch,
    adapter: PathBuf,
    cwd: PathBuf,
    elsewhere: PathBuf,
    home: PathBuf,
    other_home: PathBuf,
    temporary: PathBuf,
    packs: PathBuf,
    beyond: PathBuf,
    pack: Digest,
    marker: Vec<u8>,
}

impl Surroundings {
    /// Makes them, with a copy of the adapter and a file of random bytes to push.
    pub fn new(world: &World, below: &Path, adapter: &Path) -> Result<Self> {
        let scratch = Scratch::below(below, "conformance")?;
        let dir = |name: &str| {
            let path = scratch.path().join(name);
            fs::create_dir(&path).map(|()| path)
        };
        let mut pack = vec![0; PACK_SIZE];
        world.random.fill(&mut pack);
        let marker = world.random_hex(16).into_bytes();
        let copy = dir("adapter")?.join(adapter.file_name().unwrap_or_default());
        fs::write_atomic(&copy, &fs::read_bounded(adapter, MAX_ADAPTER)?, 0o755)?;
        let made = Self {
            adapter: copy,
            cwd: dir("cwd")?,
            elsewhere: dir("elsewhere")?,
            home: dir("home")?,
            other_home: dir("other-home")?,
            temporary: dir("tmp")?,
            packs: dir("packs")?,
            beyond: dir("beyond")?,
            pack: Digest::of(&pack),
            marker,
            _scratch: scratch,
        };
        fs::write_atomic(&made.pack_path(), &pack, 0o644)?;
        fs::write_atomic(&made.beyond.join(MARKER), &made.marker, 0o644)?;
        Ok(made)
    }

    /// The copy that is run.
    pub fn adapter(&self) -> &Path {
        &self.adapter
    }

    /// Where it is started.
    pub fn cwd(&self) -> &Path {
        &self.cwd
    }

    /// Where else it is started.
    pub fn elsewhere(&self) -> &Path {
        &self.elsewhere
    }

    /// Its home.
    pub fn home(&self, other: bool) -> &Path {
        if other { &self.other_home } else { &self.home }
    }

    /// Its temporary directory.
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Where files to push and records of runs are.
    pub fn packs(&self) -> &Path {
        &self.packs
    }

    /// The file to push.
    pub fn pack_path(&self) -> PathBuf {
        self.packs.join("conformance.epack")
    }

    /// The hash of its bytes.
    pub fn pack_digest(&self) -> &Digest {
        &self.pack
    }

    /// Its length.
    pub fn pack_size() -> i64 {
        i64::try_from(PACK_SIZE).unwrap_or_default()
    }

    /// Looks at everything once all requests were answered.
    pub fn judge(&self, findings: &mut Findings) {
        let names = |dir: &Path| fs::names_in(dir).unwrap_or_default().join(", ");
        let marker = fs::read_bounded(&self.beyond.join(MARKER), 1024).unwrap_or_default();
        let beyond = names(&self.beyond);
        findings.check("C-030", marker == self.marker && beyond == MARKER, || {
            format!("a directory it has nothing to do with was changed: {beyond}")
        });
        let left: Vec<String> = [&self.cwd, &self.elsewhere].into_iter().map(|dir| names(dir)).filter(|names| !names.is_empty()).collect();
        findings.check("C-031", left.is_empty(), || format!("left in the directory it was started in: {}", left.join(", ")));
        let temporary = names(&self.temporary);
        findings.check("C-032", temporary.is_empty(), || format!("left in the temporary directory: {temporary}"));
        let pack = fs::read_bounded(&self.pack_path(), PACK_SIZE as u64 + 1).unwrap_or_default();
        findings.check("C-033", Digest::of(&pack) == self.pack, || "the file to push was changed or removed".to_owned());
    }
}
