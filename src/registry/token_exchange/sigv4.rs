//! AWS Signature Version 4 (AWS General Reference, "Signing AWS API requests") for requests without a query, which is
//! all that asking for a registry token takes.

use aws_lc_rs::hmac;

use crate::core::{Digest, Secret, Timestamp};

/// A pair of keys, and a token where they are temporary.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Access key id.
    pub id: String,
    /// Secret access key.
    pub secret: Secret,
    /// Session token.
    pub session: Option<Secret>,
}

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub struct Signing<'a> {
    /// `eu-west-1`.
    pub region: &'a str,
    /// `ecr`.
    pub service: &'a str,
    /// `POST`.
    pub method: &'a str,
    /// Absolute path.
    pub path: &'a str,
    /// Names in lower case, sorted; `host` and `x-amz-date` among them.
    pub headers: &'a [(&'a str, &'a str)],
    /// Body.
    pub body: &'a [u8],
}

/// `20150830T123600Z`.
pub fn amz_date(now: Timestamp) -> String {
    now.to_string().chars().filter(|c| !matches!(c, '-' | ':')).collect()
}

/// The `Authorization` value.
pub fn authorization(keys: &Keys, signing: &Signing<'_>, date: &str) -> Secret {
    let Signing { region, service, method, path, headers, body } = signing;
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}:{}", value.trim())).collect();
    let lines = lines.join("\n");
    let canonical = format!("{method}\n{path}\n\n{lines}\n\n{names}\n{}", Digest::of(body).hex());
    let day = date.get(..8).unwrap_or(date);
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", Digest::of(canonical.as_bytes()).hex());
    let first = format!("AWS4{}", keys.secret.expose());
    let mut key = sign(first.as_bytes(), day.as_bytes());
    for part in [*region, *service, "aws4_request"] {
        key = sign(key.as_ref(), part.as_bytes());
    }
    let signature = base16ct::lower::encode_string(sign(key.as_ref(), text.as_bytes()).as_ref());
    Secret::new(format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", keys.id))
}

fn sign(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "20150830T123600Z";

    fn signature(signing: &Signing<'_>) -> String {
        let keys = Keys { id: "AKIDEXAMPLE".to_owned(), secret: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), session: None };
        let value = authorization(&keys, signing, DATE);
        value.expose().rsplit('=').next().unwrap_or_default().to_owned()
    }

    // Vectors of the AWS Signature Version 4 test suite, by their names there.
    #[test]
    fn signs_as_the_test_suite_says() {
        let base = Signing {
            region: "us-east-1",
            service: "service",
            method: "GET",
            path: "/",
            headers: &[("host", "example.amazonaws.com"), ("x-amz-date", DATE)],
            body: b"",
        };
        let form = [("content-type", "application/x-www-form-urlencoded"), ("host", "example.amazonaws.com"), ("x-amz-date", DATE)];
        for (name, signing, expected) in [
            ("get-vanilla", base, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            ("post-vanilla", Signing { method: "POST", ..base }, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            (
                "post-x-www-form-urlencoded",
                Signing { method: "POST", headers: &form, body: b"Param1=value1", ..base },
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ] {
            assert_eq!(signature(&signing), expected, "{name}");
        }
    }

    #[test]
    fn writes_dates_without_marks() {
        assert_eq!(amz_date(Timestamp::parse("2015-08-30T12:36:00Z").expect("time")), DATE);
    }
}
