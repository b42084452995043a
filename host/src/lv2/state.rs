//! A plugin's state: what it is, and how it is written.
//!
//! Written, it is JSON with a version: the plugin's URI and name, the values of its controls by symbol, what the plugin
//! itself keeps (each value under a URI, with its type), and the content of files that the plugin wrote for it. Files
//! that lay somewhere before are referred to by their absolute paths.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::base64;
use super::urid::{KNOWN, map, unmap};

/// The version of the format.
const VERSION: u32 = 1;

/// Everything that makes another instance sound like this one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// The version; also what tells the format from others.
    tonemill_lv2_state: u32,
    /// The plugin's URI.
    pub(super) plugin: String,
    /// Its name, for messages.
    #[serde(default)]
    pub(super) name: String,
    /// Values of control inputs by symbol.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) controls: BTreeMap<String, f32>,
    /// What the plugin keeps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) properties: Vec<Kept>,
    /// Files that the plugin wrote.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", with = "base64::files")]
    pub(super) files: BTreeMap<String, Vec<u8>>,
}

/// One thing that a plugin keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The URI of what it is.
    pub(super) key: String,
    /// The URI of its type.
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) flags: u32,
    pub(super) value: Value,
}

/// A value as it is written: whatever has a plain form has that, and numbers of URIs, which are others in every process,
/// are written as the URIs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Value {
    Whole(i64),
    Number(f64),
    Text(String),
    Uri { uri: String },
    Vector { child: String, size: u32, base64: base64::Bytes },
    Bytes { base64: base64::Bytes },
}

impl State {
    /// An empty one of a plugin.
    pub(super) fn of(plugin: &str, name: &str) -> State {
        State { tonemill_lv2_state: VERSION, plugin: plugin.into(), name: name.into(), ..State::default() }
    }

    /// Whether bytes may be a state in this form.
    pub(super) fn is_like(bytes: &[u8]) -> bool {
        bytes.trim_ascii_start().starts_with(b"{")
    }

    pub(super) fn read(bytes: &[u8]) -> Result<State, String> {
        let state: State =
            serde_json::from_slice(bytes).map_err(|e| format!("it is no LV2 state of this program: {e}"))?;
        match state.tonemill_lv2_state {
            VERSION => Ok(state),
            other => Err(format!("it has version {other} of the format, and this program reads version {VERSION}")),
        }
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("a state's maps have texts for keys");
        json.push(b'\n');
        json
    }
}

impl Value {
    /// The form of a value of a type, as a plugin hands it over.
    pub(super) fn new(kind: u32, bytes: &[u8]) -> Value {
        let known = &*KNOWN;
        let text = || std::str::from_utf8(bytes.strip_suffix(b"\0")?).ok().filter(|text| !text.contains('\0'));
        let plain = match kind {
            kind if [known.int, known.bool].contains(&kind) => {
                bytes.try_into().ok().map(|four| Value::Whole(i32::from_ne_bytes(four).into()))
            }
            kind if kind == known.long => bytes.try_into().ok().map(|eight| Value::Whole(i64::from_ne_bytes(eight))),
            kind if kind == known.float => {
                let number = bytes.try_into().ok().map(f32::from_ne_bytes).filter(|number| number.is_finite());
                number.map(|number| Value::Number(number.into()))
            }
            kind if kind == known.double => {
                let number = bytes.try_into().ok().map(f64::from_ne_bytes).filter(|number| number.is_finite());
                number.map(Value::Number)
            }
            kind if [known.string, known.path, known.uri].contains(&kind) => {
                text().map(|text| Value::Text(text.into()))
            }
            kind if kind == known.urid => {
                let uri = bytes.try_into().ok().and_then(|four| unmap(u32::from_ne_bytes(four)));
                uri.map(|uri| Value::Uri { uri: uri.into() })
            }
            kind if kind == known.vector && bytes.len() >= 8 => {
                let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
                let child = unmap(word(4)).map(str::to_owned);
                child.map(|child| Value::Vector { child, size: word(0), base64: base64::Bytes(bytes[8..].to_vec()) })
            }
            _ => None,
        };
        plain.unwrap_or_else(|| Value::Bytes { base64: base64::Bytes(bytes.to_vec()) })
    }

