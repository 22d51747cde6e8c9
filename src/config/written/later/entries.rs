//! Kinds of builds and publish entries, and keys of those that exist.

use super::{Condition, written};
use crate::config::decode::OneOrMany;
use crate::config::span::Text;

written! {
    /// Files that invalidate caches. Not supported yet.
    BuildCacheWatch {
        /// Rules.
        watch: Option<Vec<WatchRule>>,
        /// Find them.
        auto_detect: Option<bool>,
    }
}

written! {
    /// One rule.
    WatchRule {
        /// Globs.
        paths: Vec<Text>,
        /// Stages.
        invalidates: Option<Vec<Text>>,
    }
}

written! {
    /// Build twice and compare. Not supported yet.
    Crucible {
        /// Toolchain image.
        toolchain_image: Option<Text>,
    }
}

written! {
    /// Vulnerability scanners. Not supported yet.
    Scanners {
        /// Trivy.
        trivy: Option<bool>,
        /// Grype.
        grype: Option<bool>,
    }
}

written! {
    /// Descriptions. Not supported yet.
    MetadataPublish {
        /// Registry ids.
        registry: Option<OneOrMany<Text>>,
        /// Ids of `repos`.
        repos: Option<OneOrMany<Text>>,
        /// Length variants.
        description: Option<OneOrMany<Text>>,
        /// File.
        readme: Option<Text>,
        /// Web address.
        website: Option<Text>,
        /// Words.
        topics: Option<Vec<Text>>,
        /// File.
        logo: Option<Text>,
        /// When it applies.
        when: Option<OneOrMany<Condition>>,
    }
}

written! {
    /// A web site. Not supported yet.
    PagesPublish {
        /// Build id.
        build: Option<Text>,
        /// Directory.
        dir: Option<Text>,
        /// cloudflare, github.
        provider: Text,
        /// Project name.
        project: Option<Text>,
        /// Globs left out.
        exclude: Option<Vec<Text>>,
        /// Host names.
        domain: Option<OneOrMany<Text>>,
        /// Path below the host.
        base_path: Option<Text>,
        /// When it applies.
        when: Option<OneOrMany<Condition>>,
    }
}
