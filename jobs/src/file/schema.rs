//! The JSON Schema of job files, for editors and other programs. A test holds it to the reader.

use serde_json::{Value, json};

/// The schema of a job file.
pub fn schema() -> Value {
    let mut definitions = presets::file::definitions();
    let inputs = super::inputs::definitions();
    let tones = presets::file::tone_definitions();
    for own in [tones, common(), inputs, midi(), session(), quality(), output()] {
        if let (Value::Object(all), Value::Object(own)) = (&mut definitions, own) {
            all.extend(own);
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A tonemill job",
        "description": "What to render, and what to write: inputs through tones, or a session.",
        "type": "object",
        "required": ["tonemill", "output"],
        "oneOf": [{ "required": ["inputs", "tones"] }, { "required": ["session"] }],
        "dependentRequired": { "draws": ["inputs"] },
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
                        { "$ref": "#/$defs/input_group" },
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
            "draws": {
                "description": "How often each input goes through each tone that draws something, or grid: once for every combination of its grids.",
                "anyOf": [
                    { "type": "integer", "minimum": 1, "maximum": super::tones::MOST_DRAWS },
                    { "const": "grid" },
                ],
                "default": 1,
            },
            "songs": {
                "description": "Songs that the session is rendered for: patterns, a list in a file of its own, or maps of values. {name} in the session becomes a song's value.",
                "anyOf": [
                    { "$ref": "#/$defs/files" },
                    { "type": "array", "minItems": 1, "items": { "type": "object" } },
                    {
                        "type": "object",
                        "properties": {
                            "files": { "$ref": "#/$defs/files" },
                            "list": { "anyOf": [{ "type": "string" }, { "type": "array", "minItems": 1, "items": { "type": "object" } }] },
                            "values": { "description": "Values of all songs, or a file of them.", "type": ["object", "string"] },
                        },
                        "oneOf": [{ "required": ["files"] }, { "required": ["list"] }],
                        "additionalProperties": false,
                    },
                ],
            },
            "session": { "$ref": "#/$defs/session" },
            "quality": { "$ref": "#/$defs/quality" },
            "sandbox": presets::sandbox::schema(),
            "output": { "$ref": "#/$defs/output" },
        },
        "additionalProperties": false,
        "$defs": definitions,
    })
}

