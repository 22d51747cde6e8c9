//! Faults of a registry while bytes and names travel.

use std::time::Duration;

use stagefreight::core::Digest;
use stagefreight::publish::PlaceErrorKind as Kind;
use stagefreight::rehearse::fault::{Cut, Fault, FaultPlan, Moment, When};
use stagefreight::rehearse::registry::{Auth, Login, Options};

use super::readback;
use super::release::{Publisher, Release, noise};
use super::row::{Row, Scene, row};

const UPLOADS: &str = "/v2/*/blobs/uploads/*";
const MANIFESTS: &str = "/v2/*/manifests/*";
const BY_DIGEST: &str = "/v2/*/manifests/sha256:*";
const VERSION: &str = "/v2/*/manifests/1.4.0";
const LATEST: &str = "/v2/*/manifests/latest";
const FALLBACK: &str = "/v2/*/manifests/sha256-*";

/// A manifest that is not ours.
const EMPTY_INDEX: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// What publishing asks of a registry, one of each.
const REQUESTS: [(&str, &str, &str); 8] = [
    ("HEAD", "/v2/*/blobs/*", "looking for a blob"),
    ("POST", UPLOADS, "opening a session"),
    ("PUT", UPLOADS, "sending a blob"),
    ("PUT", BY_DIGEST, "writing a manifest"),
    ("HEAD", MANIFESTS, "looking at a manifest"),
    ("GET", BY_DIGEST, "reading a manifest back"),
    ("PUT", VERSION, "setting a tag"),
    ("GET", "/v2/*/referrers/*", "listing referrers"),
];

/// The upload of the bulk layer, told by the digest in its closing request.
fn large() -> String {
    format!("/v2/*/blobs/uploads/*?digest={}", Digest::of(&noise(1, 3 << 20)))
}

fn plan() -> FaultPlan {
    FaultPlan::default()
}

fn answer(status: u16, headers: &[(&str, &str)]) -> Fault {
    headers.iter().fold(Fault::status(status), |fault, (name, value)| fault.header(name, value))
}

fn silence(moment: Moment) -> Fault {
    Fault::Stall { millis: 60_000, moment }
}

/// All of them.
pub fn rows() -> Vec<Row> {
    [passing(), lost_answers(), cuts(), stalls(), sessions(), refusals(), limits(), lies(), referrers(), sources(), others()].concat()
}

/// Once, before anything is done: tried again.
fn passing() -> Vec<Row> {
    let statuses = [(500, "failed"), (503, "unavailable"), (429, "limited")];
    let rows = REQUESTS.iter().flat_map(|(method, path, doing)| {
        statuses.iter().map(move |(status, word)| {
            row(format!("{word} ({status}) once while {doing}"), plan().nth(method, path, 1, Fault::status(*status)))
        })
    });
    rows.collect()
}

/// It was done, and the answer says or shows nothing: looked at, never done twice.
fn lost_answers() -> Vec<Row> {
    let writes = [REQUESTS[1], REQUESTS[2], REQUESTS[3], REQUESTS[6]];
    let rows = writes.iter().flat_map(|(method, path, doing)| {
        let faults =
            [("500", Fault::status(500).after_commit()), ("502", Fault::status(502).after_commit()), ("a cut", Fault::Cut(Cut::After))];
        faults.into_iter().map(move |(what, fault)| row(format!("{what} after {doing}"), plan().nth(method, path, 2, fault)))
    });
    let moving = row("502 after setting the moving tag", plan().nth("PUT", LATEST, 1, Fault::status(502).after_commit()));
    rows.chain([moving]).collect()
}

