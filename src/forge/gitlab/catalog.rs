//! The CI/CD catalog of one GitLab project: `POST /projects/:id/catalog/publish`, as GitLab's own client calls it (`glab
//! release create --publish-to-catalog`), and GraphQL for looking, since the REST API shows no versions.

use serde::Deserialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::error::Kind;
use crate::forge::api::{Answer, Api};
use crate::forge::credentials::Carrier;
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::port::Place;
use crate::http::{Method, Replay, Request, StatusCode, Url};
use crate::publish::{Preflight, Problem};

/// A version with the names of its components. A project has at most 100.
const VERSION: &str = "query($project: ID!, $version: String) { ciCatalogResource(fullPath: $project) { \
                       versions(name: $version) { nodes { components(first: 100) { nodes { name } } } } } }";

/// What must be before the first version is.
const PROJECT: &str = "query($project: ID!) { project(fullPath: $project) { isCatalogResource description } }";

/// The catalog of one project.
#[derive(Debug)]
pub struct Catalog {
    place: Place,
    api: Api,
    graphql: Url,
}

/// What the catalog shows of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// It is there, with components of these names, sorted.
    Version(Vec<String>),
    /// There is none.
    Nothing,
    /// It does not tell us, and why: a sentence.
    Hidden(String),
}

/// How publishing ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The version was made.
    Now,
    /// It had been made before.
    Before,
}

#[derive(Deserialize)]
struct Told<T> {
    data: Option<T>,
    #[serde(default)]
    errors: Vec<Complaint>,
}

