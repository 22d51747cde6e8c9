//! Notes from merged pull and merge requests.

use serde::Serialize;

use super::compose::{Change, by, by_kind, line};
use crate::forge::port::Provider;

/// A merged request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Merged {
    /// Its number in the project.
    pub number: u64,
    /// Its title, as somebody wrote it.
    pub title: String,
    /// Account of who made it.
    pub author: String,
    /// Names of its labels.
    pub labels: Vec<String>,
}

impl Merged {
    /// Title, author and labels made harmless: a line of Markdown each.
    #[must_use]
    pub fn cleaned(self) -> Self {
        let labels = self.labels.iter().map(|label| line(label)).collect();
        Self { number: self.number, title: line(&self.title), author: line(&self.author), labels }
    }
}

/// Requests as a list, by kind or as they are, and who made them. `home` is the forge they are at: numbers mean nothing
/// elsewhere, and would point at something else there.
pub fn of_requests(requests: &[Merged], grouped: bool, home: Option<Provider>) -> String {
    if requests.is_empty() {
        return "No requests were merged since the release before.".to_owned();
    }
    let sign = match home {
        Some(Provider::Gitlab) => Some('!'),
        Some(Provider::Github | Provider::Gitea | Provider::Forgejo) => Some('#'),
        None => None,
    };
    let lines = requests.iter().map(|request| {
        let change = Change { id: String::new(), author: String::new(), subject: request.title.clone(), body: String::new() };
        let author = line(&request.author);
        let about: Vec<String> =
            sign.map(|sign| format!("{sign}{}", request.number)).into_iter().chain((!author.is_empty()).then_some(author)).collect();
        (change, if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) })
    });
    let mut text = by_kind(lines, grouped);
    text.push_str(&by(requests.iter().map(|request| request.author.as_str())));
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(number: u64, title: &str, author: &str) -> Merged {
        Merged { number, title: title.into(), author: author.into(), labels: Vec::new() }
    }

    #[test]
    fn requests_are_told_by_kind_with_who_made_them() {
        let requests = [merged(7, "feat: new way", "ann"), merged(9, "fix(cli): it", "bob"), merged(8, "Readme <!-- x @all", "ann")];
        let text = of_requests(&requests, true, Some(Provider::Gitlab));
        let expected = "### Features\n\n- new way (!7, ann)\n\n### Bug Fixes\n\n- **cli:** it (!9, bob)\n\n\
                        ### Other Changes\n\n- Readme &lt;!-- x @\u{200b}all (!8, ann)\n\nBy ann, bob.";
        assert_eq!(text, expected);
        let elsewhere = of_requests(&requests, false, None);
        assert!(elsewhere.starts_with("### Changes\n\n- feat: new way (ann)\n"), "{elsewhere}");
        assert!(of_requests(&[], true, None).starts_with("No requests"));
    }
}
