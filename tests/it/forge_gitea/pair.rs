//! A workspace that releases to two repositories of a real Gitea, each with a token of its own.

use serde_json::Value;

use super::TAG;
use crate::support::Gitea;
use crate::support::forge_cli::Workspace;

pub struct Pair {
    pub gitea: &'static Gitea,
    pub workspace: Workspace,
    pub home: String,
    pub mirror: String,
    runtime: tokio::runtime::Runtime,
}

impl Pair {
    /// `home` and `mirror` are there and empty but for our commits; `home` has the tag as well.
    pub fn releasing(publish: &str) -> Self {
        let gitea = Gitea::get();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        let (home, mirror) = runtime.block_on(async { (gitea.empty_repository().await, gitea.empty_repository().await) });
        let workspace = Workspace::new().env("HOME_TOKEN", &gitea.token).env("MIRROR_TOKEN", &gitea.token);
        let pair = Self { gitea, workspace, home, mirror, runtime };
        pair.config(publish);
        pair.push(TAG);
        pair
    }

    /// Other publish entries.
    pub fn config(&self, publish: &str) {
        let (url, home, mirror) = (self.gitea.url.trim_end_matches('/'), &self.home, &self.mirror);
        let places = format!(
            "forges:\n  one: {{ provider: gitea, url: \"{url}\", credentials: HOME }}\n  two: {{ provider: gitea, url: \"{url}\", credentials: MIRROR }}\n\
             repos: {{ home: {{ forge: one, project: {home} }}, mirror: {{ forge: two, project: {mirror}, roles: mirror }} }}\n"
        );
        self.workspace.config(&places, publish);
    }

    /// Another workspace with the same commits, config and repositories: another machine.
    pub fn beside(&self) -> Self {
        let workspace = Workspace::new().env("HOME_TOKEN", &self.gitea.token).env("MIRROR_TOKEN", &self.gitea.token);
        assert_eq!(workspace.commit(), self.workspace.commit());
        workspace.sf.write(".stagefreight.yml", self.workspace.sf.read(".stagefreight.yml"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        Self { gitea: self.gitea, workspace, home: self.home.clone(), mirror: self.mirror.clone(), runtime }
    }

    fn push(&self, tag: &str) {
        for (project, refs) in [(&self.home, &["main", tag][..]), (&self.mirror, &["main"])] {
            self.workspace.sf.git_run(&[&["push", "-q", self.gitea.remote(project).as_str()], refs].concat());
        }
    }

    /// Another commit, tagged, as the pipeline of that tag finds it.
    pub fn next(self, tag: &str) -> Self {
        self.workspace.sf.write("a", tag);
        self.workspace.sf.commit(&format!("feat: what is new in {tag}"));
        self.workspace.sf.git_run(&["tag", tag]);
        self.push(tag);
        self.env("SF_CI_TAG", tag)
    }

    /// The pipeline of an older tag, run again.
    pub fn back_at(self, tag: &str) -> Self {
        self.workspace.sf.git_run(&["checkout", "-q", tag]);
        self.env("SF_CI_TAG", tag)
    }

    pub fn env(self, name: &str, value: &str) -> Self {
        Self { workspace: self.workspace.env(name, value), ..self }
    }

    /// Performs and reviews.
    pub fn prepared(self) -> Self {
        self.workspace.run(&["perform"], 0);
        self.workspace.run(&["review"], 0);
        self
    }

    pub fn publish(&self, code: i32) {
        self.workspace.run(&["publish"], code);
    }

    /// Names and digests of what a release offers to everybody; nothing where none is visible.
    pub fn offered(&self, project: &str, tag: &str) -> Option<Vec<(String, String)>> {
        self.runtime.block_on(self.gitea.offered(project, tag))
    }

    /// What the API says.
    pub fn ask(&self, path: &str) -> Value {
        self.runtime.block_on(self.gitea.call("GET", path, None)).1
    }

    pub fn count(&self, project: &str) -> usize {
        self.runtime.block_on(self.gitea.count(project))
    }

    /// Takes away everything that was published.
    pub fn empty(&self, tags: &[&str]) {
        self.workspace.sf.forget_publishing();
        self.runtime.block_on(async {
            self.gitea.remove_releases(&self.home, tags).await;
            self.gitea.remove_releases(&self.mirror, &[tags, &[TAG]].concat()).await;
        });
    }
}
