//! Annotations beside the audio that they describe, cut and resampled with it.

mod common;

use std::path::Path;

use audio::SampleRate;
use common::{meter, smf, tempo, track};
use proptest::prelude::*;
use serde_json::{Value, json};
use tonemill_score::annotation::{AnnotationProblem, Beats, Carried, TimeChange, carry};
use tonemill_score::{Song, TempoMap, TrackEventBody};

const RATE: SampleRate = SampleRate(48_000);

/// Some seconds from some second on.
fn part(start: f64, seconds: f64) -> TimeChange {
    TimeChange { source_start: RATE.frames(start), frames: Some(RATE.frames(seconds)), ..TimeChange::none(RATE) }
}

fn resampled() -> TimeChange {
    TimeChange { rate_out: SampleRate(44_100), ..TimeChange::none(RATE) }
}

fn rewritten(name: &str, bytes: &[u8], change: &TimeChange) -> Vec<u8> {
    match carry(Path::new(name), bytes, change).unwrap() {
        Carried::Rewritten(bytes) => bytes,
        Carried::Copied => panic!("{name} was copied"),
    }
}

fn text(name: &str, content: &str, change: &TimeChange) -> String {
    String::from_utf8(rewritten(name, content.as_bytes(), change)).unwrap()
}

fn refused(name: &str, bytes: &[u8], change: &TimeChange) -> String {
    carry(Path::new(name), bytes, change).unwrap_err().to_string()
}

/// Every note in words: when it begins and ends in milliseconds, and its key.
fn notes(song: &Song) -> Vec<String> {
    let at = |tick| (song.seconds_at_tick(tick, song.tempo_map()) * 1e3).round();
    let mut notes = Vec::new();
    for event in song.tracks().iter().flat_map(|track| &track.events) {
        if let TrackEventBody::NoteOn { key, velocity, note, .. } = event.body {
            let ends = |body: &TrackEventBody| matches!(body, TrackEventBody::NoteOff { note: n, .. } if *n == note);
            let end = song.tracks().iter().flat_map(|track| &track.events).find(|event| ends(&event.body)).unwrap();
            notes.push(format!("{}-{} {key} {velocity}", at(event.tick), at(end.tick)));
        }
    }
    notes
}

/// Messages at the first tick that are no notes.
fn setup(song: &Song) -> Vec<[u8; 3]> {
    let mut found = Vec::new();
    for event in song.tracks().iter().flat_map(|track| &track.events).filter(|event| event.tick == 0) {
        if let TrackEventBody::Midi { bytes } = event.body {
            found.push(bytes);
        }
    }
    found
}

/// 100 ticks a quarter; 120, then 60 quarter notes a minute from 2 s on; 3/4.
fn guitar() -> Vec<u8> {
    let conductor = track(&[(0, &tempo(500_000)), (0, &meter(3, 2)), (400, &tempo(1_000_000))], 400);
    let strings = track(
        &[
            (0, &[0xff, 3, 3, b'G', b't', b'r']),
            (0, &[0xc0, 27]),
            (0, &[0xb0, 101, 0]),
            (0, &[0xb0, 100, 0]),
            (0, &[0xb0, 6, 12]),
            (10, &[0xb0, 7, 90]),
            (50, &[0x90, 40, 100]),
            (90, &[0xb0, 7, 80]),
            (95, &[0xe0, 0, 0x50]),
            (100, &[0x90, 45, 90]),
            (150, &[0x80, 45, 0]),
            (250, &[0x80, 40, 0]),
            (300, &[0x90, 50, 70]),
            (500, &[0x80, 50, 0]),
            (550, &[0xff, 5, 2, b'l', b'a']),
        ],
        600,
    );
    smf(1, 100, &[conductor, strings])
}

#[test]
fn what_does_not_change_is_copied_whatever_it_is() {
    for name in ["a.mid", "a.jams", "a.lab", "a.txt", "a.csv", "a.npy", "a.gp5", "a.pdf", "a"] {
        assert_eq!(carry(Path::new(name), b"\xff?", &TimeChange::none(RATE)).unwrap(), Carried::Copied, "{name}");
    }
    for name in ["a.mid", "a.jams", "a.gp5", "a.pdf"] {
        assert_eq!(carry(Path::new(name), b"\xff?", &resampled()).unwrap(), Carried::Copied, "{name}");
    }
    for (name, seconds) in [("a.lab", "0.5 1.5 a\n"), ("a.txt", "0.5 1\n1.0 2\n"), ("a.csv", "time,n\n0.5,1\n")] {
        assert_eq!(carry(Path::new(name), seconds.as_bytes(), &resampled()).unwrap(), Carried::Copied, "{name}");
    }
}

