//! The cryptography that every connection uses.

use std::sync::Once;

use tokio_rustls::rustls::CipherSuite;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};

/// Makes AES-128 the first choice of TLS 1.3, as browsers and Go do: it is as safe for what lives as long as a connection
/// (RFC 8446 §B.4 makes it mandatory), and costs a quarter less than AES-256 for every byte of a layer.
pub(super) fn install_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Somebody who embeds the library and chose before us keeps the choice.
        let _ = provider().install_default();
    });
}

fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    // Stable: the others keep their order.
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    provider
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::SupportedCipherSuite;

    use super::*;

    #[test]
    fn only_the_order_changes() {
        let ours: Vec<_> = provider().cipher_suites.iter().map(SupportedCipherSuite::suite).collect();
        assert_eq!(ours[0], CipherSuite::TLS13_AES_128_GCM_SHA256);
        assert_eq!(ours.len(), aws_lc_rs::default_provider().cipher_suites.len());
    }
}