#[derive(Deserialize)]
struct Complaint {
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfVersion {
    ci_catalog_resource: Option<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    versions: Option<Nodes<Version>>,
}

#[derive(Deserialize)]
struct Version {
    components: Option<Nodes<Named>>,
}

#[derive(Deserialize)]
struct Nodes<T> {
    nodes: Vec<T>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct OfProject {
    project: Option<Project>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Project {
    is_catalog_resource: Option<bool>,
    description: Option<String>,
}

impl Catalog {
    /// `api` is at `…/api/v4`, `graphql` is `…/api/graphql`.
    pub fn new(place: Place, api: Api, graphql: Url) -> Self {
        Self { place, api, graphql }
    }

    /// Which project where.
    pub fn place(&self) -> &Place {
        &self.place
    }

    fn is_job(&self) -> bool {
        self.api.token().is_some_and(|token| token.carrier == Carrier::JobToken)
    }

    /// Makes a version of a tag's release. It may be asked twice: a version that is there is left alone.
    pub async fn publish(&self, tag: &str, document: &Value, cancel: &CancellationToken) -> Result<Published, ForgeError> {
        let url = self.api.url(&["projects", &self.place.project, "catalog", "publish"], &[]);
        let answer = self.api.write(Method::POST, url, Some(document), Replay::Safe, cancel).await?;
        if answer.status.is_success() {
            return Ok(Published::Now);
        }
        let said = self.api.said(&answer).unwrap_or_default();
        if answer.status == StatusCode::UNPROCESSABLE_ENTITY && said.contains("already been published") {
            return Ok(Published::Before);
        }
        Err(self.refused(tag, &answer, &said))
    }

    /// A refusal in GitLab's words, with what to do about it.
    fn refused(&self, tag: &str, answer: &Answer, said: &str) -> ForgeError {
        let error = self.api.refused(&format!("publish {tag} of {} in the CI/CD catalog", self.place), answer);
        let is_job = self.is_job();
        let hint = match answer.status.as_u16() {
            403 if is_job => {
                "who started this pipeline must be a Developer of the project; a job of another project must be in its \"Job token \
                 permissions\", with the right to administer releases"
            }
            403 => {
                "the token needs scope api, and its owner must be a Developer of the project, or a Maintainer where the tag is protected"
            }
            404 if said.contains("Project") => "is the project right, and may the token see it?",
            404 => {
                "is the release there, and is the feature flag `ci_release_cli_catalog_publish_option` on? Where it is off, GitLab \
                 makes the version with the release: leave the entry out there, or set `catalog: false`"
            }
            422 if said.contains("not a catalog resource") => {
                "an Owner marks the project: Settings, General, Visibility, \"CI/CD Catalog project\""
            }
            422 if said.contains("README") => "add a README.md to the root of the repository and tag another version",
            422 if said.contains("description") => "describe the project: Settings, General, \"Project description\"",
            422 if said.contains("semantic version") => "tag versions like 1.4.0 or v1.4.0",
            422 if said.contains("release author") => {
                "the release and its version in the catalog are made by one person: publish both with one token, in one run"
            }
            422 if said.contains("more than") => "this GitLab takes fewer components: choose some with `spec_files`, or divide the project",
            422 if said.contains("component") || said.contains("Spec") => {
                "correct `spec` in the component files: GitLab knows `inputs` and `component`, and defaults that are text, whole \
                 numbers, truth values or lists"
            }
            422 if said.contains("not authorized") => "an administrator of the instance lists the projects that may publish there",
            _ => return error,
        };
        let hidden = answer.status == StatusCode::NOT_FOUND && said.contains("Project");
        let kind = if hidden { ForgeErrorKind::Denied } else { error.kind };
        ForgeError { kind, ..error }.hint(hint)
    }

    /// What the catalog shows of a tag's version. GraphQL takes no job's token; then it is asked without one, and tells of
    /// public projects.
    pub async fn look(&self, tag: &str, cancel: &CancellationToken) -> Result<Shown, ForgeError> {
        let variables = serde_json::json!({ "project": self.place.project, "version": tag });
        let told: Told<OfVersion> = match self.ask(VERSION, &variables, cancel).await? {
            Ok(told) => told,
            Err(why) => return Ok(Shown::Hidden(why)),
        };
        if let Some(complaint) = told.errors.first() {
            return Ok(Shown::Hidden(format!("GitLab does not tell: {:.200}", complaint.message)));
        }
        let resource = told.data.and_then(|data| data.ci_catalog_resource);
        let version = resource.and_then(|resource| resource.versions).and_then(|versions| versions.nodes.into_iter().next());
        Ok(match version {
            Some(version) => {
                let mut names: Vec<String> =
                    version.components.map(|components| components.nodes).unwrap_or_default().into_iter().map(|named| named.name).collect();
                names.sort();
                Shown::Version(names)
            }
            // What nobody in particular is not shown may well be there.
            None if self.is_job() => Shown::Hidden("the project is not public, and a job's token may not read the catalog".to_owned()),
            None => Shown::Nothing,
        })
    }

    /// What can be known before the first version.
    pub async fn preflight(&self, cancel: &CancellationToken) -> Preflight {
        let mut found = Preflight::default();
        let place = &self.place;
        if self.is_job() {
            found
                .remarks
                .push(format!("whether {place} may be in the CI/CD catalog is told when it is published: a job's token may not ask"));
            return found;
        }
        let variables = serde_json::json!({ "project": place.project });
        let told: Result<Result<Told<OfProject>, String>, ForgeError> = self.ask(PROJECT, &variables, cancel).await;
        let problem = |message: String, hint: &str| Problem { kind: Kind::Failed, message, hint: Some(hint.to_owned()) };
        match told {
            Err(error) => {
                let command = crate::error::Error::from(error);
                let kind = if command.kind() == Kind::Missing { Kind::Missing } else { Kind::Failed };
                let hint = command.hint_text().map(str::to_owned);
                found.problems.push(Problem { kind, message: command.message().to_owned(), hint });
            }
            Ok(Err(why)) => found.remarks.push(why),
            Ok(Ok(told)) => match (told.data.and_then(|data| data.project), told.errors.first()) {
                (_, Some(complaint)) => found.remarks.push(format!("{place}: GitLab does not tell: {:.200}", complaint.message)),
                (None, None) => found.problems.push(problem(
                    format!("{place} is not shown to the token"),
                    "is the project right, and has the token scope api or read_api?",
                )),
                (Some(project), None) => {
                    if project.is_catalog_resource == Some(false) {
                        let hint = "an Owner marks it: Settings, General, Visibility, \"CI/CD Catalog project\"";
                        found.problems.push(problem(format!("{place} is no CI/CD catalog project"), hint));
                    }
                    if project.description.is_none_or(|text| text.trim().is_empty()) {
                        let hint = "describe it: Settings, General, \"Project description\"";
                        found.problems.push(problem(format!("{place} has no description, which the CI/CD catalog wants"), hint));
                    }
                    if found.problems.is_empty() {
                        found.checked.push(format!("{place} is a CI/CD catalog project"));
                    }
                }
            },
        }
        found
    }

    /// A query by GET, which changes nothing. The inner error says why it is not answered to us.
    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        query: &str,
        variables: &Value,
        cancel: &CancellationToken,
    ) -> Result<Result<T, String>, ForgeError> {
        let mut url = self.graphql.clone();
        url.query_pairs_mut().append_pair("query", query).append_pair("variables", &variables.to_string());
        let request = if self.is_job() { Request::new(Method::GET, url) } else { self.api.request(Method::GET, url) };
        let answer = self.api.send(&request, cancel).await?;
        match answer.status {
            status if status.is_success() => answer.json().map(Ok),
            // An instance that shows nothing to strangers.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND if self.is_job() => {
                Ok(Err("a job's token may not read the catalog".to_owned()))
            }
            status if status.is_redirection() => Ok(Err("GitLab shows its catalog to nobody without a token".to_owned())),
            _ => Err(self.api.refused(&format!("read the CI/CD catalog of {}", self.place), &answer)),
        }
    }
}
