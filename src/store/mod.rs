//! The content store: OCI layouts by digest below `.stagefreight/objects` (spec/manifest.md §9), and full-closure
//! verification on top.
