//! The rows: what a forge, a network or another publisher does, and what publishing comes to.

use stagefreight::publish::PlaceErrorKind as P;
use stagefreight::rehearse::fault::{Cut, Fault, FaultPlan, Moment};

use super::scene::{PROJECT, Publisher, TAG};

/// What happens, and how it ends.
pub struct Row {
    pub name: String,
    pub faults: FaultPlan,
    /// What the forge is like, and what was done there before.
    pub before: Before,
    pub publisher: Publisher,
    /// How the first run ends: nothing for well.
    pub first: Option<P>,
    /// Part of what is said then.
    pub says: &'static str,
    /// How the next run ends, with a healthy forge.
    pub second: Option<P>,
}

/// What the forge is like before.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Before {
    #[default]
    Fresh,
    NoTag,
    TagElsewhere,
    AnnotatedTag,
    ProtectedTag,
    Immutable,
    ImmutableWithout,
    Burnt,
    ReadOnly,
    Invisible,
    ForeignDraft,
    OurDrafts,
    HalfFile,
    OtherBytes,
    OtherBytesInDraft,
    ByHand,
    NewerLatest,
    OlderLatest,
    LaggingList,
    LaggingTag,
    SmallFiles,
    AliasElsewhere,
}

fn row(name: impl Into<String>) -> Row {
    Row {
        name: name.into(),
        faults: FaultPlan::default(),
        before: Before::Fresh,
        publisher: Publisher::default(),
        first: None,
        says: "",
        second: None,
    }
}

impl Row {
    fn before(self, before: Before) -> Self {
        Self { before, ..self }
    }

    fn nth(self, method: &str, path: &str, n: u64, fault: Fault) -> Self {
        Self { faults: self.faults.nth(method, path, n, fault), ..self }
    }

    fn every(self, method: &str, path: &str, fault: Fault) -> Self {
        Self { faults: self.faults.every(method, path, fault), ..self }
    }

    fn ends(self, first: P, says: &'static str) -> Self {
        Self { first: Some(first), says, ..self }
    }

    fn for_ever(self) -> Self {
        Self { second: self.first, ..self }
    }

    fn by(self, publisher: Publisher) -> Self {
        Self { publisher, ..self }
    }
}

fn api(rest: &str) -> String {
    format!("/api/v3/repos/{PROJECT}{rest}")
}

fn uploads() -> String {
    format!("/api/uploads/repos/{PROJECT}/releases/*/assets")
}

/// Every request a first publish makes.
fn operations() -> Vec<(&'static str, &'static str, String)> {
    vec![
        ("tag", "GET", api("/git/ref/tags*")),
        ("by-tag", "GET", api("/releases/tags/*")),
        ("list", "GET", api("/releases?per_page*")),
        ("create", "POST", api("/releases")),
        ("files", "GET", api("/releases/*/assets*")),
        ("upload", "POST", uploads()),
        ("publish", "PATCH", api("/releases/*")),
        ("latest", "GET", api("/releases/latest")),
        ("alias", "POST", api("/git/refs")),
    ]
}

/// Faults of the network and of a busy forge: every request survives each of them, once.
fn passing() -> Vec<Row> {
    let json = |message: &str| format!("{{\"message\":\"{message}\"}}");
    let faults: Vec<(&str, Fault)> = vec![
        ("503 instead", Fault::status(503)),
        ("502 after it took effect", Fault::status(502).after_commit()),
        ("the connection cut before", Fault::Cut(Cut::Before)),
        ("the connection cut after it took effect", Fault::Cut(Cut::After)),
        ("429", Fault::status(429).header("Retry-After", "0")),
        (
            "a secondary limit",
            Fault::Respond {
                status: 403,
                headers: vec![("Retry-After".to_owned(), "1".to_owned())],
                body: json("You have exceeded a secondary rate limit"),
                moment: stagefreight::rehearse::fault::Moment::Before,
            },
        ),
    ];
    let mut rows = Vec::new();
    for (operation, method, path) in operations() {
        for (what, fault) in &faults {
            rows.push(row(format!("{operation}: {what}")).nth(method, &path, 1, fault.clone()));
        }
    }
    rows
}

