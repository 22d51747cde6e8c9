//! The crate as modules: what each one defines, imports and re-exports, so that a path can be followed to the item it
//! means, through renames and re-exports.

use std::collections::{BTreeMap, BTreeSet};

use syn::{Attribute, Item, UseTree};

/// Name of the package, by which its binary sees the library.
const PACKAGE: &str = "stagefreight";

/// One module of one file.
pub struct Module {
    /// Path below the crate root; `main` for the binary.
    pub path: Vec<String>,
    /// File it is in, for messages.
    pub file: String,
    /// Only compiled for tests.
    pub test: bool,
    /// Its items, inline modules excluded.
    pub items: Vec<Item>,
    uses: Vec<(String, Vec<String>)>,
    globs: Vec<Vec<String>>,
    defines: BTreeSet<String>,
}

/// Every module, by its path.
pub struct Tree {
    pub modules: BTreeMap<Vec<String>, Module>,
}

impl Tree {
    /// Parses files given as (path below `src`, text).
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, String> {
        let mut tree = Self { modules: BTreeMap::new() };
        let mut test_files = BTreeSet::new();
        for (file, text) in files {
            let parsed = syn::parse_file(text).map_err(|error| format!("{file}: {error}"))?;
            tree.add(module_path(file), file, has_cfg_test(&parsed.attrs), parsed.items, &mut test_files);
        }
        // `#[cfg(test)] mod tests;` makes a file, and everything below it, test code.
        for module in tree.modules.values_mut() {
            module.test |= test_files.iter().any(|path: &Vec<String>| module.path.starts_with(path));
        }
        Ok(tree)
    }

    fn add(&mut self, path: Vec<String>, file: &str, test: bool, items: Vec<Item>, test_files: &mut BTreeSet<Vec<String>>) {
        let mut module =
            Module { path, file: file.to_owned(), test, items: Vec::new(), uses: Vec::new(), globs: Vec::new(), defines: BTreeSet::new() };
        for item in items {
            if let Item::Mod(inner) = item {
                let mut path = module.path.clone();
                path.push(inner.ident.to_string());
                let test = test || has_cfg_test(&inner.attrs);
                match inner.content {
                    Some((_, items)) => self.add(path, file, test, items, test_files),
                    None if test => drop(test_files.insert(path)),
                    None => {}
                }
                continue;
            }
            module.defines.extend(defined(&item));
            module.items.push(item);
        }
        let mut collector = Uses { module: &mut Vec::new(), globs: &mut Vec::new() };
        for item in &module.items {
            syn::visit::Visit::visit_item(&mut collector, item);
        }
        (module.uses, module.globs) = (std::mem::take(collector.module), std::mem::take(collector.globs));
        self.modules.insert(module.path.clone(), module);
    }

    /// Every item a path written in `module` may mean: in-crate paths start with `crate`, others with their crate's
    /// name. Each stop of a chain of re-exports is one of them.
    pub fn meanings(&self, module: &Module, path: &[String]) -> BTreeSet<Vec<String>> {
        let mut found = BTreeSet::new();
        for start in self.resolve(module, path, 0) {
            self.follow(&start, &mut found, 0);
        }
        found
    }

    fn resolve(&self, module: &Module, path: &[String], depth: usize) -> Vec<Vec<String>> {
        let Some(first) = path.first().filter(|_| depth < 12) else { return Vec::new() };
        let absolute = |base: &[String], rest: &[String]| {
            let mut absolute = vec!["crate".to_owned()];
            absolute.extend_from_slice(base);
            absolute.extend_from_slice(rest);
            absolute
        };
        match first.as_str() {
            "crate" => return vec![path.to_vec()],
            // `main.rs` is a crate of its own, whose root sees the library by name.
            "self" | "super" => {
                let ups = path.iter().filter(|segment| *segment == "super").count();
                let base = &module.path[..module.path.len().saturating_sub(ups)];
                let rest: Vec<_> = path.iter().skip_while(|segment| matches!(segment.as_str(), "self" | "super")).cloned().collect();
                return vec![absolute(base, &rest)];
            }
            _ => {}
        }
        let mut found = Vec::new();
        for (_, target) in module.uses.iter().filter(|(name, _)| name == first) {
            // `use tokio;` names the crate itself.
            if target.first() == Some(first) {
                found.push([target, &path[1..]].concat());
            } else {
                let path = [target, &path[1..]].concat();
                found.extend(self.resolve(module, &path, depth + 1));
            }
        }
        let child = [&module.path[..], std::slice::from_ref(first)].concat();
        if self.modules.contains_key(&child) || module.defines.contains(first) {
            found.push(absolute(&module.path, path));
        }
        if found.is_empty() {
            for glob in &module.globs {
                for target in self.resolve(module, glob, depth + 1) {
                    let Some(other) = self.modules.get(target.get(1..).unwrap_or_default()).filter(|_| target[0] == "crate") else {
                        continue;
                    };
                    if other.has(self, first) {
                        found.push([&target, path].concat());
                    }
                }
            }
        }
        if found.is_empty() {
            let mut path = path.to_vec();
            if first == PACKAGE {
                "crate".clone_into(&mut path[0]);
            }
            found.push(path);
        }
        found
    }

