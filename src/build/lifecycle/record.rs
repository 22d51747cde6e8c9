//! `.stagefreight/runtime/docker/builder.json`: which builder the images were built with (spec/build.md B.4).

use std::path::Path;

use serde::Serialize;

use super::maker::Action;
use crate::config::Driver;
use crate::error::{Error, Result};
use crate::{fs, names};

/// In this order, on one line.
#[derive(Serialize)]
struct Record<'a> {
    name: &'a str,
    action: &'static str,
    driver: &'static str,
}

/// Writes it below the workspace, whatever the current directory is.
pub fn record(workspace: &Path, name: &str, action: Action, driver: Driver) -> Result<()> {
    let text = text(name, action, driver)?;
    Ok(fs::write_atomic(&workspace.join(names::path::BUILDER), text.as_bytes(), 0o644)?)
}

fn text(name: &str, action: Action, driver: Driver) -> Result<String> {
    let record = Record { name, action: action.name(), driver: driver.name() };
    let json = serde_json::to_string(&record).map_err(|error| Error::failed("cannot write builder.json").because(&error))?;
    Ok(format!("{json}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_line_in_the_order_of_the_contract() {
        assert_eq!(
            text("sf-e2f630c7", Action::Recreated, Driver::DockerContainer).expect("text"),
            "{\"name\":\"sf-e2f630c7\",\"action\":\"recreated\",\"driver\":\"docker-container\"}\n"
        );
    }
}