#[test]
fn guitar_pro_and_unknown_files_are_never_cut() {
    let message = refused("songs/a.gp5", b"FICHIER", &part(1.0, 1.0));
    assert!(
        message.starts_with("the annotation songs/a.gp5 is a Guitar Pro file") && message.contains("MIDI"),
        "{message}"
    );
    assert!(refused("a.pdf", b"", &part(1.0, 1.0)).contains("is of a kind that is copied but never cut"));
}

#[test]
fn a_cut_midi_file_sounds_as_that_part_of_it_did() {
    let song = Song::from_bytes("whole", &guitar()).unwrap();
    assert_eq!(notes(&song), ["250-1250 40 100", "500-750 45 90", "1500-3000 50 70"]);
    let cut = rewritten("a.mid", &guitar(), &part(1.0, 1.5));
    let song = Song::from_bytes("cut", &cut).unwrap();
    assert_eq!(notes(&song), ["0-250 40 100", "500-1500 50 70"]);
    // The pitch bend's range goes with it.
    let said = [[0xb0, 7, 80], [0xe0, 0, 0x50], [0xb0, 101, 0], [0xb0, 100, 0], [0xb0, 6, 12]];
    assert_eq!(setup(&song)[0], [0xc0, 27, 0]);
    assert_eq!(setup(&song)[1..], said);
    assert_eq!(song.tracks()[1].name.as_deref(), Some("Gtr"));
    assert_eq!(song.tempo_map().tempo_at_beat(0.0), 120.0);
    assert_eq!(song.tempo_map().tempo_at_beat(2.0), 60.0);
    assert_eq!(song.end_seconds(song.tempo_map()), 1.5);
}

#[test]
fn a_cut_keeps_the_bars_of_the_music() {
    // Two beats into the first bar of three.
    let cut = rewritten("a.mid", &guitar(), &part(1.0, 1.5));
    let map = TempoMap::from_bytes("cut", &cut).unwrap();
    let bars: Vec<(f64, u16)> = map.meters().map(|bar| (bar.start, bar.numerator)).collect();
    assert_eq!(bars, [(0.0, 1), (1.0, 3)]);
    // Of the third beat, a third is left.
    let cut =
        rewritten("a.mid", &guitar(), &TimeChange { source_start: 64_000, frames: None, ..TimeChange::none(RATE) });
    let map = TempoMap::from_bytes("cut", &cut).unwrap();
    let bars: Vec<(f64, u16)> = map.meters().map(|bar| (bar.start, bar.numerator)).collect();
    assert_eq!(bars, [(0.0, 1), (0.33, 3)]);
    // On a bar line there is nothing to say.
    let cut = rewritten("a.mid", &guitar(), &part(1.5, 0.5));
    assert_eq!(TempoMap::from_bytes("cut", &cut).unwrap().meters().count(), 1);
}

#[test]
fn a_cut_between_ticks_is_right_from_the_second_beat_on() {
    // 0.3 ticks behind the 100th; at 5 ms a tick.
    let change = TimeChange { source_start: RATE.frames(0.5015), frames: None, ..TimeChange::none(RATE) };
    let cut = rewritten("a.mid", &guitar(), &change);
    let song = Song::from_bytes("cut", &cut).unwrap();
    let at: Vec<f64> = song.tracks()[1].events.iter().map(|e| song.seconds_at_tick(e.tick, song.tempo_map())).collect();
    // The last note's end, which the whole file has at 3 s.
    assert!((at.last().unwrap() - (3.0 - 0.5015)).abs() < 1e-5, "{at:?}");
}

#[test]
fn other_meta_events_stay_where_they_stand() {
    let cut = rewritten("a.mid", &guitar(), &TimeChange { frames: None, ..part(1.0, 0.0) });
    assert!(cut.windows(5).any(|window| window == [0xff, 5, 2, b'l', b'a']));
    let early = rewritten("a.mid", &guitar(), &part(0.0, 1.0));
    assert!(!early.windows(5).any(|window| window == [0xff, 5, 2, b'l', b'a']));
}

