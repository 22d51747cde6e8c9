//! 10 000 random mutations of valid manifests: what changes a covered value is refused, what changes none is
//! accepted. Whether it did is decided here, by serde_json and plain structs written from spec/manifest.md §2, not by
//! the code under test.
#![expect(clippy::struct_field_names, reason = "the names are the contract's")]

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use stagefreight::manifest::{DocumentKind, OutputsManifest, ResultsManifest};

/// JSON with folded keys, which refuses a repeated key.
#[derive(Debug, Clone, PartialEq)]
struct Tree(Value);

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Tree;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree(Value::Null))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
                Ok(Tree(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
                Ok(Tree(value.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
                let mut items = Vec::new();
                while let Some(Tree(item)) = list.next_element()? {
                    items.push(item);
                }
                Ok(Tree(items.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut members = serde_json::Map::new();
                while let Some((key, Tree(value))) = map.next_entry::<String, Tree>()? {
                    let folded = key.to_ascii_lowercase().replace('\u{17f}', "s").replace('\u{212a}', "k");
                    if members.insert(folded, value).is_some() {
                        return Err(serde::de::Error::custom("repeated key"));
                    }
                }
                Ok(Tree(members.into()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// A member of an object; absent and null are the same for every field.
fn member<T: DeserializeOwned + Default>(members: &serde_json::Map<String, Value>, name: &str) -> Result<T, serde_json::Error> {
    match members.get(name.trim_start_matches("r#")) {
        None | Some(Value::Null) => Ok(T::default()),
        Some(value) => serde_json::from_value(value.clone()),
    }
}

/// Structs as the tables have them. (Derived ones would take a list for a struct.)
macro_rules! model {
    ($($name:ident { $($field:ident: $ty:ty,)* })*) => {$(
        #[derive(Debug, Clone, Default, PartialEq)]
        struct $name { $($field: $ty,)* }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let members = serde_json::Map::deserialize(deserializer)?;
                Ok(Self { $($field: member(&members, stringify!($field)).map_err(serde::de::Error::custom)?,)* })
            }
        }
    )*};
}
type List<T> = Option<Vec<Nullable<T>>>;

/// A null element of a list is an empty one.
#[derive(Debug, Clone, Default, PartialEq)]
struct Nullable<T>(T);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Nullable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::<T>::deserialize(deserializer)?.unwrap_or_default()))
    }
}

model! {
    Outputs { schema_version: String, generated_at: String, commit: String, pipeline: Option<Pipeline>, artifacts: List<Artifact>, checksum: String, }
    Pipeline { id: String, provider: String, }
    Artifact {
        id: String, kind: String, name: String, version: String, digest: String, persistence: Persistence,
        docker: Option<Docker>, binary: Option<Binary>, archive: Option<Archive>, targets: List<Target>,
    }
    Persistence { kind: String, oci_layout: Option<Layout>, }
    Layout { path: String, }
    Docker { dockerfile: String, context: String, platforms: List<String>, build_args_digest: String, }
    Binary { os: String, arch: String, path: String, toolchain: String, build_id: String, }
    Archive { format: String, path: String, set: String, }
    Target { kind: String, registry: Option<Registry>, forge_release_asset: Option<Upload>, requirements: Requirements, }
    Registry { host: String, path: String, tags: List<String>, nativescan: bool, }
    Upload { asset_name: String, }
    Requirements { sign: bool, attest: bool, sbom: bool, }
    Observed { schema_version: String, completed_at: String, intent_checksum: String, results: List<ArtifactResult>, checksum: String, }
    ArtifactResult { artifact_id: String, artifact_name: String, kind: String, outcomes: List<Outcome>, }
    Outcome {
        r#type: String, target: Option<OutcomeTarget>, push: Option<Push>, attestation: Option<Attestation>,
        binary: Option<BinaryOutcome>, archive: Option<ArchiveOutcome>, blob_signature: Option<BTreeMap<String, Value>>,
        provenance_attestation: Option<BTreeMap<String, Value>>,
    }
    OutcomeTarget { kind: String, host: String, path: String, tag: String, }
    Push { status: String, digest: String, observed_digest: String, observed_by: String, error: String, }
    Attestation {
        status: String, kind: String, signature_ref: String, attestation_ref: String, verified_digest: String,
        trust_class: String, tier: String, physical_presence: bool, non_exportable: bool, transparency: bool,
        signer_ref: String, signed_at: String, trust_domain: String, error: String,
    }
    BinaryOutcome { status: String, sha256: String, path: String, size: i64, build_id: String, error: String, }
    ArchiveOutcome { status: String, sha256: String, path: String, format: String, size: i64, sources: Vec<Nullable<String>>, error: String, }
}

#[derive(Debug, Clone, PartialEq)]
enum Decoded {
    Outputs(Outputs),
    Results(Observed),
}

/// What serde_json says the text means, or nothing when it is not a manifest at all.
fn meaning(kind: DocumentKind, text: &str) -> Option<Decoded> {
    let Tree(tree) = serde_json::from_str(text).ok()?;
    match kind {
        DocumentKind::Outputs => serde_json::from_value(tree).ok().map(Decoded::Outputs),
        DocumentKind::Results => serde_json::from_value(tree).ok().map(Decoded::Results),
    }
}

fn accepted(kind: DocumentKind, text: &str) -> bool {
    match kind {
        DocumentKind::Outputs => OutputsManifest::from_file(Ok(text.as_bytes().to_vec())).is_ok(),
        DocumentKind::Results => ResultsManifest::from_file(Ok(text.as_bytes().to_vec())).is_ok(),
    }
}

/// xorshift64*: the same mutations on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).expect("31 bits") % below
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.roll(from.len())]
    }
}