/// The connection breaks at every kind of byte.
fn cuts() -> Vec<Row> {
    let before = REQUESTS
        .iter()
        .map(|(method, path, doing)| row(format!("a cut before {doing}"), plan().nth(method, path, 1, Fault::Cut(Cut::Before))));
    let bodies = [0, 1, 99_999, 1 << 20, (3 << 20) - 1].map(|bytes| {
        row(format!("a cut after {bytes} bytes of a blob"), plan().first("PUT", &large(), 1, Fault::Cut(Cut::RequestBody(bytes))))
    });
    let others = [
        row("a cut in the middle of a manifest that is sent", plan().nth("PUT", BY_DIGEST, 1, Fault::Cut(Cut::RequestBody(20)))),
        row("a cut before the first byte of a manifest that is read", plan().nth("GET", MANIFESTS, 1, Fault::Cut(Cut::ResponseBody(0)))),
        row("a cut in the middle of a manifest that is read", plan().nth("GET", MANIFESTS, 1, Fault::Cut(Cut::ResponseBody(40)))),
        row(
            "a cut in every first piece of a large blob",
            plan().first("PUT", &large(), 1, Fault::Cut(Cut::RequestBody(2 << 20))).nth(
                "PATCH",
                UPLOADS,
                1,
                Fault::Cut(Cut::RequestBody(70_000)),
            ),
        ),
    ];
    before.chain(bodies).chain(others).collect()
}

/// Nothing moves.
fn stalls() -> Vec<Row> {
    vec![
        row("a body that is taken in drop by drop", plan().nth("PUT", &large(), 1, Fault::Slow { bytes_per_second: 10 })),
        row("no answer to a blob", plan().nth("PUT", UPLOADS, 2, silence(Moment::Before))),
        row("no answer to a blob that is kept", plan().nth("PUT", UPLOADS, 2, silence(Moment::After))),
        row("no answer to a question", plan().nth("HEAD", "/v2/*/blobs/*", 1, silence(Moment::Before))),
        row("no answer to a tag that is set", plan().nth("PUT", VERSION, 1, silence(Moment::After))),
        row("a registry that says nothing at all", plan().every("*", "*", silence(Moment::Before)))
            .stops(Kind::Unavailable, "no answer in time"),
    ]
}

/// Upload sessions.
fn sessions() -> Vec<Row> {
    let elsewhere = |location: &str| plan().every("POST", UPLOADS, answer(202, &[("Location", location)]));
    vec![
        row("a session that is gone once (404)", plan().nth("PUT", UPLOADS, 1, Fault::status(404))),
        row("a session that is always gone (404)", plan().every("PUT", UPLOADS, Fault::status(404))).stops(Kind::Unavailable, "not found"),
        row("no session at all (404)", plan().every("POST", UPLOADS, Fault::status(404))).stops(Kind::Rejected, "not found (404)"),
        row("another range once (416)", plan().nth("PUT", UPLOADS, 1, Fault::status(416))),
        row(
            "another range for a piece (416)",
            plan().nth("PUT", UPLOADS, 1, Fault::Cut(Cut::RequestBody(5))).nth("PATCH", UPLOADS, 1, answer(416, &[("Range", "0-0")])),
        ),
        row("a session at another host", elsewhere("https://evil.example/up")).stops(Kind::Rejected, "another host, evil.example"),
        row("a session without an address", plan().every("POST", UPLOADS, Fault::status(202)))
            .stops(Kind::Rejected, "without a usable Location"),
        row("a mount that becomes an upload (202)", plan()).publisher(Publisher { neighbour: Some("acme/base"), ..Publisher::default() }),
        row("a mount that is refused (403)", plan().first("POST", "/v2/*/blobs/uploads/?mount=*", 5, Fault::status(403)))
            .publisher(Publisher { neighbour: Some("acme/base"), ..Publisher::default() }),
        row("a mount that is not understood (400)", plan().every("POST", "/v2/*/blobs/uploads/?mount=*", Fault::status(400)))
            .publisher(Publisher { neighbour: Some("acme/base"), ..Publisher::default() }),
        row("a smallest chunk is announced", plan().first("PUT", &large(), 1, Fault::status(413)))
            .server(|options| Options { chunk_min: 700_000, ..options }),
    ]
}

