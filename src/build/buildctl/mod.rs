//! Builds with `buildctl` alone against a BuildKit daemon: no docker, no buildx.
