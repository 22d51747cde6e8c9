//! An embedded GitLab and a workspace whose job may use it with nothing but its own token.

use stagefreight::core::Secret;
use stagefreight::rehearse::forge_gitlab::{Options, Project, Role, Running, TokenKind, Trusted, start};

use super::scene::{JOB, PERSONAL, trusted_person};
use crate::support::forge_cli::Workspace;
use crate::support::openapi::{Findings, OpenApi};
use crate::support::ports;

pub struct Lab {
    pub workspace: Workspace,
    pub findings: Findings,
    server: Option<Running>,
    options: Options,
    runtime: tokio::runtime::Runtime,
    dir: tempfile::TempDir,
}

impl Lab {
    /// With these publish entries, as a job that has nothing but its token.
    pub fn start(publish: &str) -> Self {
        Self::altered(publish, |_| {})
    }

    /// The same at a GitLab with other settings.
    pub fn altered(publish: &str, alter: impl FnOnce(&mut Options)) -> Self {
        let kind = TokenKind::Job { project: "acme/app".to_owned(), also: Vec::new(), ended: false };
        let job = Trusted { token: Secret::new(JOB), kind, role: Role::Developer };
        Self::of(publish, job, "", alter)
    }

    /// As a maintainer, by a token of their own.
    pub fn of_person(publish: &str) -> Self {
        Self::of_altered_person(publish, |_| {})
    }

    /// The same at a GitLab with other settings.
    pub fn of_altered_person(publish: &str, alter: impl FnOnce(&mut Options)) -> Self {
        Self::of(publish, trusted_person(PERSONAL, Role::Maintainer), ", credentials: LAB", alter)
    }

    fn of(publish: &str, trusted: Trusted, keys: &str, alter: impl FnOnce(&mut Options)) -> Self {
        let workspace = Workspace::new();
        let dir = tempfile::tempdir().expect("temporary directory");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
        let (recorder, findings) = OpenApi::read("gitlab.json").recorder("", &["/info/refs", "/git-receive-pack", "/api/graphql"]);
        let mut options = Options::new(dir.path());
        options.projects = vec![Project::new("acme/app", "v1.4.0", &workspace.commit())];
        options.trusted = vec![trusted];
        options.server.recorder = Some(recorder);
        options.server.addr = ports::free_addr();
        alter(&mut options);
        let server = runtime.block_on(start(options.clone())).expect("server");
        let workspace = match keys {
            "" => workspace.env("CI_JOB_TOKEN", JOB).env("CI_SERVER_URL", &server.url()),
            _ => workspace.env("LAB_TOKEN", PERSONAL),
        };
        let places = format!(
            "forges: {{ lab: {{ provider: gitlab, url: \"{}\"{keys} }} }}\nrepos: {{ home: {{ forge: lab, project: acme/app }} }}\n",
            server.url()
        );
        workspace.config(&places, publish);
        Self { workspace, findings, server: Some(server), options, runtime, dir }
    }

    pub fn server(&self) -> &Running {
        self.server.as_ref().expect("a server")
    }

    /// As it was at first, at the same address.
    pub fn empty(&mut self) {
        let old = self.server.take().expect("a server");
        self.runtime.block_on(old.shutdown());
        let dir = tempfile::tempdir().expect("temporary directory");
        dir.path().clone_into(&mut self.options.dir);
        drop(std::mem::replace(&mut self.dir, dir));
        self.server = Some(self.runtime.block_on(ports::again(|| start(self.options.clone()))));
    }
}
