//! Tars laid over each other, as the layers of an image are.

use std::io::Read as _;

use stagefreight::build::inspect::{Archive, Entry, Limits, Tree, lay};

use crate::random::{Random, damage};

/// Makes some layers and reads them.
pub fn run(random: &mut Random) -> bool {
    read_layers(&layers(random));
    true
}

fn tar_of(random: &mut Random) -> Vec<u8> {
    const NAMES: [&str; 18] = [
        "a",
        "b",
        "d/",
        "d/a",
        "d/b/c",
        ".wh.a",
        ".wh.d",
        "d/.wh..wh..opq",
        ".wh..wh..opq",
        ".wh..wh.x",
        "../x",
        "l/a",
        "l",
        "",
        "/",
        "d/l/../a",
        ".wh.",
        "l/l/l",
    ];
    const KINDS: &[u8] = b"0123456701xgLKS\0V5500";
    const RECORDS: [&str; 6] =
        ["13 path=a/b/\n", "12 size=100\n", "15 linkpath=d\n", "22 GNU.sparse.major=1\n", "9 uid=12\n", "99 path=x\n"];
    let mut bytes = Vec::new();
    for _ in 0..random.below(10) {
        let mut header = tar::Header::new_gnu();
        let kind = KINDS[random.below(KINDS.len())];
        let content: Vec<u8> = match kind {
            b'x' | b'g' => (0..random.below(3)).flat_map(|_| RECORDS[random.below(RECORDS.len())].bytes()).collect(),
            b'L' | b'K' => NAMES[random.below(NAMES.len())].as_bytes().to_vec(),
            _ => vec![b'x'; random.below(700)],
        };
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        let (name, link) = (NAMES[random.below(NAMES.len())], NAMES[random.below(NAMES.len())]);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        // Damage inside a header with its checksum made right again goes deeper than damage the checksum finds.
        if random.below(8) == 0 {
            let at = random.below(512);
            header.as_mut_bytes()[at] = u8::try_from(random.below(256)).unwrap_or(0);
        }
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(&content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    if random.below(3) == 0 {
        damage(random, &mut bytes);
    }
    bytes
}

fn layers(random: &mut Random) -> Vec<Vec<u8>> {
    (0..=random.below(3)).map(|_| tar_of(random)).collect()
}

fn read_layers(layers: &[Vec<u8>]) {
    let mut tree = Tree::new(Limits { entries: 1000, names: 100_000, unpacked: None });
    for (number, layer) in layers.iter().enumerate() {
        let mut archive = Archive::new(layer.as_slice());
        let mut entry = Entry::default();
        while matches!(archive.next(&mut entry), Ok(true)) {
            if lay(&mut tree, &entry, u16::try_from(number).unwrap_or(0)).is_err() {
                return;
            }
        }
        let mut rest = Vec::new();
        let _left = archive.into_inner().read_to_end(&mut rest);
    }
    let mut count = 0;
    let _walked = tree.walk::<()>(|file| {
        let _found = tree.find(file.path);
        let mut parts = file.path.split(|byte| *byte == b'/');
        assert!(!parts.clone().any(|part| part.is_empty() || part == b".."), "{file:?}");
        // Runtimes make directories of that name when a file is put below one; nothing else is called like a whiteout.
        assert!(file.implied || !parts.next_back().is_some_and(|name| name.starts_with(b".wh.")), "{file:?}");
        count += 1;
        Ok(())
    });
    assert_eq!(count, tree.len());
}
