//! The step that gives bytes a name, and the policy of names.

use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::core::{BoxFuture, Digest, Version};
use crate::manifest::Destination;
use crate::publish::{Cx, Observation, PlaceError, PlaceErrorKind, Placed, Stage, Step, StepName, Verified, VerifyError};
use crate::registry::about::About;
use crate::registry::client::Access;
use crate::registry::error::{RegistryError, RegistryErrorKind};
use crate::store::Layout;

/// How destinations here are read back (`observed_by`).
pub(super) const READ_BY: &str = "registry-api";

/// A tag is written at most this often when each time the answer is lost and the tag turns out unchanged.
const MAX_WRITES: u64 = 3;

/// Tags whose policy lets them move are placed after those that stand for ever.
pub(super) fn moves(destination: &Destination) -> bool {
    matches!(destination.policy.as_str(), "forward" | "any")
}

pub(super) fn step_name(destination: &Destination) -> StepName {
    StepName(format!("tag:{}", destination.name))
}

pub(super) struct TagStep {
    shared: Shared,
    destination: Destination,
    name: StepName,
    needs: Vec<StepName>,
}

impl TagStep {
    pub(super) fn new(shared: Shared, destination: Destination, needs: Vec<StepName>) -> Self {
        Self { name: step_name(&destination), shared, destination, needs }
    }

    async fn observed(&self, cancel: &CancellationToken) -> Result<Observation, RegistryError> {
        let Shared { client, path, artifact, .. } = &self.shared;
        let tag = &self.destination.tag;
        let Some(held) = client.head_manifest(path, tag, Access::Push, cancel).await? else { return Ok(Observation::Absent) };
        if held == artifact.digest {
            return Ok(Observation::Complete { digest: Some(held) });
        }
        let about = match client.get_manifest(path, tag, Access::Push, cancel).await? {
            Some(found) => About::fetch(client, path, &found, cancel).await,
            None => return Ok(Observation::Absent),
        };
        // Something else is there whatever it tells of itself; what cannot be read tells nothing.
        let about = match about {
            Ok(about) => about,
            Err(error) if matches!(error.kind, RegistryErrorKind::Unavailable | RegistryErrorKind::Cancelled) => return Err(error),
            Err(_) => About::default(),
        };
        let (may_move, why) = may_move(&self.destination.policy, &artifact.version, about.version.as_deref());
        if self.destination.policy == "forward" && is_newer(about.version.as_deref(), &artifact.version) {
            return Ok(Observation::Superseded { found: held.to_string(), why });
        }
        Ok(Observation::Diverged { found: held.to_string(), about: about.describe(), may_move, why })
    }

    async fn placed(&self, cx: &Cx, found: &Observation) -> Result<Placed, RegistryError> {
        let Shared { client, path, artifact, .. } = &self.shared;
        let tag = &self.destination.tag;
        let before = match found {
            Observation::Diverged { found, .. } | Observation::Superseded { found, .. } => Some(found.clone()),
            _ => None,
        };
        let (layout, digest) = (artifact.layout.clone(), artifact.digest.clone());
        let read = tokio::task::spawn_blocking(move || Layout::open(&layout)?.read_manifest(&digest));
        let interrupted = |_| RegistryError::new(RegistryErrorKind::Source, "reading the layout was interrupted");
        let manifest = read.await.map_err(interrupted)??;
        let mut writes = 0;
        loop {
            writes += 1;
            let failure = match client.put_manifest(path, tag, &manifest, &artifact.digest, &cx.cancel).await {
                Ok(_) => break,
                Err(error) if error.kind == RegistryErrorKind::Ambiguous => error,
                Err(error) => return Err(error),
            };
            // Only while the tag still is what it was is writing it again the same decision.
            let now = client.head_manifest(path, tag, Access::Push, &cx.cancel).await?;
            if now.as_ref() == Some(&artifact.digest) {
                break;
            }
            if now.as_ref().map(Digest::to_string) != before || writes == MAX_WRITES {
                return Err(failure);
            }
        }
        let sent = manifest.raw.len() as u64;
        Ok(Placed { digest: Some(artifact.digest.clone()), sent, reused: 0, writes, moved_from: before })
    }

