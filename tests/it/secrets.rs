//! That the watch over secrets sees them: one planted in every place and every form is found, and what a test writes
//! itself is not taken for one. Every other test of the suite is watched by it; see `support/sf.rs`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use stagefreight::core::Secret;
use stagefreight::rehearse::registry::Login;

use crate::support::Sf;
use crate::support::canary::{AMBIENT, Secrets};
use crate::support::release::{Registries, workspace};

const SECRET: &str = "canary/with+all \"kinds\" of=characters~é";

#[test]
fn a_secret_is_seen_in_every_form() {
    let mut secrets = Secrets::default();
    secrets.learn("IT", SECRET);
    let percent = percent_encoding::utf8_percent_encode(SECRET, percent_encoding::NON_ALPHANUMERIC).to_string();
    let form: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let hex = base16ct::lower::encode_string(SECRET.as_bytes());
    let mut seen = vec![
        SECRET.to_owned(),
        serde_json::json!({ "a": { "token": SECRET } }).to_string(),
        form,
        percent.replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d").replace("%7E", "%7e").replace("%C3%A9", "%c3%a9"),
        percent,
        hex.to_uppercase(),
        hex,
    ];
    for user in ["", "u", "me", "you", "oauth2"] {
        seen.push(STANDARD.encode(format!("{user}:{SECRET}")));
        seen.push(URL_SAFE_NO_PAD.encode(format!("{user}:{SECRET}:more")));
    }
    for text in seen {
        assert!(secrets.find(format!("before {text} after").as_bytes()).is_some(), "not seen: {text}");
    }
    for text in ["", "canary/with", &SECRET[1..], &STANDARD.encode("somebody:else's password")] {
        assert_eq!(secrets.find(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn what_is_no_secret_by_its_name_is_none() {
    let environment = [("T_USER", "somebody"), ("KEY_FILE", "a/file/of/keys"), ("SHORT_TOKEN", "abc"), ("T_PASSWORD", "p4ssw0rd")];
    let secrets = Secrets::of(environment);
    assert_eq!(secrets.find(b"somebody a/file/of/keys abc"), None);
    assert_eq!(secrets.find(b"it is p4ssw0rd"), Some("T_PASSWORD, as it is"));
}

/// What the watch says of a workspace, which it then is the end of.
fn places(sf: &Sf) -> Vec<String> {
    let mut places: Vec<String> = sf.leaks().into_iter().map(|leak| leak.place).collect();
    places.sort();
    places
}

#[track_caller]
fn assert_fails(sf: Sf) {
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(sf)));
    let told = *ended.expect_err("the end of the workspace fails").downcast::<String>().expect("a message");
    assert!(told.contains("secrets were printed or written down"), "{told}");
    assert!(!told.contains("canary"), "the message shows it: {told}");
}

#[test]
fn one_that_is_printed_fails_the_test() {
    for script in ["echo $DEPLOY_TOKEN", "printf %s \"x $DEPLOY_TOKEN\" >&2", "printf 'me:%s' $DEPLOY_TOKEN | base64 -w0"] {
        let sf = Sf::new().env("DEPLOY_TOKEN", "canary-of-a-job-4711");
        sf.program("sh", &["-c", "echo nothing"]).output();
        assert_eq!(places(&sf), Vec::<String>::new());
        sf.program("sh", &["-c", script]).output();
        assert_eq!(places(&sf).len(), 1, "{script}");
        assert_fails(sf);
    }
    // Of the run alone, and of a run that is killed.
    let sf = Sf::new();
    let mut run = sf.program("sh", &["-c", "echo $ONE_SECRET; sleep 600"]).env("ONE_SECRET", "canary-of-one-run").start();
    run.wait_until(|run| run.stdout().contains('\n'));
    run.kill();
    run.wait();
    assert_fails(sf);
    // The environment's own, that no test knows of.
    let sf = Sf::new();
    sf.program("sh", &["-c", &format!("echo ${}", AMBIENT.0)]).output();
    assert_fails(sf);
}

#[test]
fn one_that_is_written_down_fails_the_test() {
    let plant = |name: &str, content: &[u8]| {
        let sf = Sf::new().secret("the login", "canary-of-a-login");
        let path = sf.path().join(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("directory");
        std::fs::write(path, content).expect("file");
        sf
    };
    let text = b"{\"token\": \"canary-of-a-login\"}";
    let large = [&vec![0; (4 << 20) - 20][..], text].concat();
    for name in [".stagefreight/journal/run.jsonl", ".stagefreight/published.json", "report.html", "a/receipt.json"] {
        let sf = plant(name, text);
        assert_eq!(places(&sf), [name]);
        assert_fails(sf);
    }
    // Where two pieces of a large file meet, and in the name of a file.
    let sf = plant(".stagefreight/dist/app", &large);
    assert_eq!(places(&sf), [".stagefreight/dist/app"]);
    assert_fails(sf);
    let sf = plant(".stagefreight/canary-of-a-login", b"");
    assert_eq!(places(&sf), ["the name of a file"]);
    assert_fails(sf);
}

#[test]
fn what_the_test_writes_or_means_is_no_finding() {
    let sf = Sf::new().env("DEPLOY_TOKEN", "canary-of-a-job-4711").file("config.yml", "token: canary-of-a-job-4711\n");
    let sf = sf.meant_to_hold_secrets("out/env.txt").file("in.txt", "nothing");
    sf.program("sh", &["-c", "mkdir out && env >out/env.txt"]).output();
    assert_eq!(places(&sf), Vec::<String>::new());
    sf.program("sh", &["-c", "echo >>config.yml; env >in.txt"]).output();
    assert_eq!(places(&sf), ["config.yml", "in.txt"]);
    assert_fails(sf);
}

/// A release from its config to its status with a registry that wants a login, everything said that can be said. The
/// watch looks at the end.
#[test]
fn a_whole_release_with_a_login_tells_nobody() {
    const PASSWORD: &str = "canary+of/a registry's=login%41~9d2b";
    let registries = Registries::guarded(Login { user: "robot$ci".to_owned(), password: Secret::new(PASSWORD) });
    let host = registries.servers[0].host();
    let sf = workspace(std::slice::from_ref(&host)).env("REG_USER", "robot$ci");
    let config = sf.read(".stagefreight.yml").replace("default_path", "credentials: reg, default_path");
    sf.write(".stagefreight.yml", config);
    sf.commit("credentials");
    let mut sf = sf.tag("v1.4.1");
    let verbose = |sf: &Sf, args: &[&str], code: i32| {
        sf.run(&[args, &["-v", "--output", "json"]].concat()).code(code);
        sf.run(args).code(code);
    };
    // Without it, with another, and with the right one.
    let wrong = "canary-of-the-wrong-password";
    for (password, code) in [("", 3), (wrong, 3), (PASSWORD, 0)] {
        sf = sf.env("REG_TOKEN", password);
        verbose(&sf, &["preflight"], code);
        if password.is_empty() {
            verbose(&sf, &["perform"], 0);
            verbose(&sf, &["review"], 0);
        }
        verbose(&sf, &["publish"], code);
        verbose(&sf, &["status"], 0);
    }
    assert!(registries.writes() > 0, "nothing was published");
}
