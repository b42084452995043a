//! What draws add to the schema.

use serde_json::{Map, Value, json};

/// What a preset's `draws` hold.
pub(super) fn named() -> Value {
    json!({
        "description": "Draws by name, for several parameters and for conditions.",
        "type": "object",
        "additionalProperties": { "$ref": "#/$defs/draw" },
    })
}

/// A number of this type, or the draw of one.
pub(super) fn number(about: &str, kind: Value, drawn: bool) -> Value {
    match drawn {
        true => json!({ "description": about, "anyOf": [{ "type": kind }, { "$ref": "#/$defs/draw" }] }),
        false => json!({ "description": about, "type": kind }),
    }
}

/// The name of a file, or the draw of one.
pub(super) fn file(about: &str, drawn: bool) -> Value {
    match drawn {
        true => json!({ "description": about, "$ref": "#/$defs/file" }),
        false => json!({ "description": about, "type": "string" }),
    }
}

/// The fields by which draws decide whether an entry stands.
pub(super) fn logic() -> Map<String, Value> {
    object(json!({
        "name": { "description": "What conditions call the entry, and who it is to its draws wherever it stands.", "type": ["string", "number"] },
        "weight": { "description": "How often it comes, beside its alternatives; 1 where it is left out.", "type": "number", "minimum": 0 },
        "probability": { "description": "How often it stands.", "type": "number", "minimum": 0, "maximum": 1 },
        "when": { "description": "What must hold for it to stand.", "$ref": "#/$defs/condition" },
        "bypass": {
            "description": "When it is left out all the same.",
            "anyOf": [
                { "type": "boolean" },
                {
                    "type": "object",
                    "minProperties": 1,
                    "properties": {
                        "probability": { "type": "number", "minimum": 0, "maximum": 1 },
                        "when": { "$ref": "#/$defs/condition" },
                    },
                    "additionalProperties": false,
                },
            ],
        },
    }))
}

/// Adds the entries that draw to the forms of a link, and to those that hold chains the fields of [`logic`].
pub(super) fn extend_links(forms: &mut Value) {
    let Some(forms) = forms.as_array_mut() else { return };
    for form in forms.iter_mut() {
        if let Some(properties) = form.get_mut("properties").and_then(Value::as_object_mut) {
            properties.extend(logic());
        }
    }
    let list = json!({ "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/link" } });
    let whole = json!({ "type": "integer", "minimum": 0 });
    let mut group = |about: &str, word: &str, own: Value| {
        let mut properties = logic();
        properties.extend(object(own));
        let required: Vec<&str> = if word == "some_of" { vec![word, "count"] } else { vec![word] };
        forms.push(json!({
            "description": about,
            "type": "object",
            "required": required,
            "properties": properties,
            "additionalProperties": false,
        }));
    };
    group("One of several entries, by their weights.", "one_of", json!({ "one_of": list }));
    let count = json!({ "anyOf": [whole, { "type": "array", "minItems": 2, "maxItems": 2, "items": whole }] });
    let own = json!({ "some_of": list, "count": count, "shuffle": { "type": "boolean" } });
    group("Some of several entries, in the order written unless it is shuffled.", "some_of", own);
    group("Several entries in an order that is drawn.", "shuffle", json!({ "shuffle": list }));
    group("Several entries as one.", "chain", json!({ "chain": { "$ref": "#/$defs/chain" } }));
    let nothing = json!({ "bypass": { "type": ["null", "boolean"] } });
    group("Nothing, as an alternative.", "bypass", nothing);
    forms.push(json!({ "description": "Nothing, as an alternative.", "const": "bypass" }));
}

