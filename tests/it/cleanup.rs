//! Host cleanup on a docker engine.
