//! Renderers of events and manifests: terminal, plain, JSON lines, job summary.