/// No, and it stays no.
fn refusals() -> Vec<Row> {
    let denied = |method: &str, path: &str| plan().every(method, path, Fault::status(403));
    vec![
        row("401 without a way to log in", plan().every("*", "*", Fault::status(401)))
            .stops(Kind::Credentials, "without saying how to log in"),
        row("401 in the middle of the push", plan().rule("*", "*", When::From(9), Fault::status(401)))
            .stops(Kind::Credentials, "without saying how to log in"),
        row("403 for a session", denied("POST", UPLOADS)).stops(Kind::Credentials, "forbids it"),
        row("403 for a blob", denied("PUT", UPLOADS)).stops(Kind::Credentials, "forbids it"),
        row("403 for a manifest", denied("PUT", BY_DIGEST)).stops(Kind::Credentials, "forbids it"),
        row("403 for a tag", denied("PUT", VERSION)).stops(Kind::Credentials, "forbids it"),
        row("a media type that is refused (415)", plan().every("PUT", BY_DIGEST, Fault::status(415))).stops(Kind::Rejected, "refused (415"),
        row("a manifest that is refused (400)", plan().every("PUT", BY_DIGEST, Fault::status(400))).stops(Kind::Rejected, "refused (400"),
        row("500 for every blob", plan().every("PUT", UPLOADS, Fault::status(500))).stops(Kind::Unavailable, "500"),
        row("503 for everything", plan().every("*", "*", Fault::status(503))).stops(Kind::Unavailable, "503"),
        row("500 for every tag", plan().every("PUT", VERSION, Fault::status(500))).stops(Kind::Ambiguous, "answered 500"),
        row(
            "a token that expires in the middle of the push",
            plan().nth("PUT", UPLOADS, 2, Fault::Stall { millis: 1_300, moment: Moment::Before }),
        )
        .server(|options| {
            let login = Login { user: "alice".to_owned(), password: stagefreight::core::Secret::new("wonderland".to_owned()) };
            let auth = Auth::Token { login, anonymous_pull: false, lifetime: Duration::from_secs(1) };
            Options { auth, ..options }
        })
        .publisher(Publisher { login: true, ..Publisher::default() }),
    ]
}

/// Too much, or too often.
fn limits() -> Vec<Row> {
    let every = |status, wait| plan().every("POST", UPLOADS, answer(status, &[("Retry-After", wait)]));
    vec![
        row("too large once (413)", plan().nth("PUT", &large(), 1, Fault::status(413))),
        row(
            "too large whole and in large pieces (413)",
            plan().nth("PUT", &large(), 1, Fault::status(413)).nth("PATCH", UPLOADS, 1, Fault::status(413)),
        ),
        row("too large however small (413)", plan().every("PUT", UPLOADS, Fault::status(413)).every("PATCH", UPLOADS, Fault::status(413)))
            .stops(Kind::Rejected, "too large"),
        row("429 with Retry-After", plan().nth("POST", UPLOADS, 2, answer(429, &[("Retry-After", "1")]))),
        row("503 with Retry-After", plan().nth("PUT", BY_DIGEST, 1, answer(503, &[("Retry-After", "1")]))),
        row("429 with a Retry-After nobody waits for", every(429, "86400")).stops(Kind::Unavailable, "limits the rate"),
        row("429 with a Retry-After that is no number", plan().nth("POST", UPLOADS, 1, answer(429, &[("Retry-After", "soon")]))),
        row("a rate limit", plan().every("HEAD", "*", Fault::RateLimit { requests: 6, window_millis: 300, retry_after: 1 })),
    ]
}

/// What it says is not so.
fn lies() -> Vec<Row> {
    let read_back = Fault::Respond { status: 200, headers: Vec::new(), body: EMPTY_INDEX.to_owned(), moment: Moment::Before };
    vec![
        row("another digest of a blob is echoed", plan().every("PUT", UPLOADS, Fault::WrongDigest))
            .stops(Kind::Rejected, "the registry says it stored"),
        row("another digest of a manifest is echoed", plan().every("PUT", BY_DIGEST, Fault::WrongDigest))
            .stops(Kind::Rejected, "the registry says it stored"),
        row("another digest of a tag is echoed", plan().every("PUT", VERSION, Fault::WrongDigest))
            .stops(Kind::Rejected, "the registry says it stored"),
        row("a manifest reads back different", plan().every("GET", BY_DIGEST, read_back.clone()))
            .stops(Kind::Ambiguous, "the bytes hash to"),
        row("a tag reads back different", plan().every("GET", VERSION, read_back)).stops(Kind::Rejected, "after sha256:"),
        row("a manifest reads back short", plan().every("GET", BY_DIGEST, Fault::Truncate { bytes: 30 }))
            .stops(Kind::Ambiguous, "the bytes hash to"),
        row("a tag that nobody sees yet", plan().every("GET", VERSION, Fault::StaleRead)).stops(Kind::Rejected, "holds nothing after"),
        row("a blob it says it does not have", plan().every("HEAD", "/v2/*/blobs/*", Fault::StaleRead))
            .stops(Kind::Rejected, "holds all but")
            .may_send_twice(),
    ]
}

