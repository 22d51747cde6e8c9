//! Managers of distributions: apk, apt, and those of rpm.

use super::{Found, Manager, is_url, last_segment};

/// The managers.
pub const MANAGERS: &[Manager] = &[
    Manager {
        name: "apk",
        programs: &["apk"],
        verbs: &[&["add"]],
        valued: &[
            "-p",
            "--root",
            "-X",
            "--repository",
            "-t",
            "--virtual",
            "--arch",
            "--cache-dir",
            "--cache-max-age",
            "--keys-dir",
            "--progress-fd",
            "--repositories-file",
            "--timeout",
            "--wait",
        ],
        one_dash: false,
        read: |arguments| arguments.plain.iter().filter_map(|word| apk(word)).collect(),
    },
    Manager {
        name: "apt",
        programs: &["apt-get", "apt", "aptitude"],
        verbs: &[&["install"]],
        valued: &[
            "-o",
            "--option",
            "-c",
            "--config-file",
            "-t",
            "--target-release",
            "--default-release",
            "-a",
            "--host-architecture",
            "--solver",
            "-P",
            "--build-profiles",
        ],
        one_dash: false,
        read: |arguments| arguments.plain.iter().filter_map(|word| apt(word)).collect(),
    },
    rpm("dnf", &["dnf", "dnf5"]),
    rpm("yum", &["yum"]),
    rpm("microdnf", &["microdnf"]),
    rpm("tdnf", &["tdnf"]),
    Manager {
        name: "zypper",
        programs: &["zypper"],
        verbs: &[&["install"], &["in"]],
        valued: &[
            "-t",
            "--type",
            "-r",
            "--repo",
            "--from",
            "-R",
            "--root",
            "--reposd-dir",
            "-C",
            "--cache-dir",
            "-c",
            "--config",
            "-D",
            "-n",
            "--name",
        ],
        one_dash: false,
        read: |arguments| arguments.plain.iter().filter_map(|word| constrained(word)).collect(),
    },
];

const fn rpm(name: &'static str, programs: &'static [&'static str]) -> Manager {
    Manager {
        name,
        programs,
        verbs: &[&["install"], &["localinstall"], &["reinstall"]],
        valued: &[
            "-c",
            "--config",
            "-x",
            "--exclude",
            "--excludepkgs",
            "--enablerepo",
            "--disablerepo",
            "--repo",
            "--repoid",
            "--installroot",
            "--releasever",
            "--setopt",
            "--forcearch",
            "--advisory",
            "--comment",
            "-d",
            "-e",
            "-R",
            "--rpmverbosity",
            "--downloaddir",
            "--destdir",
            "--repofrompath",
            "--disableplugin",
            "--enableplugin",
        ],
        one_dash: false,
        read: |arguments| arguments.plain.iter().filter_map(|word| nevra(word)).collect(),
    }
}

/// A word that names no package of a repository.
enum Outside {
    /// An address: a package without a version we could read.
    Address(Found),
    /// A file that is there already.
    File,
}

impl Outside {
    fn package(self) -> Option<Found> {
        match self {
            Self::Address(found) => Some(found),
            Self::File => None,
        }
    }
}

fn from_outside(word: &str, extension: &str) -> Option<Outside> {
    if is_url(word) {
        let file = last_segment(word);
        return Some(Outside::Address(Found::new(file.strip_suffix(extension).unwrap_or(file), None, false).at(word)));
    }
    (word.contains('/') && !word.contains("${") || word.ends_with(extension)).then_some(Outside::File)
}

/// `name`, `name=1.2-r0`, `name~1.2`, `name>=1`, `name@repository`; `.name` is a group of this image's own (apk-world(5)).
fn apk(word: &str) -> Option<Found> {
    if word.starts_with(['.', '!']) {
        return None;
    }
    if let Some(outside) = from_outside(word, ".apk") {
        return outside.package();
    }
    let (word, _) = word.split_once('@').unwrap_or((word, ""));
    constrained(word)
}

/// A name with `=`, `~`, `~=`, `<`, `>`, `<=`, `>=`: only `=` names one version.
fn constrained(word: &str) -> Option<Found> {
    if let Some(outside) = from_outside(word, ".rpm") {
        return outside.package();
    }
    let Some(at) = word.find(['=', '~', '<', '>']) else { return Some(Found::new(word, None, false)) };
    let (name, constraint) = word.split_at(at);
    let version = constraint.trim_start_matches(['=', '~', '<', '>', ' ']);
    let exactly = constraint.len() - version.len() == 1 && constraint.starts_with('=');
    Some(Found::new(name, Some(version), exactly && !version.contains('*')))
}

/// `name`, `name=version`, `name/release`, `name:arch`; `name-` removes (apt-get(8)).
fn apt(word: &str) -> Option<Found> {
    if word.ends_with('-') || word.starts_with(['.', '~', '?']) {
        return None;
    }
    if is_url(word) || word.starts_with('/') || word.strip_suffix(".deb").is_some() {
        return from_outside(word, ".deb").and_then(Outside::package);
    }
    let (name, version) = word.split_once('=').map_or((word, None), |(name, version)| (name, Some(version)));
    let name = name.split_once('/').map_or(name, |(name, _)| name);
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    Some(Found::new(name, version, version.is_some_and(|version| !version.contains('*'))))
}

/// `name`, `name-version`, `name-version-release`, with `.arch` behind (dnf, "Specifying Packages"); `@group` is none.
/// A version has a dot: `gcc-toolset-12` and `postgresql-16` are names.
fn nevra(word: &str) -> Option<Found> {
    const ARCHITECTURES: [&str; 8] = ["x86_64", "aarch64", "noarch", "i686", "ppc64le", "s390x", "armv7hl", "src"];
    if word.starts_with('@') {
        return None;
    }
    if let Some(outside) = from_outside(word, ".rpm") {
        return outside.package();
    }
    let bare = match word.rsplit_once('.') {
        Some((rest, arch)) if ARCHITECTURES.contains(&arch) => rest,
        _ => word,
    };
    let is_version = |text: &str| {
        let text = text.split_once(':').map_or(text, |(_, version)| version);
        text.starts_with(|c: char| c.is_ascii_digit()) && text.contains('.') || text.starts_with('$')
    };
    let dashes: Vec<usize> = bare.match_indices('-').map(|(at, _)| at).collect();
    // The version is the last word but one, or the last.
    for at in dashes.iter().rev().take(2).rev() {
        let (name, version) = (&bare[..*at], &bare[at + 1..]);
        let first = version.split('-').next().unwrap_or_default();
        if !name.is_empty() && is_version(first) {
            return Some(Found::new(name, Some(version), !version.contains('*')));
        }
    }
    Some(Found::new(bare, None, false))
}
