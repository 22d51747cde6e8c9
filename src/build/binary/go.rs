//! `go build`, without paths and repository state in the program: the same sources make the same bytes.

use super::run::Call;
use crate::core::Platform;
use crate::plan::ProgramStep;

/// The call. cgo is off unless the config turns it on: it needs a C compiler for every platform.
pub fn call(work: &ProgramStep, platform: &Platform, output: &str) -> Call {
    let mut args: Vec<String> = ["build", "-trimpath", "-buildvcs=false", "-o", output].map(str::to_owned).to_vec();
    args.extend(work.args.iter().cloned());
    args.push(match work.from.as_deref() {
        None | Some(".") => ".".to_owned(),
        Some(from) => format!("./{from}"),
    });
    let call = Call::new("go", args).env("GOOS", platform.os.clone()).env("GOARCH", platform.arch.clone()).env("CGO_ENABLED", "0");
    let level = platform.variant.as_deref().unwrap_or_default();
    match (platform.arch.as_str(), level) {
        (_, "") => call,
        ("arm", level) => call.env("GOARM", level.trim_start_matches('v')),
        ("amd64", level) => call.env("GOAMD64", level),
        ("arm64", level) => call.env("GOARM64", if level.contains('.') { level.to_owned() } else { format!("{level}.0") }),
        (_, _) => call,
    }
}
