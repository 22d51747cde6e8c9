//! Misbehaviour as data: at the n-th request that matches, do this.
//!
//! ```
//! use stagefreight::rehearse::fault::{Fault, FaultPlan};
//! let plan = FaultPlan::default()
//!     .nth("PUT", "/v2/*/manifests/*", 1, Fault::status(503).after_commit())
//!     .every("GET", "/v2/*/blobs/*", Fault::Slow { bytes_per_second: 64 * 1024 });
//! ```

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Rules in the order they were written. Every rule counts its own matches; all that are due apply together.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultPlan {
    /// The rules.
    pub rules: Vec<FaultRule>,
}

/// One rule.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// HTTP method, or `*`.
    pub method: String,
    /// Path with `*` for any run of characters, slashes included; a pattern with `?` is matched against path and query.
    pub path: String,
    /// Which of the matching requests.
    pub when: When,
    /// What happens.
    pub fault: Fault,
}

/// Which of the matching requests a rule concerns, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Only the n-th.
    Nth(u64),
    /// The first n.
    First(u64),
    /// Every one from the n-th on.
    From(u64),
}

impl When {
    fn is_due(self, count: u64) -> bool {
        match self {
            Self::Nth(n) => count == n,
            Self::First(n) => count <= n,
            Self::From(n) => count >= n,
        }
    }
}

/// Before the request has any effect, or after it took effect and before its answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Nothing happens on the server.
    #[default]
    Before,
    /// It happened, but the client does not learn it.
    After,
}

/// Where a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// Before anything is done or answered.
    Before,
    /// After the request took effect, without an answer.
    After,
    /// After this many bytes of the request's body were taken in.
    RequestBody(u64),
    /// After this many bytes of the response's body were sent.
    ResponseBody(u64),
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Answer with a status of our choice.
    Respond {
        /// The status.
        status: u16,
        /// Headers, such as `Retry-After`.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// The body.
        #[serde(default)]
        body: String,
        /// Instead of doing what was asked, or after doing it.
        #[serde(default)]
        moment: Moment,
    },
    /// Say nothing for a while, then go on as if nothing had been.
    Stall {
        /// Milliseconds.
        millis: u64,
        /// Before or after the request takes effect.
        #[serde(default)]
        moment: Moment,
    },
    /// Cut the connection.
    Cut(Cut),
    /// Send only this many bytes of the response's body, with a `Content-Length` that agrees with the lie.
    Truncate {
        /// Bytes sent.
        bytes: u64,
    },
    /// Claim another digest in `Docker-Content-Digest`.
    WrongDigest,
    /// Read as a replica would that has not seen the last write: the tag's previous value, or not found.
    StaleRead,
    /// Move bodies in both directions at this speed.
    Slow {
        /// Bytes per second; 0 counts as 1.
        bytes_per_second: u64,
    },
    /// Answer 429 with `Retry-After` once more than `requests` arrived within a window.
    RateLimit {
        /// Requests that pass in one window.
        requests: u64,
        /// Length of the window in milliseconds.
        window_millis: u64,
        /// Seconds named in `Retry-After`.
        retry_after: u64,
    },
}

impl Fault {
    /// A bare status instead of doing what was asked.
    pub fn status(status: u16) -> Self {
        Self::Respond { status, headers: Vec::new(), body: String::new(), moment: Moment::Before }
    }

    /// Adds a header to a [`Self::Respond`].
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Self::Respond { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Moves a [`Self::Respond`] or [`Self::Stall`] behind the commit.
    #[must_use]
    pub fn after_commit(mut self) -> Self {
        if let Self::Respond { moment, .. } | Self::Stall { moment, .. } = &mut self {
            *moment = Moment::After;
        }
        self
    }

    /// Silence for a while before anything is done.
    pub fn stall(duration: Duration) -> Self {
        Self::Stall { millis: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), moment: Moment::Before }
    }
}

impl FaultPlan {
    /// Adds a rule for the n-th matching request.
    #[must_use]
    pub fn nth(self, method: &str, path: &str, n: u64, fault: Fault) -> Self {
        self.rule(method, path, When::Nth(n), fault)
    }

    /// Adds a rule for the first n matching requests.
    #[must_use]
    pub fn first(self, method: &str, path: &str, n: u64, fault: Fault) -> Self {
        self.rule(method, path, When::First(n), fault)
    }

    /// Adds a rule for every matching request.
    #[must_use]
    pub fn every(self, method: &str, path: &str, fault: Fault) -> Self {
        self.rule(method, path, When::From(1), fault)
    }

