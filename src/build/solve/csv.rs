//! Values of flags that are lines of CSV, as buildx and buildctl read them.

/// A line of `key=value` fields being written.
#[derive(Debug)]
pub struct Fields(String);

impl Fields {
    /// Begins with one field.
    pub fn new(key: &str, value: impl std::fmt::Display) -> Self {
        Self(String::new()).with(key, value)
    }

    /// Appends a field. A value may hold commas, quotes and line feeds: paths do.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl std::fmt::Display) -> Self {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        let field = format!("{key}={value}");
        let field = if field.contains([',', '"', '\n']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field };
        self.0.push_str(&field);
        self
    }

    /// The line.
    pub fn line(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_what_a_reader_of_csv_would_tear_apart() {
        assert_eq!(Fields::new("type", "oci").with("dest", r#"/a,b"c"#).line(), r#"type=oci,"dest=/a,b""c""#);
    }
}
