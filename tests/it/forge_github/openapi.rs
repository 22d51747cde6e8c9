//! Every exchange with the embedded forge, held to `tests/openapi/github.json`: the operation exists, its parameters and
//! body are what it takes, and the answer is what it gives.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::{Value, json};
use stagefreight::http::header::HeaderMap;
use stagefreight::rehearse::api::{Exchange, Recorder};

/// Statuses that every operation may answer, though the description names them for few: no or bad credentials, a missing
/// permission or a limit, nothing there, a length that is none, validation.
const ALWAYS: [u16; 6] = [400, 401, 403, 404, 422, 429];

/// GitHub's description, in the form validators read.
pub struct Description {
    document: Value,
    validators: Mutex<HashMap<String, Arc<jsonschema::Validator>>>,
}

pub fn github() -> &'static Description {
    static READ: OnceLock<Description> = OnceLock::new();
    READ.get_or_init(|| Description::read(include_str!("../../openapi/github.json")))
}

/// What a test heard that is not as described.
#[derive(Clone, Default)]
pub struct Heard {
    wrong: Arc<Mutex<Vec<String>>>,
    count: Arc<Mutex<HashMap<String, usize>>>,
}

impl Heard {
    /// For the server's options.
    pub fn recorder(&self) -> Recorder {
        let heard = self.clone();
        Arc::new(move |exchange: &Exchange| match github().check(exchange) {
            Ok(operation) => *heard.count.lock().expect("count").entry(operation).or_default() += 1,
            Err(error) => {
                heard.wrong.lock().expect("list").push(format!("{} {}?{}: {error}", exchange.method, exchange.path, exchange.query));
            }
        })
    }

    /// Nothing was heard that is not described.
    #[track_caller]
    pub fn assert_valid(&self) {
        let wrong = self.wrong.lock().expect("list");
        assert!(wrong.is_empty(), "{} exchanges are not as described:\n{}", wrong.len(), wrong.join("\n"));
    }

    /// How many different operations were asked.
    pub fn operations(&self) -> usize {
        self.count.lock().expect("count").len()
    }
}

impl From<Heard> for crate::support::openapi::Findings {
    fn from(heard: Heard) -> Self {
        Self::of(heard.wrong)
    }
}

impl Description {
    fn read(text: &str) -> Self {
        let mut document: Value = serde_json::from_str(text).expect("JSON");
        // The prose of the API names the state of a file whose upload did not end; its schema forgot it.
        let states = &mut document["components"]["schemas"]["release-asset"]["properties"]["state"]["enum"];
        states.as_array_mut().expect("states").push(json!("starter"));
        nullable(&mut document);
        Self { document, validators: Mutex::default() }
    }

    /// The operation an exchange was, or what is wrong with it.
    fn check(&self, exchange: &Exchange) -> Result<String, String> {
        let path = exchange.path.strip_prefix("/api/v3").or_else(|| exchange.path.strip_prefix("/api/uploads"));
        let Some(path) = path else {
            return if exchange.path.starts_with("/storage/") { Ok("storage".to_owned()) } else { Err("no path of the API".to_owned()) };
        };
        let (template, item) = self.operation(path).ok_or("no such path")?;
        let method = exchange.method.to_ascii_lowercase();
        let operation = item.get(&method).ok_or_else(|| format!("{template} has no {method}"))?;
        self.check_query(operation, &exchange.query)?;
        let at = format!("/paths/{}/{method}", template.replace('~', "~0").replace('/', "~1"));
        if let Some(body) = &exchange.request_body {
            let schema = operation.pointer("/requestBody/content/application~1json/schema").ok_or("it takes no JSON")?;
            let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
            self.validate(&format!("{at}/requestBody/content/application~1json/schema"), &body)
                .map_err(|error| format!("request: {error}"))?;
            let known = schema["properties"].as_object().ok_or("no properties")?;
            if let Some(unknown) = body.as_object().and_then(|body| body.keys().find(|key| !known.contains_key(*key))) {
                return Err(format!("request: `{unknown}` is no property"));
            }
        }
        let status = exchange.status.to_string();
        let Some(response) = operation["responses"].get(&status) else {
            return if ALWAYS.contains(&exchange.status) {
                Ok(format!("{method} {template}"))
            } else {
                Err(format!("it never answers {status}"))
            };
        };
        let (response, at) = match response.get("$ref").and_then(Value::as_str) {
            Some(reference) => {
                let pointer = reference.trim_start_matches('#').to_owned();
                (self.document.pointer(&pointer).ok_or("a response that is not there")?, pointer)
            }
            None => (response, format!("{at}/responses/{status}")),
        };
        if response.pointer("/content/application~1json/schema").is_some() {
            let body = exchange.response_body.as_ref().ok_or_else(|| format!("{status} has no JSON"))?;
            let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
            self.validate(&format!("{at}/content/application~1json/schema"), &body).map_err(|error| format!("answer {status}: {error}"))?;
        }
        Ok(format!("{method} {template}"))
    }