#[test]
fn midi_patterns_are_not_cut() {
    let patterns = smf(2, 96, &[track(&[(0, &[0x90, 60, 1])], 9), track(&[], 9)]);
    assert!(refused("a.mid", &patterns, &part(0.0, 1.0)).contains("whose 2 patterns have no place in time"));
    assert!(refused("a.mid", b"no", &part(0.0, 1.0)).contains("cannot be cut: it is not a Standard MIDI File"));
}

fn jams() -> Value {
    json!({
        "annotations": [
            {
                "namespace": "note_tab", "sandbox": { "string_index": 1, "open_tuning": 64 },
                "time": 0, "duration": 10.0, "annotation_metadata": { "zeta": 1, "alpha": "ä \"NaN" },
                "data": [
                    { "time": 0.5, "duration": 1.0, "value": { "fret": 3, "velocity": 90 }, "confidence": null },
                    { "time": 1.25, "duration": 1.0, "confidence": 0.1, "value": { "fret": 5,
                        "effects": [{ "bend": 1, "time": 1.5, "duration": 0.25 }] } },
                    { "time": 2.0, "duration": 0.5, "value": { "fret": 7 }, "confidence": null },
                ],
            },
            {
                "namespace": "pitch_contour", "time": null, "duration": null,
                "data": { "time": [0.0, 1.0, 1.5, 2.0], "duration": [0, 0, 0, 0], "value": [1, 2, 3, 4], "confidence": [5, 6, 7, 8] },
            },
            { "namespace": "beat", "data": [
                { "time": 1.0, "duration": 0.0, "value": 1, "confidence": null },
                { "time": 1.5, "duration": 0.0, "value": 2, "confidence": null },
                { "time": 2.0, "duration": 0.0, "value": 1, "confidence": null },
            ] },
        ],
        "file_metadata": { "title": "t", "duration": 10.0, "jams_version": "0.3.4" },
        "unknown": [1.5, 2],
    })
}

#[test]
fn a_cut_jams_file_holds_what_lies_in_the_part_and_all_else_as_it_was() {
    let mut expected = jams();
    let cut = rewritten("a.jams", jams().to_string().as_bytes(), &part(1.0, 1.0));
    let tab = &mut expected["annotations"][0];
    tab["duration"] = json!(1.0);
    tab["data"] = json!([
        { "time": 0.0, "duration": 0.5, "value": { "fret": 3, "velocity": 90 }, "confidence": null },
        { "time": 0.25, "duration": 0.75, "confidence": 0.1, "value": { "fret": 5,
            "effects": [{ "bend": 1, "time": 0.5, "duration": 0.25 }] } },
    ]);
    expected["annotations"][1]["data"] =
        json!({ "time": [0.0, 0.5], "duration": [0.0, 0.0], "value": [2, 3], "confidence": [6, 7] });
    expected["annotations"][2]["data"] = json!([
        { "time": 0.0, "duration": 0.0, "value": 1, "confidence": null },
        { "time": 0.5, "duration": 0.0, "value": 2, "confidence": null },
    ]);
    expected["file_metadata"]["duration"] = json!(1.0);
    // As text, so that the order of the fields counts.
    assert_eq!(String::from_utf8(cut).unwrap(), expected.to_string());
}