    /// Adds a rule.
    #[must_use]
    pub fn rule(mut self, method: &str, path: &str, when: When, fault: Fault) -> Self {
        self.rules.push(FaultRule { method: method.to_owned(), path: path.to_owned(), when, fault });
        self
    }
}

/// A plan in use: counts what matched.
#[derive(Debug, Default)]
pub struct Injector {
    rules: Vec<(FaultRule, Mutex<Count>)>,
}

#[derive(Debug, Default)]
struct Count {
    matched: u64,
    window: Option<(Instant, u64)>,
}

impl Injector {
    /// Starts counting from zero.
    pub fn new(plan: FaultPlan) -> Self {
        Self { rules: plan.rules.into_iter().map(|rule| (rule, Mutex::default())).collect() }
    }

    /// The faults due for this request. A rate limit that is not exceeded is left out; an exceeded one arrives as the
    /// `Respond` it means.
    pub fn due(&self, method: &str, path: &str, query: &str) -> Vec<Fault> {
        let mut due = Vec::new();
        for (rule, count) in &self.rules {
            if rule.method != "*" && !rule.method.eq_ignore_ascii_case(method) {
                continue;
            }
            let matches = if rule.path.contains('?') && !query.is_empty() {
                glob(rule.path.as_bytes(), format!("{path}?{query}").as_bytes())
            } else {
                glob(rule.path.as_bytes(), path.as_bytes())
            };
            // A poisoned counter means a panic elsewhere; the count is still a number.
            let mut count = count.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if matches {
                count.matched += 1;
                if rule.when.is_due(count.matched) {
                    due.extend(count.limited(&rule.fault));
                }
            }
        }
        due
    }
}

impl Count {
    fn limited(&mut self, fault: &Fault) -> Option<Fault> {
        let Fault::RateLimit { requests, window_millis, retry_after } = fault else { return Some(fault.clone()) };
        let now = Instant::now();
        let (start, seen) = match self.window {
            Some((start, seen)) if now.duration_since(start) < Duration::from_millis(*window_millis) => (start, seen + 1),
            _ => (now, 1),
        };
        self.window = Some((start, seen));
        (seen > *requests).then(|| Fault::status(429).header("Retry-After", &retry_after.to_string()))
    }
}

// `*` matches any run of characters. Linear: remembers the last star only.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = star {
            p = at + 1;
            t = from + 1;
            star = Some((at, from + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_each_rule_by_itself() {
        let plan = FaultPlan::default()
            .nth("PUT", "/v2/*/manifests/*", 2, Fault::status(503))
            .first("*", "/v2/*", 1, Fault::StaleRead)
            .every("POST", "/v2/*/uploads/?mount=*", Fault::WrongDigest);
        let injector = Injector::new(plan);
        assert_eq!(injector.due("PUT", "/v2/a/b/manifests/1", ""), [Fault::StaleRead]);
        assert_eq!(injector.due("PUT", "/v2/a/manifests/1", ""), [Fault::status(503)]);
        assert_eq!(injector.due("PUT", "/v2/a/manifests/1", ""), []);
        assert_eq!(injector.due("POST", "/v2/a/blobs/uploads/", "mount=x&from=y"), [Fault::WrongDigest]);
        assert_eq!(injector.due("POST", "/v2/a/blobs/uploads/", ""), []);
    }

    #[test]
    fn limits_a_rate() {
        let limit = Fault::RateLimit { requests: 2, window_millis: 60_000, retry_after: 3 };
        let injector = Injector::new(FaultPlan::default().every("*", "*", limit));
        assert!(injector.due("GET", "/v2/", "").is_empty());
        assert!(injector.due("GET", "/v2/", "").is_empty());
        assert_eq!(injector.due("GET", "/v2/", ""), [Fault::status(429).header("Retry-After", "3")]);
    }

    #[test]
    fn survives_a_round_trip_as_data() {
        let plan = FaultPlan::default().nth("PUT", "/v2/*", 1, Fault::Cut(Cut::RequestBody(10)));
        let text = serde_json::to_string(&plan).expect("to JSON");
        let back: FaultPlan = serde_json::from_str(&text).expect("from JSON");
        assert_eq!(back.rules[0].fault, Fault::Cut(Cut::RequestBody(10)));
    }

    #[test]
    fn globs() {
        for (pattern, text, expected) in
            [("*", "", true), ("/v2/*/x", "/v2/a/b/x", true), ("/v2/*/x", "/v2/a/xy", false), ("a*b*c", "abbc", true)]
        {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }
}