    fn conflict(&self, found: &str, why: &str) -> PlaceError {
        let name = &self.destination.name;
        PlaceError {
            kind: PlaceErrorKind::Conflict,
            message: format!("{name} holds {found}; {why}"),
            hint: Some(format!("release a new version, or record a replacement: --replace {name} --reason \"…\"")),
        }
    }
}

impl Step for TagStep {
    fn name(&self) -> &StepName {
        &self.name
    }

    fn stage(&self) -> Stage {
        if moves(&self.destination) { Stage::Moving } else { Stage::Names }
    }

    fn needs(&self) -> &[StepName] {
        &self.needs
    }

    fn destination(&self) -> Option<&str> {
        Some(&self.destination.name)
    }

    fn observe<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Observation> {
        Box::pin(async move { self.observed(&cx.cancel).await.unwrap_or_else(|error| Observation::Unknown(error.into())) })
    }

    fn place<'a>(&'a self, cx: &'a Cx, found: &'a Observation) -> BoxFuture<'a, Result<Placed, PlaceError>> {
        Box::pin(async move {
            if let Observation::Diverged { found, may_move: false, why, .. } | Observation::Superseded { found, why } = found
                && !cx.replacements.contains_key(&self.destination.name)
            {
                return Err(self.conflict(found, why));
            }
            Ok(self.placed(cx, found).await?)
        })
    }

    fn verify<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Verified, VerifyError>> {
        let Shared { client, path, artifact, .. } = &self.shared;
        Box::pin(async move {
            let expected = artifact.digest.to_string();
            // A GET, hashed: what those who pull will get, not only what the registry says it is.
            match client.get_manifest(path, &self.destination.tag, Access::Push, &cx.cancel).await {
                Ok(Some(found)) if found.digest == artifact.digest => Ok(Verified { digest: Some(found.digest), by: READ_BY.to_owned() }),
                Ok(Some(found)) => Err(VerifyError::Mismatch { expected, found: found.digest.to_string() }),
                Ok(None) => Err(VerifyError::Mismatch { expected, found: "nothing".to_owned() }),
                Err(error) => Err(VerifyError::Unreadable(error.into())),
            }
        })
    }
}

/// May a tag that holds something else be moved to our bytes, and why?
///
/// `forward` compares the version labels. An image without one is not ours to judge: it is left alone until somebody
/// says so with `--replace`, because moving `latest` backwards by mistake is worse than asking once.
fn may_move(policy: &str, ours: &str, theirs: Option<&str>) -> (bool, String) {
    match policy {
        "any" => (true, "the tag moves to whatever was built last".to_owned()),
        "forward" => {
            let Some(theirs) = theirs else {
                return (false, "the image there does not tell its version, so it is not known whether ours is newer".to_owned());
            };
            match (ours.parse::<Version>(), theirs.parse::<Version>()) {
                (Ok(our), Ok(their)) if our >= their => (true, format!("forward from {their} to {our}")),
                (Ok(our), Ok(their)) => (false, format!("it holds {their}, and the tag never moves back to {our}")),
                _ => (false, format!("versions `{theirs}` and `{ours}` cannot be compared")),
            }
        }
        _ => (false, "the tag is immutable".to_owned()),
    }
}

fn is_newer(theirs: Option<&str>, ours: &str) -> bool {
    matches!((theirs.map(str::parse::<Version>), ours.parse::<Version>()), (Some(Ok(theirs)), Ok(ours)) if theirs > ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_move_as_their_policy_says() {
        for (policy, ours, theirs, expected) in [
            ("immutable", "1.0.0", Some("1.0.0"), false),
            ("immutable", "2.0.0", None, false),
            ("forward", "1.4.0", Some("1.3.9"), true),
            ("forward", "1.4.0", Some("v1.4.0"), true),
            ("forward", "1.4.0", Some("1.4.0-rc.1"), true),
            ("forward", "1.4.0-rc.1", Some("1.4.0"), false),
            ("forward", "1.3.9", Some("1.4.0"), false),
            ("forward", "1.4.0", None, false),
            ("forward", "1.4.0", Some("bookworm"), false),
            ("forward", "main-abc", Some("1.0.0"), false),
            ("any", "0.0.1", Some("9.9.9"), true),
            ("any", "x", None, true),
            ("unheard-of", "2.0.0", Some("1.0.0"), false),
        ] {
            assert_eq!(may_move(policy, ours, theirs).0, expected, "{policy} {ours} over {theirs:?}");
        }
    }
}
