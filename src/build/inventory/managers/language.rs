//! Managers of languages and their ecosystems.

use super::{Arguments, Found, Manager, commit, exact, is_url, last_segment};

/// Options of pip that have a value (pip install --help); uv's pip has the same.
const PIP: &[&str] = &[
    "-r",
    "--requirement",
    "-c",
    "--constraint",
    "-e",
    "--editable",
    "-t",
    "--target",
    "-i",
    "--index-url",
    "--index",
    "--extra-index-url",
    "-f",
    "--find-links",
    "--prefix",
    "--root",
    "--src",
    "--platform",
    "--python-version",
    "--implementation",
    "--abi",
    "--trusted-host",
    "--proxy",
    "--retries",
    "--timeout",
    "--cache-dir",
    "--only-binary",
    "--no-binary",
    "--progress-bar",
    "--upgrade-strategy",
    "-C",
    "--config-settings",
    "--config-setting",
    "--global-option",
    "--build-option",
    "--report",
    "--log",
    "--cert",
    "--client-cert",
    "--root-user-action",
    "--python",
    "-p",
    "--exists-action",
    "--keyring-provider",
    "--group",
    "--override",
    "--exclude-newer",
    "--index-strategy",
    "--with",
    "--extra",
    "--optional",
    "--tag",
    "--branch",
    "--rev",
    "--package",
    "--link-mode",
    "-P",
    "--pip-args",
    "--fetch-python",
    "--suffix",
    "--default-index",
    "--resolution",
    "--prerelease",
    "--directory",
    "--project",
    "--use-feature",
];

/// Options of npm and its like that have a value.
const NPM: &[&str] = &[
    "--prefix",
    "--registry",
    "--cache",
    "-C",
    "--userconfig",
    "--globalconfig",
    "--loglevel",
    "--tag",
    "-w",
    "--workspace",
    "--omit",
    "--include",
    "--before",
    "--otp",
    "--location",
    "--install-strategy",
    "--filter",
    "-F",
    "--dir",
    "--store-dir",
    "--cwd",
    "--modules-folder",
    "--cache-folder",
    "--network-timeout",
    "--mutex",
    "--node-linker",
    "--reporter",
    "--global-dir",
    "--cpu",
    "--os",
];

/// The managers.
pub const MANAGERS: &[Manager] = &[
    Manager {
        name: "pip",
        programs: &["pip"],
        verbs: &[&["install"]],
        valued: PIP,
        one_dash: false,
        read: |arguments| requirements(arguments),
    },
    Manager {
        name: "pip",
        programs: &["pipx"],
        verbs: &[&["install"], &["run"]],
        valued: PIP,
        one_dash: false,
        read: |arguments| requirements(arguments),
    },
    Manager {
        name: "uv",
        programs: &["uv"],
        verbs: &[&["pip", "install"], &["tool", "install"], &["add"]],
        valued: PIP,
        one_dash: false,
        read: |arguments| requirements(arguments),
    },
    Manager {
        name: "poetry",
        programs: &["poetry"],
        verbs: &[&["add"], &["self", "add"]],
        valued: &[
            "-G",
            "--group",
            "-E",
            "--extras",
            "--source",
            "--python",
            "--platform",
            "--markers",
            "-C",
            "--directory",
            "-P",
            "--project",
        ],
        one_dash: false,
        read: |arguments| arguments.plain.iter().filter_map(|word| poetry(word)).collect(),
    },
    Manager {
        name: "galaxy",
        programs: &["ansible-galaxy"],
        verbs: &[&["collection", "install"], &["role", "install"], &["install"]],
        valued: &[
            "-p",
            "--collections-path",
            "--roles-path",
            "-r",
            "--requirements-file",
            "--role-file",
            "-s",
            "--server",
            "--api-server",
            "--token",
            "--api-key",
            "--timeout",
            "--keyring",
            "--signature",
        ],
        one_dash: false,
        read: |arguments| arguments.plain.iter().filter_map(|word| galaxy(word)).collect(),
    },
    npm("npm", &["npm"], &[&["install"], &["i"], &["add"], &["isntall"]]),
    npm("yarn", &["yarn", "yarnpkg"], &[&["add"], &["global", "add"]]),
    npm("pnpm", &["pnpm"], &[&["add"], &["install"], &["i"]]),
    npm("bun", &["bun"], &[&["add"], &["install"], &["i"]]),
    Manager {
        name: "go",
        programs: &["go"],
        verbs: &[&["install"], &["get"]],
        valued: &[
            "-ldflags",
            "-tags",
            "-gcflags",
            "-asmflags",
            "-gccgoflags",
            "-mod",
            "-modfile",
            "-o",
            "-p",
            "-C",
            "-overlay",
            "-pkgdir",
            "-toolexec",
            "-buildmode",
            "-compiler",
            "-installsuffix",
            "-covermode",
            "-coverpkg",
            "-exec",
            "-pgo",
            "-buildvcs",
        ],
        one_dash: true,
        read: |arguments| arguments.plain.iter().filter_map(|word| go(word)).collect(),
    },
    Manager {
        name: "cargo",
        programs: &["cargo"],
        verbs: &[&["install"], &["binstall"]],
        valued: &[
            "--version",
            "--vers",
            "--git",
            "--branch",
            "--tag",
            "--rev",
            "--path",
            "--root",
            "--registry",
            "--index",
            "--target",
            "--target-dir",
            "-F",
            "--features",
            "-j",
            "--jobs",
            "--profile",
            "--bin",
            "--example",
            "--config",
            "-Z",
            "--color",
            "--message-format",
            "--strategies",
            "--targets",
            "--pkg-url",
            "--install-path",
        ],
        one_dash: false,
        read: cargo,
    },
    Manager {
        name: "gem",
        programs: &["gem"],
        verbs: &[&["install"], &["i"]],
        valued: &[
            "-v",
            "--version",
            "-i",
            "--install-dir",
            "-n",
            "--bindir",
            "-s",
            "--source",
            "-P",
            "--trust-policy",
            "--platform",
            "--build-root",
            "-p",
            "--http-proxy",
            "-g",
            "--file",
            "-B",
            "--bulk-threshold",
            "--config-file",
            "--document",
            "--target-rbconfig",
        ],
        one_dash: false,
        read: gem,
    },
    Manager {
        name: "composer",
        programs: &["composer"],
        verbs: &[&["require"], &["global", "require"], &["create-project"]],
        valued: &[
            "-d",
            "--working-dir",
            "--prefer-install",
            "--apcu-autoloader-prefix",
            "--ignore-platform-req",
            "-s",
            "--stability",
            "--repository",
        ],
        one_dash: false,
        read: composer,
    },
];

