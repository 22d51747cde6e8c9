//! The document `stagefreight inspect` prints.

use schemars::JsonSchema;
use serde::Serialize;
use serde::ser::{SerializeSeq as _, Serializer};

use crate::build::inspect::{FileKind, Hidden, ImageSummary, LayerUse, Listed, Tree};

/// An image, and what was asked about it.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Inspected<'a> {
    /// As given.
    pub reference: String,
    /// What its manifest and config say.
    pub image: ImageSummary,
    /// Every file, by path, with `--tree`.
    #[schemars(with = "Option<Vec<FileDoc>>")]
    pub files: Option<Tally<'a>>,
    /// What each layer adds, with `--layers`.
    pub layer_use: Option<Vec<LayerDoc>>,
    /// The largest files that later layers hide, with `--layers`.
    pub hidden: Option<Vec<HiddenDoc>>,
    /// Hashes, with `--hash` and `--binary`.
    pub hashes: Option<Vec<HashDoc>>,
    /// What its program says, with `--version-by`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionDoc>,
}

/// What the image's program says its version is.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct VersionDoc {
    /// Standard output, without the white space around it.
    pub output: String,
    /// SHA-256 of standard output.
    pub fingerprint: String,
}

impl Inspected<'_> {
    /// The image alone.
    pub fn new(reference: String, image: ImageSummary) -> Self {
        Self { reference, image, files: None, layer_use: None, hidden: None, hashes: None, version: None }
    }
}

/// A tree that is written file by file, so that the list never is in memory as a whole.
#[derive(Debug)]
pub(in crate::cli) struct Tally<'a>(pub &'a Tree);

impl Serialize for Tally<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        self.0.walk(|file| list.serialize_element(&FileDoc::of(&file)))?;
        list.end()
    }
}

/// One file.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct FileDoc {
    /// Its path, rooted. Bytes that are not UTF-8 are replaced.
    path: String,
    /// `file`, `dir`, `symlink`, `char`, `block` or `fifo`.
    kind: &'static str,
    /// Permission bits, octal: `0755`.
    mode: String,
    /// Owner.
    uid: u32,
    /// Group.
    gid: u32,
    /// Length in bytes.
    size: u64,
    /// Modification time, seconds since 1970.
    mtime: i64,
    /// Number of its layer, from 0.
    layer: u16,
    /// Target of a symbolic link; the other name of a hard link.
    link: Option<String>,
    /// It is another name of `link`.
    hard_link: bool,
    /// Major and minor number of a device.
    device: Option<(u32, u32)>,
    /// No layer lists this directory; something below it made it.
    implied: bool,
}

impl FileDoc {
    fn of(file: &Listed<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            path: format!("/{}", text(file.path)),
            kind: match file.kind {
                FileKind::Dir => "dir",
                FileKind::File => "file",
                FileKind::Symlink => "symlink",
                FileKind::Char => "char",
                FileKind::Block => "block",
                FileKind::Fifo => "fifo",
            },
            mode: format!("{:04o}", file.mode),
            uid: file.uid,
            gid: file.gid,
            size: file.size,
            mtime: file.mtime,
            layer: file.layer,
            link: file.link.map(text),
            hard_link: file.hard_link,
            device: file.device,
            implied: file.implied,
        }
    }
}

/// What one layer adds.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct LayerDoc {
    /// Its number, from 0.
    pub layer: usize,
    /// Bytes of its uncompressed tar.
    pub unpacked: u64,
    /// Entries of its tar.
    pub entries: u64,
    /// Bytes of the files in it.
    pub content: u64,
    /// Of these, bytes no file of the image has: a later layer overwrites or removes them.
    pub wasted: u64,
}

impl LayerDoc {
    /// As it was counted.
    pub fn of(layer: usize, usage: &LayerUse) -> Self {
        Self { layer, unpacked: usage.unpacked, entries: usage.entries, content: usage.content, wasted: usage.wasted }
    }
}

/// A file that a later layer hides.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct HiddenDoc {
    /// Its path, rooted.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// Number of the layer that holds it.
    pub layer: u16,
    /// Number of the layer that hides it.
    pub hidden_by: u16,
}

impl HiddenDoc {
    /// As it was seen.
    pub fn of(hidden: &Hidden) -> Self {
        Self { path: hidden.path.clone(), size: hidden.size, layer: hidden.layer, hidden_by: hidden.hidden_by }
    }
}

/// A file's hash.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct HashDoc {
    /// Its path, as given, or where the program was found.
    pub path: String,
    /// 64 hex characters.
    pub sha256: String,
}
