//! What a caller needs of a backend, and what each kind can do (spec/build.md A, `BackendCapabilities`).

use std::fmt;

/// Something a backend can do or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Capability {
    /// Build images.
    Build,
    /// Run a container of an image, as checking a rebuilt image by running it needs.
    Run,
    /// Push what it built to a registry by itself.
    Push,
    /// See this machine's files, as a bind mount or a local cache directory of the daemon needs.
    Filesystem,
    /// Export an OCI layout, which everything after the build reads.
    OciLayout,
    /// Build several platforms in one call.
    Platforms,
}

impl Capability {
    /// All, in the order they are shown.
    pub const ALL: [Self; 6] = [Self::Build, Self::Run, Self::Push, Self::Filesystem, Self::OciLayout, Self::Platforms];

    /// For screens and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Run => "run",
            Self::Push => "push",
            Self::Filesystem => "filesystem",
            Self::OciLayout => "oci-layout",
            Self::Platforms => "platforms",
        }
    }

    fn cannot(self) -> &'static str {
        match self {
            Self::Build => "it cannot build",
            Self::Run => "it cannot run containers",
            Self::Push => "it cannot push",
            Self::Filesystem => "it does not see this machine's files",
            Self::OciLayout => "its image store cannot export an OCI layout; switch on the containerd image store, or leave `driver` out",
            Self::Platforms => "it builds one platform at a time",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is needed.
#[derive(Debug, Clone, Copy)]
pub struct Need(&'static [Capability]);

impl Need {
    /// Building images the way we do: exported as an OCI layout.
    pub const IMAGES: Self = Self(&[Capability::Build, Capability::OciLayout]);
    /// Whatever answers.
    pub const NOTHING: Self = Self(&[]);

    /// Needs of one's own.
    pub const fn of(capabilities: &'static [Capability]) -> Self {
        Self(capabilities)
    }

    /// The first that is missing, as a fragment.
    pub fn unmet(self, has: &[Capability]) -> Option<&'static str> {
        self.0.iter().find(|capability| !has.contains(capability)).map(|capability| capability.cannot())
    }
}
