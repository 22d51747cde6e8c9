//! Tidies a docker engine through its API: images, containers, networks and build cache, by policy; never volumes.
