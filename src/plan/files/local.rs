//! Tokens that only builds of files know: their platform, their name, the file a command shall write.

use crate::config::template_tokens::{Piece, scan};
use crate::core::Platform;
use crate::error::Result;
use crate::plan::template::Scope;

/// Values of a build's own tokens, beside those every template has.
#[derive(Debug, Clone, Default)]
pub struct Local<'a> {
    /// Platform, for `{os}`, `{arch}`, `{variant}`.
    pub platform: Option<&'a Platform>,
    /// `{name}`.
    pub name: Option<&'a str>,
    /// `{output}` stays, for the moment the file's place is known.
    pub output: bool,
}

impl Local<'_> {
    /// The template with all its tokens filled in.
    ///
    /// # Errors
    /// Kind `Usage` or `Missing` for tokens that are unknown or have no value.
    pub fn text(&self, scope: &Scope<'_>, template: &str) -> Result<String> {
        // What cannot be read gets its message from the reader of all templates.
        let Ok(pieces) = scan(template) else { return scope.text(template) };
        let mut plain = String::with_capacity(template.len());
        for piece in pieces {
            match piece {
                Piece::Text(text) => plain.push_str(&text.replace('{', "{{").replace('}', "}}")),
                Piece::Token { whole, name, argument: None } => match self.value(name) {
                    Some(value) => plain.push_str(&value),
                    None => plain.push_str(whole),
                },
                Piece::Token { whole, .. } => plain.push_str(whole),
            }
        }
        scope.text(&plain)
    }

    fn value(&self, name: &str) -> Option<String> {
        let of = |value: fn(&Platform) -> &str| self.platform.map(|platform| value(platform).to_owned());
        match name {
            "os" => of(|platform| &platform.os),
            "arch" => of(|platform| &platform.arch),
            "variant" => of(|platform| platform.variant.as_deref().unwrap_or_default()),
            "name" => self.name.map(str::to_owned),
            "output" if self.output => Some("{{output}}".to_owned()),
            _ => None,
        }
    }
}