/// `value` and `file` with draws, `draw` and `condition`.
pub(super) fn definitions() -> Map<String, Value> {
    let scalar = json!({ "type": ["number", "string", "boolean"] });
    let quantity = json!({ "type": ["number", "string"] });
    let numbers = |count: usize| json!({ "type": "array", "minItems": count, "maxItems": count, "items": quantity });
    let form = |about: &str, word: &str, mut own: Value| {
        let force = "Drawn even where the parameter is known to be unsafe to draw.";
        own["force"] = json!({ "description": force, "type": "boolean" });
        json!({
            "description": about,
            "type": "object",
            "required": [word],
            "properties": own,
            "additionalProperties": false,
        })
    };
    let normal = json!({
        "type": "object",
        "required": ["mean", "sd", "low", "high"],
        "properties": { "mean": quantity, "sd": quantity, "low": quantity, "high": quantity },
        "additionalProperties": false,
    });
    let option = json!({ "anyOf": [scalar, { "type": "object", "minProperties": 1, "additionalProperties": scalar }] });
    let options = json!({ "type": "array", "minItems": 1, "items": option });
    let weight = json!({ "type": "number", "minimum": 0 });
    let choice =
        json!({ "anyOf": [options, { "type": "object", "minProperties": 1, "additionalProperties": weight }] });
    let weights = json!({ "type": "array", "items": weight });
    let draw = json!({ "$ref": "#/$defs/draw" });
    let to = json!({ "anyOf": [numbers(2), { "type": "object" }] });
    let pool = json!({
        "pool": { "description": "A pattern, relative to this file.", "type": "string" },
        "where": { "description": "What must be known of a file.", "$ref": "#/$defs/condition" },
        "count": { "description": "How many of the files are kept, by the seed.", "type": "integer", "minimum": 1 },
        "broken": { "description": "What becomes of a file that cannot be used.", "enum": ["refuse", "skip"], "default": "refuse" },
    });
    let forms = json!([
        form("The same each time.", "const", json!({ "const": scalar })),
        form("Anything between two ends.", "uniform", json!({ "uniform": numbers(2) })),
        form("Any ratio between two ends above 0.", "log_uniform", json!({ "log_uniform": numbers(2) })),
        form("A normal distribution, cut at both ends.", "normal", json!({ "normal": normal })),
        form("A whole number, both ends included.", "int", json!({ "int": numbers(2) })),
        form("Low, high and step; both ends included.", "steps", json!({ "steps": numbers(3) })),
        form("One of several values.", "choice", json!({ "choice": choice, "weights": weights })),
        form("Every value in turn, with the draw number.", "grid", json!({ "grid": { "anyOf": [options, draw] } })),
        form("A file that a pattern finds.", "pool", pool),
        form("What is drawn under this name.", "drawn", json!({ "drawn": { "type": "string" }, "to": to })),
        form(
            "From 0, the parameter's minimum, to 1, its maximum.",
            "normalised",
            json!({ "normalised": { "anyOf": [{ "type": "number", "minimum": 0, "maximum": 1 }, draw] } })
        ),
    ]);
    let several = json!({ "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/condition" } });
    let operands = json!({ "anyOf": [scalar, { "type": "array", "minItems": 1, "items": scalar }] });
    let tests = json!({
        "type": "object",
        "minProperties": 1,
        "properties": {
            "is": operands, "in": operands, "not": operands, "above": quantity, "below": quantity,
            "at_least": quantity, "at_most": quantity, "given": { "type": "boolean" },
        },
        "additionalProperties": false,
    });
    object(json!({
        "value": {
            "description": "A plain value in the parameter's own unit, a text that the device reads, what a setting holds that is a text, or the draw of one.",
            "anyOf": [scalar, draw],
        },
        "file": { "description": "A file, relative to this one, or the draw of one.", "anyOf": [quantity, draw] },
        "draw": { "description": "How something is drawn.", "anyOf": forms },
        "condition": {
            "description": "What must be known of the item or drawn before; all of it must hold.",
            "type": "object",
            "minProperties": 1,
            "properties": { "any": several, "all": several, "not": { "$ref": "#/$defs/condition" } },
            "additionalProperties": { "anyOf": [operands, tests] },
        },
    }))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => unreachable!("an object is written above, not {other}"),
    }
}
