//! `stagefreight receipt …`: the records of pushes and pulls.

use clap::{Args, Subcommand};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::session::Session;
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::remote::push::{Settlement, settle};
use crate::remote::receipt::{AnyReceipt, Direction, PullReceipt, PushReceipt, PushStatus};
use crate::remote::{digest_of_file, receipt};
use crate::report::Table;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum ReceiptCommand {
    /// List the receipts of this workspace, oldest first
    List(ListArgs),
    /// Print one receipt
    Show(PathArgs),
    /// Check receipts: their form, their checksum, and the file they speak of, where it is here
    Verify(VerifyArgs),
    /// Write down whether a release exists that was asked for and whose answer was never heard
    Settle(SettleArgs),
}

/// Which receipts.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those of this remote
    #[arg(long, value_name = "REMOTE")]
    remote: Option<String>,
    /// Only pushes
    #[arg(long, conflicts_with = "pull")]
    push: bool,
    /// Only pulls
    #[arg(long)]
    pull: bool,
}

/// One receipt.
#[derive(Debug, Args)]
pub struct PathArgs {
    /// Its path below the workspace
    #[arg(value_name = "PATH")]
    path: String,
}

/// Which receipts.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Paths below the workspace [default: all]
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
}

/// What was seen at the remote.
#[derive(Debug, Args)]
pub struct SettleArgs {
    /// The receipt, by its path below the workspace
    #[arg(value_name = "PATH")]
    path: String,
    /// The release exists, with this id
    #[arg(long, value_name = "ID", conflicts_with = "not_released", required_unless_present = "not_released")]
    released: Option<String>,
    /// No release exists
    #[arg(long)]
    not_released: bool,
}

/// Receipts of a workspace.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Receipts {
    /// Oldest first within each remote.
    receipts: Vec<ListedReceipt>,
}

/// One of them.
#[derive(Debug, Serialize, JsonSchema)]
struct ListedReceipt {
    /// Path below the workspace.
    path: String,
    /// `push` or `pull`; empty when it cannot be read.
    kind: String,
    /// `released`, `finalizing`, …; `verified` of a pull; `unreadable`.
    status: String,
    /// When it began.
    created_at: String,
    /// The remote.
    remote: String,
    /// Name of the file.
    pack: String,
    /// Id of the release.
    release_id: String,
}

/// One receipt.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::cli) enum Shown {
    /// Of a push.
    Push(Box<PushReceipt>),
    /// Of a pull.
    Pull(Box<PullReceipt>),
}

/// What was checked.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Checked {
    /// One per receipt.
    receipts: Vec<CheckedReceipt>,
}

/// One of them.
#[derive(Debug, Serialize, JsonSchema)]
struct CheckedReceipt {
    /// Path below the workspace.
    path: String,
    /// It is as it was written, and so is the file it speaks of, where that is here.
    valid: bool,
    /// `same`, `different`, `absent`: the file it speaks of.
    file: String,
    /// What is wrong.
    problem: Option<String>,
}

/// Runs it.
pub fn run(session: &Session, command: &ReceiptCommand) -> Result<()> {
    let receipts = receipt::Receipts::of(&session.directory);
    match command {
        ReceiptCommand::List(args) => list(session, &receipts, args),
        ReceiptCommand::Show(args) => match receipts.read(&args.path)? {
            AnyReceipt::Push(receipt) => session.print_file(&Shown::Push(receipt), pretty),
            AnyReceipt::Pull(receipt) => session.print_file(&Shown::Pull(receipt), pretty),
        },
        ReceiptCommand::Verify(args) => verify(session, &receipts, args),
        ReceiptCommand::Settle(args) => {
            let settlement = match &args.released {
                Some(id) if id.trim().is_empty() => return Err(Error::usage("a release has an id that is not empty")),
                Some(id) => Settlement::Released(id.clone()),
                None => Settlement::NotReleased,
            };
            let receipt = settle(&receipts, &args.path, settlement, session.world.clock.now())?;
            session.print(&receipt, |receipt| format!("{}  {}\n", args.path, receipt.status.name()))
        }
    }
}

fn pretty(shown: &Shown) -> String {
    serde_json::to_string_pretty(shown).unwrap_or_default() + "\n"
}

