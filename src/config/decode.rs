//! From the tree of values to typed, as-written values. Everything that is wrong is collected; reading goes on.

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::node::{Key, Node, Value};
use super::problem::Problem;
use super::span::{Span, Spanned};
use super::suggest;

/// What a value is read with: problems found so far and where reading is.
#[derive(Debug, Default)]
pub struct Cx {
    /// Problems so far.
    pub problems: Vec<Problem>,
    /// Warnings so far.
    pub warnings: Vec<Problem>,
    path: Vec<String>,
    key: Option<Span>,
}

impl Cx {
    /// Records a problem.
    pub fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Records a warning.
    pub fn warn(&mut self, warning: Problem) {
        self.warnings.push(warning);
    }

    /// `builds.app`, or `the config` at the top.
    pub fn path(&self) -> String {
        if self.path.is_empty() { "the config".to_owned() } else { format!("`{}`", self.path.join(".")) }
    }

    /// Records that a value has the wrong shape.
    pub fn wrong_shape(&mut self, node: &Node, expected: &str) {
        let message = format!("{} must be {expected}, this is {}", self.path(), node.value.describe());
        self.report(Problem::at(node.span, message));
    }

    /// Reads a value one step deeper.
    pub fn enter<T>(&mut self, key: &Key, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(key.text.clone());
        let outer = self.key.replace(key.span);
        let value = read(self);
        self.key = outer;
        self.path.pop();
        value
    }

    /// The entries of a map, or a recorded problem.
    pub fn map<'n>(&mut self, node: &'n Node) -> Option<&'n [(Key, Node)]> {
        match &node.value {
            Value::Map(entries) => Some(entries),
            // `registries:` with nothing below is an empty section.
            Value::Null => Some(&[]),
            _ => {
                self.wrong_shape(node, "a map");
                None
            }
        }
    }

    /// Reports keys that are not among `known`.
    pub fn known_keys(&mut self, entries: &[(Key, Node)], known: &[&str]) {
        for (key, _) in entries {
            if !known.contains(&key.text.as_str()) {
                let message = format!("unknown key `{}` in {}", key.text, self.path());
                let problem = Problem::at(key.span, message).label(suggest::label(&key.text, known.iter().copied()));
                self.report(problem.hint(format!("keys known here: {}", suggest::list(known.iter().copied()))));
            }
        }
    }

    /// Reads one key of a map.
    pub fn field<T: Decode>(&mut self, node: &Node, entries: &[(Key, Node)], name: &str) -> Option<T> {
        match entries.iter().find(|(key, _)| key.text == name) {
            Some((key, value)) => self.enter(key, |cx| T::decode(value, cx)),
            None => T::absent().or_else(|| {
                let message = format!("{} has no `{name}`", self.path());
                self.report(Problem::at(self.key.unwrap_or(node.span), message).label(format!("`{name}` is missing here")));
                None
            }),
        }
    }
}

/// A type that can be read from a value. `None` means that a problem was recorded.
pub trait Decode: Sized {
    /// Reads it.
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self>;

