//! A command's words, told apart: options, their values, and the rest.

/// Words of one command.
#[derive(Debug, Default)]
pub struct Arguments<'a> {
    /// Words that are neither options nor their values.
    pub plain: Vec<&'a str>,
    /// Options with a value.
    values: Vec<(&'a str, &'a str)>,
}

impl<'a> Arguments<'a> {
    /// Reads them. Options named in `valued` take the next word, unless it is attached (`--name=value`, `-nvalue`).
    pub fn read(words: &'a [String], valued: &[&str], one_dash: bool) -> Self {
        let mut arguments = Self::default();
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            if word == "--" {
                arguments.plain.extend(words);
                break;
            }
            if !word.starts_with('-') || word == "-" {
                arguments.plain.push(word);
                continue;
            }
            if let Some((name, value)) = word.split_once('=') {
                arguments.values.push((name, value));
            } else if valued.contains(&word) {
                if let Some(value) = words.next() {
                    arguments.values.push((word, value));
                }
            } else if !word.starts_with("--") && !one_dash && word.is_char_boundary(2) && word.len() > 2 {
                // `-ttarget`, or switches with a valued one at the end: `-yt target`.
                let (first, rest) = word.split_at(2);
                let last = word.chars().last().map(|c| format!("-{c}"));
                if valued.contains(&first) {
                    arguments.values.push((first, rest));
                } else if let Some(name) = valued.iter().find(|name| last.as_deref() == Some(**name))
                    && let Some(value) = words.next()
                {
                    // The name lives as long as the word it ends.
                    arguments.values.push((word.get(word.len() - name.len() + 1..).unwrap_or(word), value));
                }
            }
        }
        arguments
    }

    /// Value of an option, by any of its names; of a short one, also by its letter.
    pub fn value(&self, names: &[&str]) -> Option<&'a str> {
        let named = |name: &str| names.iter().any(|n| *n == name || (n.len() == 2 && n.strip_prefix('-') == Some(name)));
        self.values.iter().rev().find(|(name, _)| named(name)).map(|(_, value)| *value)
    }
}
