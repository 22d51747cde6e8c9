//! Which endpoint a request is for.

/// A path taken apart. The project is a number or a path; both name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// `/api/v4/version`
    Version,
    /// `/api/v4/job`
    Job,
    /// `/api/graphql`
    GraphQl,
    /// Everything below `/api/v4/projects/:id`.
    Project(String, At),
    /// `/:project.git/info/refs`: what `git ls-remote` asks.
    InfoRefs(String),
    /// `/:project.git/git-receive-pack`: a push.
    ReceivePack(String),
    /// `/:project/-/releases/:tag/downloads/:path`: the permanent address of a link.
    Permalink(String, String, String),
    /// Nothing.
    Unknown,
}

/// Where in a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum At {
    /// The project itself.
    Project,
    /// `releases`
    Releases,
    /// `releases/permalink/latest`
    Latest,
    /// `releases/:tag`
    Release(String),
    /// `releases/:tag/assets/links`
    Links(String),
    /// `releases/:tag/assets/links/:id`
    Link(String, u64),
    /// `releases/:tag/downloads/:path`
    Download(String, String),
    /// `repository/tags`
    Tags,
    /// `repository/tags/:tag`
    Tag(String),
    /// `repository/commits/:sha`
    Commit(String),
    /// `merge_requests`
    MergeRequests,
    /// `packages`
    Packages,
    /// `packages/:id`
    Package(u64),
    /// `packages/:id/package_files`
    PackageFiles(u64),
    /// `packages/:id/package_files/:id`
    PackageFile(u64, u64),
    /// `packages/generic/:name/:version/:file`
    Generic(String, String, String),
    /// `catalog/publish`
    Catalog,
}

impl Route {
    /// Takes decoded parts of a path below the prefix.
    pub(super) fn of(parts: &[String]) -> Self {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["api", "v4", "version"] => Self::Version,
            ["api", "v4", "job"] => Self::Job,
            ["api", "graphql"] => Self::GraphQl,
            ["api", "v4", "projects", project, rest @ ..] => match At::of(rest) {
                Some(at) => Self::Project((*project).to_owned(), at),
                None => Self::Unknown,
            },
            [.., "info", "refs"] => {
                let project = parts[..parts.len() - 2].join("/");
                project.strip_suffix(".git").map_or(Self::Unknown, |project| Self::InfoRefs(project.to_owned()))
            }
            [.., "git-receive-pack"] => {
                let project = parts[..parts.len() - 1].join("/");
                project.strip_suffix(".git").map_or(Self::Unknown, |project| Self::ReceivePack(project.to_owned()))
            }
            _ => {
                let Some(dash) = parts.windows(2).position(|pair| pair == ["-", "releases"]) else { return Self::Unknown };
                match &parts[dash + 2..] {
                    [tag, "downloads", path @ ..] => Self::Permalink(parts[..dash].join("/"), (*tag).to_owned(), path.join("/")),
                    _ => Self::Unknown,
                }
            }
        }
    }
}

impl At {
    fn of(parts: &[&str]) -> Option<Self> {
        let own = |text: &&str| (*text).to_owned();
        Some(match parts {
            [] => Self::Project,
            ["releases"] => Self::Releases,
            ["releases", "permalink", "latest"] => Self::Latest,
            ["releases", tag] => Self::Release(own(tag)),
            ["releases", tag, "assets", "links"] => Self::Links(own(tag)),
            ["releases", tag, "assets", "links", id] => Self::Link(own(tag), id.parse().ok()?),
            ["releases", tag, "downloads", path @ ..] => Self::Download(own(tag), path.join("/")),
            ["repository", "tags"] => Self::Tags,
            ["repository", "tags", tag] => Self::Tag(own(tag)),
            ["repository", "commits", sha] => Self::Commit(own(sha)),
            ["merge_requests"] => Self::MergeRequests,
            ["packages"] => Self::Packages,
            ["packages", id] => Self::Package(id.parse().ok()?),
            ["packages", id, "package_files"] => Self::PackageFiles(id.parse().ok()?),
            ["packages", id, "package_files", file] => Self::PackageFile(id.parse().ok()?, file.parse().ok()?),
            ["packages", "generic", name, version, file] => Self::Generic(own(name), own(version), own(file)),
            ["catalog", "publish"] => Self::Catalog,
            _ => return None,
        })
    }

    /// Endpoints that take a job's token (docs: "CI/CD job token", "Job token access").
    pub(super) fn takes_job_token(&self) -> bool {
        !matches!(self, Self::Project | Self::Tags | Self::Tag(_) | Self::Commit(_) | Self::MergeRequests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Route {
        let parts: Vec<String> = path.split('/').map(|part| part.replace("%2F", "/")).collect();
        Route::of(&parts)
    }

    #[test]
    fn takes_paths_apart() {
        let project = |at| Route::Project("acme/app".to_owned(), at);
        assert_eq!(of("api/v4/projects/acme%2Fapp/releases/v1"), project(At::Release("v1".to_owned())));
        assert_eq!(of("api/v4/projects/acme%2Fapp/releases/v1/assets/links/7"), project(At::Link("v1".to_owned(), 7)));
        assert_eq!(of("api/v4/projects/acme%2Fapp/packages/7/package_files"), project(At::PackageFiles(7)));
        assert_eq!(of("api/v4/projects/acme%2Fapp/packages/x"), Route::Unknown);
        assert_eq!(of("acme/app.git/info/refs"), Route::InfoRefs("acme/app".to_owned()));
        let permalink = Route::Permalink("acme/app".to_owned(), "v1".to_owned(), "a/b".to_owned());
        assert_eq!(of("acme/app/-/releases/v1/downloads/a/b"), permalink);
    }
}
