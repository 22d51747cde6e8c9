//! One stage while it is evaluated: its files, its config, its layers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::base::Base;
use super::dockerfile::Command;
use super::expand::Variables;
use super::image_config::ImageConfig;
use super::tree::{Content, NodeKind, Tree};
use crate::core::oci::Descriptor;
use crate::core::{Platform, duration};
use crate::error::{Error, Result};

/// The most a passwd or group file may weigh, in bytes.
const MAX_PASSWD: u64 = 4 << 20;

/// A layer of an image in the making.
#[derive(Debug, Clone)]
pub struct Layer {
    /// The blob.
    pub descriptor: Descriptor,
    /// Where it is now.
    pub origin: Origin,
}

/// Where a layer's bytes are.
#[derive(Debug, Clone)]
pub enum Origin {
    /// In a base image.
    Base(Arc<Base>),
    /// In a file of ours.
    Made(PathBuf),
}

/// A stage.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Its config so far.
    pub config: ImageConfig,
    /// Its layers so far.
    pub layers: Vec<Layer>,
    /// Build arguments in scope.
    pub args: Variables,
    /// Its files so far; read from the base when first wanted.
    pub tree: Option<Tree>,
    /// The base image at the bottom.
    pub base: Option<Arc<Base>>,
    /// `CMD` was given in this stage, so a later `ENTRYPOINT` keeps it.
    pub cmd_set: bool,
}

impl Stage {
    /// `FROM scratch`.
    pub fn scratch(platform: &Platform) -> Self {
        Self {
            config: ImageConfig::scratch(platform),
            layers: Vec::new(),
            args: Variables::new(),
            tree: Some(Tree::default()),
            base: None,
            cmd_set: false,
        }
    }

    /// `FROM image`.
    pub fn of_base(base: &Arc<Base>) -> Self {
        let layer = |descriptor: &Descriptor| Layer { descriptor: descriptor.clone(), origin: Origin::Base(base.clone()) };
        Self {
            config: base.config.clone(),
            layers: base.layers.iter().map(layer).collect(),
            args: Variables::new(),
            tree: None,
            base: Some(base.clone()),
            cmd_set: false,
        }
    }

    /// What words of this stage expand with: the environment, and arguments where the environment has no such name.
    pub fn variables(&self) -> Variables {
        let mut variables = self.args.clone();
        variables.extend(self.config.env());
        variables
    }

    /// A path as instructions mean it: relative to the working directory, a trailing slash kept.
    pub fn absolute(&self, path: &str) -> String {
        let slash = path.ends_with('/') || matches!(path, "." | "");
        let cwd = self.config.text("WorkingDir");
        let joined = Path::new("/").join(cwd).join(path);
        let normal = super::tree::normal(&joined);
        let text = format!("/{}", normal.display());
        if slash && text != "/" { text + "/" } else { text }
    }

    /// `ENTRYPOINT`.
    pub fn set_entrypoint(&mut self, command: &Command) {
        let words = self.words(command);
        self.config.set("Entrypoint", json!(words));
        if !self.cmd_set {
            self.config.unset("Cmd");
        }
    }

    /// `CMD`.
    pub fn set_cmd(&mut self, command: &Command) {
        let words = self.words(command);
        self.config.set("Cmd", json!(words));
        self.cmd_set = true;
    }

    fn words(&self, command: &Command) -> Vec<String> {
        match command {
            Command::Exec(words) => words.clone(),
            Command::Shell(line) => {
                let mut words = self.config.list("Shell");
                if words.is_empty() {
                    words = vec!["/bin/sh".to_owned(), "-c".to_owned()];
                }
                words.push(line.clone());
                words
            }
        }
    }

    /// `HEALTHCHECK`.
    pub fn set_healthcheck(&mut self, options: &[(String, String)], command: Option<&Command>) -> Result<(), String> {
        let mut check = serde_json::Map::new();
        let test = match command {
            None => vec!["NONE".to_owned()],
            Some(Command::Exec(words)) => std::iter::once("CMD".to_owned()).chain(words.iter().cloned()).collect(),
            Some(Command::Shell(line)) => vec!["CMD-SHELL".to_owned(), line.clone()],
        };
        check.insert("Test".to_owned(), json!(test));
        for (name, value) in options {
            let field = match name.as_str() {
                "interval" => "Interval",
                "timeout" => "Timeout",
                "start-period" => "StartPeriod",
                "start-interval" => "StartInterval",
                "retries" => {
                    let retries: u32 = value.parse().map_err(|_| format!("--retries={value} is not a number"))?;
                    if retries > 0 {
                        check.insert("Retries".to_owned(), json!(retries));
                    }
                    continue;
                }
                other => return Err(format!("HEALTHCHECK has no option --{other}")),
            };
            let span = duration::parse(value).map_err(|e| format!("--{name}: {e}"))?;
            let nanos = u64::try_from(span.as_nanos()).map_err(|_| format!("--{name}={value} is too long"))?;
            if nanos > 0 {
                check.insert(field.to_owned(), json!(nanos));
            }
        }
        self.config.set("Healthcheck", Value::Object(check));
        Ok(())
    }

