//! `remotes`, `environments`, and publish entries of kind `remote`.

use indexmap::IndexMap;
use url::Url;

use super::publish::{Lookup, conditions};
use super::templates::{self, Use};
use super::{Scope, check_reference};
use crate::config::decode::{Cx, IdMap};
use crate::config::problem::Problem;
use crate::config::resolved::{Publish, PublishKind, Remote, RemotePublish};
use crate::config::span::{Span, Text};
use crate::config::written;
use crate::core::{
    AdapterOrigin, ByteSize, Digest, IdentitySettings, Reference, RemoteSettings, RunsSettings, TransportSettings, duration,
    is_adapter_secret, is_remote_name,
};

/// How the names of adapters' files begin.
const PREFIX: &str = "epack-remote-";

/// Remotes by id, and by environment.
pub type Resolved = (IndexMap<String, Remote>, IndexMap<String, IndexMap<String, Remote>>);

/// Resolves the sections.
pub fn resolve(remotes: &IdMap<written::Remote>, environments: IdMap<written::Environment>, cx: &mut Cx) -> Resolved {
    let mut base = IndexMap::new();
    for (id, entry) in &remotes.entries {
        check_name(id, "remote", entry.key, cx);
        if let Some(written) = &entry.value
            && let Some(remote) = one(id, entry.key, written.clone(), None, cx)
        {
            base.insert(id.clone(), remote);
        }
    }
    let mut named = IndexMap::new();
    for (environment, entry) in environments.entries {
        check_name(&environment, "environment", entry.key, cx);
        let mut differing = IndexMap::new();
        let overlays = entry.value.and_then(|environment| environment.remotes).unwrap_or_default();
        for (id, overlay) in overlays.entries {
            let Some(known) = remotes.entries.get(&id) else {
                let problem = Problem::at(overlay.key, format!("remote `{id}` is not defined"));
                cx.report(problem.hint("an environment only says what is different: define the remote in `remotes`"));
                continue;
            };
            if let (Some(known), Some(written)) = (&known.value, overlay.value)
                && let Some(remote) = one(&id, overlay.key, overlaid(known.clone(), written), Some(&environment), cx)
            {
                differing.insert(id, remote);
            }
        }
        named.insert(environment, differing);
    }
    (base, named)
}

fn check_name(id: &str, what: &str, key: Span, cx: &mut Cx) {
    if !is_remote_name(id) {
        let message = format!("`{id}` is not the name of {} {what}", if what == "environment" { "an" } else { "a" });
        cx.report(Problem::at(key, message).hint("it names files too: lower-case letters, digits, `.`, `_` and `-`, at most 64"));
    }
}

/// Key by key, what the environment says takes the place of what the remote says; entries of `config` are joined.
fn overlaid(base: written::Remote, over: written::Remote) -> written::Remote {
    fn join<T>(base: Option<T>, over: Option<T>, both: impl FnOnce(T, T) -> T) -> Option<T> {
        match (base, over) {
            (Some(base), Some(over)) => Some(both(base, over)),
            (base, over) => over.or(base),
        }
    }
    // An adapter from elsewhere is another adapter: digest and name of the first mean nothing for it.
    let (digest, adapter) =
        if over.source.is_some() { (over.digest, over.adapter) } else { (over.digest.or(base.digest), over.adapter.or(base.adapter)) };
    written::Remote {
        source: over.source.or(base.source),
        digest,
        adapter,
        target: join(base.target, over.target, |base, over| written::RemoteTarget {
            workspace: over.workspace.or(base.workspace),
            environment: over.environment.or(base.environment),
        }),
        endpoint: over.endpoint.or(base.endpoint),
        auth: join(base.auth, over.auth, |base, over| written::RemoteAuth {
            mode: over.mode.or(base.mode),
            token_env: over.token_env.or(base.token_env),
            endpoint: over.endpoint.or(base.endpoint),
        }),
        config: join(base.config, over.config, |mut base, over| {
            base.entries.retain(|(key, _)| !over.entries.iter().any(|(other, _)| other.text == key.text));
            base.entries.extend(over.entries);
            base
        }),
        secrets: over.secrets.or(base.secrets),
        release: join(base.release, over.release, |base, over| written::RemoteDefaults {
            labels: over.labels.or(base.labels),
            notes: over.notes.or(base.notes),
            channel: over.channel.or(base.channel),
            git_sha_env: over.git_sha_env.or(base.git_sha_env),
            ci_run_url_env: over.ci_run_url_env.or(base.ci_run_url_env),
        }),
        runs: join(base.runs, over.runs, |base, over| written::RemoteRuns {
            sync: over.sync.or(base.sync),
            paths: over.paths.or(base.paths),
            require_success: over.require_success.or(base.require_success),
        }),
        transport: join(base.transport, over.transport, |base, over| written::RemoteTransport {
            file_root: over.file_root.or(base.file_root),
            allow_loopback_http: over.allow_loopback_http.or(base.allow_loopback_http),
            max_download: over.max_download.or(base.max_download),
        }),
        timeout: over.timeout.or(base.timeout),
        required: over.required.or(base.required),
    }
}