/// One random change of the text or of its tree. May change nothing.
fn mutate(text: &str, dice: &mut Dice) -> String {
    match dice.roll(12) {
        0..5 => mutate_text(text, dice),
        5 => serde_json::from_str::<Value>(text).expect("valid").to_string(),
        _ => {
            let mut tree: Value = serde_json::from_str(text).expect("valid");
            let places = count(&tree);
            let mut place = dice.roll(places);
            mutate_tree(&mut tree, &mut place, dice);
            serde_json::to_string_pretty(&tree).expect("JSON")
        }
    }
}

fn mutate_text(text: &str, dice: &mut Dice) -> String {
    let boundaries: Vec<_> = text.char_indices().map(|(at, _)| at).collect();
    let at = *dice.pick(&boundaries);
    let length = text[at..].chars().next().map_or(0, char::len_utf8);
    let mut changed = text.to_owned();
    match dice.roll(5) {
        // Upper and lower case swapped: changes a value, or the case of a key.
        0 => {
            let swapped: String = text[at..at + length]
                .chars()
                .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
                .collect();
            changed.replace_range(at..at + length, &swapped);
        }
        1 => changed.insert_str(at, dice.pick::<&str>(&[" ", "\n", "\t", "0", "a", "\"", ",", "é", "\u{2028}", "\\u0041", "{", "-"])),
        2 => changed.replace_range(at..at + length, ""),
        3 => {
            let other = *dice.pick(&boundaries);
            let end = at.max(other).min(at.min(other) + 40);
            let end = (at.min(other)..=end).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(at.min(other));
            changed.replace_range(at.min(other)..end, "");
        }
        _ => changed.replace_range(at..at + length, dice.pick::<&str>(&["b", "1", "Z", "}", "]", "/", "<", "\\\\"])),
    }
    changed
}

fn count(tree: &Value) -> usize {
    1 + match tree {
        Value::Object(members) => members.values().map(count).sum(),
        Value::Array(items) => items.iter().map(count).sum(),
        _ => 0,
    }
}

fn mutate_tree(tree: &mut Value, place: &mut usize, dice: &mut Dice) {
    if *place == 0 {
        *place = usize::MAX;
        *tree = replaced(tree, dice);
        return;
    }
    *place -= 1;
    let below: Vec<&mut Value> = match tree {
        Value::Object(members) => members.values_mut().collect(),
        Value::Array(items) => items.iter_mut().collect(),
        _ => return,
    };
    for value in below {
        mutate_tree(value, place, dice);
        if *place == usize::MAX {
            return;
        }
    }
}

