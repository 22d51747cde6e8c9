//! Signed assertions (RFC 7515, RFC 7523) by an RSA key, as Google's service accounts make them.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::core::Secret;

/// A token of these claims, signed by RS256 with a PKCS#8 key in PEM. `None` when the key is none.
pub fn sign(key: &Secret, key_id: Option<&str>, claims: &Value) -> Option<Secret> {
    let pair = RsaKeyPair::from_pkcs8(&der(key.expose())?).ok()?;
    let mut header = json!({ "alg": "RS256", "typ": "JWT" });
    if let Some(id) = key_id {
        header["kid"] = id.into();
    }
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", encoded(&header), encoded(claims));
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).ok()?;
    Some(Secret::new(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))))
}

/// The bytes of the first `PRIVATE KEY` block (RFC 7468).
fn der(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let compact: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(compact).ok()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    #[test]
    fn signs_so_that_the_public_key_confirms() {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).expect("its encoding");
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
        let token = sign(&Secret::new(pem), Some("k1"), &json!({ "iss": "me" })).expect("a token");
        let (text, signature) = token.expose().rsplit_once('.').expect("three parts");
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
        public.verify(text.as_bytes(), &signature).expect("a good signature");
        let (header, claims) = text.split_once('.').expect("two parts");
        let decoded = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON");
        assert_eq!((decoded(header), decoded(claims)), (json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" }), json!({ "iss": "me" })));
    }

    #[test]
    fn what_is_no_key_signs_nothing() {
        for text in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----"] {
            assert!(sign(&Secret::new(text), None, &json!({})).is_none());
        }
    }
}
