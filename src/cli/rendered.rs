//! What destinations get of an artifact: made out when perform writes them down, made out again and compared when review
//! approves them and when publish needs the bytes. Nothing of it is kept between jobs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::core::{Digest, Rendition};
use crate::error::{Error, Kind, Result};
use crate::fs::Scratch;
use crate::manifest::{Derived, Destination};
use crate::names;
use crate::store::{Attestation, Closure, ContentStore, Derivation, Layout, derive};

/// What a destination of a rendition must hold of an artifact, as `destinations.json` records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Digest of its root.
    pub digest: String,
    /// Bytes of everything.
    pub size: u64,
    /// How it comes from the artifact, where it is not the artifact as it was built.
    pub derived: Option<Derived>,
}

impl Rendered {
    /// Of an artifact's closure.
    pub fn of(image: &Closure, rendition: &Rendition) -> Result<Self> {
        let from = &image.root.digest;
        let derivation =
            derive(image, rendition).map_err(|error| Error::from(error).context(format!("{} as {rendition}", from.short())))?;
        let Some(derivation) = derivation else {
            return Ok(Self { digest: from.to_string(), size: image.size, derived: None });
        };
        Ok(Self {
            digest: derivation.root.digest().to_string(),
            size: derivation.size,
            derived: Some(described(from, rendition, &derivation)),
        })
    }
}

fn described(from: &Digest, rendition: &Rendition, derivation: &Derivation) -> Derived {
    let mut derived =
        Derived { from: from.to_string(), rendition: rendition.clone(), referrers: Vec::new(), attestation_tags: BTreeMap::new() };
    for Attestation { manifest, tag } in &derivation.attestations {
        match tag {
            Some(tag) => {
                let statements = manifest.layers.iter().map(|layer| layer.digest.to_string()).collect();
                derived.attestation_tags.insert(tag.clone(), statements);
            }
            None => derived.referrers.push(manifest.digest().to_string()),
        }
    }
    derived
}

/// Refuses a destination that does not say what its artifact's bytes come to.
pub fn check(destination: &Destination, image: &Closure) -> Result<()> {
    let rendition = destination.derived.as_ref().map(|derived| derived.rendition.clone()).unwrap_or_default();
    let rendered = Rendered::of(image, &rendition)?;
    if rendered.digest == destination.digest && rendered.derived == destination.derived {
        return Ok(());
    }
    let Destination { name, artifact, digest, .. } = destination;
    let text = if rendered.digest == *digest {
        format!("what is recorded to go with {name} does not follow from the bytes of {artifact}")
    } else {
        format!("{name} is meant to hold {digest}, and {artifact} comes to {} there", rendered.digest)
    };
    Err(Error::new(Kind::Refused, text)
        .hint(format!("run perform and review again; {} must not be edited, nor written by another version", names::path::DESTINATIONS)))
}

/// Bytes at hand, and what belongs to them.
#[derive(Debug, Clone)]
pub struct AtHand {
    /// Digest of the root.
    pub digest: Digest,
    /// Layout it lies in.
    pub layout: PathBuf,
    /// Attestations that refer to its images, in the same layout.
    pub referrers: Vec<Digest>,
    /// Attestations for tags, in the same layout.
    pub attestation_tags: Vec<(String, Digest)>,
}

/// The bytes of destinations, found in the store or derived from what lies there. What was derived lies in a directory
/// that goes with this value.
#[derive(Debug)]
pub struct Workshop {
    store: ContentStore,
    scratch: PathBuf,
    made: Vec<(Digest, Rendition, AtHand)>,
    directory: Option<Scratch>,
}

impl Workshop {
    /// Over a store; `scratch` is where a directory may be made for layouts that link to it.
    pub fn new(store: ContentStore, scratch: PathBuf) -> Self {
        Self { store, scratch, made: Vec::new(), directory: None }
    }

    /// The bytes a destination must hold, checked against what was approved.
    pub fn bytes_for(&mut self, destination: &Destination) -> Result<AtHand> {
        let text = destination.derived.as_ref().map_or(&destination.digest, |derived| &derived.from);
        let artifact: Digest = text.parse().map_err(|error| Error::failed(format!("{}: {error}", names::path::DESTINATIONS)))?;
        let rendition = destination.derived.as_ref().map(|derived| derived.rendition.clone()).unwrap_or_default();
        if let Some((_, _, known)) = self.made.iter().find(|(from, how, _)| (from, how) == (&artifact, &rendition)) {
            return Ok(known.clone());
        }
        let at_hand = self.make(&artifact, &rendition, destination)?;
        self.made.push((artifact, rendition, at_hand.clone()));
        Ok(at_hand)
    }

    fn make(&mut self, artifact: &Digest, rendition: &Rendition, destination: &Destination) -> Result<AtHand> {
        let (layout, closure) = self.store.resolve_unhashed(artifact).map_err(|error| {
            let hint = "pass the store of the job that built them, or run perform again";
            Error::from(error).context(format!("the bytes of {} are not whole", destination.artifact)).hint(hint)
        })?;
        check(destination, &closure)?;
        let Some(derivation) = derive(&closure, rendition)? else {
            let layout = layout.path().to_owned();
            return Ok(AtHand { digest: artifact.clone(), layout, referrers: Vec::new(), attestation_tags: Vec::new() });
        };
        let digest = derivation.root.digest();
        let layout = self.write(&derivation, &layout)?;
        let mut at_hand = AtHand { digest, layout, referrers: Vec::new(), attestation_tags: Vec::new() };
        for Attestation { manifest, tag } in derivation.attestations {
            match tag {
                Some(tag) => at_hand.attestation_tags.push((tag, manifest.digest())),
                None => at_hand.referrers.push(manifest.digest()),
            }
        }
        Ok(at_hand)
    }

    fn write(&mut self, derivation: &Derivation, image: &Layout) -> Result<PathBuf> {
        let directory = match self.directory.take() {
            Some(directory) => directory,
            None => Scratch::below(&self.scratch, "publish")?,
        };
        let path = directory.path().join(self.made.len().to_string());
        self.directory = Some(directory);
        Ok(derivation.write(image, &path)?.path().to_owned())
    }
}
