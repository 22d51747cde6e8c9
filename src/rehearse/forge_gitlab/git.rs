//! What `git ls-remote` is told, and moving a tag by a push that carries no objects: the smart HTTP protocol, version 0 (git:
//! "gitprotocol-http", "gitprotocol-pack").

use super::options::Role;
use super::reply::Reply;
use super::world::Held;

/// An object that is not there: the tag is made, or removed.
const NOTHING: &str = "0000000000000000000000000000000000000000";

pub(super) fn refs(project: &Held) -> Reply {
    let mut text = packet("# service=git-upload-pack\n");
    text.push_str("0000");
    let mut refs: Vec<(String, &String)> = project.refs.iter().map(|(name, commit)| (format!("refs/heads/{name}"), commit)).collect();
    refs.extend(project.tags.iter().map(|(name, commit)| (format!("refs/tags/{name}"), commit)));
    for (nth, (name, commit)) in refs.iter().enumerate() {
        let capabilities = if nth == 0 { "\0multi_ack agent=git/stagefreight" } else { "" };
        text.push_str(&packet(&format!("{commit} {name}{capabilities}\n")));
    }
    text.push_str("0000");
    Reply::text("application/x-git-upload-pack-advertisement", text)
}

/// One command of `git-receive-pack`; it is compared and done in one moment.
pub(super) fn receive(project: &mut Held, body: &[u8], role: Role) -> Reply {
    let Some((old, new, name)) = command(body) else { return Reply::status(400) };
    let done = match name.strip_prefix("refs/tags/") {
        None => Err("only tags are kept here"),
        Some(tag) if project.protected.is_match(tag) && role < Role::Maintainer => Err("pre-receive hook declined"),
        Some(tag) => {
            let held = project.tags.get(tag).map_or(NOTHING, String::as_str);
            match project.commit_of(&new) {
                _ if held != old => Err("fetch first"),
                None => Err("unpacker error"),
                Some(commit) => {
                    project.tags.insert(tag.to_owned(), commit);
                    Ok(())
                }
            }
        }
    };
    let said = match done {
        Ok(()) => format!("ok {name}\n"),
        Err(why) => format!("ng {name} {why}\n"),
    };
    let text = format!("{}{}0000", packet("unpack ok\n"), packet(&said));
    Reply::text("application/x-git-receive-pack-result", text)
}

/// Old object, new object and name of the first command.
fn command(body: &[u8]) -> Option<(String, String, String)> {
    let length = usize::from_str_radix(std::str::from_utf8(body.get(..4)?).ok()?, 16).ok()?;
    let line = std::str::from_utf8(body.get(4..length)?).ok()?;
    let mut words = line.split('\0').next()?.split(' ').map(str::to_owned);
    Some((words.next()?, words.next()?, words.next()?))
}

fn packet(line: &str) -> String {
    format!("{:04x}{line}", line.len() + 4)
}
