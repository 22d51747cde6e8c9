//! Rehearsal: an embedded OCI registry on loopback over an on-disk layout, with a fault plan.
