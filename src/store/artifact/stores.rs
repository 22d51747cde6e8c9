//! The named stores of a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::{ArtifactError, ArtifactErrorKind};
use super::port::{ArtifactStore, Result};

/// Stores by name.
#[derive(Default, Clone)]
pub struct Stores(BTreeMap<String, Arc<dyn ArtifactStore>>);

impl Stores {
    /// Adds a store under its own name.
    ///
    /// # Errors
    /// `Usage` when the name is taken: which of two stores is meant must not depend on the order they were added in.
    pub fn register(&mut self, store: Arc<dyn ArtifactStore>) -> Result<()> {
        let name = store.name().to_owned();
        if self.0.contains_key(&name) {
            let message = format!("two artifact stores are called {name}");
            return Err(ArtifactError::new(ArtifactErrorKind::Usage, message).hint("give one of them another name"));
        }
        self.0.insert(name, store);
        Ok(())
    }

    /// A store by name.
    ///
    /// # Errors
    /// `Usage` when there is none of that name, with the names there are, sorted.
    pub fn open(&self, name: &str) -> Result<Arc<dyn ArtifactStore>> {
        self.0.get(name).map(Arc::clone).ok_or_else(|| unknown(name, self.0.keys().map(String::as_str)))
    }

    /// Every name, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// No store is called so.
pub fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> ArtifactError {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    let shown: String = name.chars().take(120).flat_map(char::escape_debug).collect();
    let error = ArtifactError::new(ArtifactErrorKind::Usage, format!("no artifact store is called `{shown}`"));
    if known.is_empty() {
        return error.hint("describe one in the config: `store: { local: { kind: file, dir: artifacts } }`");
    }
    error.hint(format!("stores here: {}", known.join(", ")))
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Stores").field(&self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::MemoryStore;
    use super::super::port::Mode;
    use super::*;

    #[test]
    fn names_are_unique_and_unknown_ones_are_told_the_known() {
        let mut stores = Stores::default();
        for name in ["zulu", "alpha"] {
            stores.register(Arc::new(MemoryStore::new(name, Mode::Overwrite))).expect("a free name");
        }
        assert_eq!(stores.open("zulu").map(|store| store.name().to_owned()), Ok("zulu".to_owned()));
        let taken = stores.register(Arc::new(MemoryStore::new("alpha", Mode::WriteOnce))).expect_err("taken");
        assert_eq!(taken.kind, ArtifactErrorKind::Usage);
        let Err(error) = stores.open("no\nsuch") else { panic!("unknown") };
        assert_eq!(
            (error.message.as_str(), error.hint.as_deref()),
            ("no artifact store is called `no\\nsuch`", Some("stores here: alpha, zulu"))
        );
    }
}
