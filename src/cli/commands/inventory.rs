//! `stagefreight inventory [BUILD|PATH]`: what Dockerfiles say their images are made of.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::build::embedded::MAX_DOCKERFILE;
use crate::build::inventory::{Inventory, Options, PackageInfo, bom, extract};
use crate::cli::load;
use crate::cli::session::Session;
use crate::config::{Build, Config};
use crate::error::{Error, Kind, Result};
use crate::report::{Table, counted};
use crate::{fs, plan};

/// Which Dockerfiles, and how to print them.
#[derive(Debug, Args)]
pub struct InventoryArgs {
    /// A build of the config, a Dockerfile, or a directory with one; without it, every build of the config
    #[arg(value_name = "BUILD|PATH")]
    pub what: Option<String>,
    /// The stage that is built, when it is not the last
    #[arg(long, value_name = "STAGE")]
    pub target: Option<String>,
    /// Print the bill of materials another tool reads, instead of text or --output json
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<BomFormat>,
}

/// Formats of other tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum BomFormat {
    /// CycloneDX 1.6, JSON
    Cyclonedx,
}

/// What the Dockerfiles name.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Inventories {
    /// One per build, or the one that was asked for.
    dockerfiles: Vec<OfDockerfile>,
}

/// What one Dockerfile names.
#[derive(Debug, Serialize, JsonSchema)]
struct OfDockerfile {
    /// Its path, as it was found.
    dockerfile: String,
    /// The build it belongs to.
    build: Option<String>,
    /// The stage that is built, when it is not the last.
    target: Option<String>,
    #[serde(flatten)]
    inventory: Inventory,
}

/// A Dockerfile to read.
struct Wanted {
    path: String,
    build: Option<String>,
    options: Options,
}

/// Runs it.
pub fn run(session: &Session, args: &InventoryArgs) -> Result<()> {
    let wanted = match &args.what {
        Some(what) => vec![named(session, what)?],
        None => of_config(session, &load::config(session)?)?,
    };
    let mut dockerfiles = Vec::with_capacity(wanted.len());
    for mut file in wanted {
        if args.target.is_some() {
            file.options.target.clone_from(&args.target);
        }
        dockerfiles.push(read(session, file)?);
    }
    let inventories = Inventories { dockerfiles };
    if args.format == Some(BomFormat::Cyclonedx) {
        let by_path: BTreeMap<String, &Inventory> =
            inventories.dockerfiles.iter().map(|file| (file.build.as_ref().unwrap_or(&file.dockerfile).clone(), &file.inventory)).collect();
        let json = serde_json::to_string_pretty(&bom(&by_path)).map_err(|error| Error::failed("cannot write JSON").because(&error))?;
        session.world.print(&format!("{json}\n"));
        return Ok(());
    }
    session.print(&inventories, |inventories| inventories.dockerfiles.iter().map(screen).collect::<Vec<_>>().join("\n"))
}

// A build's id, unless it is written like a path.
fn named(session: &Session, what: &str) -> Result<Wanted> {
    let path = session.world.cwd.join(what);
    let plain = |path: &str| Wanted { path: path.to_owned(), build: None, options: Options::default() };
    if path.is_file() {
        return Ok(plain(what));
    }
    let inside = Path::new(what).join("Dockerfile");
    if what.contains('/') || what.starts_with('.') {
        return if path.is_dir() { Ok(plain(&inside.to_string_lossy())) } else { Err(missing(what)) };
    }
    let config = load::config(session);
    if let Some(build) = config.as_ref().ok().and_then(|config| config.builds.get(what)) {
        return of_build(session, build);
    }
    if path.is_dir() {
        return Ok(plain(&inside.to_string_lossy()));
    }
    let ids: Vec<String> = config?.builds.keys().cloned().collect();
    Err(missing(what).hint(format!("name a Dockerfile, a directory with one, or a build: {}", ids.join(", "))))
}

