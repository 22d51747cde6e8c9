//! What every packaging file must keep to: valid YAML, documented inputs, and nothing pasted into a script.

use std::path::Path;

use serde_json::Value;

/// The files a user's CI reads.
const FILES: &[&str] = &["action.yml", "setup/action.yml", "templates/gitlab/stagefreight.yml", "templates/gitea/stagefreight.yml"];

/// Keys whose values a shell runs.
const SCRIPTS: &[&str] = &["run", "script", "before_script", "after_script"];

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The documents of a YAML file.
fn documents(text: &str) -> Vec<Value> {
    text.split("\n---\n").map(|document| serde_saphyr::from_str(document).unwrap_or_else(|error| panic!("{error}\n{document}"))).collect()
}

/// Every script of a document that has an expression of the CI host in it.
fn pasted(value: &Value) -> Vec<String> {
    fn texts(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::String(text) => into.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
            Value::Object(fields) => fields.values().for_each(|field| texts(field, into)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                let mut scripts = Vec::new();
                if SCRIPTS.contains(&key.as_str()) {
                    texts(field, &mut scripts);
                }
                found.extend(scripts.into_iter().filter(|text| text.contains("${{") || text.contains("$[[")));
                found.extend(pasted(field));
            }
        }
        Value::Array(items) => found.extend(items.iter().flat_map(pasted)),
        _ => {}
    }
    found
}

/// Names in `${{ inputs.NAME }}` and `$[[ inputs.NAME ]]`.
fn inputs_used(text: &str) -> Vec<String> {
    let uses = text.split("inputs.").skip(1);
    uses.map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).collect()).collect()
}

#[test]
fn no_expression_is_pasted_into_a_script() {
    for file in FILES {
        for document in documents(&read(file)) {
            assert_eq!(pasted(&document), Vec::<String>::new(), "{file}");
        }
    }
}

#[test]
fn a_pasted_expression_would_be_found() {
    for text in [
        "runs: {steps: [{run: 'echo ${{ inputs.x }}'}]}",
        "job: {script: ['a', 'echo $[[ inputs.x ]]']}",
        "job: {before_script: 'echo ${{ github.ref }}'}",
        "jobs: {a: {steps: [{shell: bash, run: \"one\\n${{ github.event.head_commit.message }}\\n\"}]}}",
    ] {
        assert_eq!(documents(text).iter().flat_map(pasted).count(), 1, "{text}");
    }
    assert_eq!(pasted(&documents("steps: [{run: 'echo \"$X\"', env: {X: '${{ inputs.x }}'}}]")[0]), Vec::<String>::new());
}

#[test]
fn every_input_and_output_is_documented_and_used() {
    for file in FILES {
        let text = read(file);
        let documents = documents(&text);
        let head = &documents[0];
        let inputs = [&head["inputs"], &head["spec"]["inputs"], &head["on"]["workflow_dispatch"]["inputs"]];
        let inputs: Vec<_> = inputs.iter().filter_map(|value| value.as_object()).flatten().collect();
        let outputs: Vec<_> = head["outputs"].as_object().into_iter().flatten().collect();
        assert!(!inputs.is_empty(), "{file} has no inputs");
        for (name, about) in inputs.iter().chain(&outputs) {
            let description = about["description"].as_str().unwrap_or_default();
            assert!(description.len() > 10, "{file}: `{name}` is not described");
        }
        let used = inputs_used(&text);
        for (name, about) in &inputs {
            assert!(used.contains(name), "{file}: input `{name}` is not used");
            assert!(
                about.get("default").is_some() || about["required"] == true,
                "{file}: input `{name}` has no default and is not required"
            );
        }
        for name in used {
            assert!(inputs.iter().any(|(declared, _)| **declared == name), "{file}: input `{name}` is used and not declared");
        }
    }
}

#[test]
fn the_image_has_the_binary_as_its_entrypoint_and_no_shell_in_between() {
    let dockerfile = read("Dockerfile");
    let last = dockerfile.rsplit("\nFROM ").next().expect("stages");
    assert!(last.contains("\nENTRYPOINT [\"/usr/local/bin/stagefreight\"]"), "{last}");
    assert!(!last.contains("RUN ") && !last.contains("CMD "), "{last}");
}
