//! `stagefreight registry serve` as people start and stop it.

use super::rig::send;
use crate::support::{Sf, Started, assert_satisfies};

struct Serving {
    child: Started,
    first: String,
}

fn serve(sf: &Sf, args: &[&str]) -> Serving {
    let args: Vec<&str> = ["registry", "serve"].iter().chain(args).copied().collect();
    let mut child = sf.command(&args).start();
    // The address, the whole document, or nothing of a server that does not start.
    child.wait_until(|child| {
        let ended = child.try_wait().is_some();
        let said = child.stdout();
        ended || said.ends_with(if said.starts_with('{') { "\n}\n" } else { "\n" })
    });
    let first = child.stdout().trim().to_owned();
    Serving { child, first }
}

impl Serving {
    fn stop(mut self) -> (Option<i32>, String) {
        self.child.terminate();
        (self.child.wait().code(), self.child.stderr())
    }
}

#[test]
fn serves_until_terminated_and_keeps_the_data() {
    let sf = Sf::new();
    for _ in 0..2 {
        let serving = serve(&sf, &[]);
        send(&serving.first, "GET", "/v2/", &[], b"").expect("an answer").expect(200);
        send(&serving.first, "POST", "/v2/a/blobs/uploads/", &[], b"").expect("an answer").expect(202);
        assert_eq!(serving.stop().0, Some(0));
    }
    assert!(sf.path().join(".stagefreight/rehearsal/registry/stagefreight-registry.json").is_file());
}

#[test]
fn tells_what_it_serves_and_with_v_what_is_asked() {
    let sf = Sf::new();
    for (verbose, told) in [("-v", true), ("--output=text", false)] {
        let serving = serve(&sf, &[verbose, "--immutable", "v*"]);
        send(&serving.first, "GET", "/v2/a/tags/list?n=3", &[], b"").expect("an answer").expect(404);
        let (_, stderr) = serving.stop();
        assert!(stderr.contains("/.stagefreight/rehearsal/registry at http://127.0.0.1:"), "{stderr}");
        assert!(stderr.contains("auth none, immutable tags v*"), "{stderr}");
        assert_eq!(stderr.contains("404 GET /v2/a/tags/list?n=3"), told, "{stderr}");
    }
    let serving = serve(&sf, &["--output", "json", "--addr", "127.0.0.1:0"]);
    let document: serde_json::Value = serde_json::from_str(&serving.first).expect("JSON");
    assert_satisfies("command-registry-serve", &document);
    let address = document["address"].as_str().expect("an address");
    send(address, "GET", "/v2/", &[], b"").expect("an answer").expect(200);
    serving.stop();
}

#[test]
fn asks_for_the_password_of_the_environment() {
    let sf = Sf::new().env("REGISTRY_PASSWORD", "p4ssw0rd");
    let serving = serve(&sf, &["--auth", "basic", "--user", "u", "--password-env", "REGISTRY_PASSWORD", "--read-only", "--dir", "../seed"]);
    assert_eq!(serving.first, "", "a read-only registry needs data");
    assert_eq!(serving.stop().0, Some(3));
    serve(&sf, &["--dir", "../seed"]).stop();
    let serving = serve(&sf, &["--auth", "basic", "--user", "u", "--password-env", "REGISTRY_PASSWORD", "--read-only", "--dir", "../seed"]);
    let basic = [("Authorization", "Basic dTpwNHNzdzByZA==")];
    send(&serving.first, "GET", "/v2/", &[], b"").expect("an answer").expect(401);
    send(&serving.first, "GET", "/v2/", &basic, b"").expect("an answer").expect(200);
    send(&serving.first, "POST", "/v2/a/blobs/uploads/", &basic, b"").expect("an answer").expect(405);
    let (code, stderr) = serving.stop();
    assert_eq!(code, Some(0));
    assert!(!stderr.contains("p4ssw0rd"));
}

#[test]
fn says_what_is_wrong() {
    let sf = Sf::new().file("other/file", "x").file("newer/stagefreight-registry.json", r#"{"layout":9}"#).file("plain", "x");
    let busy = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let busy = busy.local_addr().map(|addr| (addr.to_string(), busy)).expect("address");
    for (args, code, message) in [
        (vec!["--addr", busy.0.as_str()], 1, "address already in use"),
        (vec!["--addr", "nonsense"], 2, "invalid value"),
        (vec!["--dir", "other"], 2, "holds something else than a registry"),
        (vec!["--dir", "newer"], 2, "layout 9"),
        (vec!["--dir", "plain/below"], 1, "not a directory"),
        (vec!["--dir", "/proc/no/such"], 1, "cannot open the registry"),
        (vec!["--auth", "basic"], 2, "needs a password"),
        (vec!["--auth", "token", "--password-env", "UNSET"], 3, "UNSET is not set"),
        (vec!["--password-env", "X"], 2, "--auth is none"),
        (vec!["--immutable", "[x"], 2, "not a pattern of tags"),
    ] {
        let all: Vec<&str> = ["registry", "serve"].into_iter().chain(args.iter().copied()).collect();
        let run = sf.run(&all).code(code);
        assert!(run.stderr().to_lowercase().contains(&message.to_lowercase()), "{args:?}: {}", run.stderr());
        assert_eq!(run.stdout(), "");
        if code != 2 || message != "invalid value" {
            assert!(run.stderr().contains("hint: "), "{}", run.stderr());
        }
    }
}
