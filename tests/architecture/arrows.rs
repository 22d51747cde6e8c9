//! Finds what each room names of others, and what pure rooms must not do.

use std::collections::BTreeSet;
use std::fmt;

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use crate::table;
use crate::tree::{Module, Tree, has_cfg_test, leaves};

/// One line that breaks a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    pub file: String,
    pub line: usize,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "src/{}:{}: {}", self.file, self.line, self.what)
    }
}

/// Checks every module against the table.
pub fn check(tree: &Tree) -> BTreeSet<Violation> {
    let mut found = BTreeSet::new();
    for module in tree.modules.values() {
        let mut visitor = Visitor { tree, module, test: module.test, found: &mut found };
        for item in &module.items {
            visitor.visit_item(item);
        }
    }
    found
}

struct Visitor<'a> {
    tree: &'a Tree,
    module: &'a Module,
    test: bool,
    found: &'a mut BTreeSet<Violation>,
}

impl Visitor<'_> {
    fn report(&mut self, line: usize, what: String) {
        self.found.insert(Violation { file: self.module.file.clone(), line, what });
    }

    fn pure(&self) -> bool {
        let path = self.module.path.join("::");
        !self.test && table::PURE.iter().any(|room| path == *room || path.starts_with(&format!("{room}::")))
    }

    /// A path was written here.
    fn named(&mut self, path: &[String], line: usize) {
        for meaning in self.tree.meanings(self.module, path) {
            if meaning[0] == "crate" { self.named_inside(&meaning, path, line) } else { self.named_outside(&meaning, path, line) }
        }
    }

    fn named_inside(&mut self, meaning: &[String], written: &[String], line: usize) {
        // The root may list its modules and nothing more happens there.
        let (Some(from), Some(to)) = (self.module.path.first(), meaning.get(1)) else { return };
        let to = to.as_str();
        // Names that are no room come from macros that make modules: `super` there is not ours.
        let is_room = self.tree.modules.contains_key(&meaning[1..2]);
        if !is_room || self.test && table::IN_TESTS.contains(&to) {
            return;
        }
        // Naming a room as such (`use crate::publish;`) says nothing yet; what is named of it is looked at where it is used.
        let item = self.tree.item(meaning);
        let bare_module = item.is_none()
            && table::TABLE
                .iter()
                .any(|(room, may)| room == from && may.iter().any(|may| matches!(may, table::May::Items(name, _) if *name == to)));
        if !bare_module && !table::allows(from, to, item) {
            let through =
                if written.join("::") == meaning.join("::") { String::new() } else { format!(" (written `{}`)", written.join("::")) };
            self.report(line, format!("`{from}` may not name `{}`{through}", meaning.join("::")));
        }
    }

    fn named_outside(&mut self, meaning: &[String], written: &[String], line: usize) {
        let name = meaning.join("::");
        let impure = table::IMPURE.iter().any(|prefix| name == *prefix || name.starts_with(&format!("{prefix}::")));
        if impure && self.pure() && !name.starts_with(table::CONSTANTS) {
            self.report(line, format!("a pure room names `{name}` (written `{}`)", written.join("::")));
        }
    }

    fn acts(&mut self, line: usize, what: &str) {
        if self.pure() {
            self.report(line, format!("a pure room has {what}"));
        }
    }

    /// Runs `inside` with the test flag set when the attributes say so.
    fn within(&mut self, attrs: &[syn::Attribute], inside: impl FnOnce(&mut Self)) {
        let before = self.test;
        self.test |= has_cfg_test(attrs);
        inside(self);
        self.test = before;
    }

    /// Paths in the tokens of a macro call or definition: `a::b::c`, `$crate::a`, and `.await`.
    fn tokens(&mut self, stream: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut line, mut colons) = (0, 0);
        let mut after_dot = false;
        for token in stream.into_iter().map(Some).chain([None]) {
            match token {
                Some(TokenTree::Ident(ident)) => {
                    if colons < 2 {
                        self.end_of_path(&mut path, line);
                    }
                    line = ident.span().start().line;
                    if after_dot && ident == "await" {
                        self.acts(line, "an await");
                    }
                    path.push(ident.to_string());
                    (colons, after_dot) = (0, false);
                }
                Some(TokenTree::Punct(punct)) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.end_of_path(&mut path, line);
                    (colons, after_dot) = (0, matches!(&other, Some(TokenTree::Punct(punct)) if punct.as_char() == '.'));
                    if let Some(TokenTree::Group(group)) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
    }

    fn end_of_path(&mut self, path: &mut Vec<String>, line: usize) {
        if path.len() > 1 {
            self.named(path, line);
        }
        path.clear();
    }
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        self.within(attributes(item), |visitor| visit::visit_item(visitor, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.within(&item.attrs, |visitor| visit::visit_impl_item_fn(visitor, item));
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        // Modules of the tree are visited on their own; what is left are modules inside functions.
        visit::visit_item_mod(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        for (name, mut path) in leaves(&item.tree) {
            if name == "*" {
                path.push(name);
            }
            self.named(&path, item.span().start().line);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.named(&segments, path.span().start().line);
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        visit::visit_macro(self, mac);
        self.tokens(mac.tokens.clone());
    }

    fn visit_attribute(&mut self, attr: &'ast syn::Attribute) {
        // `#[serde(with = "crate::x::y")]` names a path in a string.
        let syn::Meta::List(list) = &attr.meta else { return };
        for token in list.tokens.clone() {
            let TokenTree::Literal(literal) = token else { continue };
            let text = literal.to_string();
            let text = text.trim_matches('"');
            if ["crate::", "super::", "self::"].iter().any(|start| text.starts_with(start)) {
                let path: Vec<String> = text.split("::").map(str::to_owned).collect();
                self.named(&path, attr.span().start().line);
            }
        }
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if signature.asyncness.is_some() {
            self.acts(signature.span().start().line, "an async function");
        }
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, block: &'ast syn::ExprAsync) {
        self.acts(block.span().start().line, "an async block");
        visit::visit_expr_async(self, block);
    }

    fn visit_expr_await(&mut self, expr: &'ast syn::ExprAwait) {
        self.acts(expr.span().start().line, "an await");
        visit::visit_expr_await(self, expr);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.args.is_empty() && table::IMPURE_METHODS.iter().any(|name| call.method == name) {
            self.acts(call.span().start().line, &format!("a call of `.{}()`, which looks at the disk", call.method));
        }
        visit::visit_expr_method_call(self, call);
    }
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    use syn::Item;
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
