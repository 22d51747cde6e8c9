//! The environment of an adapter: built from nothing, by an allow-list, so that no secret reaches it that the config does
//! not name.

use std::collections::BTreeMap;

use crate::core::RemoteSettings;
use crate::names::{self, adapter_env};
use crate::remote::protocol::PROTOCOL_VERSION;
use crate::world::Environment;

/// Variables every adapter gets when they are set, whatever their case.
const ALLOWED: [&str; 24] = [
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "TEMP",
    "TMP",
    "TERM",
    "NO_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_RUNTIME_DIR",
    "PATH",
];

/// What `--capabilities` is asked with: nothing of the config.
pub(super) fn bare(env: &Environment) -> BTreeMap<String, String> {
    let mut vars = BTreeMap::new();
    for (name, value) in env.iter().filter(|(_, value)| !value.is_empty()) {
        let upper = name.to_ascii_uppercase();
        if ALLOWED.contains(&upper.as_str()) {
            let proxy = matches!(upper.as_str(), "HTTP_PROXY" | "HTTPS_PROXY");
            vars.insert(name.to_owned(), if proxy { without_login(value) } else { value.to_owned() });
        }
    }
    vars.insert(adapter_env::PROTOCOL_VERSION.to_owned(), PROTOCOL_VERSION.to_string());
    vars
}

/// What every other command is asked with.
pub(super) fn full(env: &Environment, settings: &RemoteSettings) -> BTreeMap<String, String> {
    let mut vars = bare(env);
    let endpoints = [(adapter_env::ENDPOINT, &settings.endpoint), (adapter_env::AUTH_ENDPOINT, &settings.auth_endpoint)];
    for (name, value) in endpoints {
        if let Some(value) = value {
            vars.insert(name.to_owned(), value.clone());
        }
    }
    for name in settings.secrets.iter().filter(|name| crate::remote::naming::is_secret_name(name)) {
        if let Some(value) = env.get(name) {
            vars.insert(name.clone(), value.to_owned());
        }
    }
    vars
}

// A proxy's password is ours, not the adapter's.
fn without_login(proxy: &str) -> String {
    let Some((scheme, rest)) = proxy.split_once("://") else {
        return proxy.rsplit_once('@').map_or(proxy, |(_, host)| host).to_owned();
    };
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{host}")
}

/// Where managed adapters lie: `$XDG_DATA_HOME/stagefreight/bin`, else below the home directory.
pub fn managed_dir(env: &Environment) -> Option<std::path::PathBuf> {
    let data = env.get(names::env::XDG_DATA_HOME).map(std::path::PathBuf::from);
    let data = data.or_else(|| env.get(names::env::HOME).map(|home| std::path::Path::new(home).join(".local/share")));
    data.map(|dir| dir.join("stagefreight/bin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_allowed_or_named_arrives() {
        let env = Environment::from_pairs([
            ("HOME", "/h"),
            ("PATH", "/bin"),
            ("https_proxy", "http://user:pass@proxy:3128"),
            ("AWS_SECRET_ACCESS_KEY", "ambient"),
            ("MY_TOKEN", "listed"),
            ("LD_PRELOAD", "/evil.so"),
            ("NO_COLOR", ""),
        ]);
        let settings = RemoteSettings {
            endpoint: Some("https://e".to_owned()),
            secrets: vec!["MY_TOKEN".to_owned(), "LD_PRELOAD".to_owned(), "UNSET".to_owned()],
            ..RemoteSettings::default()
        };
        let vars: Vec<String> = full(&env, &settings).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            vars,
            [
                "EPACK_REMOTE_ENDPOINT=https://e",
                "EPACK_REMOTE_PROTOCOL_VERSION=1",
                "HOME=/h",
                "MY_TOKEN=listed",
                "PATH=/bin",
                "https_proxy=http://proxy:3128",
            ]
        );
        assert_eq!(bare(&env).len(), 4, "capabilities are asked without secrets and endpoints");
    }
}