const fn npm(name: &'static str, programs: &'static [&'static str], verbs: &'static [&'static [&'static str]]) -> Manager {
    Manager {
        name,
        programs,
        verbs,
        valued: NPM,
        one_dash: false,
        read: |arguments| arguments.plain.iter().filter_map(|word| node(word)).collect(),
    }
}

// `git+https://host/x.git@v1#egg=x`, `https://host/x-1.whl`
fn from_address(word: &str) -> Found {
    let egg = word.split_once("#egg=").map(|(_, egg)| egg.split(['&', '[']).next().unwrap_or(egg));
    let path = word.split(['#', '?']).next().unwrap_or(word);
    let after_host = path.split_once("://").map_or(path, |(_, rest)| rest);
    // The first `@` may be a login.
    let reference = after_host.split_once('/').and_then(|(_, path)| path.rsplit_once('@')).map(|(_, reference)| reference);
    let bare = reference.and_then(|reference| path.strip_suffix(reference)?.strip_suffix('@')).unwrap_or(path);
    let file = last_segment(bare);
    let name = egg.unwrap_or_else(|| file.strip_suffix(".git").unwrap_or(file));
    Found::new(name, reference, reference.is_some_and(commit)).at(word)
}

fn is_local(word: &str) -> bool {
    word.starts_with(['.', '/', '~'])
        || word.starts_with("file:")
        || [".whl", ".tgz", ".gem"].iter().any(|end| word.ends_with(end)) && !is_url(word)
}

/// Requirements (PEP 508): `name[extra]==1.0 ; marker`, `name @ https://…`.
fn requirements(arguments: &Arguments<'_>) -> Vec<Found> {
    arguments.plain.iter().filter_map(|word| requirement(word)).collect()
}

fn requirement(word: &str) -> Option<Found> {
    let word = word.split(';').next().unwrap_or(word).trim();
    if is_local(word) {
        return None;
    }
    if let Some((name, address)) = word.split_once('@').filter(|(name, _)| !is_url(name)) {
        let address = address.trim();
        if is_url(address) {
            return Some(Found { name: bare_name(name).to_owned(), ..from_address(address) });
        }
        // uv: `tool@1.2.3`
        return Some(Found::new(bare_name(name), Some(address), exact(address, 2)));
    }
    if is_url(word) {
        return Some(from_address(word));
    }
    let Some(at) = word.find(['=', '<', '>', '!', '~']) else { return Some(Found::new(bare_name(word), None, false)) };
    let (name, constraint) = word.split_at(at);
    let version = constraint.trim_start_matches(['=', '<', '>', '!', '~', ' ']);
    let operator = constraint[..constraint.len() - version.len()].trim_end();
    let single = !version.contains([',', '*']);
    let version = version.split(',').next().unwrap_or(version);
    let version = if operator == "!=" { None } else { Some(version) };
    Some(Found::new(bare_name(name), version, matches!(operator, "==" | "===") && single))
}

