//! `builder`: a backend, or nodes that name theirs.

use indexmap::IndexMap;

use super::builds::parse_platforms;
use crate::config::decode::Cx;
use crate::config::problem::Problem;
use crate::config::resolved::{Backend, BuilderSettings, Driver, Node};
use crate::config::span::{Span, Spanned, Text};
use crate::config::written::{BackendWord, BuilderNode, BuilderSection, DriverWord};

/// Most nodes; more than people have machines for.
const MAX_NODES: usize = 64;

/// Resolves the section, wherever it stands.
pub fn resolve(own: Option<Spanned<BuilderSection>>, of_cache: Option<Spanned<BuilderSection>>, cx: &mut Cx) -> BuilderSettings {
    if let (Some(_), Some(second)) = (&own, &of_cache) {
        cx.report(
            Problem::at(second.span, "the builder is described twice: in `builder` and in `build_cache.builder`")
                .hint("keep the section `builder`; the other is where older configs have it"),
        );
    }
    let Some(Spanned { value: BuilderSection { backend, name, driver, context, nodes }, .. }) = own.or(of_cache) else {
        return BuilderSettings::default();
    };
    let driver = driver.map(|driver| Spanned { value: driver_of(driver.value), span: driver.span });
    let nodes = nodes.unwrap_or_default();
    if let Some(backend) = &backend {
        check_together(backend, driver.as_ref(), context.as_ref(), !nodes.is_empty(), cx);
    }
    if let Some(context) = &context
        && !nodes.is_empty()
    {
        cx.report(Problem::at(context.span, "`context` and `nodes` exclude each other").hint("nodes name their own endpoints"));
    }
    BuilderSettings {
        backend: backend.map(|backend| backend_of(backend.value)).unwrap_or_default(),
        name: name.and_then(|name| identifier(&name, "builder name", cx)),
        nodes: resolve_nodes(nodes, driver.as_ref().map(|driver| driver.value), cx),
        driver: driver.map(|driver| driver.value),
        context: context.and_then(|context| identifier(&context, "docker context", cx)),
    }
}

fn backend_of(word: BackendWord) -> Backend {
    match word {
        BackendWord::Auto => Backend::Auto,
        BackendWord::Buildkitd => Backend::Buildkitd,
        BackendWord::Dind | BackendWord::Docker => Backend::Dind,
        BackendWord::Podman => Backend::Podman,
        BackendWord::Kubernetes => Backend::Kubernetes,
        BackendWord::Spawn => Backend::Spawn,
    }
}

fn driver_of(word: DriverWord) -> Driver {
    match word {
        DriverWord::Docker => Driver::Docker,
        DriverWord::DockerContainer => Driver::DockerContainer,
        DriverWord::Kubernetes => Driver::Kubernetes,
        DriverWord::Remote => Driver::Remote,
    }
}

/// Words that contradict each other are refused: nothing in a config is silently without effect.
fn check_together(backend: &Spanned<BackendWord>, driver: Option<&Spanned<Driver>>, context: Option<&Text>, nodes: bool, cx: &mut Cx) {
    let kind = backend_of(backend.value);
    if nodes && kind != Backend::Auto {
        let message = format!("`backend: {}` and `nodes` exclude each other", kind.name());
        cx.report(Problem::at(backend.span, message).hint("nodes say where BuildKit is: leave `backend` out"));
        return;
    }
    let fits: &[Driver] = match kind {
        Backend::Auto => return,
        Backend::Buildkitd | Backend::Spawn => &[Driver::Remote],
        Backend::Dind => &[Driver::Docker, Driver::DockerContainer],
        Backend::Podman => &[Driver::DockerContainer],
        Backend::Kubernetes => &[Driver::Kubernetes],
    };
    if let Some(driver) = driver
        && !fits.contains(&driver.value)
    {
        let names = fits.iter().map(|driver| driver.name()).collect::<Vec<_>>().join(" or ");
        let message = format!("driver `{}` does not work with backend `{}`", driver.value.name(), kind.name());
        cx.report(Problem::at(driver.span, message).hint(format!("use {names}, or leave `driver` out")));
    }
    if let Some(context) = context
        && kind != Backend::Dind
    {
        let message = format!("backend `{}` has no docker context", kind.name());
        cx.report(Problem::at(context.span, message).hint("leave `context` out, or use backend `dind`"));
    }
}

