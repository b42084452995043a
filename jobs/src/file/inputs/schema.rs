//! What the schema of jobs says of inputs.

use serde_json::{Value, json};

/// The definitions that a group of inputs is made of.
pub(in crate::file) fn definitions() -> Value {
    let mut picks: Vec<&str> = super::super::midi::PICKS.iter().map(|(word, _)| *word).collect();
    picks.extend(["sum", "each"]);
    json!({
        "input_group": {
            "description": "Recordings of one group, what is known of them, and what of them is played.",
            "type": "object",
            "oneOf": [{ "required": ["files"] }, { "required": ["list"] }],
            "properties": {
                "files": { "$ref": "#/$defs/files" },
                "list": {
                    "description": "A CSV whose first line names its columns, or JSON lines: a recording a line, by its column or field file. All else is known of it.",
                    "type": "string",
                    "pattern": "\\.([cC][sS][vV]|[jJ][sS][oO][nN][lL]|[nN][dD][jJ][sS][oO][nN])$",
                },
                "metadata": { "description": "JSON files beside the recordings, whose fields are known of them: data/meta/{id}.json.", "$ref": "#/$defs/files" },
                "annotations": { "description": "Files that belong to the recordings and follow them: data/midi/{id}.mid.", "$ref": "#/$defs/files" },
                "group_by": { "description": "What must be known of each recording, and says which of them never part.", "$ref": "#/$defs/text" },
                "channels": {
                    "description": "What of the channels is played: a word, a number from 1, each as a take of its own, or several of these.",
                    "anyOf": [
                        { "$ref": "#/$defs/input_channel" },
                        { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/input_channel" } },
                    ],
                },
                "segments": { "$ref": "#/$defs/input_segments" },
                "trim": {
                    "description": "Cuts silence at both ends of recordings: true, or the level below which there is silence.",
                    "anyOf": [
                        { "type": ["boolean", "number", "string"] },
                        {
                            "type": "object",
                            "properties": {
                                "below": { "type": ["number", "string"] },
                                "hold": { "description": "What falls silent for less is one sound.", "$ref": "#/$defs/time" },
                                "shortest": { "description": "What sounds for less is none.", "$ref": "#/$defs/time" },
                                "lead_in": { "description": "What stays in front of the first sound.", "$ref": "#/$defs/time" },
                            },
                            "additionalProperties": false,
                        },
                    ],
                },
                "level": {
                    "description": "What each take is brought to before all else.",
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": 1,
                    "properties": {
                        "gain": { "$ref": "#/$defs/level" },
                        "normalize": {
                            "anyOf": [
                                { "type": "string", "pattern": "^\\s*[-+]?[0-9.]+\\s*(LUFS|dBFS|dBTP)\\s*$" },
                                { "$ref": "#/$defs/normalize" },
                            ],
                        },
                        "calibrate": {
                            "description": "What full scale stands for in the recordings, and in the tones.",
                            "type": "object",
                            "required": ["from", "to"],
                            "properties": {
                                "from": { "type": ["number", "string"] },
                                "to": { "type": ["number", "string"] },
                            },
                            "additionalProperties": false,
                        },
                    },
                    "additionalProperties": false,
                },
                "noise": {
                    "description": "What is laid under each take, by the take's level over it, or by its own.",
                    "type": "object",
                    "required": ["kind"],
                    "oneOf": [{ "required": ["snr"] }, { "required": ["level"] }],
                    "properties": {
                        "kind": { "enum": ["white", "pink", "hum"] },
                        "hertz": { "description": "Of hum. Default 50.", "type": "integer", "minimum": 10, "maximum": 1000 },
                        "harmonics": { "description": "Of hum. Default 10.", "type": "integer", "minimum": 1, "maximum": 100 },
                        "snr": { "type": ["number", "string"] },
                        "level": { "type": ["number", "string"] },
                    },
                    "additionalProperties": false,
                },
            },
            "additionalProperties": false,
        },
        "input_channel": {
            "anyOf": [
                { "enum": picks },
                { "type": "integer", "minimum": 1, "maximum": audio::read::MAX_CHANNELS },
            ],
        },
        "input_segments": {
            "description": "Which parts are played.",
            "type": "object",
            "oneOf": [{ "required": ["length"] }, { "required": ["bars", "of"] }, { "required": ["beats", "of"] }],
            "dependentRequired": { "hop": ["length"] },
            "properties": {
                "length": { "$ref": "#/$defs/time" },
                "hop": { "description": "From the start of one to that of the next; their length where left out.", "$ref": "#/$defs/time" },
                "bars": { "type": "integer", "minimum": 1, "maximum": super::played::MOST_BEATS },
                "beats": { "type": "integer", "minimum": 1, "maximum": super::played::MOST_BEATS },
                "of": { "description": "The file that says where the beats of a recording are.", "type": "string", "minLength": 1 },
                "last": { "description": "What becomes of a last one that is shorter. Default keep.", "enum": ["keep", "drop", "pad"] },
            },
            "additionalProperties": false,
        },
    })
}
