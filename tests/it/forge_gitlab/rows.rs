//! The table of faults of GitLab.

use stagefreight::core::Secret;
use stagefreight::forge::Carrier;
use stagefreight::publish::PlaceErrorKind as Kind;
use stagefreight::rehearse::fault::{Cut, Fault, FaultPlan, Moment};
use stagefreight::rehearse::forge_gitlab::{Options, Role, TokenKind, Trusted};

use super::row::{Row, row};
use super::scene::{COMMIT, PERSONAL, PROJECT, TAG, trusted_person};
use crate::support::file_release::noise;

const OTHER: &str = "2222222222222222222222222222222222222222";

/// What is asked, in the order of a first publish: name, method, path.
const REFS: (&str, &str, &str) = ("refs", "GET", "*/info/refs");
const RELEASE: (&str, &str, &str) = ("release", "GET", "*/releases/*");
const PACKAGES: (&str, &str, &str) = ("packages", "GET", "*/packages");
const FILES: (&str, &str, &str) = ("files", "GET", "*/package_files");
const PUT: (&str, &str, &str) = ("file", "PUT", "*/packages/generic/*");
const POST: (&str, &str, &str) = ("new release", "POST", "*/releases");

fn plan(at: (&str, &str, &str), fault: Fault) -> FaultPlan {
    FaultPlan::default().nth(at.1, at.2, 1, fault)
}

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(questions());
    rows.extend(files());
    rows.extend(the_release());
    rows.extend(tokens());
    rows.extend(tags());
    rows.extend(what_is_there());
    rows
}

/// Questions are asked again, whatever became of the first.
fn questions() -> Vec<Row> {
    let mut rows = Vec::new();
    for at in [REFS, RELEASE, PACKAGES, FILES] {
        for status in [429, 500, 502, 503] {
            rows.push(row(format!("{} answered {status} once", at.0), plan(at, Fault::status(status))));
        }
        rows.push(row(format!("{} cut before", at.0), plan(at, Fault::Cut(Cut::Before))));
        rows.push(row(format!("{} cut after", at.0), plan(at, Fault::Cut(Cut::After))));
        let patience = Fault::status(429).header("Retry-After", "1");
        rows.push(row(format!("{} asks for a second", at.0), plan(at, patience)));
        let down = FaultPlan::default().every(at.1, at.2, Fault::status(503));
        rows.push(row(format!("{} is down", at.0), down).stops(Kind::Unavailable, "503"));
        let page = Fault::Respond { status: 200, headers: Vec::new(), body: "<html>sign in</html>".to_owned(), moment: Moment::default() };
        let strange = FaultPlan::default().every(at.1, at.2, page);
        rows.push(row(format!("{} is a web page", at.0), strange).stops(Kind::Rejected, "something else than"));
    }
    rows
}

