//! Publish entries of kind `gitlab-component`.

use super::{Condition, written};
use crate::config::decode::OneOrMany;
use crate::config::span::Text;

written! {
    /// The components of a GitLab project, as a version in its CI/CD catalog.
    ComponentPublish {
        /// Id of `repos`, at GitLab. Default: the only one there.
        repo: Option<Text>,
        /// Component files: paths `templates/NAME.yml` and `templates/NAME/template.yml`, or globs of them. Default: all there are.
        spec_files: Option<OneOrMany<Text>>,
        /// `false`: the files are checked and nothing is published. Default true.
        catalog: Option<bool>,
        /// When it is published: one condition or a list of which one must hold. Default: always, on tags. The files are always checked.
        when: Option<OneOrMany<Condition>>,
        /// `false`: a failure does not fail the run. Default true.
        required: Option<bool>,
        /// A sentence for people.
        description: Option<Text>,
    }
}
