//! `docs/remotes.md`: every name of the reference interfaces has its place there, and every requirement its meaning here.

use std::path::Path;

use stagefreight::remote::conformance::{Level, REQUIREMENTS};
use stagefreight::remote::protocol::{Command, ErrorCode};

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/remotes.md")).expect("docs/remotes.md")
}

/// The public names of the reference's push and protocol interfaces.
const NAMES: &str = "Push Remote PackPath Environment Workspace Labels Notes RunsPaths NoRuns NonInteractive Stderr OnStep OnUploadProgress \
    PromptInstallAdapter Secure.Frozen Unsafe.AllowUnpinned Release Links SyncedRuns FailedRuns ReceiptPath Receipt NewReceipt PackReceipt \
    ReleaseReceipt RunsReceipt ClientReceipt ReceiptWriter.Write StepCallback UploadProgressCallback ProtocolVersion DefaultTimeout \
    DefaultAdapterRateLimit DefaultAdapterRateBurst Command* Type* Type*Result TypeError ErrCode* Capabilities Supports* CapabilityAuth \
    CapabilityFeatures CapabilityLimits PrepareRequest FinalizeRequest PullPrepareRequest PullFinalizeRequest RunsSyncRequest RunSyncItem \
    RunInfo AuthLoginRequest AuthLoginInstructions AuthWhoamiRequest IdentityResult PackInfo PackMetadata PackRef ReleaseInfo ReleaseResult \
    SourceInfo TargetConfig UploadInfo DownloadInfo AuthHints ErrorResponse ErrorInfo ActionHint AdapterError HasAction IsAuthRequired \
    IsRetryable Executor NewExecutor NewVerifiedExecutor Close Prepare AuthWhoami QueryCapabilities QueryCapabilitiesVerified \
    DiscoverAdapters FindAdapter DiscoverOptions ProbePATH ProbeManaged WorkDir DiscoveredAdapter AdapterStatus ResolveRemoteConfig \
    ResolveAdapterPath ResolveAdapterPathWithInstall LookupAdapterPath PromptInstallFunc PrepareAdapterExecutor AdapterExecutorOptions \
    CheckAdapterSecurity GetAdapterDigestInfo AdapterDigestInfo VerificationOptions Frozen AllowInsecure AllowUnverifiedSource \
    DefaultVerificationOptions RunRemote";

#[test]
fn every_name_of_the_reference_has_its_place() {
    let page = page();
    let (_, table) = page.split_once("## Names of the reference").expect("the table");
    let missing: Vec<&str> = NAMES.split_whitespace().filter(|name| !table.contains(name)).collect();
    assert!(missing.is_empty(), "docs/remotes.md says nothing of {missing:?}");
}

#[test]
fn the_page_names_every_command_and_code() {
    let page = page();
    for name in Command::ALL.map(Command::name).into_iter().chain(ErrorCode::ALL.map(ErrorCode::name)) {
        assert!(page.contains(&format!("`{name}`")), "docs/remotes.md says nothing of {name}");
    }
}

#[test]
fn the_screen_of_the_page_has_the_requirements_of_the_table() {
    let musts = REQUIREMENTS.iter().filter(|requirement| requirement.level == Level::Must).count();
    let page = page();
    let line = page.lines().find(|line| line.trim_start().starts_with("MUST")).expect("the screen");
    let numbers: Vec<usize> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert_eq!(numbers.iter().sum::<usize>(), musts, "{line}");
}
