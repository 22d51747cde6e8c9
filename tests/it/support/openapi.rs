//! Requests and answers, held against an API's own description.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Value, json};
use stagefreight::rehearse::api::{Exchange, Recorder};

/// A description out of `tests/openapi`. Making a validator takes far longer than an exchange, and who is recorded waits for
/// it: each is made once, for all tests.
pub struct OpenApi {
    document: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// What was found wrong while a server ran.
#[derive(Clone, Default)]
pub struct Findings(Arc<Mutex<Vec<String>>>);

impl Findings {
    /// Those in a list that somebody else fills.
    pub fn of(list: Arc<Mutex<Vec<String>>>) -> Self {
        Self(list)
    }

    #[track_caller]
    pub fn assert_none(&self) {
        let found = self.0.lock().expect("findings");
        assert!(found.is_empty(), "traffic against the description:\n{}", found.join("\n"));
    }
}

impl OpenApi {
    pub fn read(name: &str) -> Arc<Self> {
        static READ: LazyLock<Mutex<HashMap<String, Arc<OpenApi>>>> = LazyLock::new(Mutex::default);
        let mut read = READ.lock().expect("descriptions");
        Arc::clone(read.entry(name.to_owned()).or_insert_with(|| Arc::new(Self::parse(name))))
    }

    fn parse(name: &str) -> Self {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi").join(name);
        let text = std::fs::read_to_string(path).expect("a description");
        let mut document = serde_json::from_str(&text).expect("JSON");
        to_json_schema(&mut document);
        Self { document, validators: Mutex::default() }
    }

    /// Holds every exchange below `prefix` against the description, and keeps what is wrong. `beside` are paths that belong
    /// to another protocol.
    pub fn recorder(self: Arc<Self>, prefix: &'static str, beside: &'static [&'static str]) -> (Recorder, Findings) {
        let findings = Findings::default();
        let kept = findings.clone();
        let recorder = move |exchange: &Exchange| {
            if beside.iter().any(|part| exchange.path.contains(part)) {
                return;
            }
            if let Err(why) = self.check(prefix, exchange) {
                let line = format!("{} {}?{} → {}: {why}", exchange.method, exchange.path, exchange.query, exchange.status);
                kept.0.lock().expect("findings").push(line);
            }
        };
        (Arc::new(recorder), findings)
    }

    /// One exchange.
    pub fn check(&self, prefix: &str, exchange: &Exchange) -> Result<(), String> {
        let path = exchange.path.strip_prefix(prefix).ok_or("the path is not below the prefix")?;
        let method = exchange.method.to_ascii_lowercase();
        let method = if method == "head" { "get" } else { &method };
        let paths = self.document["paths"].as_object().expect("paths");
        // Of two that fit, the one with fewer parameters is meant.
        let fitting = paths.iter().filter(|(template, operations)| fits(template, path) && operations.get(method).is_some());
        let (_, operations) = fitting.min_by_key(|(template, _)| template.matches('{').count()).ok_or("no such operation")?;
        let operation = &operations[method];
        self.check_query(operation, &exchange.query)?;
        if let Some(body) = &exchange.request_body {
            let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
            let schema = self.resolve(&operation["requestBody"])["content"]["application/json"]["schema"].clone();
            if schema.is_null() {
                return Err("the operation takes no JSON".to_owned());
            }
            self.satisfies(&schema, &body).map_err(|why| format!("request: {why}"))?;
        }
        let answer = self.resolve(&operation["responses"][exchange.status.to_string()]);
        if answer.is_null() {
            return Err(format!("status {} is not described", exchange.status));
        }
        let schema = answer["content"]["application/json"]["schema"].clone();
        match (&exchange.response_body, schema.is_null()) {
            (Some(body), false) => {
                let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
                self.satisfies(&schema, &body).map_err(|why| format!("answer: {why}"))
            }
            _ => Ok(()),
        }
    }

    fn check_query(&self, operation: &Value, query: &str) -> Result<(), String> {
        let described = operation["parameters"].as_array().cloned().unwrap_or_default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let parameter =
                described.iter().map(|parameter| self.resolve(parameter)).find(|known| known["in"] == "query" && known["name"] == *name);
            let parameter = parameter.ok_or_else(|| format!("parameter `{name}` is not described"))?;
            let typed = match parameter["schema"]["type"].as_str() {
                Some("integer") => value.parse::<i64>().map(Value::from).map_err(|_| format!("`{name}` is no number"))?,
                Some("boolean") => value.parse::<bool>().map(Value::from).map_err(|_| format!("`{name}` is no boolean"))?,
                _ => Value::from(value.into_owned()),
            };
            self.satisfies(&parameter["schema"], &typed).map_err(|why| format!("parameter `{name}`: {why}"))?;
        }
        Ok(())
    }

    fn resolve(&self, value: &Value) -> Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.document.pointer(reference.trim_start_matches('#')).cloned().unwrap_or(Value::Null),
            None => value.clone(),
        }
    }

    fn satisfies(&self, schema: &Value, document: &Value) -> Result<(), String> {
        let validator = self.validator(schema)?;
        let errors: Vec<String> =
            validator.iter_errors(document).map(|error| format!("{} at {}", error, error.instance_path())).take(5).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
    }
}

impl OpenApi {
    fn validator(&self, schema: &Value) -> Result<Arc<Validator>, String> {
        let mut known = self.validators.lock().expect("validators");
        let key = schema.to_string();
        if let Some(validator) = known.get(&key) {
            return Ok(Arc::clone(validator));
        }
        let whole = json!({ "allOf": [schema], "components": self.document["components"] });
        let validator = Arc::new(jsonschema::validator_for(&whole).map_err(|error| error.to_string())?);
        known.insert(key, Arc::clone(&validator));
        Ok(validator)
    }
}

/// Does a path fit a template? A parameter is one segment, however it is encoded.
fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len() && template.iter().zip(&path).all(|(wanted, found)| wanted.starts_with('{') || wanted == found)
}

/// OpenAPI 3.0 says `nullable`, JSON Schema a list of types.
fn to_json_schema(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.remove("nullable") == Some(Value::Bool(true))
                && let Some(one) = members.get("type").cloned()
            {
                members.insert("type".to_owned(), json!([one, "null"]));
            }
            members.values_mut().for_each(to_json_schema);
        }
        Value::Array(elements) => elements.iter_mut().for_each(to_json_schema),
        _ => {}
    }
}
