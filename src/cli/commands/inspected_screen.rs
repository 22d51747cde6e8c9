//! What `stagefreight inspect` shows to people.

use std::io::{self, Write};

use super::inspected::Inspected;
use crate::build::inspect::{FileKind, Listed, Tree};
use crate::core::ByteSize;
use crate::report::{Table, counted};

/// The image: what it is, what it starts, what it is labelled with, its layers.
pub(in crate::cli) fn summary(document: &Inspected<'_>) -> String {
    let image = &document.image;
    let mut table = Table::indented(2);
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            table.row([name, value]);
        }
    };
    row("digest", &image.digest);
    if image.root != image.digest {
        row("index", &image.root);
    }
    row("config", image.config_digest.as_deref().unwrap_or_default());
    row("platform", image.platform.as_deref().unwrap_or_default());
    row("created", image.created.as_deref().unwrap_or_default());
    row("author", &visible(image.author.as_deref().unwrap_or_default()));
    row("size", &format!("{} in {}", ByteSize(image.size), counted(image.layers.len(), "layer")));
    row("entrypoint", &words(&image.entrypoint));
    row("cmd", &words(&image.cmd));
    row("directory", &visible(image.working_dir.as_deref().unwrap_or_default()));
    row("user", &visible(image.user.as_deref().unwrap_or_default()));
    row("ports", &visible(&image.exposed_ports.join(" ")));
    row("volumes", &visible(&image.volumes.join(" ")));
    row("signal", &visible(image.stop_signal.as_deref().unwrap_or_default()));
    for pair in &image.env {
        row("env", &visible(pair));
    }
    for (key, value) in &image.labels {
        row("label", &visible(&format!("{key}={value}")));
    }
    for (number, layer) in image.layers.iter().enumerate() {
        let made = layer.created_by.as_deref().map(made_by).unwrap_or_default();
        row(&format!("layer {number}"), &format!("{}  {}  {made}", short(&layer.digest), ByteSize(layer.size)));
    }
    format!("image  {}\n{}", visible(&document.reference), table.render())
}

/// One line for each layer, the sum, and the largest hidden files.
pub(in crate::cli) fn layers(document: &Inspected<'_>) -> String {
    let image = &document.image;
    let usage = document.layer_use.as_deref().unwrap_or_default();
    let mut table = Table::indented(2);
    table.row(["layer", "digest", "stored", "unpacked", "entries", "files", "wasted", "made by"]);
    let mut sum = [0_u64; 5];
    for (layer, uses) in image.layers.iter().zip(usage) {
        let numbers = [layer.size, uses.unpacked, uses.entries, uses.content, uses.wasted];
        for (sum, number) in sum.iter_mut().zip(numbers) {
            *sum = sum.saturating_add(number);
        }
        let made = layer.created_by.as_deref().map(made_by).unwrap_or_default();
        table.row(line(&uses.layer.to_string(), &short(&layer.digest), numbers, &made));
    }
    table.row(line("sum", "", sum, ""));
    let mut text = format!("layers  {}  {}\n{}", visible(&document.reference), image.digest, table.render());
    let [.., content, wasted] = sum;
    let share = if content == 0 { 100.0 } else { 100.0 - wasted as f64 * 100.0 / content as f64 };
    text.push_str(&format!("{share:.1}% of the files' bytes are seen; {} are carried along hidden\n", ByteSize(wasted)));
    let mut table = Table::indented(2);
    for hidden in document.hidden.iter().flatten() {
        table.row([
            "hidden".to_owned(),
            ByteSize(hidden.size).to_string(),
            visible(&hidden.path),
            format!("of layer {}, by layer {}", hidden.layer, hidden.hidden_by),
        ]);
    }
    text + &table.render()
}

fn line(number: &str, digest: &str, [stored, unpacked, entries, content, wasted]: [u64; 5], made: &str) -> [String; 8] {
    let size = |bytes: u64| ByteSize(bytes).to_string();
    [number.to_owned(), digest.to_owned(), size(stored), size(unpacked), entries.to_string(), size(content), size(wasted), made.to_owned()]
}

/// As `sha256sum` prints them.
pub(in crate::cli) fn hashes(document: &Inspected<'_>) -> String {
    let mut text = String::new();
    for hash in document.hashes.iter().flatten() {
        text.push_str(&format!("{}  {}\n", hash.sha256, hash.path));
    }
    text
}

/// One line for each file: mode, owner, length, layer, path.
pub(in crate::cli) fn tree(tree: &Tree, out: &mut dyn Write) -> io::Result<()> {
    let mut line = Vec::new();
    tree.walk(|file| {
        line.clear();
        let size = match file.device {
            Some((major, minor)) => format!("{major},{minor}"),
            None => file.size.to_string(),
        };
        let owner = format!("{}:{}", file.uid, file.gid);
        write!(line, "{} {owner:<11} {size:>12} {:>3}  /", mode(&file), file.layer)?;
        escaped(file.path, &mut line);
        if let Some(link) = file.link {
            line.extend_from_slice(if file.hard_link { b" link to /" } else { b" -> " });
            escaped(link, &mut line);
        }
        line.push(b'\n');
        out.write_all(&line)
    })
}

// As `ls -l` writes it.
fn mode(file: &Listed<'_>) -> String {
    let kind = match file.kind {
        FileKind::Dir => 'd',
        FileKind::File => '-',
        FileKind::Symlink => 'l',
        FileKind::Char => 'c',
        FileKind::Block => 'b',
        FileKind::Fifo => 'p',
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = file.mode >> shift;
        text.push(if bits & 4 == 0 { '-' } else { 'r' });
        text.push(if bits & 2 == 0 { '-' } else { 'w' });
        text.push(match (file.mode & special != 0, bits & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

/// What its program says.
pub(super) fn version(document: &Inspected<'_>) -> String {
    let said = document.version.as_ref().map_or("", |version| version.output.as_str());
    let mut text = String::new();
    for line in said.lines() {
        text.push_str(&visible(line));
        text.push('\n');
    }
    text
}

// Bytes that would move a cursor are shown as escapes; all others go out as they are.
fn escaped(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        match byte {
            0..=0x1f | 0x7f | b'\\' => out.extend(byte.escape_ascii()),
            byte => out.push(*byte),
        }
    }
}

fn visible(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

fn words(list: &[String]) -> String {
    if list.is_empty() { String::new() } else { visible(&serde_json::to_string(list).unwrap_or_default()) }
}

// BuildKit's and Docker's own words around an instruction say nothing.
fn made_by(text: &str) -> String {
    let text = text.strip_prefix("/bin/sh -c #(nop)").unwrap_or(text);
    let text = text.split(" # buildkit").next().unwrap_or(text).trim();
    let short: String = text.chars().take(60).collect();
    visible(&if short.len() < text.len() { format!("{short}…") } else { short })
}

fn short(digest: &str) -> String {
    digest.chars().take("sha256:".len() + 12).collect()
}