/// What several parts of a job are made of.
fn common() -> Value {
    json!({
        "text": { "type": ["string", "number"] },
        "level": {
            "description": "A level in dB: -6, or \"-6 dB\".",
            "anyOf": [
                { "type": "number", "minimum": -120, "maximum": 24 },
                { "type": "string", "pattern": "^\\s*[-+]?[0-9.]+\\s*([dD][bB])?\\s*$" },
                { "$ref": "#/$defs/filled" },
            ],
        },
        "level_below": { "description": "The level in dBFS below which there is silence.", "type": ["number", "string"] },
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
                { "allOf": [{ "$ref": "#/$defs/tone_preset" }, { "required": ["name"] }] },
                { "$ref": "#/$defs/tone_device" },
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
                { "$ref": "#/$defs/link" },
            ],
        },
        "midi_channels": {
            "description": "One or several, from 1.",
            "anyOf": [
                { "type": "integer", "minimum": 1, "maximum": 16 },
                { "type": "array", "items": { "type": "integer", "minimum": 1, "maximum": 16 } },
            ],
        },
        "position": {
            "description": "Beats (32b), bars and beats (9.1), seconds (12.5s, 1:02.5), frames (48000f) or ticks (960t).",
            "type": ["string", "number"],
        },
        "filled": { "description": "A value of the song that is rendered: {name}.", "type": "string", "pattern": "\\{[^{}]+\\}" },
        "invert": { "description": "The signal is turned upside down.", "type": "boolean" },
        "pan_law": { "description": "Level of each side in the middle: -3 dB (default), -4.5 dB, -6 dB, 0 dB or balance.", "type": ["number", "string"] },
        "lufs": { "description": "-14 LUFS", "type": ["number", "string"] },
        "ceiling": { "description": "True peak: -1 dBTP", "type": ["number", "string"] },
        "ceiling_by": { "description": "scale turns down the whole (default), limit what reaches beyond.", "enum": ["scale", "limit"] },
        "normalize": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "properties": {
                "peak": { "type": ["number", "string"] },
                "true_peak": { "type": ["number", "string"] },
                "rms": { "type": ["number", "string"] },
            },
            "additionalProperties": false,
        },
        "trim": { "description": "Cuts silence at both ends: true, or the level below which there is silence.", "type": ["boolean", "number", "string"] },
        "bext": {
            "description": "A Broadcast Wave chunk.",
            "anyOf": [
                { "type": "boolean" },
                {
                    "type": "object",
                    "properties": {
                        "description": { "$ref": "#/$defs/text" },
                        "originator": { "$ref": "#/$defs/text" },
                        "reference": { "$ref": "#/$defs/text" },
                        "date": { "type": "string", "pattern": "^([0-9]{4}-[0-9]{2}-[0-9]{2})?$" },
                        "time": { "type": "string", "pattern": "^([0-9]{2}:[0-9]{2}:[0-9]{2})?$" },
                        "time_reference": { "type": "integer", "minimum": 0 },
                        "coding_history": { "$ref": "#/$defs/text" },
                    },
                    "additionalProperties": false,
                },
            ],
        },
        "output_rate": { "type": "integer", "minimum": 8000, "maximum": 384_000 },
        "strip_gain": { "description": "Level behind the chain.", "anyOf": [{ "$ref": "#/$defs/level" }, { "$ref": "#/$defs/filled" }] },
        "pan": { "description": "-100 is left, 100 is right.", "anyOf": [{ "type": "number", "minimum": -100, "maximum": 100 }, { "$ref": "#/$defs/filled" }] },
        "sends": {
            "description": "Copies to busses, by level.",
            "type": "object",
            "additionalProperties": { "anyOf": [
                { "$ref": "#/$defs/level" },
                {
                    "type": "object",
                    "properties": { "gain": { "$ref": "#/$defs/level" }, "at": { "enum": ["pre", "post"] } },
                    "additionalProperties": false,
                },
            ] },
        },
    })
}

/// Which events of a MIDI file are played, and what is made of them.
fn midi() -> Value {
    json!({ "midi": {
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
                                "channel": { "$ref": "#/$defs/midi_channels" },
                                "programs": {
                                    "description": "Only notes that begin while one of these programs is chosen, from 1: [1-8, 12].",
                                    "type": ["string", "integer", "array"],
                                },
                                "keys": {
                                    "description": "Which key becomes which.",
                                    "type": "object",
                                    "additionalProperties": { "type": "integer", "minimum": 0, "maximum": 127 },
                                },
                                "unmapped": { "enum": ["keep", "drop"] },
                                "transpose": { "description": "Semitones.", "type": "integer", "minimum": -127, "maximum": 127 },
                                "transpose_drums": { "type": "boolean" },
                                "velocity": { "type": ["integer", "object"] },
                                "to_channel": { "type": "integer", "minimum": 1, "maximum": 16 },
                                "min_note_gap": { "$ref": "#/$defs/time" },
                                "overlaps": { "enum": ["keep", "cut"] },
                                "mpe": { "type": "boolean" },
                            },
                            "additionalProperties": false,
                        },
                    ],
                } })
}