    /// Walks an absolute path through modules, and on from every re-export it meets.
    fn follow(&self, path: &[String], found: &mut BTreeSet<Vec<String>>, depth: usize) {
        if depth > 12 || !found.insert(path.to_vec()) || path[0] != "crate" {
            return;
        }
        for end in 1..path.len() {
            let (Some(module), segment) = (self.modules.get(&path[1..end]), &path[end]) else { return };
            if self.modules.contains_key(&path[1..=end]) {
                continue;
            }
            for (_, target) in module.uses.iter().filter(|(name, _)| name == segment) {
                for next in self.resolve(module, target, depth + 1) {
                    self.follow(&[&next, &path[end + 1..]].concat(), found, depth + 1);
                }
            }
            if !module.defines.contains(segment) {
                for glob in &module.globs {
                    for target in self.resolve(module, glob, depth + 1) {
                        let other = self.modules.get(target.get(1..).unwrap_or_default());
                        if other.is_some_and(|other| target[0] == "crate" && other.has(self, segment)) {
                            self.follow(&[&target, &path[end..]].concat(), found, depth + 1);
                        }
                    }
                }
            }
            return;
        }
    }

    /// The first part of an in-crate path that is not a module: the item itself.
    pub fn item<'a>(&self, path: &'a [String]) -> Option<&'a str> {
        (1..path.len()).find(|end| !self.modules.contains_key(&path[1..=*end])).map(|end| path[end].as_str())
    }
}

impl Module {
    fn has(&self, tree: &Tree, name: &str) -> bool {
        let child = [&self.path[..], &[name.to_owned()]].concat();
        self.defines.contains(name) || self.uses.iter().any(|(used, _)| used == name) || tree.modules.contains_key(&child)
    }
}

/// Collects imports, also those inside functions.
struct Uses<'a> {
    module: &'a mut Vec<(String, Vec<String>)>,
    globs: &'a mut Vec<Vec<String>>,
}

impl<'ast> syn::visit::Visit<'ast> for Uses<'_> {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        for (name, path) in leaves(&item.tree) {
            if name == "*" { self.globs.push(path) } else { self.module.push((name, path)) }
        }
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        let name = item.ident.to_string();
        let target = if name == "self" { "crate".to_owned() } else { name.clone() };
        let known_as = item.rename.as_ref().map_or(name, |(_, rename)| rename.to_string());
        self.module.push((known_as, vec![target]));
    }

    fn visit_item_mod(&mut self, _: &'ast syn::ItemMod) {}
}

/// The names a `use` brings in and the paths they stand for; the name `*` for a glob.
pub fn leaves(tree: &UseTree) -> Vec<(String, Vec<String>)> {
    fn walk(tree: &UseTree, prefix: &[String], into: &mut Vec<(String, Vec<String>)>) {
        let with = |ident: &syn::Ident| [prefix, &[ident.to_string()]].concat();
        match tree {
            UseTree::Path(path) => walk(&path.tree, &with(&path.ident), into),
            UseTree::Group(group) => group.items.iter().for_each(|item| walk(item, prefix, into)),
            UseTree::Glob(_) => into.push(("*".to_owned(), prefix.to_vec())),
            UseTree::Name(name) if name.ident == "self" => {
                into.push((
                    prefix.last().cloned().unwrap_or_else(|| "self".to_owned()),
                    if prefix.is_empty() { with(&name.ident) } else { prefix.to_vec() },
                ));
            }
            UseTree::Name(name) => into.push((name.ident.to_string(), with(&name.ident))),
            UseTree::Rename(rename) if rename.ident == "self" && !prefix.is_empty() => {
                into.push((rename.rename.to_string(), prefix.to_vec()));
            }
            UseTree::Rename(rename) => into.push((rename.rename.to_string(), with(&rename.ident))),
        }
    }
    let mut found = Vec::new();
    walk(tree, &[], &mut found);
    found
}

/// `#[cfg(test)]`, also inside `all(…)`.
pub fn has_cfg_test(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| {
        let text = match &attr.meta {
            syn::Meta::List(list) if list.path.is_ident("cfg") => list.tokens.to_string(),
            _ => return attr.path().is_ident("test"),
        };
        text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "test") && !text.contains("not")
    })
}

fn defined(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

/// `config/mod.rs` → `config`; `main.rs` → `main`; `lib.rs` → the root.
fn module_path(file: &str) -> Vec<String> {
    let mut path: Vec<String> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if matches!(path.last().map(String::as_str), Some("mod" | "lib")) {
        path.pop();
    }
    path
}
