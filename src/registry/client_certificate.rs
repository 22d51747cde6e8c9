//! The certificate we show a registry that asks for one: from variables, never from the config.

use crate::core::Secret;
use crate::error::{Error, Result};
use crate::world::World;

/// Certificates and keys are a few kilobytes.
const MAX_FILE: u64 = 1024 * 1024;

/// The PEM text of `PREFIX_CLIENT_CERT` followed by that of `PREFIX_CLIENT_KEY`. Each variable holds the text itself or
/// the path of a file that does, as CI systems offer both.
///
/// # Errors
/// Kind `Missing` when one is not set or cannot be read.
pub fn read(world: &World, host: &str, prefix: &str) -> Result<Secret> {
    let prefix = prefix.to_ascii_uppercase();
    let one = |kind: &str| {
        let name = format!("{prefix}_{kind}");
        let missing = |what: String| {
            Error::missing(format!("no client certificate for {host}: {what}"))
                .hint(format!("set {prefix}_CLIENT_CERT and {prefix}_CLIENT_KEY to PEM files or to their text"))
        };
        let value = world.env.get(&name).ok_or_else(|| missing(format!("{name} is not set")))?;
        if value.trim_start().starts_with("-----BEGIN ") {
            return Ok(value.to_owned());
        }
        // The value may be a key somebody mangled: it is not repeated.
        let bytes = crate::fs::read_bounded(&world.cwd.join(value), MAX_FILE)
            .map_err(|_| missing(format!("{name} is neither PEM text nor the path of a file that can be read")))?;
        let text = String::from_utf8(bytes).ok().filter(|text| text.contains("-----BEGIN "));
        text.ok_or_else(|| missing(format!("the file that {name} names holds no PEM text")))
    };
    Ok(Secret::new(format!("{}\n{}\n", one("CLIENT_CERT")?, one("CLIENT_KEY")?)))
}