/// A file that is not known to have arrived is looked for, and sent again only when it is not there.
fn files() -> Vec<Row> {
    let once = |name: &str, fault: Fault| row(format!("a file {name}"), plan(PUT, fault));
    vec![
        once("answered 500", Fault::status(500)),
        once("answered 503", Fault::status(503)),
        once("answered 429", Fault::status(429)),
        once("answered 502 after it arrived", Fault::status(502).after_commit()),
        once("cut before it arrived", Fault::Cut(Cut::Before)),
        once("cut after it arrived", Fault::Cut(Cut::After)),
        once("cut in its middle", Fault::Cut(Cut::RequestBody(100))),
        once("whose answer is cut short", Fault::Cut(Cut::ResponseBody(10))),
        once("whose answer comes late", Fault::Stall { millis: 9_000, moment: Moment::default() }.after_commit()),
        once("that stalls", Fault::stall(std::time::Duration::from_secs(9))),
        once("that is slow", Fault::Slow { bytes_per_second: 200_000 }),
        once("refused while another came", taken()),
        row("every file answered 503", FaultPlan::default().every(PUT.1, PUT.2, Fault::status(503))).stops(Kind::Unavailable, "503"),
        row("a file too large", FaultPlan::default())
            .server(|mut options| {
                options.limits.package_file = 30_000;
                options
            })
            .stops(Kind::Rejected, "generic_packages_max_file_size")
            .for_good(),
        row("a file too large for what stands before it", FaultPlan::default().every(PUT.1, PUT.2, Fault::status(413)))
            .stops(Kind::Rejected, "413"),
        row("packages switched off", FaultPlan::default())
            .server(|mut options| {
                options.projects[0].without_packages = true;
                options
            })
            .stops(Kind::Credentials, "403")
            .for_good(),
        // The answer is lost, the list does not show it yet, and its name is taken.
        row(
            "a file whose answer is lost, while the list lags behind",
            plan(PUT, Fault::Cut(Cut::After)).first("GET", FILES.2, 4, {
                let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
                Fault::Respond { status: 200, headers, body: "[]".to_owned(), moment: Moment::default() }
            }),
        )
        .server(|mut options| {
            options.projects[0].refuse_duplicates = true;
            options
        }),
        row("duplicates refused, and an answer lost", plan(PUT, Fault::Cut(Cut::After))).server(|mut options| {
            options.projects[0].refuse_duplicates = true;
            options
        }),
        row("a file without bytes", FaultPlan::default())
            .files(vec![("empty.tar.gz".to_owned(), Vec::new())])
            .stops(Kind::Rejected, "empty")
            .for_good(),
        row("names GitLab does not keep", FaultPlan::default()).files(vec![
            ("my app (1).zip".to_owned(), noise(1, 100)),
            ("app+debug~1.tar.gz".to_owned(), noise(2, 100)),
            ("größe.txt".to_owned(), noise(3, 100)),
        ]),
    ]
}

fn taken() -> Fault {
    let body = r#"{"message":"Validation failed: Name has already been taken"}"#.to_owned();
    Fault::Respond {
        status: 400,
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        body,
        moment: Moment::default(),
    }
}

/// The release is made in one call; when it is not known what became of it, looking decides.
fn the_release() -> Vec<Row> {
    let once = |name: &str, fault: Fault| row(format!("the release {name}"), plan(POST, fault));
    vec![
        once("answered 429", Fault::status(429)),
        once("answered 503 after it was made", Fault::status(503).after_commit()),
        once("cut after it was made", Fault::Cut(Cut::After)),
        once("whose answer is cut short", Fault::Cut(Cut::ResponseBody(10))),
        once("answered 500 before it was made", Fault::status(500)),
        once("cut before it was made", Fault::Cut(Cut::Before)),
        once("refused with 422", Fault::status(422)).stops(Kind::Rejected, "422"),
        once("refused with 403", Fault::status(403)).stops(Kind::Credentials, "403"),
        row(
            "the list lags behind",
            FaultPlan::default().rule("GET", RELEASE.2, stagefreight::rehearse::fault::When::Nth(2), Fault::StaleRead),
        ),
    ]
}

fn with(role: Role, kind: TokenKind) -> impl Fn(Options) -> Options + Clone {
    move |mut options| {
        options.trusted.push(Trusted { token: Secret::new("glcbt-another-canary-0815"), kind: kind.clone(), role });
        options
    }
}