/// Bytes on their way.
fn transfers() -> Vec<Row> {
    let upload = uploads();
    let exists = r#"{"message":"Validation Failed","errors":[{"resource":"ReleaseAsset","code":"already_exists","field":"name"}]}"#;
    let respond =
        |status: u16, body: &str| Fault::Respond { status, headers: Vec::new(), body: body.to_owned(), moment: Moment::default() };
    vec![
        row("upload: cut in the middle leaves a starter").nth("POST", &upload, 2, Fault::Cut(Cut::RequestBody(1000))),
        row("upload: cut before the first byte leaves a starter").nth("POST", &upload, 1, Fault::Cut(Cut::RequestBody(0))),
        row("upload: every first attempt is cut").nth("POST", &upload, 1, Fault::Cut(Cut::RequestBody(10))).nth(
            "POST",
            &upload,
            3,
            Fault::Cut(Cut::RequestBody(10)),
        ),
        row("upload: stalls").nth("POST", &upload, 2, Fault::Slow { bytes_per_second: 1 }),
        row("upload: the answer comes too late").nth(
            "POST",
            &upload,
            1,
            Fault::Stall { millis: 6000, moment: stagefreight::rehearse::fault::Moment::After },
        ),
        row("upload: the answer is torn").nth("POST", &upload, 1, Fault::Cut(Cut::ResponseBody(20))),
        row("upload: the answer is half a document").nth("POST", &upload, 1, Fault::Truncate { bytes: 40 }),
        row("upload: 422 after success").nth("POST", &upload, 1, respond(422, exists).after_commit()),
        row("upload: 422 for a file that is not there").nth("POST", &upload, 1, respond(422, exists)),
        row("upload: the answer is lost, and the list lags behind")
            .nth("POST", &upload, 1, Fault::Cut(Cut::After))
            .nth("GET", &api("/releases/*/assets*"), 2, respond(200, "[]"))
            .nth("GET", &api("/releases/*/assets*"), 3, respond(200, "[]"))
            .nth("GET", &api("/releases/*/assets*"), 4, respond(200, "[]")),
        row("upload: 413").nth("POST", &upload, 1, respond(413, "")).ends(P::Rejected, "413"),
        row("upload: redirected elsewhere")
            .every("POST", &upload, Fault::status(307).header("Location", "http://localhost:1/"))
            .ends(P::Rejected, "redirects"),
        row("upload: 404, somebody removed the draft").nth("POST", &upload, 1, Fault::status(404)),
        row("upload: 500 again and again").every("POST", &upload, Fault::status(500)).ends(P::Unavailable, "500"),
        row("upload: cut again and again").every("POST", &upload, Fault::Cut(Cut::RequestBody(5))).ends(P::Unavailable, ""),
        row("files: one vanished when all are listed again")
            .nth("GET", &api("/releases/*/assets*"), 2, respond(200, "[]"))
            .ends(P::Unavailable, "lacks"),
        row("answers are no JSON")
            .every("GET", &api("/releases?per_page*"), respond(200, "<html>"))
            .ends(P::Rejected, "something else than its API promises"),
        row("the list is cut short").nth("GET", &api("/releases?per_page*"), 1, Fault::Cut(Cut::ResponseBody(1))),
    ]
}

