//! The import table of the design, enforced.
