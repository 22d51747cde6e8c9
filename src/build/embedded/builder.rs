//! The builder: reads the inputs, gets base images, evaluates each platform, writes the layout.

use std::collections::BTreeMap;
use std::path::{Component, Path};
use std::sync::Arc;
use std::thread::available_parallelism;

use serde_json::json;

use super::base::Base;
use super::context;
use super::dockerfile::{Dockerfile, MAX_DOCKERFILE, is_standard};
use super::evaluate::{Bases, Build};
use super::ignore::Ignore;
use super::pack::Codec;
use super::stage::{Origin, Stage};
use crate::build::merge::{Entry, index_bytes};
use crate::build::solve::Work;
use crate::build::{BaseImages, BuildCx, Builder, Built};
use crate::core::oci::{Descriptor, media_type};
use crate::core::{BoxFuture, Platform, Timestamp};
use crate::error::{Error, Result};
use crate::fs;
use crate::manifest::build_args_digest;
use crate::plan::BuildStep;
use crate::store::LayoutWriter;

/// Builds Dockerfiles without `RUN`, without a daemon.
#[derive(Clone, Default)]
pub struct Embedded {
    bases: Vec<Arc<dyn BaseImages>>,
    threads: Option<usize>,
}

impl Embedded {
    /// A builder that asks for base images in this order.
    pub fn new(bases: Vec<Arc<dyn BaseImages>>) -> Self {
        Self { bases, threads: None }
    }

    /// Compresses on this many threads instead of one for each core. The image is the same.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    async fn build(&self, cx: &BuildCx, step: &BuildStep) -> Result<Built> {
        let inputs = Inputs::read(cx, step)?;
        let platforms = step.platforms.iter().map(|text| text.parse::<Platform>()).collect::<Result<Vec<_>, _>>();
        let platforms = platforms.map_err(|e| Error::usage(format!("build {}", step.id)).because(&e))?;
        if platforms.is_empty() {
            return Err(Error::usage(format!("build {} has no platform", step.id)));
        }
        let bases = self.fetch(cx, step, &inputs, &platforms).await?;
        let mut resolved: Vec<(String, String)> =
            bases.iter().map(|((image, _), base)| (image.clone(), base.resolved.to_string())).collect();
        resolved.sort();
        resolved.dedup();
        let threads = self.threads.unwrap_or_else(|| available_parallelism().map_or(2, usize::from));
        let (own_cx, own_step) = (cx.clone(), step.clone());
        let worker = tokio::task::spawn_blocking(move || write(&own_cx, &own_step, &inputs, &platforms, &bases, threads));
        let root = worker.await.map_err(|e| Error::failed("the embedded builder failed").because(&e))??;
        Ok(Built {
            digest: root.digest,
            layout: cx.scratch.join(LAYOUT),
            build_args_digest: build_args_digest(&step.args),
            bases: resolved,
            work: Work::default(),
        })
    }

    async fn fetch(&self, cx: &BuildCx, step: &BuildStep, inputs: &Inputs, platforms: &[Platform]) -> Result<Bases> {
        let mut bases = Bases::new();
        for platform in platforms {
            let wanted = inputs.build(cx, step, 1).wanted(platform)?;
            for want in wanted {
                let key = (want.image.clone(), want.platform.clone());
                if bases.contains_key(&key) {
                    continue;
                }
                let at = format!("{}:{}", step.dockerfile, want.line);
                let platform: Platform = want.platform.parse().map_err(|e| Error::failed(at.clone()).because(&e))?;
                let found = Base::find(&self.bases, &want.image, &platform, &cx.workspace, &cx.scratch, &cx.cancel).await;
                bases.insert(key, Arc::new(found.map_err(|e| e.context(at))?));
            }
        }
        Ok(bases)
    }
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Embedded({} sources of base images)", self.bases.len())
    }
}

impl Builder for Embedded {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn build<'a>(&'a self, cx: &'a BuildCx, step: &'a BuildStep) -> BoxFuture<'a, Result<Built>> {
        Box::pin(self.build(cx, step))
    }
}

/// The layout's directory below the build's scratch.
const LAYOUT: &str = "layout";

#[derive(Debug)]
struct Inputs {
    dockerfile: Dockerfile,
    target: usize,
    ignore: Ignore,
    codec: Codec,
}

