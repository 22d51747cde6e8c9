//! How much is read of what others made before it is called hostile.

/// Bounds. The defaults are far beyond every honest release and far below what hurts a runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Entries of one archive, or files of one directory.
    pub entries: usize,
    /// Bytes of one manifest, index or checksum file.
    pub document: u64,
    /// Bytes of everything that is copied of one source.
    pub total: u64,
    /// What any compressed archive may unpack to, in bytes; beyond it, the ratio decides.
    pub unpacked: u64,
    /// A compressed archive may unpack to so many times its size. Text shrinks to a tenth.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 200_000, document: 64 << 20, total: 256 << 30, unpacked: 4 << 30, ratio: 200 }
    }
}

impl Limits {
    /// How much a compressed file of `size` bytes may unpack to.
    pub fn unpacked_of(&self, size: u64) -> u64 {
        self.unpacked.max(size.saturating_mul(self.ratio))
    }
}
