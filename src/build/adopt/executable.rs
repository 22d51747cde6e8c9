//! What a program runs on, told by its first bytes: ELF (System V ABI, "ELF Header"), Mach-O (Apple, `mach-o/loader.h`),
//! PE (Microsoft, "PE Format"). A name may lie, a loader does not care.

/// Operating system and architecture as Go names them; `None` for what is no program of these formats.
pub(super) fn platform_of(head: &[u8]) -> Option<(&'static str, &'static str)> {
    match head {
        [0x7f, b'E', b'L', b'F', class, order, ..] => elf(head, *class == 2, *order == 1),
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] => Some(("darwin", mach(u32::from_le_bytes(four(head, 4)?))?)),
        // Several architectures in one file; a Java class begins the same way and has a version where this has a count.
        [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 1..=16, ..] => Some(("darwin", "all")),
        [b'M', b'Z', ..] => {
            let at = usize::try_from(u32::from_le_bytes(four(head, 0x3c)?)).ok()?;
            let signature = head.get(at..at.checked_add(6)?)?;
            let machine = signature.strip_prefix(b"PE\0\0")?;
            Some(("windows", pe(u16::from_le_bytes([*machine.first()?, *machine.get(1)?]))?))
        }
        _ => None,
    }
}

fn four(bytes: &[u8], at: usize) -> Option<[u8; 4]> {
    bytes.get(at..at + 4)?.try_into().ok()
}

fn elf(head: &[u8], wide: bool, little: bool) -> Option<(&'static str, &'static str)> {
    // EI_OSABI is 0 on Linux, and on most others too.
    let os = match head.get(7)? {
        2 => "netbsd",
        6 => "solaris",
        9 => "freebsd",
        12 => "openbsd",
        _ => "linux",
    };
    let two = |at: usize| -> Option<u16> {
        let bytes: [u8; 2] = head.get(at..at + 2)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    // Executables and shared objects, as position-independent executables are; object files are no programs.
    if !matches!(two(16)?, 2 | 3) {
        return None;
    }
    let arch = match (two(18)?, wide, little) {
        (3, ..) => "386",
        (8, true, true) => "mips64le",
        (8, true, false) => "mips64",
        (8, false, true) => "mipsle",
        (8, false, false) => "mips",
        (20, ..) => "ppc",
        (21, _, true) => "ppc64le",
        (21, _, false) => "ppc64",
        (22, ..) => "s390x",
        (40, ..) => "arm",
        (62, ..) => "amd64",
        (183, ..) => "arm64",
        (243, true, _) => "riscv64",
        (258, ..) => "loong64",
        _ => return None,
    };
    Some((os, arch))
}

fn mach(cpu: u32) -> Option<&'static str> {
    match cpu {
        7 => Some("386"),
        0x0100_0007 => Some("amd64"),
        12 => Some("arm"),
        0x0100_000c => Some("arm64"),
        _ => None,
    }
}

fn pe(machine: u16) -> Option<&'static str> {
    match machine {
        0x014c => Some("386"),
        0x8664 => Some("amd64"),
        0x01c4 => Some("arm"),
        0xaa64 => Some("arm64"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::platform_of;

    fn elf(machine: u16, kind: u16) -> Vec<u8> {
        let mut head = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0];
        head.resize(16, 0);
        head.extend(kind.to_le_bytes());
        head.extend(machine.to_le_bytes());
        head
    }

    #[test]
    fn reads_what_loaders_read() {
        assert_eq!(platform_of(&elf(62, 3)), Some(("linux", "amd64")));
        assert_eq!(platform_of(&elf(183, 2)), Some(("linux", "arm64")));
        assert_eq!(platform_of(&elf(62, 1)), None, "an object file");
        assert_eq!(platform_of(&[0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 1]), Some(("darwin", "arm64")));
        let mut pe = vec![0; 0x80];
        pe[..2].copy_from_slice(b"MZ");
        pe[0x3c] = 0x40;
        pe[0x40..0x46].copy_from_slice(b"PE\0\0\x64\x86");
        assert_eq!(platform_of(&pe), Some(("windows", "amd64")));
        pe[0x3f] = 0xff;
        assert_eq!(platform_of(&pe), None, "a header far beyond the file");
        assert_eq!(platform_of(&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52]), None, "a Java class");
        assert_eq!(platform_of(b"#!/bin/sh\n"), None);
    }
}
