//! `--chmod`: octal, or symbolic as chmod(1) reads it.

/// A change of permission bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Exactly these bits.
    Octal(u32),
    /// Clauses, in order.
    Symbolic(Vec<Clause>),
}

/// `u+rw`: whom, how, what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    who: u32,
    sign: char,
    bits: u32,
    // `X`: execute only for directories and what somebody may execute already.
    cautious: bool,
}

impl Mode {
    /// Reads `0755`, `u=rwX,go=rX`.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777).map(Self::Octal);
        }
        text.split(',').map(clause).collect::<Option<Vec<Vec<Clause>>>>().map(|all| Self::Symbolic(all.concat()))
    }

    /// The bits of something that had `mode`.
    pub fn apply(&self, mode: u32, is_dir: bool) -> u32 {
        let clauses = match self {
            Self::Octal(bits) => return *bits,
            Self::Symbolic(clauses) => clauses,
        };
        let mut mode = mode;
        for clause in clauses {
            let executable = is_dir || mode & 0o111 != 0;
            let bits = clause.who & (clause.bits | if clause.cautious && executable { 0o111 } else { 0 });
            mode = match clause.sign {
                '+' => mode | bits,
                '-' => mode & !bits,
                _ => (mode & !clause.who) | bits,
            };
        }
        mode
    }
}

fn clause(text: &str) -> Option<Vec<Clause>> {
    let at = text.find(['+', '-', '='])?;
    let mut who = 0;
    for c in text[..at].chars() {
        who |= match c {
            'u' => 0o4700,
            'g' => 0o2070,
            'o' => 0o1007,
            'a' => 0o7777,
            _ => return None,
        };
    }
    if who == 0 {
        who = 0o7777;
    }
    let mut clauses: Vec<Clause> = Vec::new();
    for c in text[at..].chars() {
        if matches!(c, '+' | '-' | '=') {
            clauses.push(Clause { who, sign: c, bits: 0, cautious: false });
            continue;
        }
        let last = clauses.last_mut()?;
        last.bits |= match c {
            'r' => 0o444,
            'w' => 0o222,
            'x' => 0o111,
            's' => 0o6000,
            't' => 0o1000,
            'X' => {
                last.cautious = true;
                0
            }
            _ => return None,
        };
    }
    Some(clauses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_chmod_reads() {
        for (text, before, is_dir, after) in [
            ("755", 0o600, false, 0o755),
            ("04755", 0o600, false, 0o4755),
            ("u+x", 0o644, false, 0o744),
            ("a=r", 0o777, false, 0o444),
            ("go-rwx", 0o777, false, 0o700),
            ("u=rwX,go=rX", 0o600, false, 0o644),
            ("u=rwX,go=rX", 0o700, false, 0o755),
            ("u=rwX,go=rX", 0o600, true, 0o755),
            ("+x", 0o644, false, 0o755),
            ("u+s", 0o755, false, 0o4755),
            ("u=r+x", 0o644, false, 0o544),
        ] {
            assert_eq!(Mode::parse(text).map(|mode| mode.apply(before, is_dir)), Some(after), "{text}");
        }
        for bad in ["", "8", "10000", "rwx", "u", "z+x", "u+q", "u+x,"] {
            assert_eq!(Mode::parse(bad), None, "{bad}");
        }
    }
}