/// Tracks, busses, and what moves in them.
fn session() -> Value {
    json!({
        "automation": {
            "description": "Curves by what they move: gain, pan, mute, sends.BUS, or a parameter, with its device in front where several have one: DEVICE/PARAMETER.",
            "type": "object",
            "additionalProperties": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/point" } },
        },
        "point": {
            "anyOf": [
                { "description": "[position, value] or [position, value, shape to the next].", "type": "array", "minItems": 2, "maxItems": 3 },
                {
                    "type": "object",
                    "required": ["at", "value"],
                    "properties": {
                        "at": { "$ref": "#/$defs/position" },
                        "value": { "type": ["number", "string", "boolean"] },
                        "shape": { "enum": ["hold", "linear", "exponential"] },
                    },
                    "additionalProperties": false,
                },
            ],
        },
        "controllers": {
            "description": "Parameters by the MIDI controller that moves them.",
            "type": "object",
            "propertyNames": { "pattern": "^[0-9]{1,3}$" },
            "additionalProperties": {
                "anyOf": [
                    { "type": "string" },
                    {
                        "type": "object",
                        "required": ["parameter"],
                        "properties": {
                            "parameter": { "type": "string" },
                            "range": { "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2 },
                            "shape": { "enum": ["linear", "exponential"] },
                        },
                        "additionalProperties": false,
                    },
                ],
            },
        },
        "session": {
            "description": "Tracks, busses and a master.",
            "type": "object",
            "required": ["tracks"],
            "properties": {
                "tempo": {
                    "description": "from_midi, ignore, quarter notes a minute, changes such as [[1.1, 120], [9.1, 132]], or { midi: FILE }.",
                    "anyOf": [
                        { "enum": ["from_midi", "ignore"] },
                        { "$ref": "#/$defs/filled" },
                        { "type": "number", "minimum": 1, "maximum": 1000 },
                        { "type": "array", "items": { "type": "array", "minItems": 2, "maxItems": 2 } },
                        {
                            "type": "object",
                            "required": ["midi"],
                            "properties": { "midi": { "type": "string" } },
                            "additionalProperties": false,
                        },
                    ],
                },
                "meter": {
                    "description": "6/8, or changes such as [[1.1, 4/4], [9.1, 3/4]].",
                    "anyOf": [
                        { "type": "string" },
                        { "type": "array", "items": { "type": "array", "minItems": 2, "maxItems": 2 } },
                    ],
                },
                "tracks": { "type": "object", "minProperties": 1, "additionalProperties": { "$ref": "#/$defs/track" } },
                "busses": { "type": "object", "additionalProperties": { "$ref": "#/$defs/bus" } },
                "master": {
                    "type": "object",
                    "properties": {
                        "chain": { "$ref": "#/$defs/source" },
                        "gain": { "$ref": "#/$defs/strip_gain" },
                        "invert": { "$ref": "#/$defs/invert" },
                        "pan": { "$ref": "#/$defs/pan" },
                        "pan_law": { "$ref": "#/$defs/pan_law" },
                        "automation": { "$ref": "#/$defs/automation" },
                        "loudness": { "$ref": "#/$defs/lufs" },
                        "normalize": { "$ref": "#/$defs/normalize" },
                        "ceiling": { "$ref": "#/$defs/ceiling" },
                        "ceiling_by": { "$ref": "#/$defs/ceiling_by" },
                    },
                    "additionalProperties": false,
                },
            },
            "additionalProperties": false,
        },
        "track": {
            "type": "object",
            "oneOf": [
                { "required": ["audio"] },
                { "required": ["midi", "instrument"] },
                { "required": ["media"] },
                { "required": ["from"] },
            ],
            "properties": {
                "audio": { "description": "A recording.", "type": "string" },
                "media": { "description": "A recording or a MIDI file, by its extension.", "type": "string" },
                "from": {
                    "description": "A further output of another track's instrument.",
                    "type": "object",
                    "required": ["track", "output"],
                    "properties": { "track": { "type": "string" }, "output": { "type": "integer", "minimum": 1, "maximum": 255 } },
                    "additionalProperties": false,
                },
                "channels": { "enum": ["all", "mono", "left", "right", "stereo", "swap", "mid", "side"] },
                "offset": { "description": "When it starts.", "$ref": "#/$defs/position" },
                "optional": { "description": "Left out where there is nothing to play.", "type": "boolean" },
                "automation": { "$ref": "#/$defs/automation" },
                "controllers": { "$ref": "#/$defs/controllers" },
                "invert": { "$ref": "#/$defs/invert" },
                "pan_law": { "$ref": "#/$defs/pan_law" },
                "midi": { "$ref": "#/$defs/midi" },
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
                "invert": { "$ref": "#/$defs/invert" },
                "pan_law": { "$ref": "#/$defs/pan_law" },
                "automation": { "$ref": "#/$defs/automation" },
                "bus": { "type": "string" },
                "sends": { "$ref": "#/$defs/sends" },
            },
            "additionalProperties": false,
        },
    })
}

/// What is written.
fn output() -> Value {
    let mut definitions = json!({
        "output": {
            "type": "object",
            "required": ["path"],
            "properties": {
                "path": {
                    "description": "A path with placeholders: {job}, {name}; of tones also {tone}, {input}, {group}, {draw}, {segment}, {channel}, captures, and what is known of all inputs.",
                    "type": "string",
                    "minLength": 1,
                },
                "length": {
                    "anyOf": [
                        { "enum": ["match", "tail"] },
                        { "$ref": "#/$defs/time" },
                        {
                            "type": "object",
                            "required": ["tail"],
                            "properties": { "tail": { "$ref": "#/$defs/time" }, "until": { "$ref": "#/$defs/level_below" } },
                            "additionalProperties": false,
                        },
                    ],
                },
                "collision": { "enum": ["skip", "overwrite", "increment", "error"] },
                "also": {
                    "description": "What is written beside the tones: the dry takes. Of these, {tone} is dry and {draw} is 000.",
                    "anyOf": [
                        { "$ref": "#/$defs/also" },
                        { "type": "array", "minItems": 1, "maxItems": 1, "items": { "$ref": "#/$defs/also" } },
                    ],
                },
                "package": { "$ref": "#/$defs/package" },
                "annotations": {
                    "description": "Where the annotations of takes are written: off, or a path, in which {ext} is the extension of each with its point. Beside each file where left out.",
                    "type": "string",
                    "minLength": 1,
                },
                "deliver": {
                    "anyOf": [
                        { "$ref": "#/$defs/delivery" },
                        { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/delivery" }, "uniqueItems": true },
                    ],
                },
            },
            "additionalProperties": false,
        },
        "also": {
            "anyOf": [
                { "const": "dry" },
                {
                    "type": "object",
                    "required": ["dry"],
                    "properties": { "dry": { "anyOf": [{ "type": "string", "minLength": 1 }, { "$ref": "#/$defs/dry" }] } },
                    "additionalProperties": false,
                },
            ],
        },
        "dry": {
            "type": "object",
            "properties": { "path": { "type": "string", "minLength": 1 } },
            "additionalProperties": false,
        },
        // Which layouts there are, and what they take, the command adds.
        "package": {
            "description": "The data set that is made once the job is done whole.",
            "type": "object",
            "required": ["as", "to"],
            "properties": { "to": { "description": "The folder that it is written to.", "type": "string", "minLength": 1 } },
        },
        "delivery": {
            "anyOf": [
                { "enum": ["mix", "premaster", "stems", "busses", "tracks", "dry"] },
                {
                    "description": "One of these with settings of its own, or a mix of some: { instrumental: { without: [vox] } }.",
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": { "$ref": "#/$defs/sound" },
                },
            ],
        },
        "sound": {
            "type": "object",
            "properties": {
                "without": { "$ref": "#/$defs/files" },
                "only": { "$ref": "#/$defs/files" },
                "premaster": { "description": "The sum before the master chain.", "type": "boolean" },
                "at": { "description": "Of stems: before the master, or behind its fader.", "enum": ["premaster", "master"] },
                "path": { "type": "string", "minLength": 1 },
            },
            "additionalProperties": false,
        },
    });
    for of in ["output", "sound", "dry"] {
        if let (Value::Object(all), Value::Object(shared)) = (&mut definitions[of]["properties"], encoding()) {
            all.extend(shared);
            if of != "dry" {
                all.insert("match".to_owned(), matched());
            }
        }
    }
    definitions
}

/// What a tone is made as loud as.
fn matched() -> Value {
    json!({
        "description": "As loud as the dry take, by loudness or another level.",
        "anyOf": [
            { "const": "dry" },
            {
                "type": "object",
                "required": ["dry"],
                "properties": { "dry": { "enum": ["loudness", "rms", "peak", "true_peak"] } },
                "additionalProperties": false,
            },
        ],
    })
}

/// What is looked at in what comes out.
fn quality() -> Value {
    let off = json!({ "enum": ["off", false] });
    let level =
        json!({ "anyOf": [{ "type": "number", "minimum": -140, "maximum": 0 }, { "$ref": "#/$defs/level" }, off] });
    let time = json!({ "anyOf": [{ "$ref": "#/$defs/time" }, off] });
    json!({
        "quality": {
            "description": "What is flagged in what comes out, and what becomes of it.",
            "anyOf": [
                { "enum": ["keep", "retry", "quarantine", "fail", "off", false] },
                {
                    "type": "object",
                    "properties": {
                        "policy": {
                            "description": "A flagged file stands as it is, is rendered again, lies apart, or is none.",
                            "enum": ["keep", "retry", "quarantine", "fail"],
                            "default": "keep",
                        },
                        "silent_below": { "description": "Flagged is what stays below this level. Default -90 dB.", "$ref": "#/$defs/flag_level" },
                        "clipped_run": {
                            "description": "Flagged are so many samples in a row at full scale.",
                            "anyOf": [{ "type": "integer", "minimum": 1, "maximum": 1_000_000 }, off],
                            "default": 16,
                        },
                        "dc": {
                            "description": "Flagged is a mean this far from 0.",
                            "anyOf": [{ "type": "number", "minimum": 0, "maximum": 1 }, off],
                            "default": 0.05,
                        },
                        "stuck": { "description": "Flagged is what repeats itself for so long. Default 0.5 s.", "$ref": "#/$defs/flag_time" },
                        "shorter_than": { "description": "Flagged is what is shorter. Default 10 ms.", "$ref": "#/$defs/flag_time" },
                        "like_dry": {
                            "description": "Flagged is what differs less from its dry take, at the best gain. Default -60 dB.",
                            "$ref": "#/$defs/flag_level",
                        },
                        "offset": { "description": "Measure how far each file lies off its dry take, at most so far.", "$ref": "#/$defs/flag_time" },
                        "sync": {
                            "description": "Measure that by a pulse in front of the take, which is cut off again. At most 10 ms unless offset says so.",
                            "type": "boolean",
                        },
                    },
                    "additionalProperties": false,
                },
            ],
        },
        "flag_level": level,
        "flag_time": time,
    })
}

/// How files are written: all, or those of one sound.
fn encoding() -> Value {
    json!({
        "format": { "enum": ["wav", "flac"] },
        "bits": { "description": "Default 24.", "enum": [16, 24, "16", "24", "32f"] },
        "sample_rate": { "$ref": "#/$defs/output_rate" },
        "loudness": { "$ref": "#/$defs/lufs" },
        "normalize": { "$ref": "#/$defs/normalize" },
        "ceiling": { "$ref": "#/$defs/ceiling" },
        "ceiling_by": { "$ref": "#/$defs/ceiling_by" },
        "fade_in": { "$ref": "#/$defs/time" },
        "fade_out": { "$ref": "#/$defs/time" },
        "trim": { "$ref": "#/$defs/trim" },
        "bext": { "$ref": "#/$defs/bext" },
    })
}
