//! Reads `buildx inspect`: `Key: value` lines, first of the builder, then of its nodes.

/// What the first node says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Name of the builder.
    pub name: String,
    /// `docker`, `docker-container`, `remote`, …
    pub driver: String,
    /// `running` when BuildKit answered.
    pub status: String,
    /// BuildKit's version, when it tells a real one.
    pub buildkit: Option<String>,
    /// Why it could not be reached.
    pub error: Option<String>,
}

/// Reads the output. Unknown lines are other versions' business.
pub fn parse(text: &str) -> Inspected {
    let mut found = Inspected::default();
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match key.trim() {
            "Name" if found.name.is_empty() => value.clone_into(&mut found.name),
            "Driver" => value.clone_into(&mut found.driver),
            "Status" if found.status.is_empty() => value.clone_into(&mut found.status),
            "Error" => found.error = Some(value.to_owned()).filter(|error| !error.is_empty()),
            // Builds of distributions often leave the version out.
            "BuildKit version" | "BuildKit" | "Buildkit" if found.buildkit.is_none() => {
                found.buildkit =
                    Some(value.trim_start_matches('v').to_owned()).filter(|version| !version.starts_with("0.0.0") && !version.is_empty());
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_running_builder() {
        let text = "Name:   far\nDriver: remote\n\nNodes:\nName:             far0\nEndpoint:         tcp://x:1234\nStatus:           running\nBuildKit version: v0.30.0\n";
        let found = parse(text);
        assert_eq!((found.name.as_str(), found.driver.as_str(), found.status.as_str()), ("far", "remote", "running"));
        assert_eq!(found.buildkit.as_deref(), Some("0.30.0"));
        assert_eq!(parse("BuildKit version: v0.0.0+unknown\n").buildkit, None);
    }

    #[test]
    fn keeps_the_reason_of_a_dead_one() {
        let text =
            "Name:   default\nDriver: \nError:  Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?\n";
        let found = parse(text);
        assert_eq!(found.status, "");
        assert_eq!(found.error.as_deref(), Some("Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?"));
    }
}
