//! `zig cc`: C and C++ for every platform, with zig's own C libraries.

use super::compile::unknown_target;
use super::run::Call;
use crate::config::{Libc, Toolchain};
use crate::core::Platform;
use crate::error::Result;
use crate::plan::ProgramStep;

/// The call: optimised and without symbols unless `args` say otherwise.
pub fn call(work: &ProgramStep, platform: &Platform, output: &str) -> Result<Call> {
    let arch = match (platform.arch.as_str(), platform.variant.as_deref()) {
        ("amd64", _) => "x86_64",
        ("arm64", _) => "aarch64",
        ("386", _) => "x86",
        ("arm", _) => "arm",
        ("riscv64", _) => "riscv64",
        ("ppc64le", _) => "powerpc64le",
        ("s390x", _) => "s390x",
        _ => return Err(unknown_target(Toolchain::Zig, platform)),
    };
    let libc = work.libc.unwrap_or(Libc::Musl).name();
    let target = match platform.os.as_str() {
        "linux" if arch == "arm" => format!("arm-linux-{libc}eabihf"),
        "linux" => format!("{arch}-linux-{libc}"),
        "windows" => format!("{arch}-windows-gnu"),
        "darwin" => format!("{arch}-macos"),
        _ => return Err(unknown_target(Toolchain::Zig, platform)),
    };
    let from = work.from.as_deref().unwrap_or_default();
    let cpp = [".cc", ".cpp", ".cxx"].iter().any(|end| from.ends_with(end));
    let mut args: Vec<String> = vec![if cpp { "c++" } else { "cc" }.to_owned(), "-target".to_owned(), target];
    args.extend(["-O2", "-s", "-o", output].map(str::to_owned));
    args.push(from.to_owned());
    args.extend(work.args.iter().cloned());
    Ok(Call::new("zig", args))
}