/// What refers to the image.
fn referrers() -> Vec<Row> {
    let without = |name: &str, plan: FaultPlan| row(name, plan).server(|options| Options { referrers: false, ..options });
    vec![
        without("no referrers API", plan()),
        without(
            "no referrers API, and the list is written although it says 500",
            plan().nth("PUT", FALLBACK, 1, Fault::status(500).after_commit()),
        ),
        without("no referrers API, and the list is cut", plan().nth("PUT", FALLBACK, 2, Fault::Cut(Cut::Before))),
        without("no referrers API, and the list may not be written", plan().every("PUT", FALLBACK, Fault::status(403)))
            .stops(Kind::Credentials, "forbids it"),
        without("no referrers API, and the list reads back as it was", plan().nth("GET", FALLBACK, 2, Fault::StaleRead)),
        row("a referrers API that fails once", plan().nth("GET", "/v2/*/referrers/*", 1, Fault::status(500))),
    ]
}

/// Our own bytes.
fn sources() -> Vec<Row> {
    let blob = |release: &Release| release.layout.join("blobs/sha256").join(release.large.digest.hex());
    let cut = move |scene: &Scene| {
        let file = std::fs::File::options().write(true).open(blob(scene.release)).expect("blob");
        file.set_len(1 << 20).expect("truncated");
    };
    let mangle = move |scene: &Scene| std::fs::write(blob(scene.release), noise(9, 3 << 20)).expect("other bytes");
    let lose = move |scene: &Scene| std::fs::remove_file(blob(scene.release)).expect("blob");
    let changed = "changed after they were approved";
    vec![
        row("a truncated source blob", plan()).before(cut).mended().stops(Kind::Source, "bytes long"),
        row("a source blob that is gone", plan()).before(lose).mended().stops(Kind::Source, "missing"),
        row("a source blob with other bytes", plan()).before(mangle).mended().stops(Kind::Source, changed),
        // At the first question, for by the first upload this blob may be on its way already.
        row("a source blob that changes after the run began", plan()).at("HEAD", "/v2/", 1, mangle).mended().stops(Kind::Source, changed),
        row("a source blob that shrinks after the run began", plan()).at("HEAD", "/v2/", 1, cut).mended().stops(Kind::Source, "bytes"),
    ]
}

/// Somebody else.
fn others() -> Vec<Row> {
    let theirs = |scene: &Scene| readback::put(scene.addr, "1.4.0", EMPTY_INDEX);
    let by_hand = |options| Options { referrers: false, ..options };
    let now_and_then = plan().nth("PUT", "*", 3, Fault::status(503)).nth("PUT", "*", 7, Fault::Cut(Cut::After));
    vec![
        row("two publishers at once", plan()).publishers(2),
        row("four publishers at once, where referrers are listed by hand", plan()).server(by_hand).publishers(4),
        row("two publishers at once, and it fails now and then", now_and_then).publishers(2),
        row("somebody set the version tag before", plan())
            .at("HEAD", "/v2/", 1, theirs)
            .stops(Kind::Conflict, "the tag is immutable")
            .then_conflict(),
        // Nothing can be done about this one: OCI has no compare-and-swap. Ours stands, whole.
        row("somebody sets the version tag just before us", plan()).at("PUT", "/manifests/1.4.0", 1, theirs),
        row("somebody moves the version tag after us", plan())
            .at("GET", "/manifests/1.4.0", 1, theirs)
            .stops(Kind::Rejected, "after sha256:")
            .then_conflict(),
    ]
}
