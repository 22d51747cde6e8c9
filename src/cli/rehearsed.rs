//! Requests that a forge of our own tells of: those that the commits of the repository say they merged, as GitHub and GitLab
//! word it.

use crate::core::Timestamp;
use crate::git::Commit;
use crate::rehearse::request::{End, Request};

/// Each once, with the commit that brought it.
pub fn requests(commits: &[Commit], now: Timestamp) -> Vec<Request> {
    let mut all: Vec<Request> = Vec::new();
    for commit in commits {
        let Some((number, title, end)) = told(commit) else { continue };
        if !all.iter().any(|known| known.number == number) {
            all.push(Request { number, title, author: commit.author.clone(), labels: Vec::new(), updated: now, end });
        }
    }
    all
}

fn told(commit: &Commit) -> Option<(u64, String, End)> {
    let subject = commit.subject.trim();
    let first_line = || commit.body.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or(subject).to_owned();
    // GitHub: "Merge pull request #12 from acme/branch", and the title below.
    if let Some(rest) = subject.strip_prefix("Merge pull request #") {
        return Some((leading_number(rest)?, first_line(), End::Merged(commit.id.clone())));
    }
    // GitLab: "Merge branch 'x' into 'main'", the title below, and "See merge request acme/app!12" in the end.
    if let Some(reference) = commit.body.lines().find_map(|line| line.trim().strip_prefix("See merge request ")) {
        let number = leading_number(reference.rsplit_once('!')?.1)?;
        return Some((number, first_line(), End::Merged(commit.id.clone())));
    }
    // All of it in one commit: "The title (#12)".
    let (title, rest) = subject.strip_suffix(')')?.rsplit_once(" (#")?;
    Some((rest.parse().ok()?, title.to_owned(), End::Squashed(commit.id.clone())))
}

fn leading_number(text: &str) -> Option<u64> {
    let end = text.find(|ch: char| !ch.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_tell_which_requests_they_merged() {
        let commit = |subject: &str, body: &str| Commit {
            id: "abc".to_owned(),
            author: "Ann".to_owned(),
            subject: subject.to_owned(),
            body: body.to_owned(),
        };
        let told = |subject: &str, body: &str| {
            let found = requests(&[commit(subject, body)], Timestamp::from_unix(0)).pop()?;
            Some((found.number, found.title, matches!(found.end, End::Squashed(_))))
        };
        let of = |number, title: &str, squashed| Some((number, title.to_owned(), squashed));
        assert_eq!(told("Merge pull request #12 from acme/x", "feat: a way\n\nmore"), of(12, "feat: a way", false));
        assert_eq!(told("Merge branch 'x' into 'main'", "fix: it\n\nSee merge request acme/app!7"), of(7, "fix: it", false));
        assert_eq!(told("feat: a way (#9)", ""), of(9, "feat: a way", true));
        for other in ["feat: a way", "fix (#x)", "Merge pull request #x", "(#3)"] {
            assert_eq!(told(other, ""), None, "{other}");
        }
    }
}
