//! Wildcards in `COPY` sources, with the meaning of Go's `filepath.Match`, which BuildKit uses: `*` and `?` stop at
//! `/`, `[a-z]` and `[^a-z]` are classes, `\` quotes the next character. There is no `**`.

/// Does the text hold a wildcard that is not quoted?
pub fn has_wildcard(text: &str) -> bool {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}

/// Does the whole name match? A malformed pattern matches nothing.
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    // One place to return to is enough: a later `*` makes an earlier one's other choices needless, unless a slash
    // separates them, which no `*` can cross.
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        if n == name.len() {
            return pattern[p..].iter().all(|c| *c == '*');
        }
        if pattern.get(p) == Some(&'*') {
            star = Some((p + 1, n));
            p += 1;
            continue;
        }
        if let Some(next) = one(&pattern, p, name[n]) {
            p = next;
            n += 1;
            continue;
        }
        match star {
            Some((after, from)) if name[from] != '/' => {
                star = Some((after, from + 1));
                (p, n) = (after, from + 1);
            }
            _ => return false,
        }
    }
}

// Matches one character at `p`; gives the place after the pattern's part.
fn one(pattern: &[char], p: usize, c: char) -> Option<usize> {
    match *pattern.get(p)? {
        '?' => (c != '/').then_some(p + 1),
        '\\' => (*pattern.get(p + 1)? == c).then_some(p + 2),
        '[' => class(pattern, p + 1, c),
        literal => (literal == c).then_some(p + 1),
    }
}

fn class(pattern: &[char], mut p: usize, c: char) -> Option<usize> {
    let negated = pattern.get(p) == Some(&'^');
    if negated {
        p += 1;
    }
    let (mut found, mut first) = (false, true);
    loop {
        if pattern.get(p)? == &']' && !first {
            return (found != negated && c != '/').then_some(p + 1);
        }
        first = false;
        let low = quoted(pattern, &mut p)?;
        let high = if pattern.get(p) == Some(&'-') {
            p += 1;
            quoted(pattern, &mut p)?
        } else {
            low
        };
        found |= (low..=high).contains(&c);
    }
}

fn quoted(pattern: &[char], p: &mut usize) -> Option<char> {
    if pattern.get(*p) == Some(&'\\') {
        *p += 1;
    }
    let c = *pattern.get(*p)?;
    *p += 1;
    Some(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_what_go_means() {
        for (pattern, name, expected) in [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*c", "abc", true),
            ("a*", "ab/c", false),
            ("a*/b", "abc/b", true),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", false),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[^b-d]", "abc", false),
            ("ab[^e-g]", "abc", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a/b", false),
            ("a[^a]b", "aéb", true),
            ("[\\-x]", "-", true),
            ("[", "a", false),
            ("*x", "xxx", true),
            ("", "", true),
            ("**", "a/b", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
        assert!(has_wildcard("a*") && has_wildcard("[x]") && !has_wildcard("a\\*"));
    }
}