fn one(id: &str, key: Span, remote: written::Remote, environment: Option<&str>, cx: &mut Cx) -> Option<Remote> {
    let before = cx.problems.len();
    let written::Remote { source, digest, adapter, target, endpoint, auth, config, secrets, release, runs, transport, timeout, required } =
        remote;
    let origin = origin(source.as_ref(), digest.as_ref(), cx);
    let adapter = match &adapter {
        Some(name) if is_remote_name(&name.value) => name.value.clone(),
        Some(name) => {
            let message = format!("`{}` is not the name of an adapter", name.value.escape_debug());
            cx.report(Problem::at(name.span, message).hint("the name is what follows `epack-remote-` in the file's name"));
            String::new()
        }
        None => origin.as_ref().and_then(adapter_of).unwrap_or_else(|| {
            let hint = "say which: `adapter: s3`, or where it comes from: `source: ./epack-remote-s3`";
            cx.report(Problem::at(key, format!("remote `{id}` names no adapter")).hint(hint));
            String::new()
        }),
    };
    let (workspace, target_environment) = target.map_or((None, None), |target| (target.workspace, target.environment));
    let auth = auth.unwrap_or(written::RemoteAuth { mode: None, token_env: None, endpoint: None });
    let identity = IdentitySettings { mode: auth.mode.map(|text| text.value), token_env: variable(auth.token_env, cx) };
    let written::RemoteDefaults { labels, notes, channel, git_sha_env, ci_run_url_env } =
        release.unwrap_or(written::RemoteDefaults { labels: None, notes: None, channel: None, git_sha_env: None, ci_run_url_env: None });
    let runs = runs.map_or_else(RunsSettings::default, |runs| RunsSettings {
        sync: runs.sync.unwrap_or(true),
        paths: texts(runs.paths),
        require_success: runs.require_success.unwrap_or(false),
    });
    let transport = transport.map_or_else(TransportSettings::default, |transport| TransportSettings {
        file_root: transport.file_root.map(|text| text.value),
        allow_loopback_http: transport.allow_loopback_http.unwrap_or(false),
        max_download: transport.max_download.and_then(|text| size(&text, cx)),
    });
    let settings = RemoteSettings {
        name: id.to_owned(),
        environment: environment.map(str::to_owned),
        source: origin,
        adapter,
        workspace: value(workspace),
        target_environment: value(target_environment),
        endpoint: https(endpoint, "endpoint", cx),
        auth_endpoint: https(auth.endpoint, "auth.endpoint", cx),
        identity: (identity != IdentitySettings::default()).then_some(identity),
        config: config.map(|config| config.entries.into_iter().map(|(key, value)| (key.text, value.value.0)).collect()).unwrap_or_default(),
        secrets: secrets.unwrap_or_default().into_iter().filter_map(|name| variable(Some(name), cx)).collect(),
        labels: texts(labels),
        notes: value(notes),
        channel: value(channel),
        git_sha_env: variable(git_sha_env, cx),
        ci_run_url_env: variable(ci_run_url_env, cx),
        runs,
        transport,
        timeout_seconds: timeout.and_then(|text| seconds(&text, cx)),
    };
    (cx.problems.len() == before).then_some(Remote { settings, required: required.unwrap_or(true) })
}