impl Inputs {
    fn read(cx: &BuildCx, step: &BuildStep) -> Result<Self> {
        let path = cx.workspace.join(inside(&step.dockerfile, "Dockerfile")?);
        let context = cx.workspace.join(inside(&step.context, "build context")?);
        let bytes = fs::read_bounded(&path, MAX_DOCKERFILE).map_err(|e| {
            let hint = format!("set builds.{}.dockerfile to the Dockerfile's path", step.id);
            Error::from(e).hint(hint)
        })?;
        let text = String::from_utf8(bytes).map_err(|_| Error::failed(format!("{} is not UTF-8 text", step.dockerfile)))?;
        let dockerfile = Dockerfile::parse(&text).map_err(|e| Error::failed(format!("{}:{}: {e}", step.dockerfile, e.line)))?;
        if let Some(syntax) = dockerfile.syntax.as_ref().filter(|syntax| !is_standard(syntax)) {
            return Err(Error::usage(format!("{}:1: it selects another frontend, {syntax}", step.dockerfile)).hint(super::GET_BUILDKIT));
        }
        let target = dockerfile.target(step.target.as_deref()).ok_or_else(|| {
            let names: Vec<&str> = dockerfile.stages.iter().filter_map(|stage| stage.name.as_deref()).collect();
            let has = if names.is_empty() { "its stages have no names".to_owned() } else { format!("it has {}", names.join(", ")) };
            Error::usage(format!("{} has no stage `{}`", step.dockerfile, step.target.clone().unwrap_or_default())).hint(has)
        })?;
        if !fs::exists(&context) {
            return Err(Error::missing(format!("the build context {} is not there", step.context))
                .hint(format!("set builds.{}.context to a directory of the repository", step.id)));
        }
        let codec = match step.compression.as_str() {
            "" | "gzip" => Codec::Gzip,
            "zstd" => Codec::Zstd,
            other => return Err(Error::usage(format!("`{other}` is not a layer compression")).hint("gzip or zstd")),
        };
        // Where built files were added to the context the rules were heeded, and must not hide what was added.
        let ignore = if step.stage.is_empty() { context::ignore_file(&path, &context)? } else { Ignore::default() };
        Ok(Self { dockerfile, target, ignore, codec })
    }

    fn build<'a>(&'a self, cx: &'a BuildCx, step: &'a BuildStep, threads: usize) -> Build<'a> {
        Build::new(cx, step, &self.dockerfile, self.target, &self.ignore, self.codec, threads)
    }
}

/// Images a build starts from or copies from, as its Dockerfile names them with arguments filled in, without
/// duplicates. Reads the Dockerfile and fetches nothing, so it also answers for Dockerfiles that only BuildKit builds.
pub fn named_bases(cx: &BuildCx, step: &BuildStep) -> Result<Vec<String>> {
    let inputs = Inputs::read(cx, step)?;
    let mut images = std::collections::BTreeSet::new();
    for text in &step.platforms {
        let platform: Platform = text.parse().map_err(|e| Error::usage(format!("build {}", step.id)).because(&e))?;
        images.extend(inputs.build(cx, step, 1).wanted(&platform)?.into_iter().map(|want| want.image));
    }
    Ok(images.into_iter().collect())
}

// A path of the plan, below the workspace.
fn inside<'a>(text: &'a str, what: &str) -> Result<&'a Path> {
    let path = Path::new(text);
    let leaves = path.components().any(|c| !matches!(c, Component::Normal(_) | Component::CurDir));
    if leaves {
        return Err(
            Error::usage(format!("{what} `{text}` is outside the repository")).hint("use a path relative to the repository, without `..`")
        );
    }
    Ok(path)
}

fn write(cx: &BuildCx, step: &BuildStep, inputs: &Inputs, platforms: &[Platform], bases: &Bases, threads: usize) -> Result<Descriptor> {
    let layout = LayoutWriter::create(&cx.scratch.join(LAYOUT))?;
    let mut build = inputs.build(cx, step, threads);
    let mut images = Vec::new();
    for platform in platforms {
        let stage = build.run(platform, bases)?;
        let mut image = put_image(&layout, step, stage)?;
        image.platform = Some(platform.into());
        images.push(image);
    }
    let root = match images.as_mut_slice() {
        [only] => {
            // Alone it is the whole image; its config says the platform.
            only.platform = None;
            only.clone()
        }
        several => {
            let entries: Vec<Entry> = several.iter().map(Entry::from).collect();
            let index = index_bytes(&entries, &BTreeMap::new()).map_err(|e| Error::failed("cannot write the index").because(&e))?;
            layout.put_bytes(media_type::OCI_INDEX, &index)?
        }
    };
    layout.finish(&root)?;
    Ok(root)
}

fn put_image(layout: &LayoutWriter, step: &BuildStep, mut stage: Stage) -> Result<Descriptor> {
    for layer in &stage.layers {
        let digest = &layer.descriptor.digest;
        match &layer.origin {
            _ if layout.has(digest) => {}
            Origin::Base(base) => layout.copy_blob_from(&base.layout, digest)?,
            Origin::Made(path) => layout.adopt(path, digest)?,
        }
    }
    for (name, value) in &step.labels {
        stage.config.insert("Labels", name, json!(value));
    }
    let created = Timestamp::from_unix(step.source_date_epoch);
    let config = stage.config.to_bytes(created).map_err(|e| Error::failed("cannot write the image config").because(&e))?;
    let config = layout.put_bytes(media_type::OCI_CONFIG, &config)?;
    let layers: Vec<&Descriptor> = stage.layers.iter().map(|layer| &layer.descriptor).collect();
    let manifest = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": layers });
    put_json(layout, media_type::OCI_MANIFEST, &manifest)
}

fn put_json(layout: &LayoutWriter, media_type: &str, document: &serde_json::Value) -> Result<Descriptor> {
    let bytes = serde_json::to_vec(document).map_err(|e| Error::failed("cannot write a manifest").because(&e))?;
    Ok(layout.put_bytes(media_type, &bytes)?)
}
