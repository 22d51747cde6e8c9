//! One process, one request: the rest of an adapter's `main`.

use std::io::Read;

use serde::Serialize;

use super::{Adapter, Asked, Hermetic, Result, Settings};
use crate::names;
use crate::remote::protocol::{
    self, CAPABILITIES, Command, ErrorCode, ErrorInfo, Incoming, Message, RequestError, VERSION, limits, write_failure, write_success,
};
use crate::world::World;

/// A request that could be answered, also with no.
const DONE: u8 = 0;
/// A request that could not be read, or an argument that is none. Codes from 10 on are kept for hosts.
const NOT_UNDERSTOOD: u8 = 2;

/// Answers what the process was asked: `--capabilities`, `--version`, or the one request on `input`. Gives the exit code.
///
/// Standard output gets exactly one JSON document; standard error one line for people. With
/// [`names::env::ADAPTER_HERMETIC`] set, [`Hermetic`] answers in the adapter's place: hosts never pass a variable of that
/// prefix on, so no config can switch it on.
pub fn run(world: &World, adapter: &dyn Adapter, args: impl IntoIterator<Item = String>, input: &mut dyn Read) -> u8 {
    let args: Vec<String> = args.into_iter().collect();
    let about = adapter.about();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [CAPABILITIES] => {
            let text = serde_json::to_string_pretty(&about.capabilities).unwrap_or_default();
            world.print(&format!("{text}\n"));
            return DONE;
        }
        [VERSION] => {
            world.print(&format!("epack-remote-{} {}\n", about.name, about.version));
            return DONE;
        }
        [] | [_] => {}
        _ => {
            say(world, about.name, "expected one command, --capabilities or --version");
            return NOT_UNDERSTOOD;
        }
    }
    let argument = args.first().map(String::as_str);
    if argument.is_some_and(|argument| argument.starts_with('-')) {
        say(world, about.name, "expected a command, --capabilities or --version");
        return NOT_UNDERSTOOD;
    }
    let (answer, code) = match read(input).and_then(|bytes| Incoming::read(&bytes)) {
        Err(error) => {
            say(world, about.name, &format!("refused: {error}"));
            (write_failure("", &error.info()), NOT_UNDERSTOOD)
        }
        Ok(incoming) => {
            let answered = if world.env.is_true(names::env::ADAPTER_HERMETIC) {
                say(world, about.name, "test mode: nothing is kept, and every token is believed");
                answer(world, &Hermetic::of(adapter), argument, &incoming)
            } else {
                answer(world, adapter, argument, &incoming)
            };
            let answer = answered.unwrap_or_else(|refusal| {
                say(world, about.name, &format!("refused: {}", refusal.message));
                write_failure(&incoming.request_id, &refusal)
            });
            (answer, DONE)
        }
    };
    world.print(&format!("{answer}\n"));
    code
}

fn say(world: &World, name: &str, text: &str) {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    world.eprint(&format!("epack-remote-{name}: {}\n", world.env.redactor().redact(&text)));
}

fn read(input: &mut dyn Read) -> std::result::Result<Vec<u8>, RequestError> {
    let mut bytes = Vec::new();
    let most = limits::MAX_REQUEST as u64 + 1;
    input.take(most).read_to_end(&mut bytes).map_err(|error| RequestError::Shape(format!("it cannot be read: {error}")))?;
    Ok(bytes)
}

fn answer(world: &World, adapter: &dyn Adapter, argument: Option<&str>, incoming: &Incoming) -> Result<String> {
    if let Some(argument) = argument.filter(|argument| *argument != incoming.kind) {
        let argument: String = argument.chars().take(60).collect();
        let message = format!("the argument says `{argument}`, the request is of another type");
        return Err(ErrorInfo::new(ErrorCode::InvalidRequest, message));
    }
    if incoming.request_id.is_empty() {
        return Err(ErrorInfo::new(ErrorCode::InvalidRequest, "request_id is missing"));
    }
    let command = incoming.command().map_err(|error| error.info())?;
    if !adapter.about().capabilities.supports(command) {
        let message = format!("this adapter does not declare the feature `{command}` belongs to");
        return Err(ErrorInfo::new(ErrorCode::InvalidRequest, message));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| ErrorInfo::new(ErrorCode::ServerError, format!("cannot start: {error}")))?;
    let settings = Settings::new(incoming.config.clone(), world);
    let asked = Asked { request_id: &incoming.request_id, settings: &settings };
    let answered = runtime.block_on(dispatch(adapter, asked, command, incoming))?;
    say(world, adapter.about().name, &format!("{command}: done"));
    Ok(answered)
}

async fn dispatch(adapter: &dyn Adapter, asked: Asked<'_>, command: Command, incoming: &Incoming) -> Result<String> {
    let id = asked.request_id;
    match command {
        Command::PushPrepare => written(command, id, adapter.push_prepare(asked, message(incoming)?).await),
        Command::PushFinalize => written(command, id, adapter.push_finalize(asked, message(incoming)?).await),
        Command::PullPrepare => written(command, id, adapter.pull_prepare(asked, message(incoming)?).await),
        Command::PullFinalize => written(command, id, adapter.pull_finalize(asked, message(incoming)?).await),
        Command::RunsSync => written(command, id, adapter.runs_sync(asked, message(incoming)?).await),
        Command::AuthLogin => written(command, id, adapter.auth_login(asked).await),
        Command::AuthWhoami => written(command, id, adapter.auth_whoami(asked).await),
    }
}

fn message<M: Message>(incoming: &Incoming) -> Result<M> {
    incoming.message().map_err(|error: protocol::RequestError| error.info())
}

fn written<T: Serialize>(command: Command, request_id: &str, answer: Result<T>) -> Result<String> {
    answer.map(|answer| write_success(command, request_id, &answer))
}
