//! Certificates for a daemon over TCP: found as three files, read only to ask the daemon whether it is there.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::build::lifecycle::NodeTls;
use crate::fs;

/// A chain of certificates is a few KiB.
const MAX_PEM: u64 = 1024 * 1024;

/// `ca.pem`, `cert.pem` and `key.pem` of a directory (spec/build.md B.2). A missing one is named, never done without.
pub fn in_directory(dir: &Path) -> Result<NodeTls, String> {
    let file = |name: &str| {
        let path = dir.join(name);
        match fs::is_present(&path) {
            Ok(true) => Ok(path),
            Ok(false) => Err(format!("its TLS file {} is missing", path.display())),
            Err(error) => Err(error.to_string()),
        }
    };
    Ok(NodeTls { ca: file("ca.pem")?, cert: file("cert.pem")?, key: file("key.pem")?, server_name: None })
}

/// A client that trusts this authority alone and proves who it is.
pub(super) fn client(tls: &NodeTls) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&tls.ca)? {
        roots.add(certificate).map_err(|error| format!("cannot use {}: {error}", tls.ca.display()))?;
    }
    let chain = certificates(&tls.cert)?;
    let key = PrivateKeyDer::from_pem_slice(&read(&tls.key)?).map_err(|_| format!("{} holds no private key", tls.key.display()))?;
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|error| format!("cannot use {} with {}: {error}", tls.cert.display(), tls.key.display()))?;
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = read(path)?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&bytes).filter_map(Result::ok).collect();
    if found.is_empty() { Err(format!("{} holds no certificate", path.display())) } else { Ok(found) }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read_bounded(path, MAX_PEM).map_err(|error| error.to_string())
}
