//! The examination, from the name of the file to what it left behind.

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::bench::{Bench, Options, Variation};
use super::report::Report;
use crate::error::{Error, Result};
use crate::fs;
use crate::remote::protocol::{CAPABILITIES, CapabilityFeatures, PROTOCOL_VERSION, VERSION, read_capabilities};
use crate::world::World;

/// How every adapter's file name begins.
const PREFIX: &str = "epack-remote-";

/// Places for tokens that others cannot read.
const SECURE_STORAGE: [&str; 3] = ["os_keychain", "encrypted_file", "env_var"];

/// Examines an adapter. An error is one of ours: what is wrong with the adapter is in the report.
pub async fn examine(world: &World, options: &Options, cancel: &CancellationToken) -> Result<Report> {
    if !fs::is_executable(&options.binary) {
        let message = format!("{} is not there, or not executable", options.binary.display());
        return Err(Error::missing(message).hint("name the adapter's file; make it executable with chmod +x"));
    }
    let mut bench = Bench::new(world, options, cancel)?;
    name(&mut bench);
    let capabilities = capabilities(&mut bench).await;
    version(&mut bench).await;
    bench.envelope().await;
    bench.unreadable().await;
    let features = bench.capabilities.features;
    if features.prepare_finalize {
        bench.pushes().await;
    } else {
        no_push(&mut bench);
    }
    if features.pull {
        bench.pulls().await;
    } else {
        no_pull(&mut bench);
    }
    bench.versions().await;
    bench.runs().await;
    bench.logins().await;
    if cancel.is_cancelled() {
        return Err(Error::new(crate::error::Kind::Terminated, "the examination was interrupted"));
    }
    let Bench { surroundings, findings, .. } = &mut bench;
    surroundings.judge(findings);
    bench.findings.skip(&["REM-075"], "no refusal named an action");
    bench.findings.skip(&["C-014"], "cannot be seen from outside: whether it reaches anything depends on its service");
    Ok(Report::new(bench.file_name(), bench.findings.outcomes(), capabilities))
}

fn name(bench: &mut Bench<'_>) {
    let file = bench.file_name();
    let findings = &mut bench.findings;
    findings.check("C-001", file.starts_with(PREFIX), || format!("its file is called `{}`", super::asking::short(&file)));
    let rest = file.strip_prefix(PREFIX).unwrap_or(&file);
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let well_formed = (1..=64).contains(&rest.len())
        && rest.bytes().next().is_some_and(plain)
        && rest.bytes().all(|b| plain(b) || matches!(b, b'.' | b'_' | b'-'));
    findings.check("C-002", well_formed, || format!("`{}` is no name of an adapter", super::asking::short(rest)));
    findings.check("C-003", !rest.contains(['/', '\\']) && !rest.contains(".."), || "it could leave a directory".to_owned());
}

async fn capabilities(bench: &mut Bench<'_>) -> Option<Value> {
    let heard = bench.run(&[CAPABILITIES], None, &Variation { without_secrets: true, ..Variation::default() }).await;
    let document = heard.document();
    alone(bench, document.is_ok()).await;
    let answered = document.is_ok() && heard.code == Some(0);
    bench.findings.check("REM-001", answered, || match &document {
        Err(problem) => format!("{CAPABILITIES}: {problem}"),
        Ok(_) => format!("{CAPABILITIES}: it exits with {:?}", heard.code),
    });
    bench.findings.check("C-010", answered, || "it does not start with the variables a host passes on".to_owned());
    let members = document.ok()?;
    let said = Value::Object(members.clone());
    match read_capabilities(&heard.stdout) {
        Ok(capabilities) => {
            let speaks = capabilities.supports_protocol(PROTOCOL_VERSION);
            bench.findings.check("REM-002", speaks, || "deploy_protocol_version is missing, or below 1".to_owned());
            bench.capabilities = capabilities;
        }
        Err(error) => bench.findings.fail("REM-002", error.to_string()),
    }
    let some = bench.capabilities.features != CapabilityFeatures::default();
    bench.findings.check("REM-003", members.contains_key("features") && some, || "it declares no feature: it can do nothing".to_owned());
    let both = members.contains_key("auth") && members.contains_key("limits");
    bench.findings.check("REM-004", both, || "auth or limits are missing".to_owned());
    let auth = &bench.capabilities.auth;
    if bench.capabilities.features.auth_login {
        bench.findings.check("REM-081", !auth.modes.is_empty(), || "it has auth.login and no auth.modes".to_owned());
    } else {
        bench.findings.skip(&["REM-081"], "it declares no auth_login");
    }
    let secure = auth.token_storage.iter().all(|place| SECURE_STORAGE.contains(&place.as_str()));
    bench.findings.check("REM-083", secure, || format!("token_storage is {}", auth.token_storage.join(", ")));

    let elsewhere =
        Variation { elsewhere: true, without_secrets: true, with: vec![("LANG", "de_DE.UTF-8"), ("DEBUG", "1")], ..Variation::default() };
    let same = |heard: &super::bench::Heard| heard.document().is_ok_and(|other| Value::Object(other) == said);
    let heard = bench.run(&[CAPABILITIES], None, &elsewhere).await;
    bench.findings.check("C-011", same(&heard), || "in another directory and environment it says something else".to_owned());
    let reserved =
        Variation { without_secrets: true, with: vec![("EPACK_STRICT_PRODUCTION", "1"), ("EPACK_X", "1")], ..Variation::default() };
    let heard = bench.run(&[CAPABILITIES], None, &reserved).await;
    bench.findings.check("C-012", same(&heard), || "with a variable whose name begins with EPACK_ it says something else".to_owned());
    Some(said)
}

/// Hosts run a copy of what they verified, where nothing is beside it.
async fn alone(bench: &mut Bench<'_>, answers: bool) {
    let at_home = Variation { without_secrets: true, in_place: true, ..Variation::default() };
    let needs_more = !answers && bench.run(&[CAPABILITIES], None, &at_home).await.document().is_ok();
    bench.findings.check("SF-025", !needs_more, || {
        "it only answers where it lies: it must carry what it needs, for hosts run a copy of this one file".to_owned()
    });
}

async fn version(bench: &mut Bench<'_>) {
    let heard = bench.run(&[VERSION], None, &Variation { without_secrets: true, ..Variation::default() }).await;
    let text = String::from_utf8_lossy(&heard.stdout).trim().to_owned();
    let printed = heard.code == Some(0) && !text.is_empty() && text.lines().count() == 1 && text.bytes().any(|b| b.is_ascii_digit());
    bench.findings.check("REM-005", printed, || format!("{VERSION}: exit {:?}, `{}`", heard.code, super::asking::short(&text)));
}

fn no_push(bench: &mut Bench<'_>) {
    let ids = [
        "REM-020", "REM-021", "REM-030", "REM-031", "REM-032", "REM-033", "REM-034", "REM-040", "REM-041", "REM-042", "SF-004", "SF-005",
        "SF-006", "SF-007", "SF-008", "SF-009", "SF-010",
    ];
    bench.findings.skip(&ids, "it does not declare prepare_finalize");
    if !bench.capabilities.features.pull {
        bench.findings.skip(&["SF-011", "SF-012", "REM-080", "REM-082"], "it declares neither prepare_finalize nor pull");
    }
}

fn no_pull(bench: &mut Bench<'_>) {
    let ids = [
        "REM-022", "REM-023", "REM-050", "REM-051", "REM-052", "REM-053", "REM-054", "REM-060", "REM-061", "SF-013", "SF-014", "SF-015",
        "SF-016",
    ];
    bench.findings.skip(&ids, "it does not declare pull");
}
