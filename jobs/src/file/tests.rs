//! Job files, held against their reader and their schema.

mod inputs;

use super::*;

const OUTPUT: &str = "output: { path: \"out/{name}.wav\" }\n";

fn read_text(text: &str) -> Result<JobFile, String> {
    let collector = Collector::new();
    let document = Document::parse("jobs/night.yaml", text, &collector).ok_or("no document")?;
    let job = decode(&document, Path::new("jobs/night.yaml"), collector).map_err(|m| m.to_string())?;
    if job.mistakes.is_empty() { Ok(job) } else { Err(job.mistakes.to_string()) }
}

fn session(body: &str) -> Result<SessionForm, String> {
    let text = format!("tonemill: 1\nsession:\n{body}\n{OUTPUT}");
    read_text(&text).map(|job| match job.work {
        Some(Work::Session(session)) => session,
        other => panic!("a session is read as one: {other:?}"),
    })
}

fn output(fields: &str) -> Result<OutputRules, String> {
    let text = format!("tonemill: 1\ninputs: data/{{id}}.wav\ntones: [a.yaml]\noutput: {{ {fields} }}\n");
    read_text(&text).map(|job| job.output.unwrap())
}

#[test]
fn what_is_left_out_has_the_documented_default() {
    let job = read_text("tonemill: 1\ninputs: a.wav\ntones: b.yaml\noutput: { path: 'o/{tone}.flac' }\n").unwrap();
    assert_eq!((job.name.as_str(), job.seed), ("night", 0));
    assert_eq!(job.audio, AudioSettings { sample_rate: SampleRate(48_000), block_size: 512 });
    let output = job.output.unwrap();
    assert_eq!(output.file.format, FileFormat { container: Container::Flac, depth: Depth::Int24 });
    assert_eq!(output.length, Length::Match);
    assert_eq!(output.collision, Collision::Skip);
    assert_eq!(output.deliver, [Delivery { kind: DeliveryKind::Mix, file: output.file.clone() }]);
    assert_eq!(job.folder, Path::new("jobs"));
}

use crate::task::{Container, Depth, FileFormat, Length};

#[test]
fn output_fields_are_read_in_all_their_forms() {
    let path = "path: 'o/{id}-{tone}.wav'";
    let length = |l: &str| output(&format!("{path}, length: {l}")).unwrap().length;
    assert_eq!(length("tail"), Length::Tail { limit: 10.0, below_db: -90.0 });
    assert_eq!(length("{ tail: 250 ms }"), Length::Tail { limit: 0.25, below_db: -90.0 });
    assert_eq!(length("1.5 min"), Length::Seconds(90.0));
    let bits = |b: &str| output(&format!("{path}, bits: {b}")).unwrap().file.format.depth;
    assert_eq!((bits("16"), bits("32f")), (Depth::Int16, Depth::Float32));
    let rules = output("path: 'o/{id}-{tone}', format: flac").unwrap();
    assert_eq!(rules.file.path.value.written(), "o/{id}-{tone}.flac");
}

#[test]
fn what_is_written_for_all_sounds_can_be_switched_off_for_one() {
    let rules = output(
        "path: 'o/{name}.wav', trim: -50, bext: { date: 2026-11-23, time: '12:00:00' }, fade_in: 1 s, \
                        deliver: [mix, { mix: { trim: false, bext: false, fade_in: 0 s, path: 'o/{name}-2.wav' } }]",
    );
    let rules = rules.unwrap();
    let [all, one] = rules.deliver.as_slice() else { panic!("{rules:?}") };
    assert_eq!(all.file.finish.trim.map(|trim| trim.threshold_db), Some(-50.0));
    assert_eq!(
        all.file.bext.as_ref().map(|bext| (bext.date.as_str(), bext.time.as_str())),
        Some(("2026-11-23", "12:00:00"))
    );
    assert_eq!((one.file.finish.trim, one.file.bext.clone()), (None, None));
    assert_eq!(one.file.finish.fade_in.map(|fade| fade.seconds), Some(0.0));
}

#[test]
fn every_text_of_bext_that_does_not_fit_is_a_mistake_in_its_place() {
    let told = output("path: o.wav, bext: { description: \"a\\nb\", originator: \u{fc}, date: 23.11.2026, time: 12h }")
        .unwrap_err();
    for (part, place) in [
        ("the description of the Broadcast Wave file holds '\\n'", "4:45"),
        ("the originator of the Broadcast Wave file holds '\u{fc}'", "4:65"),
        ("the date of the Broadcast Wave file is \"23.11.2026\", not of the form yyyy-mm-dd", "4:74"),
        ("the time of the Broadcast Wave file is \"12h\", not of the form hh:mm:ss", "4:92"),
    ] {
        let line = format!("jobs/night.yaml:{place}: {part}");
        assert!(told.contains(&line), "{line}\n{told}");
    }
    assert!(output("path: o.flac, bext: { date: today }").is_err());
}