/// Who may not.
fn permissions() -> Vec<Row> {
    let all = api("*");
    let with = |name: &str, value: &str| Fault::status(403).header(name, value);
    vec![
        row("a wrong token")
            .by(Publisher { token: Some("wrong-token-wrong"), ..Publisher::default() })
            .ends(P::Credentials, "401")
            .for_ever(),
        row("a token that may only read").before(Before::ReadOnly).ends(P::Credentials, "contents=write"),
        row("a repository the token cannot see").before(Before::Invisible).ends(P::Credentials, "not for this token to see"),
        row("404 for a missing permission")
            .every("POST", &api("/releases"), Fault::status(404))
            .ends(P::Credentials, "permissions: contents: write"),
        row("403 that names a permission")
            .every("POST", &api("/releases"), with("X-Accepted-GitHub-Permissions", "contents=write,workflows=write"))
            .ends(P::Credentials, "workflows=write"),
        row("403 that names scopes")
            .every("POST", &api("/releases"), with("X-Accepted-OAuth-Scopes", "repo"))
            .ends(P::Credentials, "`repo`"),
        row("403 that names nothing").every("PATCH", &api("/releases/*"), Fault::status(403)).ends(P::Credentials, "contents: write"),
        row("a limit that is over for an hour")
            .every("GET", &all, Fault::status(403).header("Retry-After", "3600"))
            .ends(P::Unavailable, "limit"),
        row("a primary limit that is over in a moment").nth(
            "GET",
            &all,
            1,
            Fault::status(403)
                .header("X-RateLimit-Remaining", "0")
                .header("X-RateLimit-Reset", "784111778")
                .header("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ),
        row("a forge that is away").every("*", &all, Fault::status(503)).ends(P::Unavailable, "503"),
    ]
}

/// What was there before.
fn found() -> Vec<Row> {
    let mint = || Publisher { may_make_tag: true, ..Publisher::default() };
    vec![
        row("nothing is there"),
        row("the tag is missing").before(Before::NoTag).ends(P::Rejected, "has no tag v1.4.0").for_ever(),
        row("the tag is missing and may be made").before(Before::NoTag).by(mint()),
        row("the tag names another commit").before(Before::TagElsewhere).ends(P::Conflict, "names bbbbbbbb").for_ever(),
        row("the tag is annotated").before(Before::AnnotatedTag),
        row("the tag is protected and missing").before(Before::ProtectedTag).by(mint()).ends(P::Credentials, "protects the tag").for_ever(),
        row("releases are immutable").before(Before::Immutable),
        row("an immutable release lacks a file").before(Before::ImmutableWithout).ends(P::Rejected, "release a new version").for_ever(),
        row("the tag is burnt").before(Before::Burnt).ends(P::Rejected, "can never be used again").for_ever(),
        row("a draft of somebody else").before(Before::ForeignDraft).ends(P::Conflict, "somebody else made").for_ever(),
        row("a draft of somebody else, taken over").before(Before::ForeignDraft).by(Publisher { adopt: true, ..Publisher::default() }),
        row("two drafts a race left").before(Before::OurDrafts),
        row("half a file").before(Before::HalfFile),
        row("a file with other bytes, published").before(Before::OtherBytes).ends(P::Conflict, "is not replaced").for_ever(),
        row("a file with other bytes, in our draft").before(Before::OtherBytesInDraft).ends(P::Conflict, "is not replaced").for_ever(),
        row("a file with other bytes, replaced on purpose")
            .before(Before::OtherBytesInDraft)
            .by(Publisher { replace: Some("tool+x.exe"), ..Publisher::default() }),
        row("a release somebody made by hand").before(Before::ByHand),
        row("a newer release is the latest").before(Before::NewerLatest),
        row("an older release is the latest").before(Before::OlderLatest),
        row("the list lags behind").before(Before::LaggingList),
        row("the look-up by tag lags behind").before(Before::LaggingTag),
        row("files larger than the forge takes").before(Before::SmallFiles).ends(P::Rejected, "size must be"),
        row("the moving tag is elsewhere").before(Before::AliasElsewhere),
        row("an empty file")
            .by(Publisher { further: Some(("empty.txt", b"")), ..Publisher::default() })
            .ends(P::Rejected, "takes no empty files")
            .for_ever(),
        row("a file name with a slash")
            .by(Publisher { further: Some(("a\\b", b"x")), ..Publisher::default() })
            .ends(P::Rejected, "not the name of a file")
            .for_ever(),
        row("a file was left out")
            .by(Publisher { left_out: Some("tool+x.exe"), ..Publisher::default() })
            .ends(P::Unavailable, "lacks tool+x.exe")
            .for_ever(),
        row("a slow look-up").nth("GET", &api(&format!("/releases/tags/{TAG}")), 1, Fault::stall(std::time::Duration::from_millis(50))),
    ]
}

pub fn rows() -> Vec<Row> {
    passing().into_iter().chain(transfers()).chain(permissions()).chain(found()).collect()
}