fn tokens() -> Vec<Row> {
    const ANOTHER: &str = "glcbt-another-canary-0815";
    let job = |project: &str, also: &[&str], ended| TokenKind::Job {
        project: project.to_owned(),
        also: also.iter().map(|one| (*one).to_owned()).collect(),
        ended,
    };
    vec![
        row("a person's token", FaultPlan::default()).token(PERSONAL, Carrier::PrivateToken),
        row("a token nobody has", FaultPlan::default())
            .token("glpat-unknown-canary-0815", Carrier::PrivateToken)
            .stops(Kind::Credentials, "401")
            .for_good(),
        row("the token of a job that ended", FaultPlan::default())
            .server(with(Role::Developer, job(PROJECT, &[], true)))
            .token(ANOTHER, Carrier::JobToken)
            .stops(Kind::Credentials, "401")
            .for_good(),
        row("the token of another project's job", FaultPlan::default())
            .server(with(Role::Developer, job("acme/other", &[], false)))
            .token(ANOTHER, Carrier::JobToken)
            .stops(Kind::Credentials, "401")
            .for_good(),
        row("the token of an allowed project's job", FaultPlan::default())
            .server(with(Role::Developer, job("acme/other", &[PROJECT], false)))
            .token(ANOTHER, Carrier::JobToken),
        row("a token that only reads", FaultPlan::default())
            .server(with(Role::Developer, TokenKind::Private { api: false }))
            .token(ANOTHER, Carrier::PrivateToken)
            .stops(Kind::Credentials, "403")
            .for_good(),
        row("a reporter", FaultPlan::default())
            .server(|mut options| {
                options.trusted.push(trusted_person(ANOTHER, Role::Reporter));
                options
            })
            .token(ANOTHER, Carrier::PrivateToken)
            .stops(Kind::Credentials, "403")
            .for_good(),
        row("a personal token sent as a job's", FaultPlan::default())
            .token(PERSONAL, Carrier::JobToken)
            .stops(Kind::Credentials, "401")
            .for_good(),
    ]
}

fn tags() -> Vec<Row> {
    vec![
        row("the tag is missing", FaultPlan::default())
            .at("GET", "info/refs", 1, |server| server.set_tag(PROJECT, TAG, None))
            .mended(|server| server.set_tag(PROJECT, TAG, Some(COMMIT)))
            .stops(Kind::Rejected, "no tag"),
        row("the tag points elsewhere", FaultPlan::default())
            .at("GET", "info/refs", 1, |server| server.set_tag(PROJECT, TAG, Some(OTHER)))
            .mended(|server| server.set_tag(PROJECT, TAG, Some(COMMIT)))
            .stops(Kind::Conflict, OTHER),
        row("the tag goes before the release is made", FaultPlan::default())
            .at("POST", "/releases", 1, |server| server.set_tag(PROJECT, TAG, None))
            .mended(|server| server.set_tag(PROJECT, TAG, Some(COMMIT)))
            .stops(Kind::Rejected, "push the git tag"),
        row("the tag is protected", FaultPlan::default())
            .server(|mut options| {
                options.projects[0].protected = vec!["v*".to_owned()];
                options
            })
            .stops(Kind::Credentials, "protected")
            .for_good(),
        row("the tag is protected from others", FaultPlan::default())
            .server(|mut options| {
                options.projects[0].protected = vec!["v*".to_owned()];
                options
            })
            .token(PERSONAL, Carrier::PrivateToken),
    ]
}

fn what_is_there() -> Vec<Row> {
    vec![
        row("a file is removed before the release is made", FaultPlan::default())
            .at("GET", "/packages", 2, |server| server.remove_file(PROJECT, "SHA256SUMS"))
            .stops(Kind::Unavailable, "SHA256SUMS"),
        row("a file of that name holds something else", FaultPlan::default())
            .at("GET", "info/refs", 1, |server| server.add_file(PROJECT, "app", TAG, "SHA256SUMS", b"foreign"))
            .mended(|server| server.remove_file(PROJECT, "SHA256SUMS"))
            .stops(Kind::Conflict, "SHA256SUMS"),
        row("somebody makes the release without files", FaultPlan::default())
            .at("GET", "info/refs", 1, |server| server.add_release(PROJECT, TAG, COMMIT)),
        row("somebody makes the release while the files come", FaultPlan::default())
            .at("PUT", "generic", 2, |server| server.add_release(PROJECT, TAG, COMMIT)),
    ]
}
