//! `stagefreight diff A B`: in what two images differ: platforms, config, layers. Ends with 1 when they do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::cli::session::Session;
use crate::core::oci::{Descriptor, Manifest, ManifestKind};
use crate::core::{ByteSize, Digest, Reference};
use crate::error::{Error, Result};
use crate::registry::{Client, Registries, find};
use crate::report::counted;

/// The most a config may weigh.
const MAX_CONFIG: u64 = 8 * 1024 * 1024;

/// What to compare.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// An image (HOST/PATH:TAG, HOST/PATH@DIGEST)
    #[arg(value_name = "A")]
    pub one: String,
    /// Another
    #[arg(value_name = "B")]
    pub other: String,
}

/// In what two images differ.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct ImageDiff {
    /// Digests of both.
    #[schemars(with = "[String; 2]")]
    digests: [Digest; 2],
    /// They are the same.
    equal: bool,
    /// Every difference.
    differences: Vec<ImageDifference>,
}

/// One difference.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct ImageDifference {
    /// `linux/amd64`, or `image` where it concerns all.
    platform: String,
    /// `platforms`, `layers`, `annotations`, or a path in the config: `config.Env.PATH`.
    what: String,
    /// What A has.
    one: Option<String>,
    /// What B has.
    other: Option<String>,
}

struct Side {
    client: Arc<Client>,
    path: String,
    digest: Digest,
    manifest: Manifest,
}

/// Runs it.
pub fn run(session: &Session, args: &DiffArgs) -> Result<()> {
    let diff = session.block_on(diff(session, args))?;
    session.print(&diff, screen)?;
    if diff.equal {
        return Ok(());
    }
    let count = diff.differences.len().max(1);
    Err(Error::failed(format!("{} and {} differ in {}", args.one, args.other, counted(count, "place"))))
}

fn screen(diff: &ImageDiff) -> String {
    if diff.equal {
        return format!("equal  {}\n", diff.digests[0]);
    }
    let mut text = format!("- {}\n+ {}\n", diff.digests[0], diff.digests[1]);
    for difference in &diff.differences {
        text.push_str(&format!("{}  {}\n", difference.platform, difference.what));
        for (mark, value) in [("-", &difference.one), ("+", &difference.other)] {
            if let Some(value) = value {
                text.push_str(&format!("  {mark} {value}\n"));
            }
        }
    }
    text
}

async fn diff(session: &Session, args: &DiffArgs) -> Result<ImageDiff> {
    let registries = Registries::new(&session.world, session.events.clone())?;
    let parse = |text: &String| text.parse::<Reference>().map_err(|error| Error::usage(format!("`{text}`: {error}")));
    let (one, other) = (parse(&args.one)?, parse(&args.other)?);
    let one = side(session, &registries, &one).await?;
    let other = side(session, &registries, &other).await?;
    let digests = [one.digest.clone(), other.digest.clone()];
    let mut differences = Vec::new();
    if one.digest != other.digest {
        compare(session, one, other, &mut differences).await?;
    }
    Ok(ImageDiff { equal: digests[0] == digests[1], digests, differences })
}

async fn side(session: &Session, registries: &Registries, reference: &Reference) -> Result<Side> {
    let client = registries.client(&reference.repository.host)?;
    let path = reference.repository.path.clone();
    let found = find(&client, &path, &reference.selector(), &session.cancel).await?;
    Ok(Side { client, path, digest: found.digest, manifest: found.manifest })
}

async fn compare(session: &Session, one: Side, other: Side, into: &mut Vec<ImageDifference>) -> Result<()> {
    let (ours, theirs) = (images(&one), images(&other));
    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    for name in names {
        match (ours.get(name), theirs.get(name)) {
            (Some(a), Some(b)) if a == b => {}
            (Some(a), Some(b)) => {
                let (a, b) = (image(session, &one, a).await?, image(session, &other, b).await?);
                images_differ(name, &a, &b, into);
            }
            (a, b) => into.push(ImageDifference {
                platform: name.clone(),
                what: "platforms".to_owned(),
                one: a.map(ToString::to_string),
                other: b.map(ToString::to_string),
            }),
        }
    }
    values_differ("image", "annotations", of_map(&one.manifest.annotations), of_map(&other.manifest.annotations), into);
    Ok(())
}

