//! `.stagefreight.yml`: as written, with spans (`written`), and resolved (`Config`), with diagnostics that show the
//! line. Pure: the text arrives as a value, the commands read the file.

mod resolved;

pub use resolved::{
    BaseImagePattern, Build, Condition, Config, DockerBuild, Git, NoLineage, Publish, Registry, RegistryProvider, RegistryPublish,
    Requirements, Security, TagPolicy, TagTemplate, VersionRule,
};
