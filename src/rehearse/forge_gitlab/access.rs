//! Who asks, and what they may do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::options::{Role, TokenKind, Trusted};
use super::refusal::{Refusal, Result};
use super::route::At;
use crate::core::Digest;
use crate::rehearse::api::Asked;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Caller<'a> {
    /// Nobody in particular.
    Nobody,
    /// The owner of a token.
    Token(&'a Trusted),
}

/// Finds out who asks. A credential nobody has is a refusal, not nobody.
pub(super) fn caller<'a>(trusted: &'a [Trusted], asked: &Asked) -> Result<Caller<'a>> {
    let job = |kind: &TokenKind| matches!(kind, TokenKind::Job { .. });
    let (presented, wants_job) = if let Some(token) = asked.header("job-token") {
        (token.to_owned(), true)
    } else if let Some(token) = asked.header("private-token") {
        (token.to_owned(), false)
    } else if let Some(token) = asked.header("authorization").and_then(|value| value.strip_prefix("Bearer ")) {
        (token.to_owned(), false)
    } else if let Some((user, password)) = asked.header("authorization").and_then(basic) {
        (password, user == "gitlab-ci-token")
    } else {
        return Ok(Caller::Nobody);
    };
    let found = trusted.iter().find(|known| same(known.token.expose(), &presented) && job(&known.kind) == wants_job);
    match found {
        Some(Trusted { kind: TokenKind::Job { ended: true, .. }, .. }) | None => Err(Refusal::unauthorized()),
        Some(known) => Ok(Caller::Token(known)),
    }
}

fn basic(value: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(value.strip_prefix("Basic ")?).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

// Digests are compared instead of texts: the time it takes tells nothing about the token.
fn same(one: &str, other: &str) -> bool {
    Digest::of(one.as_bytes()) == Digest::of(other.as_bytes())
}

impl Caller<'_> {
    /// May they do this here? Projects are private: who may not read is told that there is nothing.
    pub(super) fn admit(self, project: &str, at: &At, reads: bool) -> Result<Role> {
        let Self::Token(known) = self else { return Err(Refusal::missing("Project")) };
        match &known.kind {
            TokenKind::Job { project: own, also, .. } => {
                if !at.takes_job_token() {
                    return Err(Refusal::missing("Project"));
                }
                if own != project && !also.iter().any(|other| other == project) {
                    return Err(Refusal::forbidden_because("this job's token is not in the project's allowlist"));
                }
            }
            TokenKind::Private { api } => {
                if !api && !reads {
                    return Err(Refusal::scope());
                }
            }
        }
        if !reads && known.role < Role::Developer {
            return Err(Refusal::forbidden());
        }
        Ok(known.role)
    }

    /// May they read the repository by git?
    pub(super) fn may_fetch(self, project: &str) -> bool {
        match self {
            Self::Nobody => false,
            Self::Token(Trusted { kind: TokenKind::Private { .. }, .. }) => true,
            Self::Token(Trusted { kind: TokenKind::Job { project: own, also, .. }, .. }) => {
                own == project || also.iter().any(|other| other == project)
            }
        }
    }

    /// What they are in a repository they push to by git; nothing where they may not. A job's token reads, unless a project
    /// lets it push, which none here does.
    pub(super) fn pushes_as(self) -> Option<Role> {
        match self {
            Self::Token(Trusted { kind: TokenKind::Private { api: true }, role, .. }) => {
                Some(*role).filter(|role| *role >= Role::Developer)
            }
            _ => None,
        }
    }

    /// Whose name stands at what they make: everybody has one token here.
    pub(super) fn author(self) -> String {
        match self {
            Self::Nobody => String::new(),
            Self::Token(known) => Digest::of(known.token.expose().as_bytes()).hex()[..16].to_owned(),
        }
    }

    /// Is it a job?
    pub(super) fn is_job(self) -> bool {
        matches!(self, Self::Token(Trusted { kind: TokenKind::Job { .. }, .. }))
    }
}
