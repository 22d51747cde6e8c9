//! Driving buildx and buildctl.
