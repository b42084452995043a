//! The JSON Schema of job files, for editors and other programs. A test holds it to the reader.

use serde_json::{Value, json};

/// The schema of a job file.
pub fn schema() -> Value {
    let mut definitions = presets::file::definitions();
    if let (Value::Object(all), Value::Object(own)) = (&mut definitions, own_definitions()) {
        all.extend(own);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A tonemill job",
        "description": "What to render, and what to write: inputs through tones, or a session.",
        "type": "object",
        "required": ["tonemill", "output"],
        "oneOf": [{ "required": ["inputs", "tones"] }, { "required": ["session"] }],
        "properties": {
            "tonemill": { "description": "The format's version.", "const": crate::FORMAT_VERSION },
            "name": { "description": "Name for people and for {job}; the file's name where left out.", "$ref": "#/$defs/text" },
            "description": { "description": "For people.", "$ref": "#/$defs/text" },
            "seed": { "description": "What random draws start from.", "type": "integer", "minimum": 0, "maximum": u64::MAX },
            "audio": {
                "description": "Rate and block size of everything that is rendered.",
                "type": "object",
                "properties": {
                    "sample_rate": { "type": "integer", "minimum": 8000, "maximum": 384_000, "default": 48_000 },
                    "block_size": { "type": "integer", "minimum": 1, "maximum": 65_536, "default": 512 },
                },
                "additionalProperties": false,
            },
            "inputs": {
                "description": "Recordings: patterns with * ? ** [a-z] {wav,flac} and {captures}, or groups of them by name.",
                "anyOf": [
                    { "$ref": "#/$defs/files" },
                    { "type": "object", "minProperties": 1, "additionalProperties": { "anyOf": [
                        { "$ref": "#/$defs/files" },
                        {
                            "type": "object",
                            "required": ["files"],
                            "properties": { "files": { "$ref": "#/$defs/files" } },
                            "additionalProperties": false,
                        },
                    ] } },
                ],
            },
            "tones": {
                "description": "Preset files, presets in place, or devices.",
                "anyOf": [
                    { "$ref": "#/$defs/tone" },
                    { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/tone" } },
                ],
            },
            "session": { "$ref": "#/$defs/session" },
            "output": { "$ref": "#/$defs/output" },
        },
        "additionalProperties": false,
        "$defs": definitions,
    })
}