fn resolve_nodes(nodes: Vec<BuilderNode>, driver: Option<Driver>, cx: &mut Cx) -> Vec<Node> {
    if nodes.len() > MAX_NODES {
        cx.report(Problem::at(nodes[MAX_NODES].endpoint.span, format!("more than {MAX_NODES} nodes")).hint("name fewer nodes"));
        return Vec::new();
    }
    let mut resolved: Vec<Node> = Vec::with_capacity(nodes.len());
    for BuilderNode { endpoint, platforms, driver_opts } in nodes {
        check_endpoint(&endpoint, driver, cx);
        let spans: Vec<Span> = platforms.value.iter().map(|text| text.span).collect();
        let platforms = parse_platforms(platforms, "for this machine's platform", cx);
        for (platform, span) in platforms.iter().zip(spans) {
            // An endpoint may hold what must not be printed, so the nodes are not named.
            if resolved.iter().any(|node| node.platforms.contains(platform)) {
                let message = format!("two nodes serve {platform}");
                cx.report(Problem::at(span, message).hint("give each platform to one node"));
            }
        }
        let mut options = IndexMap::new();
        for (key, value) in driver_opts.map(|map| map.entries).unwrap_or_default() {
            // buildx takes `key=value` fields of a CSV line.
            if key.text.is_empty() || key.text.contains(['=', ',', '"', '\n']) || value.value.0.contains('\n') {
                cx.report(Problem::at(key.span, format!("`{}` is not an option of a driver", key.text.escape_debug())));
            }
            options.insert(key.text, value.value.0);
        }
        resolved.push(Node { endpoint: endpoint.value, platforms, driver_opts: options });
    }
    resolved
}

/// An address for driver remote (the default with nodes), or a docker context for driver docker-container.
fn check_endpoint(endpoint: &Text, driver: Option<Driver>, cx: &mut Cx) {
    const SCHEMES: [&str; 6] = ["tcp", "unix", "ssh", "docker-container", "podman-container", "kube-pod"];
    let refuse = |message: String, hint: &str, cx: &mut Cx| cx.report(Problem::at(endpoint.span, message).hint(hint));
    let value = &endpoint.value;
    match (driver.unwrap_or(Driver::Remote), value.split_once("://")) {
        (Driver::Remote, Some((scheme, rest))) => {
            if rest.split('/').next().is_some_and(|host| host.contains('@')) && scheme == "tcp" {
                cx.report(
                    Problem::at(endpoint.span, "the endpoint contains credentials")
                        .secret()
                        .hint("BuildKit takes certificates: `driver-opt: { cacert, cert, key }`"),
                );
            } else if !SCHEMES.contains(&scheme) {
                refuse(
                    format!("endpoint `{value}` has an unknown scheme"),
                    "use tcp://, unix://, ssh://, docker-container://, podman-container:// or kube-pod://",
                    cx,
                );
            } else if rest.is_empty() || rest.contains(char::is_whitespace) {
                refuse(format!("endpoint `{value}` names nothing"), "such as tcp://buildkit.acme.dev:1234", cx);
            } else if scheme == "tcp" && !rest.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
            {
                refuse(format!("endpoint `{value}` has no port"), "such as tcp://buildkit.acme.dev:1234", cx);
            }
        }
        (Driver::Remote, None) => {
            refuse(
                format!("endpoint `{value}` is not an address"),
                "write tcp://host:port or unix:///path; a docker context needs `driver: docker-container`",
                cx,
            );
        }
        (Driver::DockerContainer, Some(_)) => refuse(
            format!("endpoint `{value}` is an address"),
            "driver docker-container takes the name of a docker context; leave `driver` out for a BuildKit daemon",
            cx,
        ),
        (Driver::DockerContainer, None) => {
            identifier(endpoint, "docker context", cx);
        }
        (driver @ (Driver::Docker | Driver::Kubernetes), _) => {
            refuse(
                format!("driver `{}` has no nodes of its own choice", driver.name()),
                "use driver remote or docker-container with nodes",
                cx,
            );
        }
    }
}

/// A name as docker and buildx take it.
fn identifier(text: &Text, what: &str, cx: &mut Cx) -> Option<String> {
    let mut chars = text.value.chars();
    let right = chars.next().is_some_and(|c| c.is_ascii_alphanumeric())
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
        && text.value.len() <= 100;
    if right {
        return Some(text.value.clone());
    }
    let message = format!("`{}` is not a {what}", text.value.escape_debug());
    cx.report(Problem::at(text.span, message).hint("use letters, digits, `_`, `.` and `-`, at most 100"));
    None
}
