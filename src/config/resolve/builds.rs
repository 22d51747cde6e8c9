//! `builds`: order without circles, paths inside the repository, platforms.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::templates::{self, Use};
use super::{Scope, buildkit, check_reference, files, known, paths};
use crate::config::decode::{Cx, IdMap, NameMap, OneOrMany, Scalar};
use crate::config::problem::Problem;
use crate::config::resolved::{Build, DockerBuild, FileBuild};
use crate::config::span::{Span, Spanned, Text};
use crate::config::written::{self, Compression, DockerBuilder, Provenance};
use crate::core::Platform;

/// Builds of images and builds of files, by id.
pub type Resolved = (IndexMap<String, Build>, IndexMap<String, FileBuild>);

/// Resolves the section.
pub fn resolve(map: IdMap<written::Build>, scope: &mut Scope<'_>, cx: &mut Cx) -> Resolved {
    let ids = known(&map);
    let of_files = |build: &written::Build| !matches!(build, written::Build::Docker(_));
    let file_ids: Vec<String> =
        map.entries.iter().filter(|(_, entry)| entry.value.as_ref().is_none_or(of_files)).map(|(id, _)| id.clone()).collect();
    let image_ids: Vec<String> = ids.iter().filter(|id| !file_ids.contains(id)).cloned().collect();
    let mut images = IndexMap::new();
    let mut made: IndexMap<String, (FileBuild, Span)> = IndexMap::new();
    let mut edges: Edges = IndexMap::new();
    for (id, entry) in map.entries {
        let Some(build) = entry.value else { continue };
        let (build, needs) = match build {
            written::Build::Docker(build) => {
                let (build, needs) = docker(&id, *build, (&ids, &file_ids), scope, cx);
                edges.insert(id.clone(), needs);
                images.insert(id, build);
                continue;
            }
            written::Build::Binary(build) => files::binary((&id, entry.key), *build, (&ids, &image_ids), scope, cx),
            written::Build::Archive(build) => files::archive(&id, *build, &ids, scope, cx),
            written::Build::Command(build) => files::command(&id, *build, (&ids, &image_ids), scope, cx),
        };
        edges.insert(id.clone(), needs);
        made.insert(id, (build, entry.key));
    }
    report_circles(&edges, cx);
    files::report_shared_outputs(made.values().map(|(build, span)| (build, *span)), cx);
    (images, made.into_iter().map(|(id, (build, _))| (id, build)).collect())
}

/// The ids a build needs, with their places.
pub type Needs = Vec<(String, Span)>;

/// Build id → what it needs.
type Edges = IndexMap<String, Needs>;

/// Reads `depends_on`.
pub fn depends_on(id: &str, written: Option<OneOrMany<Text>>, ids: &[String], cx: &mut Cx) -> Needs {
    let mut needs = Vec::new();
    for text in written.map(|many| many.items).unwrap_or_default() {
        let bare = text.value.strip_prefix("build:").unwrap_or(&text.value).to_owned();
        let reference = Spanned { value: bare, span: text.span };
        if reference.value == id {
            cx.report(Problem::at(text.span, format!("build `{id}` depends on itself")).hint("remove it from `depends_on`"));
        } else if check_reference(&reference, "build", ids, cx) {
            needs.push((reference.value, text.span));
        }
    }
    needs
}

fn docker(
    id: &str,
    build: written::DockerBuild,
    (ids, file_ids): (&[String], &[String]),
    scope: &Scope<'_>,
    cx: &mut Cx,
) -> (Build, Needs) {
    let written::DockerBuild {
        dockerfile,
        context,
        target,
        platforms,
        build_args,
        labels,
        builder,
        provenance,
        sbom,
        compression,
        depends_on: needs,
        required,
        secrets,
        ssh,
        build_contexts,
        annotations,
        network,
        ulimits,
        add_hosts,
        shm_size,
        no_cache,
        pull,
        load,
        bake,
        stage,
        // Reported as not supported yet when they were read.
        build_mode: _,
        cache: _,
        select_tags: _,
    } = build;
    let mut needs = depends_on(id, needs, ids, cx);
    let stage = files::stages(stage, file_ids, &mut needs, scope, cx);
    if let Some(bake) = &bake {
        let others = [("dockerfile", dockerfile.as_ref()), ("context", context.as_ref())];
        for (key, text) in others.into_iter().filter_map(|(key, text)| Some((key, text?))) {
            cx.report(Problem::at(text.span, format!("`{key}` and `bake` exclude each other")).hint("the bake file's target names it"));
        }
        if matches!(builder, Some(DockerBuilder::Embedded)) {
            cx.report(Problem::at(bake.span, "the embedded builder reads no bake files").hint("leave `builder` out, or use buildx"));
        }
    }
    let options =
        buildkit::Written { secrets, ssh, build_contexts, annotations, network, ulimits, add_hosts, shm_size, no_cache, pull, load, bake };
    let options = buildkit::resolve(options, id, (ids, file_ids), &mut needs, scope, cx);
    let embedded = matches!(builder, Some(DockerBuilder::Embedded));
    if embedded && (matches!(provenance, Some(Provenance::Min | Provenance::Max)) || sbom == Some(true)) {
        cx.warn(Problem::new(
            format!("build `{id}`: `provenance` and `sbom` are made by BuildKit; the embedded builder leaves them out"),
            None,
        ));
    }
    let docker = DockerBuild {
        dockerfile: dockerfile.and_then(|path| paths::inside(&path, "dockerfile", cx)),
        context: context.and_then(|path| paths::inside(&path, "context", cx)).unwrap_or_else(|| ".".to_owned()),
        target: target.map(|target| target.value),
        platforms: platforms.map(|platforms| parse_platforms(platforms, "for this machine's platform", cx)).unwrap_or_default(),
        args: values(build_args, "build argument", scope, cx),
        labels: values(labels, "label", scope, cx),
        builder: builder.map(|builder| match builder {
            DockerBuilder::Auto => "auto".to_owned(),
            DockerBuilder::Buildx => "buildx".to_owned(),
            DockerBuilder::Embedded => "embedded".to_owned(),
        }),
        provenance: provenance.and_then(|provenance| match provenance {
            Provenance::Off => None,
            Provenance::Min => Some("min".to_owned()),
            Provenance::Max => Some("max".to_owned()),
        }),
        sbom: sbom.unwrap_or(false),
        compression: compression.map(|compression| match compression {
            Compression::Gzip => "gzip".to_owned(),
            Compression::Zstd => "zstd".to_owned(),
        }),
        buildkit: options,
        stage,
    };
    // A context may name a build that `depends_on` names too.
    let mut depends_on: Vec<String> = Vec::with_capacity(needs.len());
    for (id, _) in &needs {
        if !depends_on.contains(id) {
            depends_on.push(id.clone());
        }
    }
    (Build { id: id.to_owned(), required: required.unwrap_or(true), depends_on, docker }, needs)
}

