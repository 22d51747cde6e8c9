//! A server that keeps what is PUT there, in memory, with the manners of Artifactory or of a plain web server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stagefreight::core::{BoxFuture, Digest};
use stagefreight::rehearse::api::{Answer, Asked, Cut, Options, Running, Service, start};
use stagefreight::rehearse::fault::FaultPlan;

/// Password and bearer token.
pub const SECRET: &str = "shelf-canary-secret-4711";

/// How it behaves.
#[derive(Clone, Copy)]
pub struct Manners {
    /// Answers carry the SHA-256 of what is there.
    pub tells_digests: bool,
    /// If-Match and If-None-Match count.
    pub knows_conditions: bool,
    /// It is a bucket, `test`, which checks no signatures.
    pub bucket: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Self { tells_digests: true, knows_conditions: true, bucket: false }
    }
}

type Files = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

pub struct Shelf {
    server: Running,
    files: Files,
}

struct Keeper {
    manners: Manners,
    files: Files,
}

impl Shelf {
    pub async fn start(manners: Manners, faults: FaultPlan) -> Self {
        let files = Files::default();
        let keeper = Arc::new(Keeper { manners, files: Arc::clone(&files) });
        let server = start(keeper, Options { faults, ..Options::default() }).await.expect("server");
        Self { server, files }
    }

    pub fn url(&self) -> String {
        format!("{}/repository/files", self.server.url())
    }

    /// Where it is as a bucket's server.
    pub fn endpoint(&self) -> String {
        self.server.url()
    }

    pub fn clear(&self) {
        self.files.lock().expect("files").clear();
    }

    /// Paths and digests of what is there.
    pub fn held(&self) -> BTreeMap<String, Digest> {
        self.files.lock().expect("files").iter().map(|(path, bytes)| (path.clone(), Digest::of(bytes))).collect()
    }

    pub fn set(&self, path: &str, bytes: &[u8]) {
        self.files.lock().expect("files").insert(path.to_owned(), bytes.to_vec());
    }

    pub fn writes(&self) -> usize {
        self.server.log().writes().len()
    }
}

fn base64_of(digest: &Digest) -> String {
    STANDARD.encode(base16ct::lower::decode_vec(digest.hex()).expect("hex"))
}

impl Keeper {
    async fn handle(&self, asked: &mut Asked) -> Result<Answer, Cut> {
        let basic = STANDARD.encode(format!("ci:{SECRET}"));
        let login = asked.header("authorization").unwrap_or_default().to_owned();
        let known = if self.manners.bucket {
            login.starts_with("AWS4-HMAC-SHA256 Credential=KEY/")
        } else {
            login == format!("Basic {basic}") || login == format!("Bearer {SECRET}")
        };
        if !known {
            return Ok(Answer::empty(if self.manners.bucket { 403 } else { 401 }));
        }
        let root: &[&str] = if self.manners.bucket { &["test"] } else { &["repository", "files"] };
        if !asked.segments.iter().map(String::as_str).take(root.len()).eq(root.iter().copied()) {
            return Ok(Answer::empty(404));
        }
        let path = &asked.segments[root.len()..];
        let path = path.join("/");
        let held = self.files.lock().expect("files").get(&path).cloned();
        let tag = |bytes: &[u8]| format!("\"{}\"", &Digest::of(bytes).hex()[..16]);
        match asked.method.as_str() {
            "GET" | "HEAD" => {
                let Some(bytes) = held else {
                    let why = b"<Error><Code>NoSuchKey</Code></Error>".to_vec();
                    return Ok(if self.manners.bucket { Answer::bytes(404, "application/xml", why) } else { Answer::empty(404) });
                };
                let digest = Digest::of(&bytes);
                let mut answer = Answer::bytes(200, "application/octet-stream", bytes.clone()).with(hyper::header::ETAG, &tag(&bytes));
                if self.manners.tells_digests {
                    answer = if self.manners.bucket {
                        answer.with(hyper::header::HeaderName::from_static("x-amz-checksum-sha256"), &base64_of(&digest))
                    } else {
                        answer.with(hyper::header::HeaderName::from_static("x-checksum-sha256"), digest.hex())
                    };
                }
                Ok(answer)
            }
            "PUT" => {
                if self.manners.knows_conditions {
                    let taken = asked.header("if-none-match") == Some("*") && held.is_some();
                    let moved = asked.header("if-match").is_some_and(|wanted| held.as_deref().map(tag).as_deref() != Some(wanted));
                    if taken || moved {
                        return Ok(Answer::empty(412));
                    }
                }
                let promised = asked.header("x-checksum-sha256").or(asked.header("x-amz-content-sha256")).map(str::to_owned);
                let checksum = asked.header("x-amz-checksum-sha256").map(str::to_owned);
                let Some(bytes) = asked.body.collect().await? else { return Ok(Answer::empty(413)) };
                let digest = Digest::of(&bytes);
                if promised.is_some_and(|promised| promised != digest.hex()) || checksum.is_some_and(|sum| sum != base64_of(&digest)) {
                    return Ok(Answer::empty(if self.manners.bucket { 400 } else { 409 }));
                }
                self.files.lock().expect("files").insert(path, bytes.to_vec());
                Ok(Answer::empty(201))
            }
            _ => Ok(Answer::empty(405)),
        }
    }
}

impl Service for Keeper {
    fn answer<'a>(&'a self, asked: &'a mut Asked) -> BoxFuture<'a, Result<Answer, Cut>> {
        Box::pin(self.handle(asked))
    }
}
