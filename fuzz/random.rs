//! Chance that repeats itself, and the damage it does.

/// xorshift64*: the same seed, the same inputs.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap_or(0)
    }

    pub fn one_of<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

/// Cuts, doubles, moves and overwrites stretches of bytes.
pub fn damage(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..random.below(6) {
        let length = bytes.len();
        let at = random.below(length + 1);
        let end = (at + random.below(40)).min(length);
        match random.below(6) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let copy = bytes[at..end].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, copy);
            }
            2 if at < length => bytes[at] ^= 1 << random.below(8),
            3 if at < length => bytes[at] = [0, 0xff, b'\n', b'/', b'$', b'\\', b'"', b'<', b'0', 0x80][random.below(10)],
            4 => bytes.truncate(at),
            _ => bytes.insert(at, u8::try_from(random.below(256)).unwrap_or(0)),
        }
    }
}