fn missing(what: &str) -> Error {
    Error::missing(format!("`{what}` is no Dockerfile, no directory and no build"))
        .hint("name a Dockerfile, a directory with one, or a build of the config")
}

fn of_config(session: &Session, config: &Config) -> Result<Vec<Wanted>> {
    config.builds.values().map(|build| of_build(session, build)).collect()
}

fn of_build(session: &Session, build: &Build) -> Result<Wanted> {
    let docker = &build.docker;
    let path = match docker.dockerfile.as_deref() {
        Some(path) => plan::clean_path(path),
        None => load::dockerfiles(session)?.into_iter().next().ok_or_else(|| {
            Error::missing(format!("there is no Dockerfile for the build `{}`", build.id)).hint("name it: `dockerfile: PATH`")
        })?,
    };
    // Templates hold what only a plan knows, such as the version.
    let known = docker.args.iter().filter(|(_, value)| !value.contains('{'));
    let args = known.map(|(name, value)| (name.clone(), value.clone())).collect();
    let path = session.directory.join(path).strip_prefix(&session.world.cwd).map_or_else(
        |_| session.directory.join(docker.dockerfile.as_deref().unwrap_or("Dockerfile")).display().to_string(),
        |path| path.display().to_string(),
    );
    Ok(Wanted { path, build: Some(build.id.clone()), options: Options { target: docker.target.clone(), args } })
}

fn read(session: &Session, wanted: Wanted) -> Result<OfDockerfile> {
    let Wanted { path, build, options } = wanted;
    let bytes = fs::read_bounded(&session.world.cwd.join(&path), MAX_DOCKERFILE)?;
    let text =
        String::from_utf8(bytes).map_err(|_| Error::failed(format!("{path} is not UTF-8 text")).hint("a Dockerfile is UTF-8 text"))?;
    let inventory = extract(&text, &options).map_err(|error| {
        Error::new(Kind::Failed, format!("cannot read {path}, line {}: {error}", error.line))
            .hint("`docker build` reads the same text: correct that line")
    })?;
    Ok(OfDockerfile { dockerfile: path, build, target: options.target, inventory })
}

fn screen(file: &OfDockerfile) -> String {
    let inventory = &file.inventory;
    let loose = inventory.base_images.iter().chain(&inventory.packages).filter(|package| !package.pinned).count();
    let build = file.build.as_ref().map(|build| format!("  build {build}")).unwrap_or_default();
    let mut text = format!(
        "inventory  {}{build}  {}, {}, {}, {loose} not pinned\n",
        file.dockerfile,
        counted(inventory.stages.len(), "stage"),
        counted(inventory.base_images.len(), "base image"),
        counted(inventory.packages.len(), "package"),
    );
    let mut table = Table::indented(2);
    for package in &inventory.base_images {
        table.row(row(package.manager, package));
    }
    for package in &inventory.lineage {
        table.row(row("lineage", package));
    }
    for package in &inventory.packages {
        table.row(row(package.manager, package));
    }
    for arg in &inventory.args {
        let default = arg.default.clone().unwrap_or_default();
        table.row([
            "arg".to_owned(),
            visible(&arg.name),
            visible(&default),
            String::new(),
            arg.stage.clone().unwrap_or_default(),
            String::new(),
            at(arg.line),
        ]);
    }
    text.push_str(&table.render());
    text
}

fn row(kind: &str, package: &PackageInfo) -> [String; 7] {
    let version = package.version.clone().or_else(|| package.digest.clone()).unwrap_or_else(|| "-".to_owned());
    let pinned = match (kind, package.pinned) {
        ("lineage", _) => "",
        (_, true) => "pinned",
        (_, false) => "not pinned",
    };
    let image = if package.is_final { "in the image" } else { "" };
    [
        kind.to_owned(),
        visible(&package.name),
        visible(&version),
        pinned.to_owned(),
        visible(&package.stage),
        image.to_owned(),
        at(package.line),
    ]
}

fn at(line: usize) -> String {
    format!("line {line}")
}

// Foreign text on a screen: control characters are shown as escapes.
fn visible(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}
