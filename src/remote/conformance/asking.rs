//! Asking one typed question, judging the envelope of the answer on the way.

use serde_json::{Map, Value};

use super::bench::{Bench, Heard, Variation};
use crate::remote::protocol::{Answer, ERROR_TYPE, ErrorCode, ErrorInfo, Message, limits, read_answer, write_request};

/// What came of a question.
pub enum Said<T> {
    /// An answer in form.
    Yes(T, Map<String, Value>),
    /// A refusal in form.
    No(ErrorInfo),
    /// Something else, already judged.
    Noise(String),
}

impl<T> Said<T> {
    /// Why there is no success, for people.
    pub fn why(&self) -> String {
        match self {
            Self::Yes(..) => "it succeeded".to_owned(),
            Self::No(error) => format!("it refused: {} ({})", error.message, error.code),
            Self::Noise(problem) => problem.clone(),
        }
    }
}

impl Bench<'_> {
    /// A request as a host writes it, changed by `change`.
    pub fn request<M: Message>(&self, message: &M, id: &str, change: impl FnOnce(&mut Map<String, Value>)) -> Vec<u8> {
        let bytes = write_request(message, id, &self.options.config).unwrap_or_default();
        let mut members: Map<String, Value> = serde_json::from_slice(&bytes).unwrap_or_default();
        change(&mut members);
        serde_json::to_vec(&members).unwrap_or_default()
    }

    /// Asks as a host does.
    pub async fn ask<M: Message>(&mut self, message: &M) -> Said<M::Response> {
        self.ask_changed(message, &Variation::default(), |_| {}).await
    }

    /// Asks with a changed request.
    pub async fn ask_changed<M: Message>(
        &mut self,
        message: &M,
        variation: &Variation,
        change: impl FnOnce(&mut Map<String, Value>),
    ) -> Said<M::Response> {
        let id = format!("{}-{}", M::COMMAND.name(), self.world.random_hex(6));
        let bytes = self.request(message, &id, change);
        let heard = self.run(&[M::COMMAND.name()], Some(&bytes), variation).await;
        let members = match self.judge_envelope(M::COMMAND.name(), &id, &heard) {
            Ok(members) => members,
            Err(problem) => return Said::Noise(problem),
        };
        match read_answer::<M>(&heard.stdout, &id, true) {
            Ok(checked) => match checked.answer {
                Answer::Success(answer) => Said::Yes(answer, members),
                Answer::Failure(error) => Said::No(error),
            },
            Err(error) => Said::Noise(format!("{}: {error}", M::COMMAND)),
        }
    }

    /// What every answer must keep to: one document, exit 0, `ok`, `type`, `request_id`, and a refusal's form.
    pub fn judge_envelope(&mut self, command: &str, id: &str, heard: &Heard) -> Result<Map<String, Value>, String> {
        let findings = &mut self.findings;
        let members = match heard.document() {
            Ok(members) => members,
            Err(problem) => {
                findings.fail("REM-011", format!("{command}: {problem}"));
                if heard.stdout.is_empty() {
                    findings.fail("REM-010", format!("{command}: there is no answer"));
                }
                return Err(format!("{command}: {problem}"));
            }
        };
        findings.pass("REM-011");
        findings.pass("REM-010");
        findings.check("C-020", heard.code == Some(0), || match heard.code {
            Some(code) => format!("{command}: it answers and exits with {code}"),
            None => format!("{command}: it answers and is ended by a signal"),
        });
        let ok = members.get("ok").and_then(Value::as_bool);
        findings.check("REM-014", ok.is_some(), || format!("{command}: ok is missing, or neither true nor false"));
        let found = members.get("request_id").and_then(Value::as_str).unwrap_or_default();
        findings.check("REM-015", found == id, || format!("{command}: request_id is `{}`, the request's was `{id}`", short(found)));
        let kind = members.get("type").and_then(Value::as_str).unwrap_or_default();
        if ok == Some(true) {
            let fits = kind == command || kind.strip_suffix(".result") == Some(command);
            findings.check("REM-013", fits, || format!("{command}: type of the answer is `{}`", short(kind)));
        } else {
            findings.check("REM-013", !kind.is_empty(), || format!("{command}: type of the answer is missing"));
            findings.check("REM-071", kind == ERROR_TYPE, || format!("{command}: type of the refusal is `{}`", short(kind)));
            self.judge_refusal(command, members.get("error"));
        }
        Ok(members)
    }

    fn judge_refusal(&mut self, command: &str, error: Option<&Value>) {
        let findings = &mut self.findings;
        let empty = Map::new();
        let error = error.and_then(Value::as_object).unwrap_or(&empty);
        let code = error.get("code").and_then(Value::as_str).unwrap_or_default();
        findings.check("REM-072", ErrorCode::of_name(code).is_some(), || format!("{command}: code of the refusal is `{}`", short(code)));
        let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
        findings.check("REM-073", !message.trim().is_empty() && message.len() <= limits::MAX_TEXT, || {
            format!("{command}: message of the refusal is missing, empty or too long")
        });
        findings.check("REM-074", error.get("retryable").is_some_and(Value::is_boolean), || {
            format!("{command}: the refusal does not say whether trying again helps (retryable)")
        });
        match error.get("action") {
            None => {}
            Some(action) => findings
                .check("REM-075", action.is_object(), || format!("{command}: action is no object: older hosts lose the whole error")),
        }
    }
}

pub fn short(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_debug).collect()
}
