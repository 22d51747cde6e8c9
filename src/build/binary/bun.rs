//! `bun build --compile`.

use super::compile::unknown_target;
use super::run::Call;
use crate::config::Toolchain;
use crate::core::Platform;
use crate::error::Result;
use crate::plan::ProgramStep;

/// The call.
pub fn call(work: &ProgramStep, platform: &Platform, output: &str) -> Result<Call> {
    let arch = match platform.arch.as_str() {
        "amd64" => "x64",
        "arm64" => "arm64",
        _ => return Err(unknown_target(Toolchain::Bun, platform)),
    };
    if !matches!(platform.os.as_str(), "linux" | "darwin" | "windows") {
        return Err(unknown_target(Toolchain::Bun, platform));
    }
    let mut args = vec!["build".to_owned(), "--compile".to_owned(), format!("--target=bun-{}-{arch}", platform.os)];
    args.extend(["--outfile".to_owned(), output.to_owned()]);
    args.extend(work.args.iter().cloned());
    args.extend(work.from.clone());
    Ok(Call::new("bun", args))
}
