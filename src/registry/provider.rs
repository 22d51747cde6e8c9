//! What is particular about known hosts, as data.

/// One registry service: where its API is, whom it may send us to for tokens, and what it cannot do.
#[derive(Debug)]
pub struct Provider {
    /// Hosts it answers for: a whole host, or a suffix that begins with a dot.
    hosts: &'static [&'static str],
    /// Where the API is, when not at the host itself.
    pub api_host: Option<&'static str>,
    /// Token services on other domains that may see the credentials.
    pub realms: &'static [&'static str],
    /// Keys under which `docker login` files the credentials, beside the host itself.
    pub config_keys: &'static [&'static str],
    /// Upload sessions elsewhere that it hands out.
    pub upload_hosts: &'static [&'static str],
    /// How it takes blobs.
    pub uploads: Uploads,
}

/// How a registry takes blobs.
#[derive(Debug)]
pub struct Uploads {
    /// A blob may arrive in several requests. Where it may not, what did not get through is begun again.
    pub pieces: bool,
    /// What it says a session holds can be relied on.
    pub ranges: bool,
    /// The most bytes one request may carry, where that is known.
    pub most: Option<u64>,
}

/// As the specification has it.
const SPECIFIED: Uploads = Uploads { pieces: true, ranges: true, most: None };

const PLAIN: Provider = Provider { hosts: &[], api_host: None, realms: &[], config_keys: &[], upload_hosts: &[], uploads: SPECIFIED };

static PROVIDERS: [Provider; 6] = [
    Provider {
        hosts: &["docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"],
        api_host: Some("registry-1.docker.io"),
        realms: &["auth.docker.io"],
        config_keys: &["https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io"],
        ..PLAIN
    },
    Provider { hosts: &["registry.gitlab.com"], realms: &["gitlab.com"], ..PLAIN },
    Provider { hosts: &["nvcr.io"], realms: &["authn.nvidia.com"], ..PLAIN },
    Provider { hosts: &["gcr.io", ".gcr.io"], upload_hosts: &["storage.googleapis.com"], ..PLAIN },
    // Artifact Registry takes a blob in one request only.
    Provider { hosts: &[".pkg.dev"], uploads: Uploads { pieces: false, ..SPECIFIED }, ..PLAIN },
    // ECR answers every chunk with the same Range.
    Provider { hosts: &[".amazonaws.com", "public.ecr.aws"], uploads: Uploads { ranges: false, ..SPECIFIED }, ..PLAIN },
];

static GENERIC: Provider = PLAIN;

/// What is known of a host; a table entry with nothing in it for the rest.
pub fn of_host(host: &str) -> &'static Provider {
    let host = host.to_ascii_lowercase();
    let serves = |provider: &&Provider| {
        provider.hosts.iter().any(|known| if known.starts_with('.') { host.ends_with(known) } else { host == *known })
    };
    PROVIDERS.iter().find(serves).unwrap_or(&GENERIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_hub_lives_elsewhere() {
        assert_eq!(of_host("docker.io").api_host, Some("registry-1.docker.io"));
        assert_eq!(of_host("eu.gcr.io").upload_hosts, ["storage.googleapis.com"]);
        assert_eq!(of_host("notgcr.io.example").api_host, None);
    }
}
