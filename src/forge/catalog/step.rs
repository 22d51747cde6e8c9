//! The step that makes the version.

use std::sync::Arc;
use std::time::Duration;

use super::settings::CatalogSettings;
use super::target::READ_BY;
use crate::core::{BoxFuture, Digest};
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::gitlab::{Catalog, Published, Shown};
use crate::publish::{Cx, Observation, PlaceError, Placed, Stage, Step, StepName, Verified, VerifyError};

/// How often a release that was made a moment ago, or a version, is looked for.
const LOOKS: u32 = 4;

/// How a version is confirmed that cannot be read back: GitLab answered that it made it, or had made it.
const ANSWERED: &str = "gitlab-answer";

pub(super) struct CatalogStep {
    catalog: Arc<Catalog>,
    settings: CatalogSettings,
    digest: Digest,
    size: u64,
    tag: String,
    destination: String,
    name: StepName,
}

impl CatalogStep {
    pub(super) fn new(catalog: Arc<Catalog>, settings: CatalogSettings, tag: &str, destination: &str) -> Self {
        let (digest, size) = settings.digest(tag);
        // Other components under the same tag are another step: what is remembered of these says nothing of them.
        let name = StepName(format!("catalog:{destination}@{}", digest.short()));
        Self { catalog, settings, digest, size, tag: tag.to_owned(), destination: destination.to_owned(), name }
    }

    async fn observed(&self, cx: &Cx) -> Result<Observation, ForgeError> {
        let complete = || Observation::Complete { digest: Some(self.digest.clone()) };
        Ok(match self.catalog.look(&self.tag, &cx.cancel).await? {
            Shown::Version(names) if names == self.settings.names() => complete(),
            Shown::Version(names) => Observation::Diverged {
                found: format!("components {}", listed(&names)),
                about: None,
                may_move: false,
                why: "a version in the catalog is never replaced".to_owned(),
                unjudged: false,
            },
            Shown::Nothing => Observation::Absent,
            // We cannot look, and an earlier run was told that it is there.
            Shown::Hidden(_) if cx.completed.contains(&self.name.0) => complete(),
            // Making it twice does no harm, and its answer tells.
            Shown::Hidden(why) => Observation::Partial { missing: format!("whether it is there is told when it is published ({why})") },
        })
    }

    async fn placed(&self, cx: &Cx) -> Result<Placed, ForgeError> {
        let document = self.settings.document(&self.tag);
        let mut looks = 0;
        let published = loop {
            looks += 1;
            match self.catalog.publish(&self.tag, &document, &cx.cancel).await {
                // The release may have been made a moment ago, and be seen by another server of the instance already.
                Err(error) if error.kind == ForgeErrorKind::NotFound && again(looks, cx).await => {}
                outcome => break outcome?,
            }
        };
        if published == Published::Before
            && let Shown::Version(names) = self.catalog.look(&self.tag, &cx.cancel).await?
            && names != self.settings.names()
        {
            let text = format!(
                "{} holds components {}, and {} were to be there",
                self.destination,
                listed(&names),
                listed(&self.settings.names())
            );
            return Err(
                ForgeError::new(ForgeErrorKind::Conflict, text).hint("a version in the catalog is never replaced: release another version")
            );
        }
        let writes = u64::from(published == Published::Now);
        Ok(Placed { digest: Some(self.digest.clone()), sent: self.size * writes, writes, ..Placed::default() })
    }

    async fn verified(&self, cx: &Cx) -> Result<Verified, VerifyError> {
        let expected = || format!("components {}", listed(&self.settings.names()));
        let by = |by: &str| Ok(Verified { digest: Some(self.digest.clone()), by: by.to_owned() });
        let mut looks = 0;
        loop {
            looks += 1;
            match self.catalog.look(&self.tag, &cx.cancel).await {
                Ok(Shown::Version(names)) if names == self.settings.names() => return by(READ_BY),
                Ok(Shown::Version(names)) => {
                    return Err(VerifyError::Mismatch { expected: expected(), found: format!("components {}", listed(&names)) });
                }
                Ok(Shown::Hidden(_)) => return by(ANSWERED),
                Ok(Shown::Nothing) if again(looks, cx).await => {}
                Ok(Shown::Nothing) => return Err(VerifyError::Mismatch { expected: expected(), found: "nothing".to_owned() }),
                Err(error) => return Err(VerifyError::Unreadable(error.into())),
            }
        }
    }
}

/// Waits before something is asked again; false when it was asked often enough.
async fn again(looks: u32, cx: &Cx) -> bool {
    if looks >= LOOKS {
        return false;
    }
    tokio::select! {
        () = tokio::time::sleep(Duration::from_millis(100 << looks)) => true,
        () = cx.cancel.cancelled() => false,
    }
}

/// Some of the names.
pub(super) fn listed(names: &[String]) -> String {
    let some: Vec<&str> = names.iter().take(10).map(String::as_str).collect();
    match names.len() - some.len() {
        0 if some.is_empty() => "of no name".to_owned(),
        0 => some.join(", "),
        more => format!("{} and {more} more", some.join(", ")),
    }
}

impl Step for CatalogStep {
    fn name(&self) -> &StepName {
        &self.name
    }

    fn stage(&self) -> Stage {
        // It cannot be taken back, and needs a visible release: last.
        Stage::Moving
    }

    fn needs(&self) -> &[StepName] {
        &[]
    }

    fn destination(&self) -> Option<&str> {
        Some(&self.destination)
    }

    fn observe<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Observation> {
        Box::pin(async move { self.observed(cx).await.unwrap_or_else(|error| Observation::Unknown(error.into())) })
    }

    fn place<'a>(&'a self, cx: &'a Cx, _: &'a Observation) -> BoxFuture<'a, Result<Placed, PlaceError>> {
        Box::pin(async move { Ok(self.placed(cx).await?) })
    }

    fn verify<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Verified, VerifyError>> {
        Box::pin(self.verified(cx))
    }
}
