//! The bytes of an index, as BuildKit writes them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Entry;
use crate::core::oci::media_type;

/// An OCI image index in BuildKit's form: two blanks of indentation, fields in the order of the specification's Go
/// types, no line feed at the end, and the escapes of Go's JSON writer. Equal arguments give equal bytes.
///
/// # Errors
/// None that these types can cause; the signature is that of the encoder.
pub fn index_bytes(entries: &[Entry], annotations: &BTreeMap<String, String>) -> Result<Vec<u8>, serde_json::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Index<'a> {
        schema_version: u8,
        media_type: &'static str,
        manifests: &'a [Entry],
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        annotations: &'a BTreeMap<String, String>,
    }
    let index = Index { schema_version: 2, media_type: media_type::OCI_INDEX, manifests: entries, annotations };
    Ok(go_escapes(&serde_json::to_string_pretty(&index)?).into_bytes())
}

// Go's encoder escapes what could end a script element or a line of JavaScript. Outside of strings JSON has none of
// these characters, so the whole text can be gone through.
fn go_escapes(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    // What buildx 0.37 with BuildKit 0.30 wrote for two platforms, `--provenance=mode=min`,
    // `--annotation 'index:foo=b<&r'`, `--annotation 'index:a=ü'`, `--annotation 'manifest-descriptor:foo=bar'` and
    // `--annotation 'manifest-descriptor[linux/386]:x=y'`.
    const BUILDKIT: &str = include_str!("../../../tests/vectors/merge/buildkit-index.json");

    #[test]
    fn an_index_of_buildkit_is_written_back_byte_for_byte() {
        #[derive(serde::Deserialize)]
        struct Index {
            manifests: Vec<Entry>,
            annotations: BTreeMap<String, String>,
        }
        let index: Index = serde_json::from_str(BUILDKIT).expect("an index");
        assert_eq!(index.annotations["foo"], "b<&r");
        let bytes = index_bytes(&index.manifests, &index.annotations).expect("bytes");
        assert_eq!(String::from_utf8(bytes).expect("text"), BUILDKIT);
    }

    #[test]
    fn fields_we_do_not_know_are_carried_and_keep_their_place() {
        let digest = crate::core::Digest::of(b"");
        let text = format!(
            r#"{{"future":{{"b":1,"a":[]}},"platform":{{"os":"windows","os.features":["win32k"],"os.version":"10.0","architecture":"amd64"}},"artifactType":"x/y","size":3,"digest":"{digest}","mediaType":"m/t"}}"#
        );
        let entry: Entry = serde_json::from_str(&text).expect("entry");
        let expected = format!(
            r#"{{"mediaType":"m/t","digest":"{digest}","size":3,"platform":{{"architecture":"amd64","os":"windows","os.version":"10.0","os.features":["win32k"]}},"artifactType":"x/y","future":{{"a":[],"b":1}}}}"#
        );
        assert_eq!(serde_json::to_string(&entry).expect("json"), expected);
    }
}
