//! JSON as GitLab writes it.

use serde_json::{Value, json};

use super::options::Role;
use super::world::{Held, Link, Package, PackageFile, Release};

/// Address of the server with its prefix, for the URLs in answers.
pub(super) struct Renderer<'a> {
    pub(super) base: &'a str,
}

impl Renderer<'_> {
    fn web(&self, project: &Held) -> String {
        format!("{}/{}", self.base, project.path)
    }

    pub(super) fn project(&self, project: &Held, role: Role) -> Value {
        let name = project.path.rsplit('/').next().unwrap_or_default();
        json!({
            "id": project.id, "path": name, "name": name, "path_with_namespace": project.path,
            "web_url": self.web(project), "default_branch": "main", "archived": false,
            "permissions": { "project_access": { "access_level": role.level(), "notification_level": 3 }, "group_access": null },
        })
    }

    pub(super) fn commit(&self, project: &Held, commit: &str) -> Value {
        json!({
            "id": commit, "short_id": commit.get(..8).unwrap_or(commit), "title": "a change",
            "message": "a change", "parent_ids": [], "web_url": format!("{}/-/commit/{commit}", self.web(project)),
        })
    }

    pub(super) fn tag(&self, project: &Held, tag: &str, commit: &str) -> Value {
        let release = project.release(tag).map(|release| json!({ "tag_name": release.tag, "description": release.description }));
        json!({
            "name": tag, "message": "", "target": commit, "commit": self.commit(project, commit),
            "protected": project.protected.is_match(tag), "release": release,
        })
    }

    pub(super) fn link(&self, project: &Held, tag: &str, link: &Link) -> Value {
        let direct = match &link.path {
            Some(path) => format!("{}/-/releases/{tag}/downloads{path}", self.web(project)),
            None => link.url.clone(),
        };
        json!({ "id": link.id, "name": link.name, "url": link.url, "direct_asset_url": direct, "link_type": link.kind })
    }

    pub(super) fn release(&self, project: &Held, release: &Release) -> Value {
        let page = format!("{}/-/releases/{}", self.web(project), release.tag);
        let links: Vec<Value> = release.links.iter().map(|link| self.link(project, &release.tag, link)).collect();
        let sources: Vec<Value> = ["zip", "tar.gz"]
            .iter()
            .map(|format| json!({ "format": format, "url": format!("{}/-/archive/{}/x.{format}", self.web(project), release.tag) }))
            .collect();
        json!({
            "tag_name": release.tag, "name": release.name, "description": release.description,
            "created_at": release.created.precise(), "released_at": release.released.precise(), "upcoming_release": false,
            "author": { "id": 1, "username": "ci", "name": "CI" }, "commit": self.commit(project, &release.commit),
            "commit_path": format!("/{}/-/commit/{}", project.path, release.commit),
            "tag_path": format!("/{}/-/tags/{}", project.path, release.tag),
            "assets": { "count": links.len() + sources.len(), "sources": sources, "links": links },
            "evidences": [], "_links": { "self": page, "edit_url": format!("{page}/edit") },
        })
    }

    pub(super) fn package(&self, project: &Held, package: &Package) -> Value {
        json!({
            "id": package.id, "name": package.name, "version": package.version, "package_type": "generic",
            "status": "default", "created_at": package.created.precise(), "tags": [],
            "_links": {
                "web_path": format!("/{}/-/packages/{}", project.path, package.id),
                "delete_api_path": format!("{}/api/v4/projects/{}/packages/{}", self.base, project.id, package.id),
            },
        })
    }
}

/// A file in the list of its package.
pub(super) fn package_file(package: &Package, file: &PackageFile) -> Value {
    json!({
        "id": file.id, "package_id": package.id, "created_at": file.created.precise(), "file_name": file.name,
        "size": file.kept.size, "file_md5": null, "file_sha1": null, "file_sha256": file.kept.digest.hex(),
    })
}

/// A file that came just now.
pub(super) fn generic_file(package: u64, file: &PackageFile) -> Value {
    json!({
        "id": file.id, "package_id": package, "created_at": file.created.precise(), "updated_at": file.created.precise(),
        "size": file.kept.size, "file_store": 1, "file_md5": null, "file_sha1": null,
        "file_sha256": file.kept.digest.hex(), "file_name": file.name, "file": { "url": "" },
    })
}