fn origin(source: Option<&Text>, digest: Option<&Text>, cx: &mut Cx) -> Option<AdapterOrigin> {
    let text = source?;
    let value = text.value.as_str();
    if let Some(digest) = digest.filter(|_| !value.starts_with("https://")) {
        cx.report(
            Problem::at(digest.span, "`digest` is for adapters at https addresses").hint("others are pinned in stagefreight.lock.yaml"),
        );
    }
    if value.starts_with("https://") {
        let digest = digest.and_then(|digest| match digest.value.parse::<Digest>() {
            Ok(digest) => Some(digest.to_string()),
            Err(error) => {
                cx.report(Problem::at(digest.span, error.to_string()));
                None
            }
        });
        if Url::parse(value).is_err() || value.contains('@') {
            cx.report(Problem::at(text.span, "`source` is not an https address without a login").secret());
        }
        let Some(digest) = digest else {
            cx.report(
                Problem::at(text.span, "an adapter at an https address needs a `digest`").hint("look at it, then write `digest: sha256:…`"),
            );
            return None;
        };
        return Some(AdapterOrigin::Url { url: value.to_owned(), digest });
    }
    if let Some(reference) = value.strip_prefix("oci://") {
        if let Err(error) = reference.parse::<Reference>() {
            cx.report(Problem::at(text.span, error.to_string()).hint("write `oci://ghcr.io/acme/epack-remote-x:1.2`"));
        }
        return Some(AdapterOrigin::Oci(reference.to_owned()));
    }
    // Which forges there are is looked up when the adapter is fetched.
    if value.split_once(':').is_some_and(|(forge, rest)| is_remote_name(forge) && !rest.starts_with('/')) {
        if !value.contains('@') {
            cx.report(Problem::at(text.span, "an asset of a release needs a version").hint("write `github:owner/repo@v1.2.3`"));
        }
        return Some(AdapterOrigin::Release(value.to_owned()));
    }
    if value.contains("://") || value.is_empty() || value.chars().any(char::is_control) {
        cx.report(
            Problem::at(text.span, format!("`source: {}` is not known", value.escape_debug()))
                .hint("a path, https://…, oci://…, or a release such as github:owner/repo@v1"),
        );
        return None;
    }
    Some(AdapterOrigin::Path(value.to_owned()))
}