    /// The path template with the most fixed segments that matches.
    fn operation(&self, path: &str) -> Option<(String, &Value)> {
        let asked: Vec<&str> = path.split('/').collect();
        let paths = self.document["paths"].as_object().expect("paths");
        let fixed = |template: &str| template.split('/').filter(|part| !part.starts_with('{')).count();
        let matches = |template: &str| {
            let parts: Vec<&str> = template.split('/').collect();
            parts.len() == asked.len() && parts.iter().zip(&asked).all(|(part, asked)| part.starts_with('{') || part == asked)
        };
        let best = paths.iter().filter(|(template, _)| matches(template)).max_by_key(|(template, _)| fixed(template))?;
        Some((best.0.clone(), best.1))
    }

    fn check_query(&self, operation: &Value, query: &str) -> Result<(), String> {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let resolve = |parameter: &Value| match parameter.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.document.pointer(reference.trim_start_matches('#')).cloned().unwrap_or_default(),
            None => parameter.clone(),
        };
        let known: Vec<Value> = parameters.iter().map(resolve).filter(|parameter| parameter["in"] == "query").collect();
        let given: Vec<String> =
            query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split('=').next().unwrap_or_default().to_owned()).collect();
        if let Some(unknown) = given.iter().find(|name| !known.iter().any(|parameter| parameter["name"] == name.as_str())) {
            return Err(format!("`{unknown}` is no parameter"));
        }
        let missing =
            known.iter().find(|parameter| parameter["required"] == true && !given.iter().any(|name| parameter["name"] == name.as_str()));
        missing.map_or(Ok(()), |parameter| Err(format!("parameter {} is missing", parameter["name"])))
    }

    fn validate(&self, pointer: &str, value: &Value) -> Result<(), String> {
        let validator = {
            let mut validators = self.validators.lock().expect("validators");
            Arc::clone(validators.entry(pointer.to_owned()).or_insert_with(|| {
                // References lead into `components` only.
                let mut schema = self.document.pointer(pointer).expect("a schema").clone();
                schema["components"] = self.document["components"].clone();
                Arc::new(jsonschema::validator_for(&schema).expect("a schema"))
            }))
        };
        let errors: Vec<String> = validator.iter_errors(value).take(3).map(|error| format!("{}: {error}", error.instance_path())).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
    }
}

// OpenAPI 3.0 says `nullable`, JSON Schema says a type or a choice.
fn nullable(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(nullable);
            if members.remove("nullable") != Some(json!(true)) {
                return;
            }
            if let Some(Value::String(kind)) = members.get("type").cloned() {
                members.insert("type".to_owned(), json!([kind, "null"]));
                if let Some(Value::Array(words)) = members.get_mut("enum") {
                    words.push(Value::Null);
                }
            } else {
                let inner = Value::Object(std::mem::take(members));
                members.insert("anyOf".to_owned(), json!([inner, { "type": "null" }]));
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(nullable),
        _ => {}
    }
}

#[test]
fn the_description_catches_what_is_wrong() {
    let exchange = |method: &str, path: &str, query: &str, body: Option<&str>, status: u16, answer: &str| Exchange {
        method: method.to_owned(),
        path: format!("/api/v3{path}"),
        query: query.to_owned(),
        request_headers: HeaderMap::default(),
        request_body: body.map(|body| body.to_owned().into()),
        status,
        response_headers: HeaderMap::default(),
        response_body: Some(answer.to_owned().into()),
    };
    let check = |exchange: Exchange| github().check(&exchange);
    assert!(check(exchange("POST", "/repos/a/b/releases", "", Some(r#"{"tag_name": "v1", "drft": true}"#), 404, "{}")).is_err());
    assert!(check(exchange("POST", "/repos/a/b/releases", "", Some("{}"), 404, "{}")).is_err());
    assert!(check(exchange("GET", "/repos/a/b/releases", "per_pge=1", None, 200, "[]")).is_err());
    assert!(check(exchange("GET", "/repos/a/b/releases", "per_page=1", None, 200, r#"[{"id": 1}]"#)).is_err());
    assert!(check(exchange("GET", "/repos/a/b/releases", "per_page=1", None, 200, "[]")).is_ok());
    assert!(check(exchange("GET", "/repos/a/b/relases", "", None, 200, "[]")).is_err());
}
