//! Requests any adapter can be asked: unknown commands, wrong versions, contradictions, no JSON at all, logins.

use super::asking::Said;
use super::bench::{Bench, Variation};
use crate::remote::protocol::{Command, ErrorCode, LoginRequest, PROTOCOL_VERSION, WhoamiRequest};

impl Bench<'_> {
    /// Unknown commands and what is wrong in the envelope.
    pub async fn envelope(&mut self) {
        for command in ["ping", "invalid.command"] {
            let id = format!("unknown-{}", self.world.random_hex(6));
            let request = serde_json::json!({"type": command, "protocol_version": PROTOCOL_VERSION, "request_id": id});
            let heard = self.run(&[command], Some(request.to_string().as_bytes()), &Variation::default()).await;
            let envelope = self.judge_envelope(command, &id, &heard);
            let refused = envelope.as_ref().is_ok_and(|members| members.get("ok").and_then(serde_json::Value::as_bool) == Some(false));
            self.findings.check("REM-070", refused, || match envelope {
                Ok(_) => format!("{command}: it succeeded"),
                Err(problem) => problem,
            });
            self.findings.check("REM-012", !heard.stderr.trim().is_empty(), || format!("{command}: standard error is empty"));
        }
        let declared = Command::ALL.into_iter().find(|command| self.capabilities.supports(*command));
        let Some(command) = declared else {
            self.findings.skip(&["SF-001", "SF-002"], "it declares no command");
            return;
        };
        let id = format!("future-{}", self.world.random_hex(6));
        let request = serde_json::json!({"type": command.name(), "protocol_version": 99, "request_id": id});
        let heard = self.run(&[command.name()], Some(request.to_string().as_bytes()), &Variation::default()).await;
        let code = self.judge_envelope(command.name(), &id, &heard).ok().and_then(|members| code_of(&members));
        self.findings.check("SF-001", code.as_deref() == Some(ErrorCode::UnsupportedProtocol.name()), || {
            format!(
                "asked in version 99 it answers {}",
                code.map_or_else(|| "something else than a refusal".to_owned(), |code| format!("`{code}`"))
            )
        });
        // The one that changes nothing, should it be carried out.
        let other = if command == Command::PullPrepare { Command::PushPrepare } else { Command::PullPrepare };
        let id = format!("contradiction-{}", self.world.random_hex(6));
        let request = serde_json::json!({"type": other.name(), "protocol_version": PROTOCOL_VERSION, "request_id": id});
        let heard = self.run(&[command.name()], Some(request.to_string().as_bytes()), &Variation::default()).await;
        let refused = heard.document().is_ok_and(|members| members.get("ok").and_then(serde_json::Value::as_bool) == Some(false));
        self.findings.check("SF-002", refused, || format!("asked for {command} with a request of type {other} it does not refuse"));
    }

    /// What is no JSON.
    pub async fn unreadable(&mut self) {
        for (args, input, what) in [
            (&[][..], &b"{invalid json"[..], "a broken request"),
            (&["push.prepare"][..], &b"{\"type\":\"push.prepare\""[..], "half a request"),
            (&["push.prepare"][..], &b""[..], "an empty request"),
        ] {
            let heard = self.run(args, Some(input), &Variation::default()).await;
            let told = match heard.code {
                Some(code) => format!("{what}: it exits with {code}"),
                None => format!("{what}: {}", heard.trouble.as_deref().unwrap_or("it is ended by a signal")),
            };
            self.findings.check("C-021", heard.code.is_some_and(|code| code != 0), || told.clone());
            self.findings.check("C-022", heard.code.is_some_and(|code| (2..=9).contains(&code)), || told);
        }
    }

    /// `auth.whoami` and `auth.login`.
    pub async fn logins(&mut self) {
        if self.capabilities.features.whoami {
            let stranger = Variation { without_secrets: true, ..Variation::default() };
            let said = self.ask_changed(&WhoamiRequest {}, &stranger, |_| {}).await;
            self.findings.check("REM-026", matches!(said, Said::Yes(..)), || {
                format!("auth.whoami without credentials: {}; not being logged in is an answer, not a failure", said.why())
            });
        } else {
            self.findings.skip(&["REM-026"], "it does not declare whoami");
        }
        if self.capabilities.features.auth_login {
            let said = self.ask(&LoginRequest {}).await;
            let complete = match &said {
                Said::Yes(answer, _) => {
                    !answer.instructions.user_code.is_empty() && answer.instructions.verification_uri.starts_with("https://")
                }
                _ => false,
            };
            self.findings.check("REM-025", complete, || format!("auth.login: {}", said.why()));
        } else {
            self.findings.skip(&["REM-025"], "it does not declare auth_login");
        }
    }
}

fn code_of(members: &serde_json::Map<String, serde_json::Value>) -> Option<String> {
    Some(members.get("error")?.get("code")?.as_str()?.to_owned())
}
