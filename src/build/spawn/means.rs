//! What starting a daemon takes, and whether it is there: programs, and what the kernel permits.

use std::path::{Path, PathBuf};

use crate::build::backend::on_path;
use crate::fs;
use crate::world::World;

/// What a daemon is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Means {
    /// `buildkitd`.
    pub daemon: PathBuf,
    /// `runc` or `crun`, which run the steps.
    pub runtime: PathBuf,
    /// `rootlesskit`, when we are not root.
    pub rootless: Option<PathBuf>,
    /// The container we are in forbids mounting `/proc`, so that steps cannot have a process table of their own.
    pub shares_processes: bool,
    /// `setpriv`, which makes the system end the daemon with us.
    pub ends_with_us: Option<PathBuf>,
}

/// Looks for them. The reason of a failure is a fragment that names the way out.
pub fn look(world: &World) -> Result<Means, String> {
    let find = |name: &str| on_path(world, name);
    let Some(daemon) = find("buildkitd") else {
        return Err("buildkitd is not installed; install BuildKit, or use its image (moby/buildkit:rootless) for the job".to_owned());
    };
    let Some(runtime) = find("buildkit-runc").or_else(|| find("runc")).or_else(|| find("crun")) else {
        return Err("neither runc nor crun is installed, and BuildKit runs steps with one of them".to_owned());
    };
    let root = rustix::process::geteuid().is_root();
    if root && !may_mount() {
        return Err("we are root without CAP_SYS_ADMIN, as in a container that is not privileged; run the job privileged, or as another user with rootlesskit".to_owned());
    }
    let rootless = if root { None } else { Some(rootless(&find)?) };
    Ok(Means { daemon, runtime, shares_processes: !root && masked_proc(), rootless, ends_with_us: find("setpriv") })
}

fn rootless(find: &dyn Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, String> {
    let Some(rootlesskit) = find("rootlesskit") else {
        return Err("we are not root and rootlesskit is not installed".to_owned());
    };
    for program in ["newuidmap", "newgidmap"] {
        if find(program).is_none() {
            return Err(format!("we are not root and {program} is not installed; install the package `uidmap`"));
        }
    }
    kernel_permits(Path::new("/proc/sys"))?;
    Ok(rootlesskit)
}

/// Whether somebody who is not root may make a user namespace (`/proc/sys/…`).
fn kernel_permits(sys: &Path) -> Result<(), String> {
    let value = |name: &str| {
        let text = fs::read_bounded(&sys.join(name), 64).ok()?;
        String::from_utf8_lossy(&text).trim().parse::<i64>().ok()
    };
    if value("user/max_user_namespaces") == Some(0) {
        return Err("the kernel permits no user namespaces; set user.max_user_namespaces (sysctl) above 0".to_owned());
    }
    if value("kernel/unprivileged_userns_clone") == Some(0) {
        return Err(
            "the kernel permits user namespaces to root alone; set kernel.unprivileged_userns_clone=1 (sysctl) on the host".to_owned()
        );
    }
    if value("kernel/apparmor_restrict_unprivileged_userns") == Some(1) {
        return Err("AppArmor restricts user namespaces; set kernel.apparmor_restrict_unprivileged_userns=0 (sysctl), or give rootlesskit a profile that permits `userns`".to_owned());
    }
    Ok(())
}

/// Whether we hold `CAP_SYS_ADMIN` (bit 21), without which nothing is mounted.
fn may_mount() -> bool {
    let status = fs::read_bounded(Path::new("/proc/self/status"), 64 * 1024).unwrap_or_default();
    let status = String::from_utf8_lossy(&status).into_owned();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).is_none_or(|bits| bits & (1 << 21) != 0)
}

/// Do mounts cover parts of `/proc`, as in containers that are not privileged? The kernel then refuses a new `/proc`.
fn masked_proc() -> bool {
    let mounts = fs::read_bounded(Path::new("/proc/self/mounts"), 1024 * 1024).unwrap_or_default();
    String::from_utf8_lossy(&mounts).lines().any(|line| line.split(' ').nth(1).is_some_and(|at| at.starts_with("/proc/")))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the test lays out files")]

    use super::*;

    #[test]
    fn what_the_kernel_forbids_is_said_with_the_way_out() {
        let dir = tempfile::tempdir().expect("dir");
        for sub in ["user", "kernel"] {
            std::fs::create_dir(dir.path().join(sub)).expect("dir");
        }
        assert_eq!(kernel_permits(dir.path()), Ok(()));
        for (name, value, expected) in [
            ("kernel/apparmor_restrict_unprivileged_userns", "1\n", "AppArmor"),
            ("kernel/unprivileged_userns_clone", "0\n", "unprivileged_userns_clone=1"),
            ("user/max_user_namespaces", "0\n", "max_user_namespaces"),
        ] {
            std::fs::write(dir.path().join(name), value).expect("file");
            let why = kernel_permits(dir.path()).expect_err("forbidden");
            assert!(why.contains(expected), "{why}");
        }
    }
}