// Without extras.
fn bare_name(name: &str) -> &str {
    name.split('[').next().unwrap_or(name).trim()
}

/// `name@1.2.3`, `name@^1`, or a requirement.
fn poetry(word: &str) -> Option<Found> {
    match word.split_once('@') {
        Some((name, version)) if !name.is_empty() && !is_url(word) => {
            let version = version.trim_start_matches('=');
            Some(Found::new(bare_name(name), Some(version), exact(version, 2)))
        }
        _ => requirement(word),
    }
}

/// `namespace.collection:1.0`, `namespace.role,1.0`.
fn galaxy(word: &str) -> Option<Found> {
    if is_local(word) || word.ends_with(".tar.gz") && !is_url(word) {
        return None;
    }
    if is_url(word) {
        return Some(from_address(word));
    }
    let Some((name, version)) = word.rsplit_once(':').or_else(|| word.split_once(',')) else {
        return Some(Found::new(word, None, false));
    };
    let plain = version.trim_start_matches('=');
    Some(Found::new(name, Some(plain), exact(plain, 1) && !version.contains(['<', '>', '!', '*'])))
}

/// `name`, `name@1.2.3`, `@scope/name@1`, `alias@npm:name@1` (npm-install(1)).
fn node(word: &str) -> Option<Found> {
    if is_local(word) {
        return None;
    }
    if is_url(word) {
        return Some(from_address(&word.replacen('#', "@", 1)).at(word));
    }
    if let Some((_, real)) = word.split_once("@npm:") {
        return node(real);
    }
    // The first character of a scope is no separator.
    let at = word.char_indices().skip(1).find(|(_, c)| *c == '@').map(|(at, _)| at);
    let (name, version) = at.map_or((word, None), |at| (&word[..at], Some(&word[at + 1..])));
    // `owner/repository` is on GitHub, not in the registry.
    if name.contains('/') && !name.starts_with('@') || name.contains(':') {
        return None;
    }
    Some(Found::new(name, version, version.is_some_and(|version| exact(version, 3))))
}

/// `module@v1.2.3`. `@latest`, `@v1` and branches move.
fn go(word: &str) -> Option<Found> {
    let (name, version) = word.split_once('@')?;
    let fixed = version.starts_with('v') && exact(version, 3) || commit(version);
    Some(Found::new(name, Some(version), fixed))
}

/// `name`, `name@1.2.3`; `--version` is of all, `--git` names a repository.
fn cargo(arguments: &Arguments<'_>) -> Vec<Found> {
    let version = arguments.value(&["--version", "--vers"]);
    let git = arguments.value(&["--git"]);
    let reference = arguments.value(&["--rev", "--tag", "--branch"]);
    if arguments.value(&["--path"]).is_some() {
        return Vec::new();
    }
    let mut found: Vec<Found> = arguments
        .plain
        .iter()
        .map(|word| {
            let (name, own) = word.split_once('@').map_or((*word, None), |(name, version)| (name, Some(version)));
            match git {
                Some(git) => Found::new(name, reference, reference.is_some_and(commit)).at(git),
                None => Found::new(name, own.or(version), own.or(version).is_some_and(|version| exact(version, 3))),
            }
        })
        .collect();
    if let (Some(git), true) = (git, found.is_empty()) {
        let file = last_segment(git);
        found.push(Found::new(file.strip_suffix(".git").unwrap_or(file), reference, reference.is_some_and(commit)).at(git));
    }
    found
}

/// `name`, `name:1.2.3`; `-v` is of all.
fn gem(arguments: &Arguments<'_>) -> Vec<Found> {
    let version = arguments.value(&["-v", "--version"]);
    let read = |word: &&str| {
        if is_local(word) {
            return None;
        }
        let (name, own) = word.split_once(':').map_or((*word, None), |(name, version)| (name, Some(version)));
        let version = own.or(version);
        Some(Found::new(name, version, version.is_some_and(|version| exact(version.trim_start_matches(['=', ' ']), 1))))
    };
    arguments.plain.iter().filter_map(read).collect()
}

/// `vendor/name`, `vendor/name:1.2.3`, `vendor/name=1.2.3`, or the version as the next word.
fn composer(arguments: &Arguments<'_>) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for word in &arguments.plain {
        match word.split_once([':', '=']) {
            Some((name, version)) => found.push(Found::new(name, Some(version), exact(version, 3))),
            None if word.contains('/') || word.starts_with("ext-") => found.push(Found::new(word, None, false)),
            None => {
                if let Some(last) = found.last_mut().filter(|last| last.version.is_none()) {
                    *last = Found::new(&last.name, Some(word), exact(word, 3));
                }
            }
        }
    }
    found
}