fn replaced(old: &Value, dice: &mut Dice) -> Value {
    match (old, dice.roll(4)) {
        (Value::Object(members), 0) => {
            let mut members = members.clone();
            members.insert((*dice.pick(&["note", "x-origin", "comment"])).to_owned(), serde_json::json!([{"any": "thing"}, null]));
            members.into()
        }
        (Value::Object(members), 1) => {
            let mut members = members.clone();
            // Present with nothing in it: the same as absent for these, wherever they are known.
            let name = *dice.pick(&["commit", "version", "digest", "error", "pipeline", "sign", "tag", "set", "nativeScan", "targets"]);
            members.entry(name).or_insert(Value::Null);
            members.into()
        }
        (Value::Object(members), 2) => {
            let mut members = members.clone();
            if let Some(key) = members.keys().nth(dice.roll(members.len().max(1))).cloned() {
                members.remove(&key);
            }
            members.into()
        }
        (Value::Array(items), 0) => items.iter().rev().cloned().collect(),
        (Value::Array(items), 1) => items.iter().chain(items.first()).cloned().collect(),
        (Value::Array(items), 2) => items.iter().skip(1).cloned().collect(),
        (Value::String(text), 0..3) => format!("{text}{}", dice.pick(&["", "", "x", " ", "é", "\u{0}"])).into(),
        (Value::Number(number), 0..3) => (number.as_i64().unwrap_or_default() + i64::try_from(dice.roll(3)).expect("small") - 1).into(),
        (Value::Bool(value), 0..3) => (!value).into(),
        _ => dice
            .pick(&[
                Value::Null,
                Value::from(""),
                Value::from("1"),
                Value::from(1),
                false.into(),
                serde_json::json!([]),
                serde_json::json!({}),
            ])
            .clone(),
    }
}

/// Valid files that between them use every field.
fn files() -> Vec<(DocumentKind, String)> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let mut files = vec![
        (DocumentKind::Outputs, text(super::vector("finalize-outputs/fo03-one-docker.out.json"))),
        (DocumentKind::Outputs, text(super::vector("finalize-outputs/fo08-forge-target.out.json"))),
        (DocumentKind::Outputs, text(super::vector("finalize-outputs/fo11-control-escapes.out.json"))),
        (DocumentKind::Results, text(super::vector("finalize-results/fr04-every-field.out.json"))),
    ];
    for (name, kind) in [("hd01-new-output-fields", DocumentKind::Outputs), ("hd03-trust-evidence", DocumentKind::Results)] {
        let case: Value = serde_json::from_slice(&super::vector(&format!("head/{name}.json"))).expect("vector");
        files.push((kind, case["file"].as_str().expect("file").to_owned()));
    }
    files
}

#[test]
fn ten_thousand_mutations_are_judged_as_an_independent_decoder_judges_them() {
    let files = files();
    let meanings: Vec<_> = files.iter().map(|(kind, text)| meaning(*kind, text).expect("the original means something")).collect();
    let mut dice = Dice(0x5eed_2026);
    let (mut refused, mut kept) = (0, 0);
    for number in 0..10_000 {
        let index = dice.roll(files.len());
        let (kind, original) = &files[index];
        let mutated = mutate(original, &mut dice);
        let unchanged = meaning(*kind, &mutated).as_ref() == Some(&meanings[index]);
        assert_eq!(accepted(*kind, &mutated), unchanged, "mutation {number} of file {index}:\n{mutated}");
        if unchanged { kept += 1 } else { refused += 1 }
    }
    // Both answers must have been asked for often, or the test proves nothing.
    assert!(refused > 5_000 && kept > 1_000, "{refused} refused, {kept} accepted");
}

#[test]
fn the_command_judges_mutations_the_same_way() {
    let (kind, original) = &files()[0];
    let before = meaning(*kind, original);
    let sf = crate::support::Sf::new();
    let mut dice = Dice(0xc0_ffee);
    for number in 0..60 {
        let mutated = mutate(original, &mut dice);
        sf.write("outputs.json", &mutated);
        let code = if meaning(*kind, &mutated) == before { 0 } else { 7 };
        let run = sf.run(&["manifest", "verify", "outputs.json"]);
        assert_eq!(run.output.status.code(), Some(code), "mutation {number}:\n{mutated}\n{}", run.stderr());
    }
}
