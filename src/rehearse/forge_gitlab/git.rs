//! What `git ls-remote` is told: refs by the smart HTTP protocol, version 0 (git: "gitprotocol-http", "gitprotocol-pack").

use super::reply::Reply;
use super::world::Held;

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

fn packet(line: &str) -> String {
    format!("{:04x}{line}", line.len() + 4)
}
