//! The JSON Schema of preset files, for editors and other programs.
//!
//! It is built beside the reader rather than derived from it: the reader takes shorthand that no Rust type mirrors. A
//! test holds the two together.

mod draws;

use serde_json::{Map, Value, json};

use crate::PluginFormat;
use crate::builtin::{BUILTINS, Builtin, Main};
use crate::spec::{FORMATS, MODES, POLICIES};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of a preset file, in which things may be drawn.
pub fn schema() -> Value {
    preset(true)
}

/// That of a preset file, with draws or with constants alone, as the tracks of sessions take it.
pub(super) fn preset(drawn: bool) -> Value {
    json!({
        "$schema": DIALECT,
        "title": "A tonemill preset",
        "description": "An ordered chain of devices with their settings.",
        "type": "object",
        "required": ["tonemill", "chain"],
        "properties": preset_properties(true, drawn),
        "additionalProperties": false,
        "$defs": all(drawn),
    })
}

/// The definitions that job files use too: `device`, `link`, `branch`, `chain`, `preset`, `value`, `policy`.
pub fn definitions() -> Value {
    all(false)
}

/// Those of tones, in which things may be drawn: the same with `tone_` before each name, and `tone_draw`, `tone_file`,
/// `tone_condition`.
pub fn tone_definitions() -> Value {
    match all(true) {
        Value::Object(all) => all.into_iter().map(|(name, one)| (format!("tone_{name}"), renamed(one))).collect(),
        other => other,
    }
}

/// References to definitions, with `tone_` before each name.
fn renamed(value: Value) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix("#/$defs/") {
            Some(name) => Value::String(format!("#/$defs/tone_{name}")),
            None => Value::String(text),
        },
        Value::Array(items) => items.into_iter().map(renamed).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, field)| (name, renamed(field))).collect(),
        other => other,
    }
}

fn all(drawn: bool) -> Value {
    let policies: Vec<&str> = POLICIES.iter().map(|(word, _)| *word).collect();
    let mut all = json!({
        "value": {
            "description": "A plain value in the parameter's own unit, a text that the device reads, or what a setting holds that is a text.",
            "type": ["number", "string", "boolean"],
        },
        "file": { "description": "A file, relative to this one.", "type": ["string", "number"] },
        "params": {
            "description": "Parameters by name, or by id: \"#7\".",
            "type": "object",
            "additionalProperties": { "$ref": "#/$defs/value" },
        },
        "policy": {
            "description": "What happens where the device's channels differ from the signal's.",
            "enum": policies,
        },
        "chain": {
            "description": "What the signal goes through, first to last.",
            "type": "array",
            "items": { "$ref": "#/$defs/link" },
        },
        "link": link(drawn),
        "branch": branch(drawn),
        "preset": {
            "description": "A preset that stands within another file.",
            "type": "object",
            "required": ["chain"],
            "properties": preset_properties(false, drawn),
            "additionalProperties": false,
        },
        "device": device(drawn),
    });
    if let (true, Value::Object(all)) = (drawn, &mut all) {
        all.extend(draws::definitions());
    }
    all
}

fn preset_properties(versioned: bool, drawn: bool) -> Value {
    let mut properties = Map::new();
    if versioned {
        properties
            .insert("tonemill".into(), json!({ "description": "The format's version.", "const": super::VERSION }));
    }
    let mut text = |name: &str, about: &str| {
        properties.insert(name.into(), json!({ "description": about, "type": ["string", "number"] }));
    };
    text("name", "Name for people; the file's name where it is left out.");
    text("description", "For people.");
    text("author", "For people.");
    text("license", "For people.");
    if drawn {
        properties.insert("draws".into(), draws::named());
    }
    properties.insert("sandbox".into(), crate::sandbox::schema());
    properties.insert("chain".into(), json!({ "$ref": "#/$defs/chain" }));
    Value::Object(properties)
}

fn link(drawn: bool) -> Value {
    let level = |about: &str| draws::number(about, json!(["number", "string"]), drawn);
    let mut link = json!({
        "description": "A device, another preset's chain, chains beside each other, or a chain of which a share is heard.",
        "anyOf": [
            { "$ref": "#/$defs/device" },
            { "description": "The path of a preset, relative to this file.", "type": "string", "pattern": "/|\\.(yaml|yml|json)$" },
            {
                "description": "Chains that hear the same signal; what they give is summed, and lined up to the frame.",
                "type": "object",
                "required": ["parallel"],
                "properties": {
                    "parallel": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/branch" } },
                    "dry": level("Level of the signal itself beside them, in dB; not heard where it is left out."),
                },
                "additionalProperties": false,
            },
            {
                "description": "A share of a chain, and the rest of the signal as it is.",
                "type": "object",
                "required": ["wet", "chain"],
                "properties": {
                    "wet": level("The share in percent."),
                    "chain": { "$ref": "#/$defs/chain" },
                },
                "additionalProperties": false,
            },
        ],
    });
    if drawn {
        draws::extend_links(&mut link["anyOf"]);
    }
    link
}

fn branch(drawn: bool) -> Value {
    json!({
        "description": "A link, a list of links, or a chain with its level.",
        "anyOf": [
            { "$ref": "#/$defs/link" },
            { "$ref": "#/$defs/chain" },
            {
                "type": "object",
                "required": ["chain"],
                "properties": {
                    "chain": { "$ref": "#/$defs/chain" },
                    "gain": draws::number("Level in dB.", json!(["number", "string"]), drawn),
                    "factor": draws::number("Level as a factor.", json!("number"), drawn),
                    "invert": { "description": "Turns the signal upside down.", "type": "boolean" },
                },
                "additionalProperties": false,
            },
        ],
    })
}

