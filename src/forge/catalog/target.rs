//! A project's catalog as a place to publish to.

use std::path::Path;
use std::sync::Arc;

use super::settings::{CatalogSettings, KIND};
use super::step::CatalogStep;
use crate::core::{BoxFuture, Digest};
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::gitlab::{Catalog, Shown};
use crate::forge::transaction::Refused;
use crate::manifest::Destination;
use crate::publish::{ApprovedArtifact, Cx, Depth, Inquiry, PlaceError, Preflight, Reading, Step, Target};

/// How versions are read back (`observed_by`).
pub(super) const READ_BY: &str = "gitlab-graphql";

/// The catalog of one project.
pub struct CatalogTarget {
    name: String,
    catalog: Arc<Catalog>,
}

impl CatalogTarget {
    /// Named as the plan names it.
    pub fn new(name: impl Into<String>, catalog: Arc<Catalog>) -> Self {
        Self { name: name.into(), catalog }
    }

    fn step(&self, destination: &Destination) -> Result<CatalogStep, ForgeError> {
        let source = |text: String| ForgeError::new(ForgeErrorKind::Source, text).hint("run perform and review again");
        if destination.kind != KIND {
            return Err(source(format!("{} is of kind {}, which the CI/CD catalog does not know", destination.name, destination.kind)));
        }
        let settings = CatalogSettings::of(destination)?;
        let (digest, _) = settings.digest(&destination.tag);
        if destination.digest != digest.as_str() {
            return Err(source(format!("{} is meant to hold {}, and what it says has {digest}", destination.name, destination.digest)));
        }
        Ok(CatalogStep::new(Arc::clone(&self.catalog), settings, &destination.tag, &destination.name))
    }

    async fn reading(&self, cx: &Cx, destination: &Destination) -> Result<Reading, ForgeError> {
        let settings = CatalogSettings::of(destination)?;
        Ok(match self.catalog.look(&destination.tag, &cx.cancel).await? {
            Shown::Version(names) if names == settings.names() => {
                Reading { digest: Some(settings.digest(&destination.tag).0), ..Reading::default() }
            }
            Shown::Version(names) => Reading {
                digest: Some(Digest::of(names.join("\n").as_bytes())),
                version: Some(format!("with components {}", super::step::listed(&names))),
                ..Reading::default()
            },
            Shown::Nothing => Reading::default(),
            Shown::Hidden(why) => Reading { hidden: Some(why), ..Reading::default() },
        })
    }
}

impl Target for CatalogTarget {
    fn name(&self) -> &str {
        &self.name
    }

    fn preflight<'a>(&'a self, cx: &'a Cx, _: Inquiry) -> BoxFuture<'a, Preflight> {
        Box::pin(self.catalog.preflight(&cx.cancel))
    }

    fn bind(&self, _: &ApprovedArtifact) -> Vec<Box<dyn Step>> {
        // No artifact goes there.
        Vec::new()
    }

    fn bind_all(&self, _: &[ApprovedArtifact], own: &[Destination]) -> Vec<Box<dyn Step>> {
        let step = |destination: &Destination| -> Box<dyn Step> {
            match self.step(destination) {
                Ok(step) => Box::new(step),
                Err(error) => Box::new(Refused::new(&destination.name, error)),
            }
        };
        own.iter().map(step).collect()
    }

    fn read<'a>(&'a self, cx: &'a Cx, destination: &'a Destination, _: Depth) -> BoxFuture<'a, Result<Reading, PlaceError>> {
        Box::pin(async move { Ok(self.reading(cx, destination).await?) })
    }

    fn fetch<'a>(&'a self, _: &'a Cx, destination: &'a Destination, _: &'a Digest, _: &'a Path) -> BoxFuture<'a, Result<(), PlaceError>> {
        Box::pin(async move {
            let text = format!("{} holds descriptions of components, and no image", destination.name);
            Err(ForgeError::new(ForgeErrorKind::Rejected, text).into())
        })
    }
}