/// Digests of the images by platform; an image that is no index stands under `image`.
fn images(side: &Side) -> BTreeMap<String, Digest> {
    if side.manifest.kind == ManifestKind::Image {
        return BTreeMap::from([("image".to_owned(), side.digest.clone())]);
    }
    let mut unnamed = 0;
    let named = side.manifest.manifests.iter().map(|child| {
        let platform = child.platform.as_ref().and_then(crate::core::oci::DescriptorPlatform::platform);
        let name = platform.map_or_else(
            || {
                unnamed += 1;
                format!("attestation {unnamed}")
            },
            |platform| platform.to_string(),
        );
        (name, child.digest.clone())
    });
    named.collect()
}

struct ReadImage {
    manifest: Manifest,
    config: Value,
}

async fn image(session: &Session, side: &Side, digest: &Digest) -> Result<ReadImage> {
    let manifest = if *digest == side.digest {
        side.manifest.clone()
    } else {
        find(&side.client, &side.path, digest.as_str(), &session.cancel).await?.manifest
    };
    let config = match &manifest.config {
        Some(config) => {
            let bytes = side.client.get_small_blob(&side.path, config, MAX_CONFIG, &session.cancel).await?;
            serde_json::from_slice(&bytes).unwrap_or(Value::Null)
        }
        None => Value::Null,
    };
    Ok(ReadImage { manifest, config })
}

fn images_differ(platform: &str, a: &ReadImage, b: &ReadImage, into: &mut Vec<ImageDifference>) {
    let (mut ours, mut theirs) = (BTreeMap::new(), BTreeMap::new());
    flatten("", &a.config, &mut ours);
    flatten("", &b.config, &mut theirs);
    for name in ours.keys().chain(theirs.keys()).collect::<BTreeSet<_>>() {
        values_differ(platform, name, ours.get(name).cloned(), theirs.get(name).cloned(), into);
    }
    let layer = |layer: &Descriptor| format!("{}  {}  {}", layer.digest, ByteSize(layer.size), layer.media_type);
    for at in 0..a.manifest.layers.len().max(b.manifest.layers.len()) {
        let (one, other) = (a.manifest.layers.get(at).map(layer), b.manifest.layers.get(at).map(layer));
        values_differ(platform, &format!("layers[{at}]"), one, other, into);
    }
    values_differ(platform, "annotations", of_map(&a.manifest.annotations), of_map(&b.manifest.annotations), into);
}

fn values_differ(platform: &str, what: &str, one: Option<String>, other: Option<String>, into: &mut Vec<ImageDifference>) {
    if one != other {
        into.push(ImageDifference { platform: platform.to_owned(), what: what.to_owned(), one, other });
    }
}

/// A config as paths and values. Variables are told apart by their names; history and diff ids repeat what the layers say.
fn flatten(path: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    let clean = |text: &str| text.chars().filter(|c| !c.is_control()).take(500).collect::<String>();
    match value {
        Value::Object(map) => {
            for (name, value) in map.iter().filter(|(name, _)| !(path.is_empty() && matches!(name.as_str(), "history" | "rootfs"))) {
                let path = if path.is_empty() { clean(name) } else { format!("{path}.{}", clean(name)) };
                flatten(&path, value, into);
            }
        }
        Value::Array(list) if path.ends_with(".Env") => {
            for entry in list.iter().filter_map(Value::as_str) {
                let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
                into.insert(format!("{path}.{}", clean(name)), clean(value));
            }
        }
        Value::Null => {}
        Value::String(text) => {
            into.insert(path.to_owned(), clean(text));
        }
        other => {
            into.insert(path.to_owned(), clean(&other.to_string()));
        }
    }
}

fn of_map(map: &BTreeMap<String, String>) -> Option<String> {
    (!map.is_empty()).then(|| map.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", "))
}