fn device(drawn: bool) -> Value {
    let mut forms = vec![
        json!({
            "description": "A device in one line: builtin:NAME[@Param=value,...], clap:PLUGIN[#ID][@...], vst3: and lv2: likewise, nam:FILE[@...] and rnn:FILE[@...], or a built-in's name.",
            "type": "string",
            "anyOf": [
                { "pattern": format!("^({}):.", FORMATS.join("|")) },
                { "enum": BUILTINS.iter().map(|b| b.name).collect::<Vec<_>>() },
            ],
        }),
        named_builtin(drawn),
    ];
    forms.extend(PluginFormat::ALL.map(|format| plugin(format, drawn)));
    forms.extend(BUILTINS.iter().map(|found| shorthand(found, drawn)));
    json!({ "description": "One device with what is set on it.", "anyOf": forms })
}

/// The fields that every device may have.
fn common(drawn: bool) -> Map<String, Value> {
    let mut common = json!({
        "params": { "$ref": "#/$defs/params" },
        "state": draws::file("A state saved before, relative to this file.", drawn),
        "preset": draws::file("A file in the device's own preset format, relative to this file.", drawn),
        "channels": { "$ref": "#/$defs/policy" },
        "sidechain": {
            "description": "A track or bus of the session that keys it, or where that is taken and into which input it goes.",
            "anyOf": [
                { "type": "string", "minLength": 1 },
                {
                    "type": "object",
                    "required": ["from"],
                    "properties": {
                        "from": { "type": ["string", "number"] },
                        "gain": { "description": "Level in dB.", "type": ["string", "number"] },
                        "at": { "description": "In front of level and pan, or behind.", "enum": ["pre", "post"] },
                        "input": { "description": "The input beside the main one, from 1.", "type": "integer", "minimum": 1, "maximum": 255 },
                    },
                    "additionalProperties": false,
                },
            ],
        },
        "latency": {
            "description": "By how much it is late, in frames, where that is known better than it says; or what its probing has measured.",
            "anyOf": [{ "type": "integer", "minimum": 0 }, { "const": "measured" }],
        },
    });
    let common = std::mem::take(common.as_object_mut().expect("an object stands above"));
    if drawn { common.into_iter().chain(draws::logic()).collect() } else { common }
}

/// The fields that every built-in device may have. A processing mode makes no difference to it.
fn common_builtin(drawn: bool) -> Map<String, Value> {
    let mut properties = common(drawn);
    properties.insert("mode".into(), Value::Bool(false));
    properties
}

fn named_builtin(drawn: bool) -> Value {
    let mut properties = common_builtin(drawn);
    let names: Vec<&str> = BUILTINS.iter().map(|b| b.name).collect();
    properties.insert("builtin".into(), json!({ "description": "Which built-in device.", "enum": names }));
    json!({
        "description": "A built-in device; further fields are its parameters and files.",
        "type": "object",
        "required": ["builtin"],
        "properties": properties,
        "additionalProperties": { "$ref": "#/$defs/value" },
    })
}

fn plugin(format: PluginFormat, drawn: bool) -> Value {
    let mut properties = common(drawn);
    let about =
        "A path, the name of a file in the plugin folders, or the id (of an LV2 plugin, its URI) or name of a plugin.";
    properties.insert(format.word().into(), json!({ "description": about, "type": "string" }));
    let about = "Which plugin of the file, by id or name; may be left out where the file holds one.";
    properties.insert("id".into(), json!({ "description": about, "type": "string" }));
    let about = "Files that the plugin works with, by its own names for them, relative to this file.";
    let files = json!({ "$ref": "#/$defs/file" });
    properties.insert("files".into(), json!({ "description": about, "type": "object", "additionalProperties": files }));
    let modes: Vec<&str> = MODES.iter().map(|(word, _)| *word).collect();
    let about = "How the plugin is told to treat time; offline where it is left out.";
    properties.insert("mode".into(), json!({ "description": about, "enum": modes }));
    json!({
        "description": format!("A {} plugin.", format.name()),
        "type": "object",
        "required": [format.word()],
        "properties": properties,
        "additionalProperties": false,
    })
}

/// `{ gain: -6 dB }` and the like.
fn shorthand(found: &Builtin, drawn: bool) -> Value {
    let mut properties = common_builtin(drawn);
    let mut settings = json!({ "type": "object", "additionalProperties": { "$ref": "#/$defs/value" } });
    if drawn {
        settings["propertyNames"] = json!({ "not": { "enum": crate::draw::read::FORMS } });
    }
    let main = match found.main {
        Main::Parameter(_) => json!({ "anyOf": [{ "$ref": "#/$defs/value" }, { "type": "null" }, settings] }),
        Main::Asset(_) => json!({ "anyOf": [{ "$ref": "#/$defs/file" }, { "type": "null" }, settings] }),
        Main::Nothing => json!({ "anyOf": [{ "type": "null" }, settings] }),
    };
    properties.insert(found.name.into(), main);
    let others = BUILTINS.iter().map(|b| b.name).filter(|name| *name != found.name);
    let others = others.chain(["builtin"]).chain(PluginFormat::ALL.map(PluginFormat::word));
    let others: Vec<Value> = others.map(|name| json!({ "required": [name] })).collect();
    json!({
        "description": format!("The built-in {} with its main value; further fields are its parameters.", found.name),
        "type": "object",
        "required": [found.name],
        "properties": properties,
        "additionalProperties": { "$ref": "#/$defs/value" },
        "not": { "anyOf": others },
    })
}