#[test]
fn what_python_writes_beyond_json_stays() {
    let python = r#"{"annotations": [{"namespace": "x", "data": [{"time": 1.5, "duration": 0.0,
        "value": -Infinity, "confidence": NaN}]}], "file_metadata": {"duration": null, "title": "a \" NaN"}}"#;
    let cut = text("a.jams", python, &part(1.0, 1.0));
    assert!(cut.contains("\"confidence\": NaN") && cut.contains("\"value\": -Infinity"), "{cut}");
    assert!(cut.contains(r#""title": "a \" NaN""#) && cut.contains("\"time\": 0.5"), "{cut}");
}

#[test]
fn what_is_no_jams_is_refused_with_its_place() {
    let with = |data: Value| json!({ "annotations": [{ "namespace": "note_tab", "data": data }] }).to_string();
    let refused = |text: String| refused("a.jams", text.as_bytes(), &part(1.0, 1.0));
    assert!(refused("{\n]".to_owned()).contains("line 2 column 1"));
    assert!(refused("{}".to_owned()).contains("annotations is not a list"));
    assert!(refused(with(json!([{ "time": "1" }]))).contains("annotations[0].data[0].time is not a number"));
    assert!(refused(with(json!({ "time": [0.5], "value": [] }))).contains("annotations[0].data.value has not as many"));
    // Guitar Pro's ticks, which SynthTab's files hold.
    let ticks = refused(with(json!([{ "time": 960, "duration": 480, "value": { "fret": 1 } }])));
    assert!(ticks.contains("counts the notes of annotations[0] in ticks"), "{ticks}");
    assert!(refused("[".repeat(100_000)).contains("recursion limit"));
}

#[test]
fn labels_are_cut_in_the_unit_and_layout_they_have() {
    let seconds = "# chords\n0.000\t1.500\tC:maj seven\r\n1.500\t2.000\tN\n\n2.000\t4.000\tG\n";
    assert_eq!(
        text("a.lab", seconds, &part(1.0, 1.0)),
        "# chords\n0.000\t0.500000\tC:maj seven\r\n0.500000\t1.000000\tN\n\n"
    );
    let htk = "0 15000000 sil\n15000000 25000000 a b\n";
    assert_eq!(text("a.lab", htk, &part(1.0, 1.0)), "0 5000000 sil\n5000000 10000000 a b\n");
    assert_eq!(text("a.lab", "0 1 A\n1 2 B\n2 3 C\n", &part(1.0, 1.0)), "0.000000 1.000000 B\n");
    assert_eq!(text("a.lab", "0.5 a\n1.5 b 2\n", &part(1.0, 1.0)), "0.500000 b 2\n");
    let message = refused("a.lab", b"0.0 1.0 a\nverse\n", &part(1.0, 1.0));
    assert!(message.contains("at line 2: there is no number where its time is due"), "{message}");
}

#[test]
fn beats_are_cut_and_their_numbers_stay() {
    let beats = "0.50 1\n1.00 2\n1.50 3\n2.00 4\n2.50 1\n";
    assert_eq!(text("a.txt", beats, &part(1.0, 1.0)), "0.000000 2\n0.500000 3\n");
    assert_eq!(text("a.csv", "0.5;x\n1.5;\"y;z\"\n", &part(1.0, 1.0)), "0.500000;\"y;z\"\n");
    let named = "label,onset,duration\na,0.5,1.0\nb,\"1.25\",2.5\nc,3,1\n";
    assert_eq!(
        text("a.csv", named, &part(1.0, 1.0)),
        "label,onset,duration\na,0.000000,0.500000\nb,\"0.250000\",0.750000\n"
    );
    let message = refused("a.txt", b"48000 1\n96000 2\n", &part(1.0, 1.0));
    assert!(message.contains("whole numbers up to 96000"), "{message}");
}

#[test]
fn neighbouring_parts_share_no_beat_and_lose_none() {
    // A beat a third of a frame in front of the frame at which parts meet belongs to the later.
    let edge = (48_000.0 - 0.3) / 48_000.0;
    let beats = format!("0.5\n{edge:.9}\n1.5\n");
    assert_eq!(text("a.txt", &beats, &part(0.0, 1.0)), "0.5\n");
    assert_eq!(text("a.txt", &beats, &part(1.0, 1.0)), "0.000000000\n0.500000\n");
}

#[test]
fn frames_are_scaled_with_the_rate() {
    let content = "sample,duration_samples,name\n0,4800,a\n48000,48000,b\n";
    assert_eq!(text("a.csv", content, &resampled()), "sample,duration_samples,name\n0,4410,a\n44100,44100,b\n");
    let both = TimeChange { rate_out: SampleRate(96_000), ..part(1.0, 0.5) };
    assert_eq!(text("a.csv", content, &both), "sample,duration_samples,name\n0,48000,b\n");
}

fn npy(shape: &str, values: &[f64]) -> Vec<u8> {
    let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

/// The header of an array and its numbers.
fn array(bytes: &[u8]) -> (String, Vec<f64>) {
    let end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let values = bytes[end..].chunks_exact(8).map(|value| f64::from_le_bytes(value.try_into().unwrap())).collect();
    (String::from_utf8(bytes[10..end].to_vec()).unwrap(), values)
}

#[test]
fn arrays_of_beats_are_cut() {
    let (header, values) = array(&rewritten("a.npy", &npy("(3,)", &[0.5, 1.5, 2.5]), &part(1.0, 1.0)));
    assert!(header.contains("'shape': (1,)") && values == [0.5], "{header} {values:?}");
    let numbered = npy("(3, 2)", &[0.5, 1.0, 1.0, 2.0, 1.5, 3.0]);
    let (header, values) = array(&rewritten("a.npy", &numbered, &part(1.0, 1.0)));
    assert!(header.contains("'shape': (2, 2)") && values == [0.0, 2.0, 0.5, 3.0], "{header} {values:?}");
    let stretches = npy("(2, 2)", &[0.25, 1.5, 1.5, 3.25]);
    assert_eq!(array(&rewritten("a.npy", &stretches, &part(1.0, 1.0))).1, [0.0, 0.5, 0.5, 1.0]);
    assert_eq!(carry(Path::new("a.npy"), &numbered, &resampled()).unwrap(), Carried::Copied);
    assert!(refused("a.npy", b"PK", &resampled()).contains("does not start with NumPy's mark"));
}

#[test]
fn beats_and_bars_come_out_of_every_kind() {
    let read = |name: &str, bytes: &[u8]| Beats::read(Path::new(name), bytes, RATE).unwrap();
    let expected = Beats { beats: vec![1.0, 1.5, 2.0], bars: vec![1.0, 2.0] };
    assert_eq!(read("a.jams", jams().to_string().as_bytes()), expected);
    assert_eq!(read("a.txt", b"1.0 1\n1.5 2\n2.0 1\n"), expected);
    assert_eq!(read("a.csv", b"time,beat\n1.0,1\n1.5,2\n2.0,1\n"), expected);
    assert_eq!(read("a.csv", b"sample,beat\n48000,1\n72000,2\n96000,1\n"), expected);
    assert_eq!(read("a.lab", b"1.0 downbeat\n1.5 beat\n2.0 downbeat\n"), expected);
    assert_eq!(read("a.npy", &npy("(3, 2)", &[1.0, 1.0, 1.5, 2.0, 2.0, 1.0])), expected);
    let position = json!({ "annotations": [{ "namespace": "beat_position", "data": [
        { "time": 1.0, "value": { "position": 1 } }, { "time": 1.5, "value": { "position": 2 } },
        { "time": 2.0, "value": { "position": 1 } },
    ] }] });
    assert_eq!(read("a.jams", position.to_string().as_bytes()), expected);
    let midi = read("a.mid", &guitar());
    assert_eq!(midi.beats, [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0]);
    assert_eq!(midi.bars, [0.0, 1.5, 4.0]);
}

#[test]
fn what_has_no_beats_or_bars_says_so() {
    let read = |name: &str, bytes: &[u8]| Beats::read(Path::new(name), bytes, RATE);
    assert!(read("a.gp5", b"").unwrap_err().to_string().contains("whose beats are not known"));
    assert!(matches!(read("a.txt", b"# nothing\n").unwrap_err().problem, AnnotationProblem::NoBeats(_)));
    let unnumbered = read("a.txt", b"1.0\n2.0\n").unwrap();
    assert!(unnumbered.require_bars(Path::new("a.txt")).unwrap_err().to_string().contains("begin a bar"));
    // A note for nineteen days, of beats of a sixteenth.
    let long = track(&[(0, &meter(1, 8)), (0x0fff_ffff, &[0x90, 60, 1])], 0x0fff_ffff);
    assert!(matches!(read("a.mid", &smf(1, 1, &[long])).unwrap_err().problem, AnnotationProblem::TooManyBeats));
}

const KINDS: [&str; 6] = ["a.mid", "a.jams", "a.lab", "a.txt", "a.csv", "a.npy"];

fn sample(name: &str) -> Vec<u8> {
    match name {
        "a.mid" => guitar(),
        "a.jams" => jams().to_string().into_bytes(),
        "a.npy" => npy("(3, 2)", &[0.5, 1.0, 1.5, 2.0, 2.5, 1.0]),
        "a.csv" => b"time,end,\"a,b\"\n0.5,0.75,x\n1.5,2.5,y\n".to_vec(),
        "a.lab" => b"0 15000000 sil\n15000000 25000000 a b\n".to_vec(),
        _ => b"0.5 1\n1.5 2\n".to_vec(),
    }
}

/// Whatever comes out can be read again, and cut to nothing further stays as it is.
fn survives(name: &str, bytes: &[u8], change: &TimeChange) {
    if let Ok(Carried::Rewritten(once)) = carry(Path::new(name), bytes, change) {
        assert!(once.len() < 64 * bytes.len() + 4_096, "{name}: {} bytes out of {}", once.len(), bytes.len());
        let again = carry(Path::new(name), &once, &TimeChange { source_start: 0, ..*change });
        assert!(again.is_ok(), "{name}: {:?}", again.unwrap_err().to_string());
    }
    let _ = Beats::read(Path::new(name), bytes, RATE);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_damage_brings_a_reader_down(
        kind in 0usize..KINDS.len(), hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(), start in 0u64..200_000, frames in prop::option::of(0u64..200_000),
    ) {
        let mut bytes = sample(KINDS[kind]);
        for (at, byte) in hits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let change = TimeChange { source_start: start, frames, ..resampled() };
        survives(KINDS[kind], &bytes, &change);
        bytes.truncate(cut.index(bytes.len()));
        survives(KINDS[kind], &bytes, &change);
    }

    #[test]
    fn no_bytes_bring_a_reader_down(kind in 0usize..KINDS.len(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(KINDS[kind], &bytes, &part(1.0, 1.0));
    }

    #[test]
    fn no_text_brings_a_reader_down(kind in 0usize..KINDS.len(), text in "[0-9 .,;\t\n\"a#e-]{0,120}") {
        survives(KINDS[kind], text.as_bytes(), &part(1.0, 1.0));
    }

    #[test]
    fn notes_of_a_part_lie_where_they_lay(
        notes in prop::collection::vec((0u32..2_000, 1u32..400, 30u8..90), 1..40),
        start in 0u64..300_000, frames in 1u64..300_000,
    ) {
        let mut events: Vec<(u32, [u8; 3])> = Vec::new();
        // One note a key, so that each is told from the others.
        let mut keys = std::collections::HashSet::new();
        for (at, length, key) in notes {
            if keys.insert(key) {
                events.push((at, [0x90, key, 80]));
                events.push((at + length, [0x80, key, 0]));
            }
        }
        events.sort();
        let list: Vec<(u32, &[u8])> = events.iter().map(|(tick, bytes)| (*tick, &bytes[..])).collect();
        let conductor = track(&[(0, &tempo(500_000)), (700, &tempo(300_000)), (1_111, &tempo(900_000))], 1_111);
        let whole = smf(1, 480, &[conductor, track(&list, 2_500)]);
        let change = TimeChange { source_start: start, frames: Some(frames), ..TimeChange::none(RATE) };
        let cut = rewritten("a.mid", &whole, &change);
        let times = |bytes: &[u8]| {
            let mut found = std::collections::BTreeMap::new();
            let Ok(song) = Song::from_bytes("song", bytes) else { return found };
            for event in &song.tracks()[1].events {
                let seconds = song.seconds_at_tick(event.tick, song.tempo_map());
                match event.body {
                    TrackEventBody::NoteOn { key, .. } => { found.insert(key, (seconds, f64::NAN)); }
                    TrackEventBody::NoteOff { key, .. } => found.get_mut(&key).unwrap().1 = seconds,
                    _ => {}
                }
            }
            found
        };
        let (before, after) = (times(&whole), times(&cut));
        // Half a tick at the slowest tempo, and what a tempo's whole microseconds add up to.
        let near = 0.5 * 0.9 / 480.0 + 1e-4;
        let (from, to) = (change.start_seconds(), change.end_seconds());
        for (key, (on, off)) in &before {
            match after.get(key) {
                Some((new_on, new_off)) => {
                    prop_assert!((new_on - (on - from).max(0.0)).abs() < near, "{} for {} cut at {}", new_on, on, from);
                    prop_assert!((new_off - (off.min(to) - from)).abs() < 2.0 * near, "{} for {} cut at {}", new_off, off, from);
                }
                None => prop_assert!(*off < from + near || *on > to - near, "{on} to {off} is missing in {from} to {to}"),
            }
        }
        prop_assert!(after.keys().all(|key| before.contains_key(key)));
    }
}