fn own_definitions() -> Value {
    json!({
        "text": { "type": ["string", "number"] },
        "level": {
            "description": "A level in dB: -6, or \"-6 dB\".",
            "anyOf": [
                { "type": "number", "minimum": -120, "maximum": 24 },
                { "type": "string", "pattern": "^\\s*[-+]?[0-9.]+\\s*([dD][bB])?\\s*$" },
            ],
        },
        "time": { "type": "string", "pattern": "^\\s*\\+?[0-9.]+\\s*(s|sec|seconds|ms|min)\\s*$" },
        "files": {
            "anyOf": [
                { "type": "string", "minLength": 1 },
                { "type": "array", "minItems": 1, "items": { "type": "string", "minLength": 1 } },
            ],
        },
        "tone": {
            "anyOf": [
                { "description": "Preset files.", "type": "string", "minLength": 1 },
                { "allOf": [{ "$ref": "#/$defs/preset" }, { "required": ["name"] }] },
                { "$ref": "#/$defs/device" },
            ],
        },
        "source": {
            "description": "A preset's path, a device, a preset in place, or a list of these.",
            "anyOf": [
                { "$ref": "#/$defs/part" },
                { "type": "array", "items": { "$ref": "#/$defs/part" } },
            ],
        },
        "part": {
            "anyOf": [
                { "type": "string", "minLength": 1 },
                { "$ref": "#/$defs/preset" },
                { "$ref": "#/$defs/device" },
            ],
        },
        "strip_gain": { "description": "Level behind the chain.", "$ref": "#/$defs/level" },
        "pan": { "description": "-100 is left, 100 is right.", "type": "number", "minimum": -100, "maximum": 100 },
        "sends": {
            "description": "Copies to busses, by level.",
            "type": "object",
            "additionalProperties": { "$ref": "#/$defs/level" },
        },
        "session": {
            "description": "Tracks, busses and a master.",
            "type": "object",
            "required": ["tracks"],
            "properties": {
                "tempo": {
                    "description": "from_midi, quarter notes a minute, or { midi: FILE }.",
                    "anyOf": [
                        { "const": "from_midi" },
                        { "type": "number", "minimum": 1, "maximum": 1000 },
                        {
                            "type": "object",
                            "required": ["midi"],
                            "properties": { "midi": { "type": "string" } },
                            "additionalProperties": false,
                        },
                    ],
                },
                "tracks": { "type": "object", "minProperties": 1, "additionalProperties": { "$ref": "#/$defs/track" } },
                "busses": { "type": "object", "additionalProperties": { "$ref": "#/$defs/bus" } },
                "master": {
                    "type": "object",
                    "properties": {
                        "chain": { "$ref": "#/$defs/source" },
                        "gain": { "$ref": "#/$defs/strip_gain" },
                    },
                    "additionalProperties": false,
                },
            },
            "additionalProperties": false,
        },
        "track": {
            "type": "object",
            "oneOf": [{ "required": ["audio"] }, { "required": ["midi", "instrument"] }],
            "properties": {
                "audio": { "description": "A recording.", "type": "string" },
                "midi": {
                    "description": "A MIDI file, or which of its events.",
                    "anyOf": [
                        { "type": "string" },
                        {
                            "type": "object",
                            "required": ["file"],
                            "properties": {
                                "file": { "type": "string" },
                                "track": {
                                    "description": "A track of the file by name, or by number from 0.",
                                    "anyOf": [{ "type": "string" }, { "type": "integer", "minimum": 0, "maximum": 65_535 }],
                                },
                                "channel": { "type": "integer", "minimum": 1, "maximum": 16 },
                            },
                            "additionalProperties": false,
                        },
                    ],
                },
                "instrument": { "$ref": "#/$defs/source" },
                "tone": { "$ref": "#/$defs/source" },
                "gain": { "$ref": "#/$defs/strip_gain" },
                "pan": { "$ref": "#/$defs/pan" },
                "mute": { "type": "boolean" },
                "solo": { "type": "boolean" },
                "bus": { "description": "Where it goes; the master where left out.", "type": "string" },
                "sends": { "$ref": "#/$defs/sends" },
            },
            "additionalProperties": false,
        },
        "bus": {
            "type": ["object", "null"],
            "properties": {
                "chain": { "$ref": "#/$defs/source" },
                "gain": { "$ref": "#/$defs/strip_gain" },
                "pan": { "$ref": "#/$defs/pan" },
                "bus": { "type": "string" },
                "sends": { "$ref": "#/$defs/sends" },
            },
            "additionalProperties": false,
        },
        "output": {
            "type": "object",
            "required": ["path"],
            "properties": {
                "path": {
                    "description": "A path with placeholders: {job}, {name}; of tones also {tone}, {input}, {group} and captures.",
                    "type": "string",
                    "minLength": 1,
                },
                "format": { "enum": ["wav", "flac"] },
                "bits": { "description": "Default 24.", "enum": [16, 24, "16", "24", "32f"] },
                "length": {
                    "anyOf": [
                        { "enum": ["match", "tail"] },
                        { "$ref": "#/$defs/time" },
                        {
                            "type": "object",
                            "required": ["tail"],
                            "properties": { "tail": { "$ref": "#/$defs/time" } },
                            "additionalProperties": false,
                        },
                    ],
                },
                "collision": { "enum": ["skip", "overwrite", "increment", "error"] },
                "deliver": {
                    "anyOf": [
                        { "$ref": "#/$defs/delivery" },
                        { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/delivery" }, "uniqueItems": true },
                    ],
                },
            },
            "additionalProperties": false,
        },
        "delivery": { "enum": ["mix", "premaster", "stems", "tracks"] },
    })
}