#[test]
fn a_field_of_another_kind_of_sound_is_a_mistake() {
    for (sound, field) in [
        ("mix: { at: master }", "at"),
        ("stems: { premaster: true }", "premaster"),
        ("x: { only: [a], at: master }", "at"),
    ] {
        let text = format!(
            "tonemill: 1\nsession: {{ tracks: {{ a: {{ audio: a.wav }} }} }}\noutput: {{ path: 'o/{{name}}.wav', deliver: [{{ {sound} }}] }}\n"
        );
        let told = read_text(&text).unwrap_err();
        assert!(told.contains(&format!("{field} says nothing about ")) && told.lines().count() == 1, "{told}");
    }
}

#[test]
fn lengths_and_names_that_are_none_are_mistakes() {
    for length in ["0 s", "0.01 ms"] {
        let told = output(&format!("path: o.wav, length: {length}")).unwrap_err();
        assert!(told.contains("leaves nothing to hear"), "{told}");
    }
    assert!(output("path: o.wav, length: 1 ms").is_ok());
    let told = session("  tracks: { '': { audio: a.wav } }").unwrap_err();
    assert!(told.starts_with("jobs/night.yaml:3:13: a track or bus has no name."), "{told}");
}

#[test]
fn a_wrong_level_is_told_once() {
    let told = output("path: o.wav, normalize: { peak: loud }").unwrap_err();
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn a_session_keeps_its_tracks_in_the_order_written() {
    let session = session(
        "  tempo: 132\n  tracks:\n    zed: { audio: z.wav, gain: -3 dB, pan: -20, sends: { plate: -12 dB } }\n    \
         alto: { midi: { file: s.mid, track: Bass, channel: 10 }, instrument: i.yaml, tone: reverb }\n  \
         busses:\n    plate: { chain: [reverb] }\n  master: { chain: [{ gain: 1 }], gain: -1 dB }",
    )
    .unwrap();
    let names: Vec<_> = session.tracks.iter().map(|t| t.name.value.as_str()).collect();
    assert_eq!(names, ["zed", "alto"]);
    assert_eq!(session.tracks[0].strip.sends[0].gain_db, -12.0);
    let Some(SourceForm::Midi(MidiForm { file, track, part, .. })) = &session.tracks[1].source else {
        panic!("alto has notes")
    };
    assert_eq!(file.value, Path::new("jobs/s.mid"));
    assert_eq!(track.as_ref().unwrap().value, TrackChoice::Name("Bass".into()));
    assert_eq!(part.channels, [9], "channels count from 0 inside");
    assert_eq!(session.tracks[1].chain.len(), 2, "effects follow the instrument");
    assert_eq!((session.master.chain.len(), session.master.fader.gain_db), (1, -1.0));
    assert_eq!(session.tempo, TempoForm::Fixed(132.0));
}

#[test]
fn a_solo_silences_the_others_and_a_mute_itself() {
    let muted = |tracks: &str| {
        let session = session(&format!("  tracks: {{ {tracks} }}")).unwrap();
        session.tracks.iter().map(|t| t.muted).collect::<Vec<_>>()
    };
    assert_eq!(muted("a: {audio: x}, b: {audio: x, mute: true}"), [false, true]);
    assert_eq!(muted("a: {audio: x}, b: {audio: x, solo: true}"), [true, false]);
    assert_eq!(muted("a: {audio: x, solo: true}, b: {audio: x, solo: true, mute: true}"), [false, true]);
}

#[test]
fn every_mistake_of_a_session_is_told_at_its_place() {
    for (body, message) in [
        ("  tracks: { a: { audio: x, gain: 900 } }", "3:34: gain = 900 is outside -120..24 dB. Did you mean 9.00 dB?"),
        (
            "  tracks: { a: { audio: x, gain: loud } }",
            "3:34: gain = \"loud\" is not a level in decibels. Write a level such as -6 dB.",
        ),
        (
            "  tracks: { a: { audio: x, gain: '-1,5 dB' } }",
            "3:34: gain = \"-1,5 dB\" is not a level in decibels. Did you mean -1.5 dB?",
        ),
        ("  tracks: { a: { audio: x, pan: 200 } }", "3:33: pan = 200 is outside -100..100. Did you mean 20.0?"),
        (
            "  tracks: { a: { audio: x, mute: yes } }",
            "3:34: mute = \"yes\" is neither true nor false. Did you mean true?",
        ),
        ("  tracks: { a: { audio: x, gian: 3 } }", "3:28: a track has no field \"gian\". Did you mean \"gain\"?"),
        (
            "  tracks: { a: { audio: x, bus: plat } }\n  busses: { plate: }",
            "3:33: there is no bus \"plat\". Did you mean \"plate\"?",
        ),
        (
            "  tracks: { a: { audio: x, sends: { hall: -6 } } }",
            "3:37: there is no bus \"hall\". The session has no busses: add busses: { hall: { chain: [] } }.",
        ),
        (
            "  tracks: { a: { pan: 3 } }",
            "3:13: track a has neither audio nor midi. Write audio: FILE, or midi: FILE and instrument.",
        ),
        (
            "  tracks: { a: { audio: x, midi: y, instrument: z } }",
            "3:28: track a has both audio and midi. Make two tracks of it.",
        ),
        ("  tracks: { a: { midi: y } }", "3:13: track a has notes but no instrument. Write instrument: PRESET."),
        (
            "  tracks: { a: { audio: y, instrument: z } }",
            "3:40: track a has an instrument but no notes. A recording goes through a tone: write tone instead.",
        ),
        ("  tracks: { a: { midi: { file: y, channel: 17 }, instrument: z } }", "3:44: channel = 17 is outside 1..16."),
        (
            "  tracks: { master: { audio: x } }",
            "3:13: no track or bus can be called master. Settings of the master stand beside tracks: master: {}.",
        ),
        (
            "  tracks: { a: { audio: x } }\n  busses: { a: }",
            "4:13: bus a has the name of the track in line 3. Rename one of them.",
        ),
        (
            "  tracks: { a: { audio: x, mute: true } }",
            "3:13: every track is muted, so nothing would be heard. Remove a mute.",
        ),
        ("  tracks: {}", "3:3: the session has no track. Write tracks: { NAME: { audio: FILE } }."),
        (
            "  tempo: fast\n  tracks: { a: { audio: x } }",
            "3:10: tempo = \"fast\" is not a tempo. Write from_midi, ignore, quarter notes a minute such as 120, changes such as [[1.1, 120], [9.1, 132]], or { midi: FILE }.",
        ),
        ("  tempo: 0\n  tracks: { a: { audio: x } }", "3:10: tempo = 0 is outside 1..1000."),
        ("  tracks: [a]", "3:11: tracks is a list. It takes a map from names: bass: { audio: bass.wav }."),
    ] {
        let told = session(body).unwrap_err();
        assert_eq!(told, format!("jobs/night.yaml:{message}"), "for {body}");
    }
}

#[test]
fn every_mistake_of_an_output_is_told_at_its_place() {
    let path = "path: 'o/{id}.wav'";
    for (fields, message) in [
        ("path: 'o/{tonne}.wav'", "4:17: nothing fills {tonne} in the path. Did you mean {tone}?"),
        ("path: 'o/{drawn}.wav'", "4:17: nothing fills {drawn} in the path. Did you mean {draw}?"),
        (
            "path: 'o/{id}'",
            "4:17: path = \"o/{id}\" does not say which format to write. End it in .wav or .flac, or write format: wav or flac.",
        ),
        (
            "path: 'o/{id}.mp3'",
            "4:17: path = \"o/{id}.mp3\" ends in .mp3, which is not written. End it in .wav or .flac, or write format: wav or flac.",
        ),
        (
            "path: 'o/{id}.wav', format: flac",
            "4:17: path = \"o/{id}.wav\" does not end as format says. Remove format, or change the path's extension.",
        ),
        (
            "path: 'o/{id.wav'",
            "4:17: path = \"o/{id.wav\" is not a path for files: a brace stands alone: write {name} for a placeholder, {{ or }} for a brace itself.",
        ),
        (
            "path: 'o/'",
            "4:17: path = \"o/\" is not a path for files: it ends in a folder. Write a file name behind it, such as {name}.wav.",
        ),
        (
            "path: 'o/{id}.flac', bits: 32f",
            "4:38: FLAC holds no 32-bit floating point. Write bits: 24, or a path in .wav.",
        ),
        (&format!("{path}, bits: 32"), "4:37: bits = 32 is not known. Did you mean 32f (floating point)?"),
        (&format!("{path}, length: 10"), "4:39: length = 10 has no unit. Write 10 s or 10 ms."),
        (&format!("{path}, length: mach"), "4:39: length = \"mach\" is not known. Did you mean match?"),
        (
            &format!("{path}, collision: overwrit"),
            "4:42: collision = \"overwrit\" is not known. Did you mean overwrite?",
        ),
        (
            &format!("{path}, deliver: [mix, stems]"),
            "4:46: deliver = \"stems\" is for sessions; a tone gives one sound. Write deliver: [mix], or remove it.",
        ),
        (&format!("{path}, also: [dri]"), "4:38: also = \"dri\" is not known. Did you mean dry?"),
        (&format!("{path}, also: []"), "4:37: also is empty. Write also: [dry], or remove it."),
        (&format!("{path}, also: [dry, wet]"), "4:43: also takes dry alone. Remove what stands behind it."),
        (
            &format!("{path}, also: [dry]"),
            "4:38: the dry take would be written to the path of a tone. Put {tone} into the path: of a dry take it becomes dry. Or write also: { dry: PATH }.",
        ),
        (
            &format!("{path}, also: {{ dry: {{ bits: 16 }} }}"),
            "4:44: the dry take would be written to the path of a tone. Put {tone} into the path: of a dry take it becomes dry. Or write also: { dry: PATH }.",
        ),
        (
            &format!("{path}, also: {{ dry: 'd/{{it}}.wav' }}"),
            "4:44: nothing fills {it} in the path. Did you mean {id}?",
        ),
        (
            &format!("{path}, also: {{ dry: {{ path: d.wav, match: dry }} }}"),
            "4:59: the dry take is what others are matched to. Write loudness or normalize, or remove it.",
        ),
        (&format!("{path}, match: wet"), "4:38: match = \"wet\" is not known. Write dry."),
        (&format!("{path}, match: {{ dry: rmss }}"), "4:45: dry = \"rmss\" is not known. Did you mean rms?"),
        (
            &format!("{path}, loudness: -20 LUFS, match: dry"),
            "4:51: match and a level of its own are two levels for one sound. Remove one of the two.",
        ),
        (
            &format!("{path}, package: {{ as: egdb }}"),
            "4:40: package needs to. Write to: FOLDER, where the data set is to lie.",
        ),
        ("bits: 16", "4:9: output needs path. Write path: \"out/{name}.wav\"."),
    ] {
        let told = output(fields).unwrap_err();
        assert_eq!(told, format!("jobs/night.yaml:{message}"), "for {fields}");
    }
}

#[test]
fn every_mistake_of_a_job_is_told_at_its_place() {
    for (text, message) in [
        (
            "tonemill: 1\noutput: { path: a.wav }\n",
            "1:1: a job needs something to render. Write inputs and tones, or a session.",
        ),
        (
            "tonemill: 1\ninputs: a.wav\noutput: { path: a.wav }\n",
            "1:1: a job needs tones. Name presets: tones: [\"presets/*.yaml\"].",
        ),
        (
            "tonemill: 1\nsession: { tracks: { a: { audio: x } } }\ninputs: y\noutput: { path: a.wav }\n",
            "3:1: inputs and session are two kinds of job. Write each into a file of its own.",
        ),
        (
            "tonemill: 1\nsession: { tracks: { a: { audio: x } } }\noutput: { path: a.wav, deliver: [mix, stems] }\n",
            "3:17: several sounds would be written to one path. Put {name} into it: it becomes mix, premaster, stem-NAME, track-NAME or the name of a mix of your own.",
        ),
        (
            "tonemill: 1\nseed: -1\ninputs: a\ntones: b\noutput: { path: a.wav }\n",
            "2:7: seed = -1 is outside 0..18446744073709551615.",
        ),
        (
            "tonemill: 1\naudio: { sample_rate: 48 }\ninputs: a\ntones: b\noutput: { path: a.wav }\n",
            "2:23: sample_rate = 48 is outside 8000..384000.",
        ),
        (
            "tonemill: 1\naudio: { block_size: 512.5 }\ninputs: a\ntones: b\noutput: { path: a.wav }\n",
            "2:22: block_size = 512.5 is not a whole number. Did you mean 513?",
        ),
        (
            "tonemill: 1\ninputs: 'data/{my id}.wav'\ntones: b\noutput: { path: a.wav }\n",
            "2:9: inputs = \"data/{my id}.wav\" is not a pattern: {my id} is not a capture: its name takes letters, digits and _.",
        ),
        (
            "tonemill: 1\ndraws: 0\ninputs: a\ntones: b\noutput: { path: a.wav }\n",
            "2:8: draws = 0 is outside 1..1000000.",
        ),
        (
            "tonemill: 1\ndraws: gird\ninputs: a\ntones: b\noutput: { path: a.wav }\n",
            "2:8: draws = \"gird\" is not known. Did you mean grid?",
        ),
        (
            "tonemill: 1\ndraws: 8\nsession: { tracks: { a: { audio: x.wav } } }\noutput: { path: a.wav }\n",
            "2:1: a session draws nothing. Remove it. Draws are for jobs with inputs and tones.",
        ),
        (
            "tonemill: 1\ninputs: a\ntones: [{ chain: [reverb] }]\noutput: { path: a.wav }\n",
            "3:9: a preset that stands in the job needs a name. Write name: NAME; {tone} in the output path takes it.",
        ),
        (
            "tonemill: 1\ninptus: a\ntones: b\noutput: { path: a.wav }\n",
            "1:1: a job needs inputs. Name recordings: inputs: \"data/*.wav\".\njobs/night.yaml:2:1: a job has no field \"inptus\". Did you mean \"inputs\"?",
        ),
        ("[]", "1:1: a job is a list here. It takes fields: name: value."),
    ] {
        let told = read_text(text).unwrap_err();
        assert_eq!(told, format!("jobs/night.yaml:{message}"), "for {text}");
    }
}

#[test]
fn the_schema_takes_what_the_reader_takes() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let both = |json: &str| (read_text(json).is_ok(), validator.is_valid(&serde_json::from_str(json).unwrap()));
    let tones = |rest: &str| format!(r#"{{"tonemill": 1, "inputs": "a/{{id}}.wav", "tones": ["t.yaml"], {rest}}}"#);
    let inputs = |group: &str| {
        format!(r#"{{"tonemill": 1, "inputs": {{"g": {{{group}}}}}, "tones": "t", "output": {{"path": "a.wav"}}}}"#)
    };
    let track = |track: &str| {
        format!(
            r#"{{"tonemill": 1, "session": {{"tracks": {{"t": {track}}}, "busses": {{"b": null}}}}, "output": {{"path": "a.wav"}}}}"#
        )
    };
    for good in [
        tones(r#""output": {"path": "o/{id}.wav", "bits": "32f", "length": {"tail": "5 s"}}"#),
        tones(r#""output": {"path": "o/{id}", "format": "flac", "length": "10 s", "collision": "error"}, "seed": 7"#),
        tones(r#""output": {"path": "o.wav"}, "audio": {"sample_rate": 44100, "block_size": 64}, "name": 5"#),
        tones(r#""output": {"path": "o/{id}-{draw}.wav"}, "draws": 8"#),
        tones(r#""output": {"path": "o/{id}-{draw}.wav"}, "draws": "grid""#),
        tones(r#""output": {"path": "o/{tone}/{id}.wav", "also": "dry", "match": "dry"}, "quality": "off""#),
        tones(r#""output": {"path": "o/{id}.wav", "also": {"dry": "d/{id}.flac"}, "match": {"dry": "rms"}}, "quality": "retry""#),
        tones(r#""output": {"path": "o/{tone}.wav", "also": [{"dry": {"bits": 16, "loudness": "-24 LUFS"}}]}, "quality": {}"#),
        tones(r#""output": {"path": "o.wav", "package": {"as": "egdb", "to": "s", "split": {"train": 1}}}, "quality": {"policy": "fail", "silent_below": "-60 dB", "clipped_run": 4, "dc": 0.1, "stuck": "1 s", "shorter_than": "off", "like_dry": -50, "offset": "10 ms", "sync": true}"#),
        r#"{"tonemill": 1, "session": {"tracks": {"t": {"audio": "x"}}}, "output": {"path": "a.wav"}, "quality": {"like_dry": false}}"#.to_owned(),
        inputs(r#""files": ["a/{id}.wav"], "metadata": "m/{id}.json", "annotations": ["a/{id}.mid"], "group_by": "id""#),
        inputs(r#""list": "a.csv", "channels": ["sum", 2, "each"], "segments": {"length": "10 s", "hop": "5 s"}"#),
        inputs(r#""list": "a.jsonl", "channels": "left", "segments": {"bars": 4, "of": "b.txt", "last": "pad"}"#),
        inputs(r#""files": "a", "trim": {"below": -60, "hold": "1 s"}, "level": {"normalize": "-20 LUFS"}"#),
        inputs(r#""files": "a", "trim": true, "level": {"normalize": {"rms": -20}}, "noise": {"kind": "pink", "snr": 40}"#),
        inputs(r#""files": "a", "level": {"calibrate": {"from": "12 dBu", "to": "18.5 dBu"}}"#),
        inputs(r#""files": "a", "annotations": "a.mid", "noise": {"kind": "hum", "hertz": 60, "level": "-70 dBFS"}"#),
        r#"{"tonemill": 1, "inputs": "a", "draws": 2, "tones": [{"gain": {"uniform": ["-6 dB", "3 dB"]}}, {"name": "x", "draws": {"d": {"int": [1, 3]}}, "chain": [{"one_of": ["a.yaml", {"nam": {"pool": "*.nam"}, "weight": 2}]}]}], "output": {"path": "o/{tone}{draw}.wav"}}"#.to_owned(),
        track(r#"{"audio": "x", "gain": "-6 dB", "pan": 0, "mute": false, "bus": "b", "sends": {"b": -3}}"#),
        track(r#"{"midi": {"file": "x", "track": 2, "channel": 16}, "instrument": ["p.yaml", {"gain": 3}]}"#),
        track(r#"{"audio": "x", "tone": {"chain": ["reverb"]}}"#),
        track(r#"{"audio": "x", "tone": {"vst3": "y", "id": "z", "mode": "realtime"}}"#),
        track(r#"{"audio": "x", "tone": "vst3:y#z"}"#),
        track(r#"{"audio": "x", "tone": {"nam": "y"}}"#),
        track(r#"{"audio": "x", "tone": "nam:y"}"#),
        track(r#"{"audio": "x", "tone": ["a", {"parallel": ["b.yaml", ["eq", "reverb"]], "dry": "-6 dB"}]}"#),
        track(r#"{"audio": "x", "tone": {"wet": "50 %", "chain": ["reverb"]}}"#),
    ] {
        assert_eq!(both(&good), (true, true), "for {good}");
    }
    for bad in [
        inputs(r#""files": "a", "list": "a.csv""#),
        inputs(r#""metadata": "a""#),
        inputs(r#""list": "a.xls""#),
        inputs(r#""files": "a", "channels": "eech""#),
        inputs(r#""files": "a", "channels": [0]"#),
        inputs(r#""files": "a", "segments": {"length": 10}"#),
        inputs(r#""files": "a", "segments": {"length": "10 s", "bars": 4, "of": "x"}"#),
        inputs(r#""files": "a", "segments": {"bars": 4}"#),
        inputs(r#""files": "a", "segments": {"bars": 4, "hop": "1 s", "of": "x"}"#),
        inputs(r#""files": "a", "trim": {"above": 3}"#),
        inputs(r#""files": "a", "level": {"normalize": -20}"#),
        inputs(r#""files": "a", "level": {"gain": 1, "normalize": "-20 LUFS"}"#),
        inputs(r#""files": "a", "noise": {"kind": "pink"}"#),
        inputs(r#""files": "a", "noise": {"kind": "grey", "snr": 3}"#),
        tones(r#""output": {}"#),
        tones(r#""output": {"path": "a.wav", "bits": 32}"#),
        tones(r#""output": {"path": "a.wav", "length": 10}"#),
        tones(r#""output": {"path": "a.wav", "deliver": ["everything"]}"#),
        tones(r#""output": {"path": "a.wav"}, "sed": 7"#),
        tones(r#""output": {"path": "a.wav"}, "audio": {"block_size": 0}"#),
        tones(r#""output": {"path": "a.wav"}, "draws": 0"#),
        tones(r#""output": {"path": "a.wav"}, "draws": "all""#),
        tones(r#""output": {"path": "o/{tone}.wav", "also": ["wet"]}"#),
        tones(r#""output": {"path": "o/{tone}.wav", "also": {"dry": {"match": "dry"}}}"#),
        tones(r#""output": {"path": "o.wav", "match": "loudness"}"#),
        tones(r#""output": {"path": "o.wav", "match": {"dry": "lufs"}}"#),
        tones(r#""output": {"path": "o.wav", "package": {"as": "egdb"}}"#),
        tones(r#""output": {"path": "o.wav"}, "quality": "good""#),
        tones(r#""output": {"path": "o.wav"}, "quality": {"silent": -60}"#),
        tones(r#""output": {"path": "o.wav"}, "quality": {"clipped_run": 0}"#),
        tones(r#""output": {"path": "o.wav"}, "quality": {"offset": 480}"#),
        r#"{"tonemill": 1, "draws": 2, "session": {"tracks": {"t": {"audio": "x"}}}, "output": {"path": "a.wav"}}"#
            .to_owned(),
        tones(r#""output": {"path": "a.wav"}, "session": {"tracks": {"t": {"audio": "x"}}}"#),
        track(r#"{"audio": "x", "gain": 900}"#),
        track(r#"{"audio": "x", "pan": -101}"#),
        track(r#"{"audio": "x", "mute": "yes"}"#),
        track(r#"{"audio": "x", "midi": "y", "instrument": "z"}"#),
        track(r#"{"midi": "y"}"#),
        track(r#"{"audio": "x", "tone": {"nam": "y", "vst3": "z"}}"#),
        track(r#"{"audio": "x", "tone": {"vst3": "y", "mode": "live"}}"#),
        track(r#"{"audio": "x", "sends": ["b"]}"#),
        r#"{"tonemill": 2, "inputs": "a", "tones": "b", "output": {"path": "a.wav"}}"#.to_owned(),
    ] {
        assert_eq!(both(&bad), (false, false), "for {bad}");
    }
}

fn checks(work: &str, quality: &str) -> Result<crate::task::Checks, String> {
    let text = format!("tonemill: 1\n{work}\n{OUTPUT}{quality}");
    read_text(&text).map(|job| job.checks)
}

const TAKES: &str = "inputs: a.wav\ntones: b.yaml\naudio: { sample_rate: 44100 }";
const TRACKS: &str = "session: { tracks: { t: { audio: x } } }";

#[test]
fn takes_go_through_the_standard_gate_and_sessions_through_none_unless_they_ask() {
    use crate::task::{Checks, FlagPolicy, Gate};
    let standard = Checks { gate: Some(Gate::default()), policy: FlagPolicy::Keep, ..Checks::default() };
    assert_eq!(checks(TAKES, "").unwrap(), standard);
    assert_eq!(checks(TAKES, "quality: keep").unwrap(), standard);
    assert_eq!(checks(TAKES, "quality: off").unwrap(), Checks::default());
    assert_eq!(checks(TRACKS, "").unwrap(), Checks::default());
    let gate = Gate { like_dry_below_db: None, ..Gate::default() };
    let policy = FlagPolicy::Quarantine;
    assert_eq!(
        checks(TRACKS, "quality: quarantine").unwrap(),
        Checks { gate: Some(gate), policy, ..Checks::default() }
    );
}

#[test]
fn each_limit_of_quality_is_read_in_its_unit_and_can_be_switched_off() {
    use crate::task::{FlagPolicy, Gate};
    let read = checks(
        TAKES,
        "quality: { policy: retry, silent_below: -60 dB, clipped_run: off, dc: 0.1, stuck: 250 ms, shorter_than: false, offset: 10 ms }",
    );
    let read = read.unwrap();
    let gate = Gate {
        silent_below_dbfs: Some(-60.0),
        clipped_run_frames: None,
        dc_offset: Some(0.1),
        stuck_seconds: Some(0.25),
        shorter_than_seconds: None,
        ..Gate::default()
    };
    assert_eq!((read.gate, read.policy), (Some(gate), FlagPolicy::Retry));
    assert_eq!(read.offset, Some(441), "an offset counts in frames of the render");
}

#[test]
fn every_mistake_of_quality_is_told_at_its_place() {
    for (work, quality, message) in [
        (TAKES, "quality: quarantined", "6:10: quality = \"quarantined\" is not known. Did you mean quarantine?"),
        (TAKES, "quality: { silent: -60 dB }", "6:12: quality has no field \"silent\". Did you mean \"silent_below\"?"),
        (TAKES, "quality: { stuck: 1 }", "6:19: stuck = 1 has no unit. Write 1 s or 1 ms."),
        (TAKES, "quality: { offset: 2 s }", "6:20: offset = 2 s is outside 0..1 s. Did you mean 0.2 s?"),
        (
            TRACKS,
            "quality: { like_dry: -40 dB }",
            "4:12: like_dry compares with a dry take, and a session has none. Remove it.",
        ),
    ] {
        let told = checks(work, quality).unwrap_err();
        assert_eq!(told, format!("jobs/night.yaml:{message}"), "for {quality}");
    }
}

#[test]
fn a_dry_take_has_what_the_tones_have_but_their_level_and_trimming() {
    use crate::task::{MatchBy, Target};
    let rules =
        output("path: 'o/{tone}/{id}.wav', bits: 16, trim: true, fade_in: 1 s, match: { dry: rms }, also: [dry]");
    let rules = rules.unwrap();
    let dry = rules.dry.unwrap();
    assert_eq!((rules.file.match_dry.map(|by| by.value), dry.match_dry.clone()), (Some(MatchBy::Rms), None));
    assert_eq!((dry.path, dry.format), (rules.file.path, rules.file.format));
    assert_eq!((dry.finish.trim, dry.finish.fade_in), (None, rules.file.finish.fade_in));
    let rules = output(
        "path: 'o/{id}.wav', bits: 32f, bext: true, loudness: -24 LUFS, ceiling: -1 dBTP, also: { dry: 'd/{id}.flac' }",
    );
    let dry = rules.unwrap().dry.unwrap();
    assert_eq!(dry.path.value.written(), "d/{id}.flac");
    assert_eq!(dry.format, FileFormat { container: Container::Flac, depth: Depth::Int24 });
    assert_eq!((dry.levels, dry.bext), (LevelRules::default(), None));
    let rules = output("path: 'o/{tone}/{id}.wav', loudness: -24 LUFS, also: { dry: { loudness: -20 LUFS } }");
    assert_eq!(rules.unwrap().dry.unwrap().levels.target, Some(Target::Loudness(-20.0)));
}

#[test]
fn a_sound_of_its_own_is_matched_or_brought_to_a_level_but_not_both() {
    use crate::task::{MatchBy, Target};
    let one = |fields: &str| {
        let rules = output(&format!("path: 'o/{{id}}.wav', {fields}")).unwrap();
        let file = &rules.deliver[0].file;
        (file.match_dry.as_ref().map(|by| by.value), file.levels.target)
    };
    assert_eq!(one("match: dry, deliver: [mix]"), (Some(MatchBy::Loudness), None));
    assert_eq!(one("match: dry, deliver: [{ mix: { loudness: -20 LUFS } }]"), (None, Some(Target::Loudness(-20.0))));
    assert_eq!(one("loudness: -20 LUFS, deliver: [{ mix: { match: dry } }]"), (Some(MatchBy::Loudness), None));
}

#[test]
fn a_session_has_neither_dry_takes_beside_it_nor_sounds_that_match_them() {
    for (fields, message) in [
        (
            "path: a.wav, also: [dry]",
            "3:30: also is for jobs with inputs and tones. A session gives the sounds of its tracks: write deliver: [mix, dry].",
        ),
        (
            "path: a.wav, match: dry",
            "3:24: match compares with a dry take, and a session has none. Write loudness or normalize.",
        ),
    ] {
        let told = read_text(&format!("tonemill: 1\n{TRACKS}\noutput: {{ {fields} }}\n")).unwrap_err();
        assert_eq!(told, format!("jobs/night.yaml:{message}"), "for {fields}");
    }
}

#[test]
fn the_settings_of_a_data_set_travel_as_they_are_written() {
    let rules = output(
        "path: o.wav, package: { as: egdb, to: sets/one, split: { train: 0.9, test: 0.1 }, seed: 18446744073709551615, name: '7', hold_out: [A], dry: false }",
    );
    let package = rules.unwrap().package.unwrap();
    assert_eq!(package.to.value, Path::new("sets/one"));
    let settings = serde_json::json!({
        "as": "egdb", "split": { "train": 0.9, "test": 0.1 }, "seed": u64::MAX, "name": "7", "hold_out": ["A"], "dry": false,
    });
    assert_eq!(package.object(), settings);
    let (name, value) = &package.settings[1];
    assert_eq!((name.value.as_str(), name.place.column, value.place.column), ("split", 59, 66));
}

#[test]
fn damaged_jobs_are_refused_without_a_panic() {
    use proptest::prelude::*;
    const WHOLE: &str = "tonemill: 1\nsession:\n  tempo: 90\n  tracks:\n    a: { audio: x, gain: -3 dB, sends: { b: -6 } }\n    m: { midi: {file: s, track: 2}, instrument: [i, {gain: 1}] }\n  busses: { b: { chain: [reverb], bus: c }, c: }\n  master: { gain: 1 }\noutput: { path: 'o/{name}.wav', length: { tail: 5 s }, deliver: [mix, stems] }\n";
    assert!(read_text(WHOLE).is_ok());
    let edits = prop::collection::vec((0..WHOLE.len(), prop::option::of(any::<u8>()), 0..8usize), 1..6);
    proptest!(ProptestConfig::with_cases(3000), |(edits in edits)| {
        let mut bytes = WHOLE.as_bytes().to_vec();
        for (at, new, drop) in edits {
            let at = at.min(bytes.len());
            bytes.drain(at..(at + drop).min(bytes.len()));
            bytes.splice(at..at, new);
        }
        let collector = Collector::new();
        let path = Path::new("jobs/night.yaml");
        match Document::parse("jobs/night.yaml", bytes, &collector) {
            Some(document) => match decode(&document, path, collector) {
                Ok(job) => prop_assert!(!job.mistakes.is_empty() || (job.work.is_some() && job.output.is_some())),
                Err(mistakes) => prop_assert!(!mistakes.is_empty()),
            },
            None => prop_assert!(!collector.is_empty()),
        }
    });
}

/// The tree as JSON, as an editor that checks YAML against a schema sees it.
fn as_json(node: &Node) -> serde_json::Value {
    use presets::document::Kind;
    match &node.kind {
        Kind::Null { .. } => serde_json::Value::Null,
        Kind::Scalar(scalar) => match (scalar.number(), scalar.boolean()) {
            (Some(number), _) if number.fract() == 0.0 => (number as i64).into(),
            (Some(number), _) => number.into(),
            (None, Some(on)) => on.into(),
            (None, None) => scalar.text.clone().into(),
        },
        Kind::List(items) => items.iter().map(as_json).collect(),
        Kind::Map(entries) => entries.iter().map(|e| (e.key.value.clone(), as_json(&e.value))).collect(),
    }
}

#[test]
fn the_shipped_jobs_are_read_without_a_mistake_and_fit_the_schema() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for (name, kind) in [
        ("song.yaml", "session"),
        ("tones.yaml", "tones"),
        ("amp.yaml", "tones"),
        ("draws.yaml", "tones"),
        ("takes.yaml", "tones"),
        ("console.yaml", "songs"),
        ("general-midi.yaml", "songs"),
    ] {
        let path = folder.join(name);
        let job = read(&path).unwrap();
        assert_eq!(job.mistakes.to_string(), "", "in {name}");
        assert_eq!(matches!(job.work, Some(Work::Session(_))), kind == "session");
        let collector = Collector::new();
        let json = as_json(&Document::read(&path, &collector).unwrap().root);
        assert_eq!(validator.iter_errors(&json).map(|e| e.to_string()).collect::<Vec<_>>(), [""; 0], "in {name}");
    }
}
