//! What presets and states of LV2 plugins hold, for people and programs. The host reads them; nothing is applied from
//! this form.

use serde::{Deserialize, Serialize};

/// One preset (`pset:Preset`), or a state that was saved before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lv2Preset {
    /// Its name for people, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The URI of the plugin that it is for; absent where the file does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// Controls in order of their symbols.
    pub controls: Vec<Lv2Control>,
    /// What the plugin keeps beside them.
    pub properties: Vec<Lv2Property>,
    /// Files whose content is in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<Lv2File>,
}

/// The value of a control.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lv2Control {
    /// The port's symbol.
    pub symbol: String,
    /// Its plain value.
    pub value: f64,
}

/// Something that a plugin keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lv2Property {
    /// The URI of what it is.
    pub key: String,
    /// The end of its type's URI: `Path`, `Float`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its value as a text; of data without a plain form, its size.
    pub value: String,
}

/// A file that the plugin wrote for its state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lv2File {
    /// Its name within the state.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// Whether a file's content is a state of an LV2 plugin as this program writes them.
pub fn is_state(content: &[u8]) -> bool {
    let begins = content.trim_ascii_start().starts_with(b"{");
    begins && content.windows(MARK.len()).take(FURTHEST).any(|window| window == MARK)
}

/// The name of the field that holds the version, and comes first.
const MARK: &[u8] = b"\"tonemill_lv2_state\"";

/// How far into a file that field may begin.
const FURTHEST: usize = 64;