/// Platforms, each once. `without` says what leaving them out stands for.
pub fn parse_platforms(platforms: Spanned<Vec<Text>>, without: &str, cx: &mut Cx) -> Vec<Platform> {
    if platforms.value.is_empty() {
        cx.report(Problem::at(platforms.span, "`platforms` is empty").hint(format!("leave it out {without}, or name one: [linux/amd64]")));
    }
    let mut parsed: Vec<Platform> = Vec::with_capacity(platforms.value.len());
    for text in platforms.value {
        match text.value.parse::<Platform>() {
            Ok(platform) if parsed.contains(&platform) => {
                cx.report(Problem::at(text.span, format!("platform `{platform}` is named twice")).hint("remove one"));
            }
            Ok(platform) => parsed.push(platform),
            Err(error) => cx.report(Problem::at(text.span, error.to_string()).hint("such as `platforms: [linux/amd64, linux/arm64]`")),
        }
    }
    parsed
}

/// A map of templates: build arguments, labels, annotations.
pub fn values(map: Option<NameMap<Spanned<Scalar>>>, what: &str, scope: &Scope<'_>, cx: &mut Cx) -> IndexMap<String, String> {
    let mut values = IndexMap::new();
    for (key, value) in map.map(|map| map.entries).unwrap_or_default() {
        if key.text.is_empty() || key.text.contains(['=', ' ', '\t', '\n', '\0']) {
            cx.report(Problem::at(key.span, format!("`{}` is not the name of a {what}", key.text.escape_debug())));
        }
        let template = Spanned { value: value.value.0, span: value.span };
        templates::check(&template, Use::Value, scope, cx);
        values.insert(key.text, template.value);
    }
    values
}

/// Reports circles of `depends_on`, each named in full and at the place that closes it.
fn report_circles(edges: &Edges, cx: &mut Cx) {
    let mut left: IndexMap<&str, Vec<(&str, Span)>> =
        edges.iter().map(|(id, needs)| (id.as_str(), needs.iter().map(|(need, span)| (need.as_str(), *span)).collect())).collect();
    loop {
        drop_what_can_be_built(&mut left);
        let Some((start, _)) = left.first() else { return };
        // Everything left needs something left, so following first needs comes around.
        let mut path: Vec<&str> = Vec::new();
        let mut at = *start;
        let mut closing = None;
        while !path.contains(&at) {
            path.push(at);
            let Some((next, span)) = left.get(at).and_then(|needs| needs.first()) else { return };
            closing = Some(*span);
            at = next;
        }
        let from = path.iter().position(|id| *id == at).unwrap_or(0);
        let circle: Vec<&str> = path[from..].iter().copied().chain([at]).collect();
        let message = format!("builds depend on each other in a circle: {}", circle.join(" → "));
        cx.report(Problem::new(message, closing).hint("remove one of these `depends_on`"));
        left.retain(|id, _| !circle.contains(id));
    }
}

/// Removes builds whose needs are all removed, until there are none.
fn drop_what_can_be_built(left: &mut IndexMap<&str, Vec<(&str, Span)>>) {
    loop {
        let here: HashSet<&str> = left.keys().copied().collect();
        for needs in left.values_mut() {
            needs.retain(|(need, _)| here.contains(need));
        }
        let before = left.len();
        left.retain(|_, needs| !needs.is_empty());
        if left.len() == before {
            return;
        }
    }
}
