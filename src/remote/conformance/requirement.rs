//! What is required, as a table.

use schemars::JsonSchema;
use serde::Serialize;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// An adapter without it is none.
    Must,
    /// Hosts and people are served worse without it.
    Should,
    /// Good to have.
    May,
}

/// One requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirement {
    /// Its id: the public suite's, or `SF-…`.
    pub id: &'static str,
    /// How much it matters.
    pub level: Level,
    /// What, as a sentence about the adapter.
    pub what: &'static str,
}

macro_rules! requirements {
    ($($id:literal $level:ident $what:literal;)*) => {
        /// All of them, in the order of a report.
        pub const REQUIREMENTS: &[Requirement] = &[$(Requirement { id: $id, level: Level::$level, what: $what },)*];
    };
}

requirements! {
    "C-001" Must "its file name begins with epack-remote-";
    "C-002" Must "the rest of its name is of a-z, 0-9, dot, underscore and dash, at most 64 characters";
    "C-003" Must "the rest of its name has no / or \\ and no two dots in a row";
    "C-010" Must "it runs in the environment a host gives it, and in no other";
    "C-011" Must "what it says of itself does not depend on directory and environment";
    "C-012" Must "it lets no variable with a reserved prefix change what it says of itself";
    "C-013" Should "it writes no colours where NO_COLOR is set";
    "C-014" Should "it honours proxies";
    "C-020" Must "it exits with 0 after every request it answered, also with no";
    "C-021" Must "it exits with another code when the request is no JSON";
    "C-022" Should "that code is 2 to 9";
    "C-023" Must "it never exits with 10 to 19";
    "C-030" Must "it writes nothing outside its own directories";
    "C-031" Must "it leaves nothing in the directory it is started in";
    "C-032" Should "it leaves nothing in the temporary directory";
    "C-033" Must "it leaves the file that is pushed as it was";
    "REM-001" Must "--capabilities answers one JSON document and exits with 0";
    "REM-002" Must "it says its name, that it is a remote_adapter, and its protocol version";
    "REM-003" Must "it says its features, and has one";
    "REM-004" Should "it says how it authenticates and what its limits are";
    "REM-005" Should "--version prints its version and exits with 0";
    "REM-010" Must "it reads a request that has no line feed, and answers";
    "REM-011" Must "it writes one JSON document to standard output and nothing else";
    "REM-012" May "it tells people on standard error what it does";
    "REM-013" Must "type of an answer is that of the command's result, or error";
    "REM-014" Must "ok of an answer is true or false";
    "REM-015" Must "request_id of an answer is that of the request";
    "REM-020" Must "it answers push.prepare";
    "REM-021" Must "it answers push.finalize";
    "REM-022" Should "it answers pull.prepare";
    "REM-023" Should "it answers pull.finalize";
    "REM-024" May "it answers runs.sync";
    "REM-025" May "it answers auth.login with instructions";
    "REM-026" May "it answers auth.whoami, also to somebody who is not logged in";
    "REM-030" Must "it prepares a push";
    "REM-031" Must "the answer to push.prepare says how and where to upload";
    "REM-032" Should "headers of an upload are ones that can be sent";
    "REM-033" Should "an upload has not expired when it is handed out";
    "REM-034" Must "the answer to push.prepare has a finalize_token";
    "REM-040" Must "it makes a release of what was uploaded";
    "REM-041" Must "the answer to push.finalize says release_id and pack_digest";
    "REM-042" Should "links of a release are URLs";
    "REM-050" Must "it prepares a pull";
    "REM-051" Must "the answer to pull.prepare says where to download";
    "REM-052" Must "pack.digest is the hash of the bytes that are downloaded";
    "REM-053" Should "size_bytes is their number";
    "REM-054" Must "the answer to pull.prepare has a finalize_token";
    "REM-060" Must "it takes note of a pull";
    "REM-061" Must "it confirms a pull";
    "REM-070" Must "it refuses a command it does not know";
    "REM-071" Must "type of a refusal is error";
    "REM-072" Must "a refusal has a code, one of the nine";
    "REM-073" Must "a refusal has a message";
    "REM-074" Should "a refusal says whether trying again helps";
    "REM-075" May "action of a refusal is an object";
    "REM-080" Must "without credentials it answers in form, and asks nobody";
    "REM-081" Should "an adapter with a login says which modes it has";
    "REM-082" Must "it accepts a request with an identity";
    "REM-083" Should "it names only secure places for tokens";
    "REM-084" Must "it prints no secret";
    "SF-001" Must "it refuses a protocol version it does not speak, as unsupported_protocol";
    "SF-002" Should "it refuses a request that is of another type than its argument";
    "SF-003" Must "nothing it started outlives it and holds its output";
    "SF-004" Must "it needs no more of push.prepare than the oldest hosts send";
    "SF-005" Must "it passes over members it does not know";
    "SF-006" Must "it refuses to finalize a push it did not prepare";
    "SF-007" Must "it refuses to finalize a push whose bytes did not arrive";
    "SF-008" Must "declared idempotent, it makes one release however often it is asked";
    "SF-009" Must "pack_digest of a release is a digest of what was pushed";
    "SF-010" Must "it refuses a file larger than the limit it declares";
    "SF-011" Must "times are RFC 3339 or absent";
    "SF-012" Must "addresses are ones hosts accept: https, a file below the root, http on this machine when allowed";
    "SF-013" Must "a pull by digest brings those bytes and no others";
    "SF-014" Must "it refuses to pull what is not there";
    "SF-015" Should "it finds what was pushed by release id, and as the latest";
    "SF-016" Must "it confirms no pull it did not prepare";
    "SF-017" Must "runs.sync accounts for every run";
    "SF-018" Must "runs.sync accepts no run whose file is not what its digest says";
    "SF-019" Should "runs.sync accepts a run a second time as a duplicate";
    "SF-020" Should "it finds a release by the version it was pushed with";
    "SF-021" Should "the latest release is never a pre-release";
    "SF-022" Should "it refuses a version that exists with other bytes";
    "SF-023" Must "it makes no release of fewer bytes than were announced";
    "SF-024" Must "releases of one target are not those of another";
    "SF-025" Must "it is one file: it runs from a copy, as hosts run it";
}

impl Requirement {
    /// The requirement of that id.
    pub fn of(id: &str) -> Option<&'static Self> {
        REQUIREMENTS.iter().find(|requirement| requirement.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_of_the_public_suite_is_here() {
        let public = "C-001 C-002 C-003 C-010 C-013 C-020 C-021 C-022 C-030 C-031 C-032 C-033 REM-001 REM-002 REM-003 REM-004 REM-010 \
            REM-011 REM-012 REM-013 REM-014 REM-015 REM-020 REM-021 REM-022 REM-023 REM-030 REM-031 REM-034 REM-040 REM-041 REM-050 \
            REM-051 REM-052 REM-054 REM-060 REM-061 REM-070 REM-071 REM-072 REM-073 REM-074 REM-080 REM-082 REM-084";
        assert_eq!(public.split_whitespace().count(), 45);
        for id in public.split_whitespace() {
            assert!(Requirement::of(id).is_some(), "{id}");
        }
        let count = |level| public.split_whitespace().filter_map(Requirement::of).filter(|requirement| requirement.level == level).count();
        assert_eq!((count(Level::Must), count(Level::Should), count(Level::May)), (37, 7, 1));
    }

    #[test]
    fn ids_are_unique() {
        let mut ids: Vec<_> = REQUIREMENTS.iter().map(|requirement| requirement.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), REQUIREMENTS.len());
    }
}