    /// Its value when the key is not there; `None` for what must be there.
    fn absent() -> Option<Self> {
        None
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self> {
        if matches!(node.value, Value::Null) { Some(None) } else { T::decode(node, cx).map(Some) }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Decode> Decode for Box<T> {
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self> {
        T::decode(node, cx).map(Self::new)
    }
}

impl<T: Decode> Decode for Spanned<T> {
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self> {
        T::decode(node, cx).map(|value| Self { value, span: node.span })
    }
}

impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl Decode for String {
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self> {
        match &node.value {
            Value::Text(text) | Value::Number(text) => Some(text.clone()),
            Value::Bool(value) => {
                let message = format!("{} must be text, this is a truth value", cx.path());
                cx.report(Problem::at(node.span, message).hint(format!("write \"{value}\" in quotes if the word is meant")));
                None
            }
            Value::Null | Value::List(_) | Value::Map(_) => {
                cx.wrong_shape(node, "text");
                None
            }
        }
    }
}

impl Decode for bool {
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self> {
        match &node.value {
            Value::Bool(value) => Some(*value),
            Value::Text(text) => {
                let message = format!("{} must be true or false, this is text", cx.path());
                let hint = match text.to_ascii_lowercase().as_str() {
                    "yes" | "on" | "true" => "write true, without quotes",
                    "no" | "off" | "false" => "write false, without quotes",
                    _ => "write true or false",
                };
                cx.report(Problem::at(node.span, message).hint(hint));
                None
            }
            _ => {
                cx.wrong_shape(node, "true or false");
                None
            }
        }
    }
}

impl Decode for i64 {
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self> {
        if let Value::Number(text) = &node.value
            && let Ok(value) = text.parse()
        {
            return Some(value);
        }
        cx.wrong_shape(node, "a whole number");
        None
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self> {
        let Value::List(items) = &node.value else {
            let message = format!("{} must be a list, this is {}", cx.path(), node.value.describe());
            let problem = Problem::at(node.span, message);
            cx.report(match node.value.scalar() {
                Some(text) => problem.hint(format!("write it in brackets: [{text}]")),
                None => problem,
            });
            return None;
        };
        let read: Vec<Option<T>> = items.iter().map(|item| T::decode(item, cx)).collect();
        read.into_iter().collect()
    }
}

/// Text of a map of plain values (`vars`, build arguments, labels): `true` and `1.10` are taken as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar(pub String);

impl Decode for Scalar {
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self> {
        if let Some(text) = node.value.scalar() {
            return Some(Self(text.to_owned()));
        }
        cx.wrong_shape(node, "text");
        None
    }
}

impl JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

/// A map from ids to entries, in document order. Ids whose entry is wrong stay known, so that one mistake does not
/// make a second one out of every reference.
#[derive(Debug, Clone)]
pub struct IdMap<T> {
    /// Entries by id; `None` for an entry that could not be read.
    pub entries: IndexMap<String, Entry<T>>,
}

/// An entry of an [`IdMap`].
#[derive(Debug, Clone)]
pub struct Entry<T> {
    /// Where its id stands.
    pub key: Span,
    /// The entry.
    pub value: Option<T>,
}

impl<T> IdMap<T> {
    /// Ids in document order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }
}

impl<T> Default for IdMap<T> {
    fn default() -> Self {
        Self { entries: IndexMap::new() }
    }
}

impl<T: Decode> Decode for IdMap<T> {
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self> {
        if let Value::List(items) = &node.value {
            cx.report(list_form(items, node.span, &cx.path()));
            return None;
        }
        let entries = cx.map(node)?;
        let mut read = IndexMap::with_capacity(entries.len());
        for (key, value) in entries {
            check_id(key, cx);
            let value = cx.enter(key, |cx| T::decode(value, cx));
            read.insert(key.text.clone(), Entry { key: key.span, value });
        }
        Some(Self { entries: read })
    }
}

impl<T: JsonSchema> JsonSchema for IdMap<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("IdMap_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "propertyNames": { "pattern": "^[a-zA-Z][a-zA-Z0-9_.-]*$" },
            "additionalProperties": generator.subschema_for::<T>(),
        })
    }
}

/// The list form of older versions, with the way to write it now.
fn list_form(items: &[Node], span: Span, path: &str) -> Problem {
    let ids: Vec<&str> = items
        .iter()
        .filter_map(|item| match &item.value {
            Value::Map(entries) => entries.iter().find(|(key, _)| key.text == "id").and_then(|(_, id)| id.value.scalar()),
            _ => None,
        })
        .take(3)
        .collect();
    let section = path.trim_matches('`');
    let example = if ids.is_empty() {
        "<id>: { … }".to_owned()
    } else {
        ids.iter().map(|id| format!("{id}: {{ … }}")).collect::<Vec<_>>().join(", ")
    };
    Problem::at(span, format!("{path} is a list; it is a map from ids to entries"))
        .hint(format!("move each `id` in front of its entry: `{section}: {{ {example} }}`"))
}

/// Ids are identifiers (spec/build.md T.0).
fn check_id(key: &Key, cx: &mut Cx) {
    let mut chars = key.text.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphabetic());
    if !first || !chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')) {
        let message = format!("`{}` is not an id", key.text);
        cx.report(Problem::at(key.span, message).hint("an id is a letter followed by letters, digits, `_`, `.` and `-`"));
    }
}

/// A map of plain names (variables, arguments, labels), in document order; names are not ids.
#[derive(Debug, Clone)]
pub struct NameMap<T> {
    /// Values by name, with the place of the name.
    pub entries: Vec<(Key, T)>,
}

impl<T: Decode> Decode for NameMap<T> {
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self> {
        let entries = cx.map(node)?;
        let read: Vec<Option<(Key, T)>> =
            entries.iter().map(|(key, value)| cx.enter(key, |cx| T::decode(value, cx)).map(|value| (key.clone(), value))).collect();
        read.into_iter().collect::<Option<_>>().map(|entries| Self { entries })
    }
}

impl<T: JsonSchema> JsonSchema for NameMap<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("NameMap_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<T>() })
    }
}

/// One value, or a list of them.
#[derive(Debug, Clone)]
pub struct OneOrMany<T> {
    /// The values.
    pub items: Vec<T>,
    /// Where they stand.
    pub span: Span,
    /// Written as a list.
    pub is_list: bool,
}

impl<T: Decode> Decode for OneOrMany<T> {
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self> {
        let is_list = matches!(node.value, Value::List(_));
        let items = if is_list { Vec::decode(node, cx)? } else { vec![T::decode(node, cx)?] };
        Some(Self { items, span: node.span, is_list })
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("OneOrMany_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one.clone(), { "type": "array", "items": one }] })
    }
}

/// A key whose shape is known and whose capability does not exist yet: reading it checks its shape and records
/// `not supported yet`. When the capability arrives, `Later<T>` becomes `T` and the compiler shows what is missing.
#[derive(Debug, Clone)]
pub struct Later<T>(pub T);

impl<T: Decode> Decode for Later<T> {
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self> {
        let span = cx.key.unwrap_or(node.span);
        cx.report(not_supported(span, &cx.path()));
        T::decode(node, cx).map(Self)
    }
}

impl<T: JsonSchema> JsonSchema for Later<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Later_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "$comment": "not supported yet", "allOf": [generator.subschema_for::<T>()] })
    }
}

/// `… is not supported yet`.
pub fn not_supported(span: Span, what: &str) -> Problem {
    Problem::at(span, format!("{what} is not supported yet"))
        .hint("leave it out for now; nothing in a config is silently ignored (docs/config.md lists what works)")
}
