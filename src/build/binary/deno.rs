//! `deno compile`.

use super::compile::unknown_target;
use super::run::Call;
use crate::config::Toolchain;
use crate::core::Platform;
use crate::error::Result;
use crate::plan::ProgramStep;

/// The call.
pub fn call(work: &ProgramStep, platform: &Platform, output: &str) -> Result<Call> {
    let target = match (platform.os.as_str(), platform.arch.as_str()) {
        ("linux", "amd64") => "x86_64-unknown-linux-gnu",
        ("linux", "arm64") => "aarch64-unknown-linux-gnu",
        ("darwin", "amd64") => "x86_64-apple-darwin",
        ("darwin", "arm64") => "aarch64-apple-darwin",
        ("windows", "amd64") => "x86_64-pc-windows-msvc",
        _ => return Err(unknown_target(Toolchain::Deno, platform)),
    };
    let mut args: Vec<String> = ["compile", "--target", target, "--output", output].map(str::to_owned).to_vec();
    args.extend(work.args.iter().cloned());
    args.extend(work.from.clone());
    Ok(Call::new("deno", args))
}