fn list(session: &Session, receipts: &receipt::Receipts, args: &ListArgs) -> Result<()> {
    let direction = match (args.push, args.pull) {
        (true, _) => Some(Direction::Push),
        (_, true) => Some(Direction::Pull),
        _ => None,
    };
    let paths = receipts.paths(direction, args.remote.as_deref())?;
    let listed = paths.into_iter().map(|path| match receipts.read(&path) {
        Ok(AnyReceipt::Push(receipt)) => ListedReceipt {
            path,
            kind: "push".to_owned(),
            status: receipt.status.name().to_owned(),
            created_at: receipt.created_at,
            remote: receipt.remote,
            pack: receipt.pack.name,
            release_id: receipt.release.map(|release| release.release_id).unwrap_or_default(),
        },
        Ok(AnyReceipt::Pull(receipt)) => ListedReceipt {
            path,
            kind: "pull".to_owned(),
            status: "verified".to_owned(),
            created_at: receipt.created_at,
            remote: receipt.remote,
            pack: receipt.pack.output_path,
            release_id: receipt.pack.release_id.unwrap_or_default(),
        },
        Err(_) => ListedReceipt {
            path,
            kind: String::new(),
            status: "unreadable".to_owned(),
            created_at: String::new(),
            remote: String::new(),
            pack: String::new(),
            release_id: String::new(),
        },
    });
    session.print(&Receipts { receipts: listed.collect() }, |list| {
        let mut table = Table::indented(0);
        for receipt in &list.receipts {
            let ListedReceipt { path, kind, status, created_at, remote, pack, release_id } = receipt;
            table.row([created_at, kind, remote, status, pack, release_id, path].map(Clone::clone));
        }
        if list.receipts.is_empty() { "no receipts\n".to_owned() } else { table.render() }
    })
}

fn verify(session: &Session, receipts: &receipt::Receipts, args: &VerifyArgs) -> Result<()> {
    let paths = if args.paths.is_empty() { receipts.paths(None, None)? } else { args.paths.clone() };
    let checked: Vec<CheckedReceipt> = paths.into_iter().map(|path| check(receipts, path)).collect();
    let wrong = checked.iter().filter(|receipt| !receipt.valid).count();
    let count = checked.len();
    session.print(&Checked { receipts: checked }, |checked| {
        let mut table = Table::indented(0);
        for receipt in &checked.receipts {
            let mark = if receipt.valid { "✓" } else { "✗" };
            let note = receipt.problem.clone().unwrap_or_else(|| format!("file {}", receipt.file));
            table.row([mark.to_owned(), receipt.path.clone(), note]);
        }
        if checked.receipts.is_empty() { "no receipts\n".to_owned() } else { table.render() }
    })?;
    if wrong == 0 {
        return Ok(());
    }
    Err(Error::new(Kind::Unverified, format!("{wrong} of {count} receipts are not as they were written"))
        .hint("take them from the job that wrote them; they are never edited"))
}

fn check(receipts: &receipt::Receipts, path: String) -> CheckedReceipt {
    let (file, digest, waits) = match receipts.read(&path) {
        Ok(AnyReceipt::Push(receipt)) => (receipt.pack.path, receipt.pack.file_digest, receipt.status == PushStatus::Finalizing),
        Ok(AnyReceipt::Pull(receipt)) => (receipt.pack.output_path, receipt.pack.digest, false),
        Err(failure) => return CheckedReceipt { path, valid: false, file: "absent".to_owned(), problem: Some(failure.message) },
    };
    let problem = waits.then(|| "it waits for an answer: `stagefreight receipt settle`".to_owned());
    let file = std::path::Path::new(&file);
    if !fs::exists(file) {
        return CheckedReceipt { path, valid: true, file: "absent".to_owned(), problem };
    }
    match digest_of_file(file) {
        Ok(found) if found.to_string() == digest => CheckedReceipt { path, valid: true, file: "same".to_owned(), problem },
        Ok(found) => CheckedReceipt {
            path,
            valid: false,
            file: "different".to_owned(),
            problem: Some(format!("{} is {found} now, and the receipt speaks of {digest}", file.display())),
        },
        Err(failure) => CheckedReceipt { path, valid: false, file: "different".to_owned(), problem: Some(failure.message) },
    }
}