    /// The bytes that a plugin reads.
    pub(super) fn bytes(&self, kind: u32) -> Vec<u8> {
        let known = &*KNOWN;
        // A whole number may stand where a fraction is meant: 1 for 1.0.
        let number = match self {
            Value::Whole(whole) => Some((*whole as f64, *whole)),
            Value::Number(number) => Some((*number, *number as i64)),
            _ => None,
        };
        match (self, number) {
            (_, Some((number, _))) if kind == known.float => (number as f32).to_ne_bytes().to_vec(),
            (_, Some((number, _))) if kind == known.double => number.to_ne_bytes().to_vec(),
            (_, Some((_, whole))) if kind == known.long => whole.to_ne_bytes().to_vec(),
            (_, Some((_, whole))) => {
                i32::try_from(whole).unwrap_or(if whole < 0 { i32::MIN } else { i32::MAX }).to_ne_bytes().to_vec()
            }
            (Value::Text(text), _) => [text.as_bytes(), b"\0"].concat(),
            (Value::Uri { uri }, _) => map(uri).to_ne_bytes().to_vec(),
            (Value::Vector { child, size, base64 }, _) => {
                [&size.to_ne_bytes(), &map(child).to_ne_bytes(), base64.0.as_slice()].concat()
            }
            (Value::Bytes { base64 }, _) => base64.0.clone(),
            (Value::Whole(_) | Value::Number(_), None) => unreachable!("both are numbers"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_value_survives_being_written() {
        let known = &*KNOWN;
        let uri = map("http://example.org/thing");
        let vector = [4u32, known.float].iter().flat_map(|word| word.to_ne_bytes()).chain([1, 2, 3, 4]).collect();
        let values: [(u32, Vec<u8>); 13] = [
            (known.int, (-7i32).to_ne_bytes().into()),
            (known.bool, 1i32.to_ne_bytes().into()),
            (known.long, i64::MIN.to_ne_bytes().into()),
            (known.float, 0.1f32.to_ne_bytes().into()),
            (known.float, 1f32.to_ne_bytes().into()),
            (known.float, f32::NAN.to_ne_bytes().into()),
            (known.double, 1e-300f64.to_ne_bytes().into()),
            (known.path, b"/a b/\xc3\xa9\0".into()),
            (known.string, b"\xff\0".into()),
            (known.string, b"no end".into()),
            (known.urid, uri.to_ne_bytes().into()),
            (known.vector, vector),
            (known.chunk, (0..=255).collect()),
        ];
        let mut state = State::of("http://example.org/plugin", "Plugin");
        for (kind, bytes) in &values {
            let kind = *kind;
            let value = Value::new(kind, bytes);
            state.properties.push(Kept { key: "k".into(), kind: unmap(kind).unwrap().into(), flags: 3, value });
        }
        state.controls.insert("gain".into(), 0.1);
        state.files.insert("a/b".into(), vec![0, 255, 7]);
        let back = State::read(&state.write()).unwrap();
        assert_eq!((&back.controls, &back.files), (&state.controls, &state.files));
        for ((kind, bytes), kept) in values.iter().zip(&back.properties) {
            assert_eq!(kept.value.bytes(*kind), *bytes, "{}", kept.kind);
        }
    }

    #[test]
    fn another_version_and_other_json_are_refused() {
        let mut state = State::of("a", "b");
        state.tonemill_lv2_state = 2;
        assert!(State::read(&state.write()).unwrap_err().contains("version 2"));
        assert!(State::read(b"{}").unwrap_err().contains("no LV2 state"));
        assert!(State::read(b"{\"tonemill_lv2_state\":1,\"plugin\":\"a\",\"files\":{\"x\":\"?\"}}").is_err());
    }
}
