//! Joins OCI layouts of single platforms into one index, attestation manifests carried along.
