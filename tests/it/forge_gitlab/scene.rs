//! An embedded GitLab with one project, and those who publish to it.

use std::path::PathBuf;
use std::sync::Arc;

use stagefreight::core::Secret;
use stagefreight::forge::{Carrier, Forge};
use stagefreight::publish::{Overrides, StepReport};
use stagefreight::rehearse::forge_gitlab::{Options, Project, Role, Running, TokenKind, Trusted, start};

use crate::support::file_release::{FileRelease, Heard, Publisher};
use crate::support::openapi::{Findings, OpenApi};
use crate::support::ports;

pub const PROJECT: &str = "acme/app";
pub const TAG: &str = "v1.4.0";
pub const COMMIT: &str = "1111111111111111111111111111111111111111";
/// A job's token. It must never be seen anywhere.
pub const JOB: &str = "glcbt-canary-job-token-4711";
/// A person's token. It must never be seen anywhere.
pub const PERSONAL: &str = "glpat-canary-personal-token-4711";

pub struct Scene {
    pub server: Running,
    pub findings: Findings,
    pub heard: Arc<Heard>,
    dir: tempfile::TempDir,
}

pub fn trusted_person(token: &str, role: Role) -> Trusted {
    Trusted { token: Secret::new(token), kind: TokenKind::Private { api: true }, role }
}

pub fn trusted_job(token: &str) -> Trusted {
    let kind = TokenKind::Job { project: PROJECT.to_owned(), also: Vec::new(), ended: false };
    Trusted { token: Secret::new(token), kind, role: Role::Developer }
}

/// A server as every scene has it.
pub fn options(dir: &std::path::Path) -> (Options, Findings) {
    let mut options = Options::new(dir.join("gitlab"));
    options.projects = vec![Project::new(PROJECT, TAG, COMMIT)];
    options.trusted = vec![trusted_job(JOB), trusted_person(PERSONAL, Role::Maintainer)];
    let (recorder, findings) = OpenApi::read("gitlab.json").recorder("", &["/info/refs", "/api/graphql"]);
    options.server.recorder = Some(recorder);
    options.server.addr = ports::free_addr();
    (options, findings)
}

impl Scene {
    pub async fn start(alter: impl FnOnce(Options) -> Options) -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        let (mut options, findings) = options(dir.path());
        options = alter(options);
        if !options.prefix.is_empty() {
            options.server.recorder = None;
        }
        Self { server: start(options).await.expect("server"), findings, heard: Arc::default(), dir }
    }

    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub fn release(&self) -> FileRelease {
        FileRelease::write(&self.dir.path().join("dist"), TAG, COMMIT)
    }

    pub fn release_of(&self, files: Vec<(String, Vec<u8>)>) -> FileRelease {
        FileRelease::of(&self.dir.path().join("dist"), TAG, COMMIT, files)
    }

    pub fn publisher(&self) -> Publisher {
        Publisher::new(Some(Arc::clone(&self.heard) as Arc<_>))
    }

    pub fn as_job(&self) -> Arc<dyn Forge> {
        self.publisher().gitlab(&self.server.url(), PROJECT, JOB, Carrier::JobToken)
    }

    pub fn as_person(&self) -> Arc<dyn Forge> {
        self.publisher().gitlab(&self.server.url(), PROJECT, PERSONAL, Carrier::PrivateToken)
    }

    pub async fn publish_as_job(&self) -> Vec<StepReport> {
        self.publisher().publish(&self.release(), &[self.as_job()], &self.state(), Overrides::default()).await
    }

    /// One release with links to exactly our files, one of each name.
    #[track_caller]
    pub fn assert_whole(&self) {
        assert_whole(&self.server, &self.release());
    }
}

#[track_caller]
pub fn assert_whole(server: &Running, release: &FileRelease) {
    let releases = server.releases(PROJECT);
    assert_eq!(releases.len(), 1, "{releases:#?}");
    let mut linked: Vec<String> = releases[0].links.iter().map(|(name, ..)| name.clone()).collect();
    linked.sort();
    let expected = release.expected();
    let names: Vec<String> = expected.iter().map(|(name, ..)| name.clone()).collect();
    assert_eq!(linked, names);
    assert_eq!(releases[0].commit, COMMIT);
    // What a link leads to is the newest file of its name.
    for (name, digest) in expected {
        let files = server.files(PROJECT);
        let newest = files.iter().rev().find(|file| file.name == name).unwrap_or_else(|| panic!("{name} is not there"));
        assert_eq!(newest.digest.hex(), digest, "{name}");
    }
}
