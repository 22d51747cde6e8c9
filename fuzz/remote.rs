//! What adapters of remotes answer, what hosts ask them, lockfiles and receipts.

use serde_json::Value;
use stagefreight::remote::lock::LockFile;
use stagefreight::remote::protocol::{
    FinalizeRequest, Incoming, LoginRequest, Message, PrepareRequest, PullFinalizeRequest, PullPrepareRequest, RunsSyncRequest,
    WhoamiRequest, read_answer, read_capabilities, write_request,
};
use stagefreight::remote::receipt;

use crate::random::{Random, damage};

const ID: &str = "923a0cde";

/// Well-formed messages of every kind, and members that are not what they should be.
const MESSAGES: &str = include_str!("messages.jsonl");
const LOCKFILE: &str = include_str!("lockfile.yaml");
const RECEIPTS: &str = include_str!("receipts.jsonl");

/// What is put in the place of a value.
const VALUES: [&str; 16] = [
    "null",
    "true",
    "-1",
    "0",
    "18446744073709551616",
    "1e308",
    "\"\"",
    "\"sha256:\"",
    "\"../../etc/passwd\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "[]",
    "[[[[[[[[[[[[]]]]]]]]]]]]",
    "{}",
    "{\"a\":1,\"a\":2}",
    "\"https://user:secret@[::1]:0/?q#f\"",
];

/// One line of a text, in which some values are others and some bytes are damaged.
fn changed(random: &mut Random, lines: &str) -> Vec<u8> {
    let lines: Vec<&str> = lines.lines().collect();
    let mut text = random.one_of(&lines).to_owned();
    for _ in 0..random.below(3) {
        let ends: Vec<usize> = text.match_indices(':').map(|(at, _)| at + 1).collect();
        if ends.is_empty() {
            break;
        }
        let at = ends[random.below(ends.len())];
        let end = text[at..].find([',', '}', ']']).map_or(text.len(), |end| at + end);
        text.replace_range(at..end, random.one_of(&VALUES));
    }
    let mut bytes = text.into_bytes();
    if random.below(2) == 0 {
        damage(random, &mut bytes);
    }
    bytes
}

/// An answer that is read must be one that can be written again, and is then read as the same.
fn answer<M: Message>(bytes: &[u8], strict: bool) -> bool {
    read_answer::<M>(bytes, ID, strict).is_ok()
}

/// A request that is read as its message, written and read again, is the same message.
fn request<M: Message>(incoming: &Incoming) -> bool {
    let Ok(message) = incoming.message::<M>() else { return false };
    let Some(written) = write_request(&message, ID, &serde_json::Map::new()) else { return true };
    let again = Incoming::read(&written).ok().and_then(|again| again.message::<M>().ok());
    let as_value = |message: &M| serde_json::to_value(message).unwrap_or(Value::Null);
    assert_eq!(again.as_ref().map(as_value), Some(as_value(&message)));
    true
}

/// Answers, capabilities and requests.
pub fn messages(random: &mut Random) -> bool {
    let bytes = changed(random, MESSAGES);
    let strict = random.below(2) == 0;
    let mut read = read_capabilities(&bytes).is_ok();
    read |= answer::<PrepareRequest>(&bytes, strict) | answer::<FinalizeRequest>(&bytes, strict);
    read |= answer::<PullPrepareRequest>(&bytes, strict) | answer::<PullFinalizeRequest>(&bytes, strict);
    read |= answer::<RunsSyncRequest>(&bytes, strict) | answer::<LoginRequest>(&bytes, strict) | answer::<WhoamiRequest>(&bytes, strict);
    if let Ok(incoming) = Incoming::read(&bytes) {
        read |= request::<PrepareRequest>(&incoming) | request::<FinalizeRequest>(&incoming);
        read |= request::<PullPrepareRequest>(&incoming) | request::<PullFinalizeRequest>(&incoming);
        read |= request::<RunsSyncRequest>(&incoming) | request::<LoginRequest>(&incoming) | request::<WhoamiRequest>(&incoming);
    }
    read
}

/// Lockfiles: what is read and written is read as the same.
pub fn lockfiles(random: &mut Random) -> bool {
    let mut bytes = LOCKFILE.as_bytes().to_vec();
    damage(random, &mut bytes);
    let Ok(lock) = LockFile::parse(&bytes) else { return false };
    let written = lock.text().map(|text| LockFile::parse(text.as_bytes()));
    assert!(matches!(&written, Ok(Ok(again)) if *again == lock), "{written:?}");
    true
}

/// Receipts: what is not as it was written is refused.
pub fn receipts(random: &mut Random) -> bool {
    let bytes = changed(random, RECEIPTS);
    let read = receipt::parse(&bytes).is_ok();
    let untouched = RECEIPTS.lines().any(|line| serde_json::from_str::<Value>(line).ok() == serde_json::from_slice(&bytes).ok());
    assert!(!read || untouched, "{}", String::from_utf8_lossy(&bytes));
    read
}
