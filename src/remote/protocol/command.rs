//! The commands an adapter may be asked, by their names on the command line and in `type`.

use std::fmt;

/// The version of the protocol in every request.
pub const PROTOCOL_VERSION: i64 = 1;

/// The argument that asks what an adapter can. It gets no request.
pub const CAPABILITIES: &str = "--capabilities";

/// The argument that asks for an adapter's version. The host never uses it.
pub const VERSION: &str = "--version";

/// `type` of a failure.
pub const ERROR_TYPE: &str = "error";

/// One command: the single argument of the adapter, and `type` of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Command {
    /// Begin a push: where shall the bytes go?
    PushPrepare,
    /// The bytes are there: make the release.
    PushFinalize,
    /// Begin a pull: where are the bytes?
    PullPrepare,
    /// The bytes arrived and are what they should be.
    PullFinalize,
    /// Take over records of runs that belong to a pack.
    RunsSync,
    /// Begin a device login.
    AuthLogin,
    /// Who are we, as the remote sees it?
    AuthWhoami,
}

impl Command {
    /// Every command.
    pub const ALL: [Self; 7] =
        [Self::PushPrepare, Self::PushFinalize, Self::PullPrepare, Self::PullFinalize, Self::RunsSync, Self::AuthLogin, Self::AuthWhoami];

    /// Its name: `push.prepare`.
    pub fn name(self) -> &'static str {
        match self {
            Self::PushPrepare => "push.prepare",
            Self::PushFinalize => "push.finalize",
            Self::PullPrepare => "pull.prepare",
            Self::PullFinalize => "pull.finalize",
            Self::RunsSync => "runs.sync",
            Self::AuthLogin => "auth.login",
            Self::AuthWhoami => "auth.whoami",
        }
    }

    /// `type` of its successful answer: `push.prepare.result`.
    pub fn result_type(self) -> &'static str {
        match self {
            Self::PushPrepare => "push.prepare.result",
            Self::PushFinalize => "push.finalize.result",
            Self::PullPrepare => "pull.prepare.result",
            Self::PullFinalize => "pull.finalize.result",
            Self::RunsSync => "runs.sync.result",
            Self::AuthLogin => "auth.login.result",
            Self::AuthWhoami => "auth.whoami.result",
        }
    }

    /// The command of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.name() == name)
    }

    /// Is that `type` one a successful answer to this command may carry? Adapters of the older kit repeat the command.
    pub fn is_answered_by(self, kind: &str) -> bool {
        kind == self.result_type() || kind == self.name()
    }

    /// May it be asked again when nobody knows what became of the first time? `push.finalize` makes a release, so only an
    /// adapter that declares itself idempotent may be asked again.
    pub fn is_repeatable(self, idempotent: bool) -> bool {
        match self {
            Self::PushFinalize => idempotent,
            Self::AuthLogin => false,
            Self::PushPrepare | Self::PullPrepare | Self::PullFinalize | Self::RunsSync | Self::AuthWhoami => true,
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_by_its_name_and_knows_its_answer() {
        for command in Command::ALL {
            assert_eq!(Command::of_name(command.name()), Some(command));
            assert_eq!(command.result_type(), format!("{command}.result"));
            assert!(command.is_answered_by(command.name()) && command.is_answered_by(command.result_type()));
            assert!(!command.is_answered_by("nonsense"));
        }
        assert_eq!(Command::of_name("ping"), None);
        assert!(!Command::PushFinalize.is_repeatable(false) && Command::PushFinalize.is_repeatable(true));
    }
}
