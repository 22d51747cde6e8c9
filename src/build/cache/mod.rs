//! BuildKit's cache between builds: what a build may read and write, what it found, and how much is kept.