/// The adapter's name, as the name of its file tells it.
fn adapter_of(origin: &AdapterOrigin) -> Option<String> {
    let text = match origin {
        AdapterOrigin::Path(text) | AdapterOrigin::Url { url: text, .. } | AdapterOrigin::Oci(text) | AdapterOrigin::Release(text) => text,
    };
    let file = text.rsplit('/').next().unwrap_or(text);
    let file = file.split(['@', ':']).next().unwrap_or(file);
    let name = file.strip_prefix(PREFIX)?;
    // `epack-remote-x-linux-amd64` and `epack-remote-x.py` are the adapter x.
    let name = ["-linux-", "_linux_", "-darwin-", "-{os}-"].iter().find_map(|mark| name.split_once(mark)).map_or(name, |(name, _)| name);
    let name = [".py", ".sh", ".exe"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    is_remote_name(name).then(|| name.to_owned())
}

/// A publish entry.
pub fn publish(id: &str, publish: written::RemotePublish, lookup: &Lookup<'_>, scope: &mut Scope<'_>, cx: &mut Cx) -> Publish {
    let written::RemotePublish {
        build,
        remote,
        environment,
        stream,
        version,
        labels,
        notes,
        channel,
        prerelease,
        checksums,
        when,
        required,
        // For people.
        description: _,
    } = publish;
    if check_reference(&build, "build", lookup.builds, cx) && lookup.images.contains(&build.value) {
        let message = format!("build `{}` makes an image, and a remote holds files", build.value);
        cx.report(Problem::at(build.span, message).hint("publish it with kind `registry`"));
    }
    if remote.items.is_empty() {
        cx.report(Problem::at(remote.span, format!("publish `{id}` names no remote")).hint("name one, or a list of them"));
    }
    let known: Vec<String> = lookup.remotes.keys().cloned().collect();
    let mut remotes = Vec::with_capacity(remote.items.len());
    for text in remote.items {
        if !check_reference(&text, "remote", &known, cx) {
            continue;
        }
        if remotes.contains(&text.value) {
            cx.report(Problem::at(text.span, format!("remote `{}` is named twice", text.value)).hint("remove one"));
            continue;
        }
        remotes.push(text.value);
    }
    if let Some(environment) = &environment {
        let known: Vec<String> = lookup.environments.keys().cloned().collect();
        check_reference(environment, "environment", &known, cx);
    }
    for template in [&stream, &version, &notes].into_iter().flatten().chain(labels.iter().flatten()) {
        templates::check(template, Use::Value, scope, cx);
    }
    let kind = PublishKind::Remote(RemotePublish {
        build: build.value,
        remotes,
        environment: value(environment),
        stream: value(stream),
        version: value(version),
        labels: texts(labels),
        notes: value(notes),
        channel: value(channel),
        prerelease,
        checksums: checksums.unwrap_or(false),
    });
    Publish { id: id.to_owned(), when: conditions(when, lookup.patterns, scope, cx), required: required.unwrap_or(true), kind }
}

fn value(text: Option<Text>) -> Option<String> {
    text.map(|text| text.value)
}

fn texts(list: Option<Vec<Text>>) -> Vec<String> {
    list.unwrap_or_default().into_iter().map(|text| text.value).collect()
}

fn variable(name: Option<Text>, cx: &mut Cx) -> Option<String> {
    let name = name?;
    if is_adapter_secret(&name.value) {
        return Some(name.value);
    }
    // Somebody may have put the secret itself here.
    cx.report(
        Problem::at(name.span, "this is not the name of a variable an adapter may get")
            .secret()
            .hint("name a variable: letters, digits and `_`; not PATH, LD_*, EPACK_* and others that decide how programs start"),
    );
    None
}

fn https(text: Option<Text>, key: &str, cx: &mut Cx) -> Option<String> {
    let text = text?;
    let right = Url::parse(&text.value).is_ok_and(|url| {
        let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
        url.scheme() == "https" && url.host_str().is_some() && bare
    });
    if right {
        return Some(text.value);
    }
    cx.report(
        Problem::at(text.span, format!("`{key}` is not an https address"))
            .secret()
            .hint("https://host/path, without login, query and fragment"),
    );
    None
}

fn size(text: &Text, cx: &mut Cx) -> Option<u64> {
    match text.value.parse::<ByteSize>() {
        Ok(size) => Some(size.0),
        Err(error) => {
            cx.report(Problem::at(text.span, error.to_string()));
            None
        }
    }
}

fn seconds(text: &Text, cx: &mut Cx) -> Option<u64> {
    match duration::parse(&text.value) {
        Ok(time) if (1..=24 * 3600).contains(&time.as_secs()) => Some(time.as_secs()),
        Ok(_) => {
            cx.report(Problem::at(text.span, "`timeout` is out of bounds").hint("write 1s to 24h"));
            None
        }
        Err(error) => {
            cx.report(Problem::at(text.span, error.to_string()));
            None
        }
    }
}
