//! Where versions lie beside each other, whatever the config calls it: entries with one shelf keep their versions together.

use crate::config::{Bucket, Config, FilesPlace};
use crate::http::Url;

/// The host of Amazon's own buckets.
const AWS: &str = "s3.amazonaws.com";

/// A directory of versions at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shelf {
    /// The place: a project, the owner of packages, a bucket.
    place: String,
    /// The directory there, without a slash at either end.
    directory: String,
}

impl Shelf {
    /// The one of an entry at this place with this directory. `None` where versions cannot be listed.
    pub(super) fn of(config: &Config, place: &FilesPlace, directory: &str) -> Option<Self> {
        match place {
            FilesPlace::Server { .. } => None,
            FilesPlace::Repo(id) => {
                let repo = config.repos.get(id)?;
                let forge = config.forges.get(&repo.forge)?;
                // Gitea's packages are the owner's, whichever project they are of.
                let owner = if forge.provider.is_gitlab() { repo.project.as_str() } else { repo.project.split('/').next()? };
                Some(Self { place: format!("{} {owner}", forge.url), directory: directory.to_owned() })
            }
            FilesPlace::Bucket { bucket, .. } => {
                let parts: Vec<&str> = bucket.prefix.as_deref().into_iter().chain([directory]).filter(|part| !part.is_empty()).collect();
                Some(Self { place: format!("{} {}", server_of(bucket), bucket.name), directory: parts.join("/") })
            }
        }
    }

    /// May this be the same directory, when its name is a template?
    pub(super) fn may_be(&self, other: &Self) -> bool {
        self.place == other.place && super::repos::matching(&self.directory).is_ok_and(|pattern| pattern.is_match(&other.directory))
    }
}

/// The server of a bucket. At AWS, a bucket has one name in all regions.
fn server_of(bucket: &Bucket) -> String {
    let Some(endpoint) = &bucket.endpoint else { return AWS.to_owned() };
    let Ok(url) = Url::parse(endpoint) else { return endpoint.clone() };
    let host = url.host_str().unwrap_or_default();
    if host == AWS || host.ends_with(".amazonaws.com") {
        return AWS.to_owned();
    }
    format!("{host}:{}{}", url.port_or_known_default().unwrap_or_default(), url.path().trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(endpoint: Option<&str>, prefix: Option<&str>, directory: &str) -> Shelf {
        let [endpoint, prefix] = [endpoint, prefix].map(|text| text.map(str::to_owned));
        let place = FilesPlace::Bucket {
            bucket: Bucket { name: "b".to_owned(), prefix, region: None, endpoint },
            credentials: None,
            ca_file: None,
        };
        Shelf::of(&Config::default(), &place, directory).expect("a shelf")
    }

    #[test]
    fn a_directory_of_a_bucket_is_one_however_it_is_described() {
        let one = bucket(None, Some("x"), "y");
        for same in
            [bucket(None, Some("x/y"), ""), bucket(None, None, "x/y"), bucket(Some("https://s3.eu-central-1.amazonaws.com"), None, "x/y")]
        {
            assert_eq!(same, one);
        }
        for other in [bucket(None, Some("x"), "z"), bucket(Some("https://minio.acme.dev"), Some("x"), "y")] {
            assert_ne!(other, one);
        }
        let minio = |endpoint| bucket(Some(endpoint), None, "y");
        assert_eq!(minio("https://minio.acme.dev:443"), minio("https://MINIO.acme.dev/"));
        assert_ne!(minio("https://minio.acme.dev:9000"), minio("https://minio.acme.dev"));
        assert!(bucket(None, Some("x"), "{branch}").may_be(&one) && bucket(None, None, "{project}/y").may_be(&one));
        assert!(!bucket(None, None, "dev/{branch}").may_be(&one) && !minio("https://minio.acme.dev").may_be(&one));
    }
}
