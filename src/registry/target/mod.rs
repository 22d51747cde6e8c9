//! A registry as a place to publish to: the implementation of `publish`'s ports.
//!
//! Per artifact and repository one step brings the bytes, by digest and without a name, and one each what refers to
//! them and attests them; then one step per tag names them: immutable tags in `Names`, the rest in `Moving`, last and only when the immutable ones stand.

mod attestation_tags;
mod bytes;
mod evidence;
mod forward;
mod looks;
mod read;
mod referrers;
mod tag;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use super::client::{Access, Client, HostSpec};
use super::pull::pull;
use super::registries::Registries;
use crate::core::{BoxFuture, Digest};
use crate::error::{Error, Kind, Result};
use crate::manifest::{Destination, DestinationTarget};
use crate::publish::{ApprovedArtifact, Content, Cx, Depth, Image, Inquiry, PlaceError, Preflight, Problem, Reading, Step, Target};
use attestation_tags::AttestationTags;
use bytes::BytesStep;
use evidence::EvidenceStep;
use looks::Looks;
use read::read;
use referrers::Referrers;
use tag::TagStep;

/// Repository path and artifact are what steps of one artifact share.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    registries: Registries,
    client: Arc<Client>,
    path: String,
    artifact: Arc<ApprovedArtifact>,
    image: Arc<Image>,
    looks: Arc<Looks>,
}

/// One registry of the config.
#[derive(Debug)]
pub struct RegistryTarget {
    name: String,
    paths: Vec<String>,
    client: Arc<Client>,
    registries: Registries,
}

impl RegistryTarget {
    /// A target as `destinations.json` describes it. `paths` are the repositories that will be published to (for
    /// preflight); `endpoint` is where the host really listens when it is an embedded registry of this run.
    pub fn new(
        registries: &Registries,
        target: &DestinationTarget,
        paths: impl IntoIterator<Item = String>,
        workspace: &Path,
        endpoint: Option<SocketAddr>,
    ) -> Result<Self> {
        let spec = HostSpec {
            host: target.host.clone(),
            plain_http: target.plain_http,
            credentials: target.credentials.clone(),
            ca_file: target.ca_file.as_ref().map(|file| workspace.join(file)),
            endpoint,
            options: target.options.clone(),
            ..HostSpec::default()
        };
        registries.describe(spec.clone());
        let client = registries.client_of(&spec)?;
        let paths: BTreeSet<String> = paths.into_iter().collect();
        Ok(Self { name: target.name.clone(), paths: paths.into_iter().collect(), client, registries: registries.clone() })
    }

    /// The client behind it.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }
}

impl Target for RegistryTarget {
    fn name(&self) -> &str {
        &self.name
    }

    fn preflight<'a>(&'a self, cx: &'a Cx, inquiry: Inquiry) -> BoxFuture<'a, Preflight> {
        Box::pin(async move {
            let mut found = Preflight::default();
            for path in &self.paths {
                let answer = match inquiry {
                    Inquiry::Login => self.client.check(path, Access::Push, &cx.cancel).await.map(|said| (said, Vec::new())),
                    Inquiry::Write => self.client.may_push(path, &cx.cancel).await.map(|may| (may.said, may.remarks)),
                };
                match answer {
                    Ok((checked, remarks)) => {
                        found.checked.push(checked);
                        found.remarks.extend(remarks);
                    }
                    Err(error) => {
                        let error = Error::from(error);
                        let problem = Problem {
                            kind: if error.kind() == Kind::Missing { Kind::Missing } else { Kind::Failed },
                            message: error.message().to_owned(),
                            hint: error.hint_text().map(str::to_owned),
                        };
                        // One refused login is one problem, however many repositories there are.
                        if !found.problems.iter().any(|known| known.message == problem.message) {
                            found.problems.push(problem);
                        }
                    }
                }
            }
            found
        })
    }

    fn bind(&self, artifact: &ApprovedArtifact) -> Vec<Box<dyn Step>> {
        // The config refuses a registry as the place of files; nothing placed is nothing complete.
        let Content::Image(image) = &artifact.content else { return Vec::new() };
        let (image, artifact) = (Arc::new(image.clone()), Arc::new(artifact.clone()));
        let paths: BTreeSet<&str> = artifact.destinations.iter().map(|destination| destination.path.as_str()).collect();
        let mut steps: Vec<Box<dyn Step>> = Vec::new();
        for path in paths {
            let shared = Shared {
                registries: self.registries.clone(),
                client: Arc::clone(&self.client),
                path: path.to_owned(),
                artifact: Arc::clone(&artifact),
                image: Arc::clone(&image),
                looks: Arc::default(),
            };
            let bytes = BytesStep::new(shared.clone());
            let bytes_name = crate::publish::Step::name(&bytes).clone();
            steps.push(Box::new(bytes));
            let mut first = vec![bytes_name];
            if !image.referrers.is_empty() {
                let evidence = EvidenceStep::new(Referrers(shared.clone()), first[0].clone());
                first.push(crate::publish::Step::name(&evidence).clone());
                steps.push(Box::new(evidence));
            }
            if !image.attestation_tags.is_empty() {
                let attestations = EvidenceStep::new(AttestationTags(shared.clone()), first[0].clone());
                first.push(crate::publish::Step::name(&attestations).clone());
                steps.push(Box::new(attestations));
            }
            let here = || artifact.destinations.iter().filter(|destination| destination.path == path);
            let names: Vec<_> = here().filter(|destination| !tag::moves(destination)).map(tag::step_name).collect();
            for destination in here() {
                let mut needs = first.clone();
                if tag::moves(destination) {
                    needs.extend(names.iter().cloned());
                }
                steps.push(Box::new(TagStep::new(shared.clone(), destination.clone(), needs)));
            }
        }
        steps
    }

    fn read<'a>(&'a self, cx: &'a Cx, destination: &'a Destination, depth: Depth) -> BoxFuture<'a, Result<Reading, PlaceError>> {
        Box::pin(async move { Ok(read(&self.client, destination, depth, &cx.cancel).await?) })
    }

    fn fetch<'a>(
        &'a self,
        cx: &'a Cx,
        destination: &'a Destination,
        digest: &'a Digest,
        into: &'a Path,
    ) -> BoxFuture<'a, Result<(), PlaceError>> {
        Box::pin(async move {
            pull(&self.client, &destination.path, digest.as_str(), None, into, &cx.cancel).await?;
            Ok(())
        })
    }
}
