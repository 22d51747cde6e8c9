//! The config of a repository that has none: one Dockerfile, one image.

use indexmap::IndexMap;

use super::resolved::{Build, Config, DockerBuild};
use crate::error::{Error, Result};

/// Directories Dockerfiles are looked for in, in this order (spec/build.md K.1).
const DIRECTORIES: [&str; 3] = ["", "build/", "docker/"];

/// Names they have.
const NAMES: [&str; 4] = ["Dockerfile", "Dockerfile.dev", "Dockerfile.production", "Dockerfile.build"];

/// Is this repository-relative path one of those where Dockerfiles are looked for (spec/build.md K.1)?
pub fn is_dockerfile(path: &str) -> bool {
    DIRECTORIES.iter().any(|directory| {
        path.strip_prefix(directory).is_some_and(|name| {
            let plain = NAMES.contains(&name);
            plain || (!name.contains('/') && name.len() > ".dockerfile".len() && name.ends_with(".dockerfile"))
        })
    })
}

/// The config of a repository without one: one build, named after the repository, and no destinations. `dockerfiles`
/// are the paths [`is_dockerfile`] chose.
pub fn assume(project_name: &str, dockerfiles: &[String]) -> Result<Config> {
    let dockerfile = match dockerfiles {
        [one] => one.clone(),
        [] => {
            return Err(Error::usage("there is no .stagefreight.yml, and no Dockerfile to assume one from")
                .note("looked for Dockerfile, Dockerfile.dev, Dockerfile.production, Dockerfile.build and *.dockerfile in ., build and docker")
                .hint("add a Dockerfile, or write `version: 1` and `builds: { app: { kind: docker, dockerfile: PATH } }` into .stagefreight.yml"));
        }
        several => {
            let id = build_id(project_name);
            return Err(Error::usage(format!("there is no .stagefreight.yml, and {} Dockerfiles to choose from", several.len()))
                .note(several.join("\n"))
                .hint(format!(
                    "write .stagefreight.yml: `version: 1` and `builds: {{ {id}: {{ kind: docker, dockerfile: {} }} }}`",
                    several[0]
                )));
        }
    };
    let id = build_id(project_name);
    let docker = DockerBuild {
        dockerfile: Some(dockerfile),
        context: ".".to_owned(),
        target: None,
        platforms: Vec::new(),
        args: IndexMap::new(),
        labels: IndexMap::new(),
        builder: None,
        provenance: None,
        sbom: false,
        compression: None,
        buildkit: super::BuildkitOptions::default(),
        stage: Vec::new(),
    };
    let build = Build { id: id.clone(), required: true, depends_on: Vec::new(), docker };
    Ok(Config { builds: IndexMap::from([(id, build)]), assumed: true, ..Config::default() })
}

/// The repository's name as an id: its last part, lower case, other characters as `-`.
pub fn build_id(project_name: &str) -> String {
    let last = project_name.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let last = last.strip_suffix(".git").unwrap_or(last);
    let id: String = last
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let id = id.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).trim_end_matches(['-', '.', '_']);
    if id.is_empty() { "app".to_owned() } else { id.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_where_people_put_dockerfiles() {
        for path in ["Dockerfile", "build/Dockerfile.production", "docker/api.dockerfile", "web.dockerfile"] {
            assert!(is_dockerfile(path), "{path}");
        }
        for path in ["src/Dockerfile", "Dockerfile.md", "docker/a/b.dockerfile", ".dockerfile", "dockerfile"] {
            assert!(!is_dockerfile(path), "{path}");
        }
    }

    #[test]
    fn one_dockerfile_is_one_image_named_after_the_repository() {
        let config = assume("acme/My App.git", &["build/Dockerfile".to_owned()]).expect("one Dockerfile");
        assert!(config.assumed && config.publish.is_empty());
        assert_eq!(config.builds.keys().collect::<Vec<_>>(), ["my-app"]);
        assert_eq!(build_id("/"), "app");
        assert!(assume("x", &[]).is_err());
        let several = assume("x", &["Dockerfile".to_owned(), "Dockerfile.dev".to_owned()]).expect_err("two Dockerfiles");
        assert_eq!(several.notes(), ["Dockerfile\nDockerfile.dev"]);
    }
}