    /// `EXPOSE`: `8080`, `53/udp`, `8000-8002`.
    pub fn expose(&mut self, word: &str) -> Result<(), String> {
        let (ports, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
        let protocol = protocol.to_ascii_lowercase();
        let bad = || format!("`{word}` is not a port: expected such as 8080, 53/udp or 8000-8002");
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let (first, last): (u16, u16) = (first.parse().map_err(|_| bad())?, last.parse().map_err(|_| bad())?);
        if first > last || !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
            return Err(bad());
        }
        for port in first..=last {
            self.config.insert("ExposedPorts", &format!("{port}/{protocol}"), json!({}));
        }
        Ok(())
    }

    /// `--chown`, or a `USER` whose directory is made: names are looked up in the stage's own files.
    pub fn owner(&self, text: &str) -> Result<(u64, u64)> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let (uid, own_gid) = if let Ok(uid) = user.parse::<u32>() {
            // A number alone names user and group.
            (u64::from(uid), u64::from(uid))
        } else {
            let entry = self.lookup("etc/passwd", user, "user")?;
            (number(&entry, 2, "etc/passwd")?, number(&entry, 3, "etc/passwd")?)
        };
        let gid = match group.filter(|group| !group.is_empty()) {
            None => own_gid,
            Some(group) => match group.parse::<u32>() {
                Ok(gid) => gid.into(),
                Err(_) => number(&self.lookup("etc/group", group, "group")?, 2, "etc/group")?,
            },
        };
        Ok((uid, gid))
    }

    fn lookup(&self, file: &str, name: &str, what: &str) -> Result<Vec<String>> {
        let hint = format!("use a numeric {what}, or copy /{file} into the stage first");
        let missing = || Error::failed(format!("{what} {name} is not in /{file} of this stage")).hint(hint.clone());
        let tree = self.tree.as_ref().ok_or_else(missing)?;
        let node = tree.resolve(Path::new(file)).and_then(|path| tree.get(&path)).ok_or_else(missing)?;
        let NodeKind::File(content) = &node.kind else { return Err(missing()) };
        if content.size() > MAX_PASSWD {
            return Err(Error::failed(format!("/{file} of this stage is larger than {MAX_PASSWD} bytes")));
        }
        let bytes = read(content)?;
        let text = String::from_utf8_lossy(&bytes);
        let entry = text.lines().map(|line| line.split(':').map(str::to_owned).collect::<Vec<_>>()).find(|entry| entry[0] == name);
        entry.ok_or_else(missing)
    }
}

fn number(entry: &[String], at: usize, file: &str) -> Result<u64> {
    let number = entry.get(at).and_then(|text| text.parse::<u32>().ok()).map(u64::from);
    number.ok_or_else(|| Error::failed(format!("/{file} of this stage has a damaged line for {}", entry[0])))
}

fn read(content: &Content) -> Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    match content {
        Content::Inline(inline) => bytes.extend_from_slice(inline),
        Content::Disk { path, .. } => return Ok(crate::fs::read_bounded(path, MAX_PASSWD)?),
        Content::Layer { source, offset, size } => {
            source
                .open(*offset, *size)?
                .read_to_end(&mut bytes)
                .map_err(|e| Error::failed(format!("cannot read {}", source.path().display())).because(&e))?;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::tree::Node;
    use super::*;

    fn stage() -> Stage {
        let mut stage = Stage::scratch(&Platform::new("linux", "amd64"));
        let file = |text: &str| Node { kind: NodeKind::File(Content::Inline(text.as_bytes().into())), ..Node::dir((0, 0), 0) };
        let mut tree = Tree::default();
        tree.put(Path::new("etc/passwd"), file("root:x:0:0:::\napp:x:100:101::/:/bin/sh\n"));
        tree.put(Path::new("etc/group"), file("root:x:0:\nstaff:x:50:\n"));
        stage.tree = Some(tree);
        stage
    }

    #[test]
    fn finds_owners_by_number_and_by_name() {
        for (text, owner) in
            [("7", (7, 7)), ("7:8", (7, 8)), ("app", (100, 101)), ("app:staff", (100, 50)), ("0:staff", (0, 50)), ("app:9", (100, 9))]
        {
            assert_eq!(stage().owner(text).ok(), Some(owner), "{text}");
        }
        let error = stage().owner("nobody").expect_err("unknown");
        assert_eq!(error.message(), "user nobody is not in /etc/passwd of this stage");
    }

    #[test]
    fn exposes_ports_and_paths_follow_the_working_directory() {
        let mut stage = stage();
        assert!(["8080", "53/UDP", "1-3"].iter().all(|port| stage.expose(port).is_ok()));
        assert!(["x", "1/icmp", "3-1", "70000"].iter().all(|port| stage.expose(port).is_err()));
        stage.config.set("WorkingDir", json!("/srv/app"));
        for (path, absolute) in
            [("x", "/srv/app/x"), (".", "/srv/app/"), ("../y/", "/srv/y/"), ("/z", "/z"), ("/", "/"), ("../../../..", "/")]
        {
            assert_eq!(stage.absolute(path), absolute);
        }
    }
}
