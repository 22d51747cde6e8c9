//! The distribution specification 1.1, requirement by requirement, in our own words. One test per row; the table is
//! also the one in `docs/embedded-registry.md`.

use std::time::Duration;

use stagefreight::core::{Digest, Secret};
use stagefreight::rehearse::registry::{Auth, EndId, Login};

use super::rig::{INDEX, MANIFEST, Registry, generated, send, sha512};

struct Row {
    end: &'static str,
    level: &'static str,
    text: &'static str,
    test: &'static str,
}

macro_rules! requirements {
    ($($end:literal $level:ident $test:ident $text:literal => $body:expr;)*) => {
        $(#[test] fn $test() { let test: fn(&Registry) = $body; test(&Registry::start()); })*
        const TABLE: &[Row] = &[$(Row { end: $end, level: stringify!($level), text: $text, test: stringify!($test) }),*];
    };
}

requirements! {
    "end-1" MUST base_answers_200 "`GET /v2/` answers 200: this is a registry of this API" => |r| {
        let answer = r.get("/v2/").expect(200);
        assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0");
        r.get("/v2").expect(200);
    };
    "end-1" MUST base_challenges_when_access_is_restricted "with authentication it answers 401 and says how to authenticate" => |_| {
        let login = Login { user: "u".to_owned(), password: Secret::new("p4ssw0rd") };
        let r = Registry::with(|options| options.auth = Auth::Basic(login));
        assert!(r.get("/v2/").expect(401).header("www-authenticate").starts_with("Basic "));
        r.send("GET", "/v2/", &[("Authorization", "Basic dTpwNHNzdzByZA==")], b"").expect(200);
        r.send("GET", "/v2/", &[("Authorization", "Basic dTpub3BlCg==")], b"").expect(401);
    };
    "end-2" MUST blob_get_returns_the_bytes "a blob the repository holds is returned byte for byte with 200" => |r| {
        let digest = r.blob("a/b", b"hello");
        let answer = r.get(&format!("/v2/a/b/blobs/{digest}")).expect(200);
        assert_eq!(answer.body, b"hello");
        assert_eq!(answer.header("docker-content-digest"), digest);
    };
    "end-2" MUST blob_get_of_the_unknown_is_404 "a blob it does not hold is 404 BLOB_UNKNOWN, also when another repository holds it" => |r| {
        let digest = r.blob("a/b", b"hello");
        assert_eq!(r.get(&format!("/v2/a/c/blobs/{digest}")).expect(404).code(), "BLOB_UNKNOWN");
    };
    "end-2" MUST blob_head_says_size_and_digest "HEAD answers as GET would, with Content-Length, without the bytes" => |r| {
        let digest = r.blob("a/b", b"hello");
        let answer = r.send("HEAD", &format!("/v2/a/b/blobs/{digest}"), &[], b"").expect(200);
        assert_eq!((answer.header("content-length").as_str(), answer.header("docker-content-digest")), ("5", digest));
        r.send("HEAD", &format!("/v2/a/b/blobs/{}", Digest::of(b"x")), &[], b"").expect(404);
    };
    "end-2" SHOULD blob_get_honours_ranges "a byte range is answered 206 with Content-Range; one outside the blob 416" => |r| {
        let digest = r.blob("a/b", b"0123456789");
        let path = format!("/v2/a/b/blobs/{digest}");
        for (range, part, content_range) in
            [("bytes=2-4", &b"234"[..], "bytes 2-4/10"), ("bytes=7-", b"789", "bytes 7-9/10"), ("bytes=-2", b"89", "bytes 8-9/10"), ("bytes=8-99", b"89", "bytes 8-9/10")]
        {
            let answer = r.send("GET", &path, &[("Range", range)], b"").expect(206);
            assert_eq!((answer.body.as_slice(), answer.header("content-range").as_str()), (part, content_range));
        }
        assert_eq!(r.send("GET", &path, &[("Range", "bytes=10-")], b"").expect(416).header("content-range"), "bytes */10");
        r.send("GET", &path, &[("Range", "bytes=5-2")], b"").expect(416);
        assert_eq!(r.send("GET", &path, &[("Range", "bytes=0-1,4-5")], b"").expect(200).body.len(), 10);
    };
    "end-2" SHOULD blob_get_knows_what_the_client_has "If-None-Match with the digest answers 304" => |r| {
        let digest = r.blob("a/b", b"hello");
        r.send("GET", &format!("/v2/a/b/blobs/{digest}"), &[("If-None-Match", &format!("\"{digest}\""))], b"").expect(304);
    };
    "end-2" MUST blob_digest_must_be_one "something that is no digest is 400 DIGEST_INVALID" => |r| {
        assert_eq!(r.get("/v2/a/b/blobs/sha256:nothex").expect(400).code(), "DIGEST_INVALID");
    };
    "end-2" SHOULD blob_of_sha512 "the other registered digest algorithm works like the first" => |r| {
        let digest = sha512(b"hello");
        r.send("POST", &format!("/v2/a/b/blobs/uploads/?digest={digest}"), &[], b"hello").expect(201);
        assert_eq!(r.get(&format!("/v2/a/b/blobs/{digest}")).expect(200).body, b"hello");
        let location = r.session("a/b");
        r.send("PATCH", &location, &[], b"wor").expect(202);
        r.send("PUT", &format!("{location}?digest={}", sha512(b"world")), &[], b"ld").expect(201);
    };
    "end-3" MUST manifest_get_by_tag_and_digest "a manifest is returned byte for byte, by tag and by digest, with the type it was pushed with" => |r| {
        let (digest, raw) = r.image("a/b", "v1", "x");
        for reference in ["v1", &digest] {
            let answer = r.send("GET", &format!("/v2/a/b/manifests/{reference}"), &[("Accept", MANIFEST)], b"").expect(200);
            assert_eq!((&answer.body, answer.header("content-type").as_str()), (&raw, MANIFEST));
            assert_eq!(answer.header("docker-content-digest"), digest);
        }
    };
    "end-3" MUST manifest_get_of_the_unknown_is_404 "an unknown tag, digest or repository is 404 MANIFEST_UNKNOWN" => |r| {
        r.image("a/b", "v1", "x");
        for path in ["/v2/a/b/manifests/v2", "/v2/none/manifests/v1", "/v2/a/b/manifests/.invalid"] {
            assert_eq!(r.get(path).expect(404).code(), "MANIFEST_UNKNOWN");
        }
        r.get(&format!("/v2/a/b/manifests/{}", Digest::of(b"x"))).expect(404);
        r.get("/v2/a/b/manifests/sha256:baddigeststring").expect(400);
    };
    "end-3" MUST manifest_head "HEAD answers as GET would, with length and digest, without the bytes" => |r| {
        let (digest, raw) = r.image("a/b", "v1", "x");
        let answer = r.send("HEAD", "/v2/a/b/manifests/v1", &[], b"").expect(200);
        assert_eq!((answer.header("content-length"), answer.header("docker-content-digest")), (raw.len().to_string(), digest));
        r.send("HEAD", "/v2/a/b/manifests/v2", &[], b"").expect(404);
    };
    "end-3" MAY manifest_is_not_forced_on_a_client "a client whose Accept names other types only is told 404 MANIFEST_UNKNOWN, as GHCR and Docker Hub do" => |r| {
        r.image("a/b", "v1", "x");
        let answer = r.send("GET", "/v2/a/b/manifests/v1", &[("Accept", INDEX)], b"").expect(404);
        assert_eq!(answer.code(), "MANIFEST_UNKNOWN");
        for accept in ["*/*", "application/json, text/plain", &format!("{INDEX}, {MANIFEST};q=0.5")] {
            r.send("GET", "/v2/a/b/manifests/v1", &[("Accept", accept)], b"").expect(200);
        }
    };
    "end-3" MUST names_follow_the_grammar "a repository name outside the grammar is 400 NAME_INVALID" => |r| {
        for name in ["UPPER", "a//b", "a/..", "-a", "a___b", "%2e%2e/x"] {
            assert_eq!(r.get(&format!("/v2/{name}/manifests/v1")).expect(400).code(), "NAME_INVALID", "{name}");
        }
    };
    "end-4a" MUST session_begins "POST answers 202 with the Location of a new session" => |r| {
        let (one, two) = (r.session("a/b"), r.session("a/b"));
        assert!(one.starts_with("/v2/a/b/blobs/uploads/") && one != two);
    };
    "end-4a" SHOULD session_names_the_smallest_chunk "a registry that wants large chunks says OCI-Chunk-Min-Length" => |_| {
        let r = Registry::with(|options| options.chunk_min = 1024);
        assert_eq!(r.send("POST", "/v2/a/b/blobs/uploads/", &[], b"").expect(202).header("oci-chunk-min-length"), "1024");
    };
    "end-4a" MAY sessions_are_counted "too many open sessions are answered 429 TOOMANYREQUESTS with Retry-After; old ones are forgotten" => |_| {
        let r = Registry::with(|options| {
            options.limits.uploads = 2;
            options.limits.upload_age = Duration::from_secs(3);
        });
        let first = r.session("a/b");
        r.session("a/b");
        let answer = r.send("POST", "/v2/a/b/blobs/uploads/", &[], b"").expect(429);
        assert_eq!((answer.code().as_str(), answer.maybe("retry-after").is_some()), ("TOOMANYREQUESTS", true));
        std::thread::sleep(Duration::from_millis(3100));
        r.session("a/b");
        r.get(&first).expect(404);
    };
    "end-4b" SHOULD post_takes_a_whole_blob "POST with digest and bytes stores the blob at once: 201 with its Location" => |r| {
        let digest = Digest::of(b"whole").to_string();
        let answer = r.send("POST", &format!("/v2/a/b/blobs/uploads/?digest={digest}"), &[], b"whole").expect(201);
        assert_eq!(r.get(&answer.header("location")).expect(200).body, b"whole");
        let empty = Digest::of(b"").to_string();
        r.send("POST", &format!("/v2/a/b/blobs/uploads/?digest={empty}"), &[], b"").expect(201);
        assert_eq!(r.get(&format!("/v2/a/b/blobs/{empty}")).expect(200).body, b"");
    };
    "end-4b" MUST post_checks_the_digest "bytes with another digest are 400 DIGEST_INVALID and leave nothing behind" => |r| {
        let digest = Digest::of(b"whole").to_string();
        let answer = r.send("POST", &format!("/v2/a/b/blobs/uploads/?digest={digest}"), &[], b"half").expect(400);
        assert_eq!(answer.code(), "DIGEST_INVALID");
        r.get(&format!("/v2/a/b/blobs/{digest}")).expect(404);
        assert_eq!(std::fs::read_dir(r.data().join("repositories/a/b/_uploads")).expect("dir").count(), 0);
    };
    "end-4b" MAY post_without_bytes_opens_a_session "POST with digest and no bytes answers 202, to be followed by PUT" => |r| {
        let digest = Digest::of(b"later").to_string();
        let location = r.send("POST", &format!("/v2/a/b/blobs/uploads/?digest={digest}"), &[], b"").expect(202).header("location");
        r.send("PUT", &format!("{location}?digest={digest}"), &[], b"later").expect(201);
    };
    "end-5" MUST chunks_in_order_are_appended "chunks with Content-Range are appended: 202 with Location and Range of what is there" => |r| {
        let location = r.session("a/b");
        let answer = r.send("PATCH", &location, &[("Content-Range", "0-2")], b"abc").expect(202);
        assert_eq!(answer.header("range"), "0-2");
        let answer = r.send("PATCH", &answer.header("location"), &[("Content-Range", "3-4")], b"de").expect(202);
        assert_eq!(answer.header("range"), "0-4");
        r.send("PUT", &format!("{}?digest={}", answer.header("location"), Digest::of(b"abcde")), &[], b"").expect(201);
    };
    "end-5" MUST chunks_out_of_order_are_416 "a chunk that does not begin where the session ends is 416 with Location and Range; the session goes on" => |r| {
        let location = r.session("a/b");
        r.send("PATCH", &location, &[("Content-Range", "3-5")], b"def").expect(416);
        r.send("PATCH", &location, &[("Content-Range", "0-2")], b"abc").expect(202);
        for range in ["0-2", "5-7"] {
            let answer = r.send("PATCH", &location, &[("Content-Range", range)], b"xyz").expect(416);
            assert_eq!((answer.header("range"), answer.header("location")), ("0-2".to_owned(), location.clone()));
        }
        r.send("PUT", &format!("{location}?digest={}", Digest::of(b"abcdef")), &[("Content-Range", "3-5")], b"def").expect(201);
    };
    "end-5" MUST chunk_lengths_agree "a chunk whose Content-Range and length differ, or cannot be read, is 400" => |r| {
        let location = r.session("a/b");
        assert_eq!(r.send("PATCH", &location, &[("Content-Range", "0-9")], b"abc").expect(400).code(), "SIZE_INVALID");
        r.send("PATCH", &location, &[("Content-Range", "what")], b"abc").expect(400);
        r.get(&location).expect(204);
    };
    "end-5" MAY streams_are_appended "a PATCH without Content-Range is a stream and is appended as it comes" => |r| {
        let location = r.session("a/b");
        let chunked = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let answer = raw_chunked(r, &location, chunked);
        assert_eq!(answer.expect(202).header("range"), "0-4");
    };
    "end-5" MUST chunk_of_no_session_is_404 "a session that does not exist is 404 BLOB_UPLOAD_UNKNOWN" => |r| {
        for id in ["0123456789abcdef0123456789abcdef", "..", "nope"] {
            assert_eq!(r.send("PATCH", &format!("/v2/a/b/blobs/uploads/{id}"), &[], b"x").expect(404).code(), "BLOB_UPLOAD_UNKNOWN");
        }
    };
    "end-6" MUST put_closes_with_the_whole_blob "POST then PUT with all bytes stores the blob: 201 with its Location" => |r| {
        let digest = Digest::of(b"mono").to_string();
        let location = r.session("a/b");
        let answer = r.send("PUT", &format!("{location}?digest={digest}"), &[("Content-Type", "application/octet-stream")], b"mono").expect(201);
        assert_eq!(r.get(&answer.header("location")).expect(200).body, b"mono");
        assert_eq!(answer.header("docker-content-digest"), digest);
        r.get(&location).expect(404);
    };
    "end-6" MUST put_closes_after_chunks "PUT closes a chunked session with the last chunk or without one" => |r| {
        for (chunk, last) in [(&b"abcdef"[..], &b""[..]), (b"abc", b"def")] {
            let location = r.session("a/b");
            r.send("PATCH", &location, &[], chunk).expect(202);
            r.send("PUT", &format!("{location}?digest={}", Digest::of(b"abcdef")), &[], last).expect(201);
        }
    };
    "end-6" MUST put_checks_the_digest "a digest the bytes do not have, or none, is 400 DIGEST_INVALID" => |r| {
        let location = r.session("a/b");
        assert_eq!(r.send("PUT", &location, &[], b"abc").expect(400).code(), "DIGEST_INVALID");
        assert_eq!(r.send("PUT", &format!("{location}?digest=md5:x"), &[], b"abc").expect(400).code(), "DIGEST_INVALID");
        let answer = r.send("PUT", &format!("{location}?digest={}", Digest::of(b"abc")), &[], b"abd").expect(400);
        assert_eq!(answer.code(), "DIGEST_INVALID");
        r.get(&format!("/v2/a/b/blobs/{}", Digest::of(b"abc"))).expect(404);
    };
    "end-6" MUST put_out_of_order_is_416 "a last chunk that begins elsewhere is 416" => |r| {
        let location = r.session("a/b");
        r.send("PUT", &format!("{location}?digest={}", Digest::of(b"abc")), &[("Content-Range", "1-3")], b"abc").expect(416);
    };
    "end-6" MAY blobs_have_a_limit "a blob over the server's limit is 413" => |_| {
        let r = Registry::with(|options| options.limits.blob = 10);
        let location = r.session("a/b");
        assert_eq!(r.send("PUT", &format!("{location}?digest={}", Digest::of(b"x")), &[], &[0; 11]).expect(413).code(), "SIZE_INVALID");
        r.send("PATCH", &location, &[], &[0; 8]).expect(202);
        r.send("PATCH", &location, &[], &[0; 8]).expect(413);
    };
    "end-7a" MUST manifest_put_by_tag "a manifest is stored and tagged: 201 with the Location of its digest" => |r| {
        let raw = r.manifest_of("a/b", "x", "");
        let answer = r.put("a/b", "v1", &raw).expect(201);
        assert_eq!(answer.header("docker-content-digest"), Digest::of(&raw).to_string());
        assert_eq!(r.get(&answer.header("location")).expect(200).body, raw);
    };
    "end-7a" MUST manifest_put_by_digest "by digest it is stored without a tag; another digest is 400 DIGEST_INVALID" => |r| {
        let raw = r.manifest_of("a/b", "x", "");
        let digest = Digest::of(&raw).to_string();
        r.put("a/b", &digest, &raw).expect(201);
        assert_eq!(r.get("/v2/a/b/tags/list").expect(200).json()["tags"], serde_json::json!([]));
        assert_eq!(r.put("a/b", &digest, &[raw.as_slice(), b" "].concat()).expect(400).code(), "DIGEST_INVALID");
        assert_eq!(r.put("a/b", "sha256:baddigeststring", &raw).expect(400).code(), "DIGEST_INVALID");
        r.put("a/b", &sha512(&raw), &raw).expect(201);
        r.get(&format!("/v2/a/b/manifests/{}", sha512(&raw))).expect(200);
    };
    "end-7a" MUST manifest_put_moves_a_tag "pushing to a tag again moves it; the manifest it named stays reachable by digest" => |r| {
        let (old, _) = r.image("a/b", "v1", "old");
        let (new, _) = r.image("a/b", "v1", "new");
        assert_eq!(r.get("/v2/a/b/manifests/v1").expect(200).header("docker-content-digest"), new);
        r.get(&format!("/v2/a/b/manifests/{old}")).expect(200);
    };
    "end-7a" MAY manifest_needs_its_content "blobs and manifests it refers to must be in the repository with the size it names: 400 MANIFEST_BLOB_UNKNOWN or SIZE_INVALID" => |r| {
        let raw = r.manifest_of("elsewhere", "x", "");
        let answer = r.put("a/b", "v1", &raw).expect(400);
        assert_eq!((answer.code().as_str(), answer.json()["errors"].as_array().map(Vec::len)), ("MANIFEST_BLOB_UNKNOWN", Some(2)));
        let child = format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{{"mediaType":"{MANIFEST}","digest":"{}","size":9}}]}}"#, Digest::of(b"y"));
        let answer = r.send("PUT", "/v2/a/b/manifests/v1", &[("Content-Type", INDEX)], child.as_bytes()).expect(400);
        assert_eq!(answer.code(), "MANIFEST_BLOB_UNKNOWN");
        let lying = String::from_utf8(r.manifest_of("a/b", "x", "")).expect("text").replace(r#""size":1"#, r#""size":7"#);
        assert_eq!(r.put("a/b", "v1", lying.as_bytes()).expect(400).code(), "SIZE_INVALID");
        r.get("/v2/a/b/manifests/v1").expect(404);
    };
    "end-7a" MUST index_put "an index of manifests, of indexes, or of nothing is stored like an image" => |r| {
        let (digest, raw) = r.image("a/b", "v1", "x");
        let index = format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{{"mediaType":"{MANIFEST}","digest":"{digest}","size":{}}}]}}"#, raw.len());
        let outer = format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{{"mediaType":"{INDEX}","digest":"{}","size":{}}}]}}"#, Digest::of(index.as_bytes()), index.len());
        let empty = format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[]}}"#);
        for (tag, text) in [("index", index), ("outer", outer), ("empty", empty)] {
            r.send("PUT", &format!("/v2/a/b/manifests/{tag}"), &[("Content-Type", INDEX)], text.as_bytes()).expect(201);
            assert_eq!(r.get(&format!("/v2/a/b/manifests/{tag}")).expect(200).header("content-type"), INDEX);
        }
    };
    "end-7a" MUST manifest_of_4_mib_is_taken "a manifest of 4 MiB is stored; a larger one is 413" => |r| {
        let base = r.manifest_of("a/b", "x", r#","annotations":{"a":"@"}"#);
        let fill = 4 * 1024 * 1024 - base.len() + 1;
        let raw = String::from_utf8(base).expect("text").replace('@', &"a".repeat(fill)).into_bytes();
        assert_eq!(raw.len(), 4 * 1024 * 1024);
        r.put("a/b", "v1", &raw).expect(201);
        assert_eq!(r.get("/v2/a/b/manifests/v1").expect(200).body.len(), raw.len());
        assert_eq!(r.put("a/b", "v2", &[raw.as_slice(), b" "].concat()).expect(413).code(), "SIZE_INVALID");
    };
    "end-7a" SHOULD manifest_nonsense_is_refused "what is no manifest, or is not what Content-Type says, is 400 MANIFEST_INVALID" => |r| {
        let raw = r.manifest_of("a/b", "x", "");
        for nonsense in [&b"{"[..], b"[]", b"{}", br#"{"schemaVersion":1}"#] {
            assert_eq!(r.put("a/b", "v1", nonsense).expect(400).code(), "MANIFEST_INVALID");
        }
        for content_type in [INDEX, "application/json", "text/plain"] {
            let answer = r.send("PUT", "/v2/a/b/manifests/v1", &[("Content-Type", content_type)], &raw).expect(400);
            assert_eq!(answer.code(), "MANIFEST_INVALID", "{content_type}");
        }
        r.put("a/b", ".bad", &raw).expect(400);
        r.put("a/b", &"x".repeat(129), &raw).expect(400);
    };
    "end-7a" MUST subject_is_confirmed "a manifest with a subject is answered with OCI-Subject, also when the subject is not there yet" => |r| {
        let subject = Digest::of(b"missing").to_string();
        let raw = r.manifest_of("a/b", "x", &format!(r#","subject":{{"mediaType":"{MANIFEST}","digest":"{subject}","size":7}}"#));
        assert_eq!(r.put("a/b", &Digest::of(&raw).to_string(), &raw).expect(201).header("oci-subject"), subject);
    };
    "end-7a" MAY tags_can_be_immutable "a tag that matches an immutable pattern keeps its digest: 409 DENIED for another, 201 for the same" => |_| {
        let r = Registry::with(|options| options.immutable = vec!["v*".to_owned()]);
        let (digest, raw) = r.image("a/b", "v1", "one");
        let other = r.manifest_of("a/b", "two", "");
        assert_eq!(r.put("a/b", "v1", &other).expect(409).code(), "DENIED");
        r.put("a/b", "v1", &raw).expect(201);
        r.put("a/b", "latest", &other).expect(201);
        assert_eq!(r.send("DELETE", "/v2/a/b/manifests/v1", &[], b"").expect(409).code(), "DENIED");
        r.send("DELETE", &format!("/v2/a/b/manifests/{digest}"), &[], b"").expect(409);
        assert_eq!(r.get("/v2/a/b/manifests/v1").expect(200).header("docker-content-digest"), digest);
    };
    "end-7b" MAY manifest_put_with_tags "by digest with tag parameters it is stored and tagged at once, each tag confirmed in OCI-Tag" => |r| {
        let raw = r.manifest_of("a/b", "x", "");
        let digest = sha512(&raw);
        let answer = r.put("a/b", &format!("{digest}?tag=one&tag=two"), &raw).expect(201);
        let tags: Vec<_> = answer.headers.iter().filter(|(name, _)| name == "oci-tag").map(|(_, tag)| tag.as_str()).collect();
        assert_eq!(tags, ["one", "two"]);
        assert_eq!(r.get("/v2/a/b/manifests/two").expect(200).header("docker-content-digest"), digest);
        r.put("a/b", &format!("{digest}?tag=-bad"), &raw).expect(400);
    };
    "end-7b" MAY manifest_put_with_too_many_tags "more than 32 tags in one request are 414" => |r| {
        let raw = r.manifest_of("a/b", "x", "");
        let tags: Vec<String> = (0..33).map(|n| format!("tag=t{n}")).collect();
        r.put("a/b", &format!("{}?{}", Digest::of(&raw), tags.join("&")), &raw).expect(414);
    };
    "end-8a" MUST tags_are_listed_in_order "all tags in lexical order, with the repository's name" => |r| {
        let raw = r.manifest_of("a/b", "x", "");
        for tag in ["b", "a", "B", "_z", "1.0", "latest"] {
            r.put("a/b", tag, &raw).expect(201);
        }
        let list = r.get("/v2/a/b/tags/list").expect(200).json();
        assert_eq!(list, serde_json::json!({ "name": "a/b", "tags": ["1.0", "B", "_z", "a", "b", "latest"] }));
    };
    "end-8a" MUST tags_of_the_unknown_are_404 "a repository nothing was pushed to is 404 NAME_UNKNOWN" => |r| {
        assert_eq!(r.get("/v2/no/such/tags/list").expect(404).code(), "NAME_UNKNOWN");
    };
    "end-8b" MUST tags_are_paged "`n` limits, `last` continues after a tag, Link names the next page; `n=0` is an empty list without Link" => |r| {
        let raw = r.manifest_of("a/b", "x", "");
        for tag in ["a", "b", "c", "d", "e"] {
            r.put("a/b", tag, &raw).expect(201);
        }
        let mut path = "/v2/a/b/tags/list?n=2".to_owned();
        let mut all = Vec::new();
        loop {
            let answer = r.get(&path).expect(200);
            all.push(answer.json()["tags"].to_string());
            let Some(link) = answer.maybe("link") else { break };
            let next = link.strip_suffix(">; rel=\"next\"").and_then(|text| text.strip_prefix('<')).expect("RFC 5988");
            path = next.to_owned();
        }
        assert_eq!(all, [r#"["a","b"]"#, r#"["c","d"]"#, r#"["e"]"#]);
        assert_eq!(r.get("/v2/a/b/tags/list?last=c").expect(200).json()["tags"].to_string(), r#"["d","e"]"#);
        assert_eq!(r.get("/v2/a/b/tags/list?last=cc&n=1").expect(200).json()["tags"].to_string(), r#"["d"]"#);
        let none = r.get("/v2/a/b/tags/list?n=0").expect(200);
        assert_eq!((none.json()["tags"].to_string().as_str(), none.maybe("link")), ("[]", None));
        r.get("/v2/a/b/tags/list?n=many").expect(400);
    };
    "end-9" MUST tag_delete_leaves_the_manifest "deleting a tag answers 202 and removes the tag only" => |r| {
        let (digest, _) = r.image("a/b", "v1", "x");
        r.send("DELETE", "/v2/a/b/manifests/v1", &[], b"").expect(202);
        r.get("/v2/a/b/manifests/v1").expect(404);
        r.get(&format!("/v2/a/b/manifests/{digest}")).expect(200);
        r.send("DELETE", "/v2/a/b/manifests/v1", &[], b"").expect(404);
    };
    "end-9" MUST manifest_delete_takes_its_tags "deleting a manifest answers 202; its tags and its place among the referrers go with it" => |r| {
        let (digest, _) = r.image("a/b", "v1", "x");
        r.image("a/b", "other", "y");
        let raw = r.manifest_of("a/b", "z", &format!(r#","subject":{{"mediaType":"{MANIFEST}","digest":"{digest}","size":7}}"#));
        let referrer = Digest::of(&raw).to_string();
        r.put("a/b", &referrer, &raw).expect(201);
        for digest in [&digest, &referrer] {
            r.send("DELETE", &format!("/v2/a/b/manifests/{digest}"), &[], b"").expect(202);
            r.get(&format!("/v2/a/b/manifests/{digest}")).expect(404);
            r.send("DELETE", &format!("/v2/a/b/manifests/{digest}"), &[], b"").expect(404);
        }
        assert_eq!(r.get("/v2/a/b/tags/list").expect(200).json()["tags"].to_string(), r#"["other"]"#);
        assert_eq!(r.get(&format!("/v2/a/b/referrers/{digest}")).expect(200).json()["manifests"].to_string(), "[]");
    };
    "end-9" MUST delete_can_be_switched_off "where deletion is off, or the registry is read-only, it is 405 UNSUPPORTED" => |_| {
        let r = Registry::with(|options| options.deletes = false);
        let (digest, _) = r.image("a/b", "v1", "x");
        for path in ["/v2/a/b/manifests/v1".to_owned(), format!("/v2/a/b/manifests/{digest}"), format!("/v2/a/b/blobs/{digest}")] {
            assert_eq!(r.send("DELETE", &path, &[], b"").expect(405).code(), "UNSUPPORTED");
        }
    };
    "end-10" MUST blob_delete "deleting a blob answers 202 in this repository only; a second time 404" => |r| {
        let digest = r.blob("a/b", b"x");
        r.blob("c", b"x");
        r.send("DELETE", &format!("/v2/a/b/blobs/{digest}"), &[], b"").expect(202);
        r.get(&format!("/v2/a/b/blobs/{digest}")).expect(404);
        assert_eq!(r.send("DELETE", &format!("/v2/a/b/blobs/{digest}"), &[], b"").expect(404).code(), "BLOB_UNKNOWN");
        r.get(&format!("/v2/c/blobs/{digest}")).expect(200);
        r.send("DELETE", &format!("/v2/c/blobs/{digest}"), &[], b"").expect(202);
        // The last one frees the bytes.
        assert!(!r.data().join("blobs/sha256").join(&digest["sha256:".len()..]).exists());
    };
    "end-11" MUST mount_from_a_repository "a blob the source holds is mounted: 201 with its Location, no bytes are sent" => |r| {
        let digest = r.blob("src", b"shared");
        let answer = r.send("POST", &format!("/v2/dst/blobs/uploads/?mount={digest}&from=src"), &[], b"").expect(201);
        assert_eq!(r.get(&answer.header("location")).expect(200).body, b"shared");
    };
    "end-11" MUST mount_of_the_unknown_opens_a_session "a blob the source does not hold is answered 202 with a session" => |r| {
        let digest = r.blob("other", b"shared");
        for from in ["src", "NOT A NAME", ""] {
            let known = from.is_empty();
            let path = format!("/v2/dst/blobs/uploads/?mount={}&from={}", if known { Digest::of(b"n").to_string() } else { digest.clone() }, from.replace(' ', "%20"));
            let location = r.send("POST", &path, &[], b"").expect(202).header("location");
            r.get(&location).expect(204);
        }
    };
    "end-11" MAY mount_without_a_source "without `from` the registry looks for the blob itself" => |r| {
        let digest = r.blob("src", b"shared");
        r.send("POST", &format!("/v2/dst/blobs/uploads/?mount={digest}"), &[], b"").expect(201);
        r.get(&format!("/v2/dst/blobs/{digest}")).expect(200);
        r.send("POST", &format!("/v2/dst/blobs/uploads/?mount={}", Digest::of(b"nowhere")), &[], b"").expect(202);
    };
    "end-12a" MUST referrers_of_nothing "an index without manifests, 200, when nothing refers to the digest or nobody knows it" => |r| {
        let answer = r.get(&format!("/v2/a/b/referrers/{}", Digest::of(b"x"))).expect(200);
        assert_eq!(answer.header("content-type"), INDEX);
        assert_eq!(answer.json(), serde_json::json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] }));
    };
    "end-12a" MUST referrers_are_listed "manifests with this subject, each with size, artifactType (or the config's type) and annotations" => |r| {
        let (digest, raw) = r.image("a/b", "v1", "x");
        let subject = format!(r#","subject":{{"mediaType":"{MANIFEST}","digest":"{digest}","size":{}}}"#, raw.len());
        let plain = r.manifest_of("a/b", "sig", &subject);
        let typed = r.manifest_of("a/b", "sbom", &format!(r#"{subject},"artifactType":"application/x.sbom+json","annotations":{{"k":"v"}}"#));
        for manifest in [&plain, &typed] {
            r.put("a/b", &Digest::of(manifest).to_string(), manifest).expect(201);
        }
        let index = r.get(&format!("/v2/a/b/referrers/{digest}")).expect(200).json();
        let mut found: Vec<_> = index["manifests"].as_array().expect("manifests").iter().map(|d| (d["artifactType"].as_str().expect("type"), d["size"].as_u64().expect("size"), d["annotations"]["k"].as_str())).collect();
        found.sort_unstable();
        assert_eq!(found, [
            ("application/vnd.oci.image.config.v1+json", plain.len() as u64, None),
            ("application/x.sbom+json", typed.len() as u64, Some("v")),
        ]);
        // What one client filters for, another finds in the same place.
        let filtered = r.get(&format!("/v2/a/b/referrers/{digest}?artifactType=application%2Fx.sbom%2Bjson")).expect(200);
        assert_eq!(filtered.json()["manifests"].as_array().map(Vec::len), Some(1));
    };
    "end-12a" MUST referrers_need_a_digest "what is no digest is 400" => |r| {
        r.get("/v2/a/b/referrers/v1").expect(400);
    };
    "end-12a" MAY referrers_are_paged "a long list is served in parts with Link" => |_| {
        let r = Registry::with(|options| options.limits.page = 2);
        let subject = Digest::of(b"s").to_string();
        for n in 0..3 {
            let raw = r.manifest_of("a/b", &format!("l{n}"), &format!(r#","subject":{{"mediaType":"{MANIFEST}","digest":"{subject}","size":1}}"#));
            r.put("a/b", &Digest::of(&raw).to_string(), &raw).expect(201);
        }
        let first = r.get(&format!("/v2/a/b/referrers/{subject}")).expect(200);
        let link = first.header("link");
        let next = r.get(link.trim_start_matches('<').split('>').next().expect("a link")).expect(200);
        assert_eq!((first.json()["manifests"].as_array().map(Vec::len), next.json()["manifests"].as_array().map(Vec::len)), (Some(2), Some(1)));
        assert_eq!(next.maybe("link"), None);
    };
    "end-12b" SHOULD referrers_are_filtered "artifactType selects, and OCI-Filters-Applied says that it did" => |r| {
        let subject = Digest::of(b"s").to_string();
        let raw = r.manifest_of("a/b", "x", &format!(r#","artifactType":"a/x","subject":{{"mediaType":"{MANIFEST}","digest":"{subject}","size":1}}"#));
        r.put("a/b", &Digest::of(&raw).to_string(), &raw).expect(201);
        for (wanted, count) in [("a/x", 1), ("a/y", 0)] {
            let answer = r.get(&format!("/v2/a/b/referrers/{subject}?artifactType={wanted}")).expect(200);
            assert_eq!((answer.header("oci-filters-applied").as_str(), answer.json()["manifests"].as_array().map(Vec::len)), ("artifactType", Some(count)));
        }
    };
    "end-13" MUST session_tells_how_far_it_is "GET on a session answers 204 with Location and Range" => |r| {
        let location = r.session("a/b");
        r.send("PATCH", &location, &[], b"abc").expect(202);
        let answer = r.get(&location).expect(204);
        assert_eq!((answer.header("range").as_str(), answer.header("location")), ("0-2", location));
    };
    "end-13" MUST session_of_the_unknown_is_404 "a session that does not exist is 404 BLOB_UPLOAD_UNKNOWN" => |r| {
        assert_eq!(r.get("/v2/a/b/blobs/uploads/0123456789abcdef0123456789abcdef").expect(404).code(), "BLOB_UPLOAD_UNKNOWN");
    };
    "end-14" MUST session_is_cancelled "DELETE on a session answers 204; it is gone" => |r| {
        let location = r.session("a/b");
        r.send("DELETE", &location, &[], b"").expect(204);
        r.get(&location).expect(404);
        r.send("DELETE", &location, &[], b"").expect(404);
    };
}

fn raw_chunked(r: &Registry, location: &str, body: &[u8]) -> super::rig::Answer {
    use std::io::Write as _;
    let host = r.host();
    let mut stream = std::net::TcpStream::connect(&host).expect("connection");
    let head = format!("PATCH {location} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("head");
    stream.write_all(body).expect("body");
    super::rig::read_answer(&mut stream, false).expect("an answer")
}

#[test]
fn other_methods_are_405() {
    let r = Registry::start();
    for (method, path, allow) in [
        ("DELETE", "/v2/", "GET, HEAD"),
        ("POST", "/v2/a/manifests/x", "GET, HEAD, PUT, DELETE"),
        ("PUT", "/v2/a/blobs/uploads/", "POST"),
        ("PUT", "/v2/a/tags/list", "GET, HEAD"),
    ] {
        assert_eq!(r.send(method, path, &[], b"").expect(405).header("allow"), allow);
    }
    r.get("/v2/a").expect(404);
    r.get("/").expect(404);
}

#[test]
fn two_servers_share_a_directory() {
    let r = Registry::start();
    let twin = r.twin();
    let location = r.session("a/b");
    send(&twin.host(), "PATCH", &location, &[("Content-Range", "0-2")], b"abc").expect("answer").expect(202);
    r.send("PATCH", &location, &[("Content-Range", "3-5")], b"def").expect(202);
    let put = format!("{location}?digest={}", Digest::of(b"abcdef"));
    send(&twin.host(), "PUT", &put, &[], b"").expect("answer").expect(201);
    assert_eq!(r.get(&format!("/v2/a/b/blobs/{}", Digest::of(b"abcdef"))).expect(200).body, b"abcdef");
}

#[test]
fn the_table_covers_every_endpoint_and_is_the_documented_one() {
    for end in EndId::ALL {
        assert!(TABLE.iter().any(|row| row.end == end.name()), "{} has no requirement", end.name());
    }
    let mut text = "| endpoint | | requirement | test |\n|---|---|---|---|\n".to_owned();
    for row in TABLE {
        assert!(EndId::ALL.iter().any(|end| end.name() == row.end), "{} is no endpoint", row.end);
        text.push_str(&format!("| {} | {} | {} | `{}` |\n", row.end, row.level, row.text, row.test));
    }
    generated("docs/embedded-registry.md", "requirements", &text);
}
