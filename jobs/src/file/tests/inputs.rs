//! What jobs say of their inputs.

use score::segment::ShortLast;

use super::*;
use crate::task::{ChannelPick, NoiseKind, NoiseLevel, TakeLevel, Target};

/// The inputs of a job with this group.
fn group(fields: &str) -> Result<InputForm, String> {
    let text = format!("tonemill: 1\ninputs: {{ di: {{ {fields} }} }}\ntones: b\n{OUTPUT}");
    read_text(&text).map(|job| match job.work {
        Some(Work::Tones(mut form)) => form.inputs.remove(0),
        other => panic!("inputs are read as such: {other:?}"),
    })
}

#[test]
fn what_is_played_of_recordings_is_read_in_all_its_forms() {
    let of = |field: &str| group(&format!("files: 'a/{{id}}.wav', {field}")).unwrap();
    let channels = |c: &str| of(&format!("channels: {c}")).channels.unwrap().value;
    assert_eq!(channels("2"), [ChannelChoice::Number(2)]);
    assert_eq!(channels("side"), [ChannelChoice::Word("side", ChannelPick::Side)]);
    assert_eq!(channels("[sum, each]"), [ChannelChoice::Word("sum", ChannelPick::Mono), ChannelChoice::Each]);
    let segments = |s: &str| of(&format!("segments: {s}")).segments.unwrap().value;
    let length = |length, hop, last| SegmentsForm { cut: Cut::Length { length, hop }, last };
    assert_eq!(segments("{ length: 10 s }"), length(10.0, 10.0, ShortLast::Keep));
    assert_eq!(segments("{ length: 1 min, hop: 500 ms, last: pad }"), length(60.0, 0.5, ShortLast::Pad));
    let Cut::Beats { count, bars, of: file } = segments("{ bars: 4, of: 'b/{id}.txt' }").cut else { panic!("bars") };
    assert_eq!((count, bars, file.value.written()), (4, true, "b/{id}.txt"));
    let trim = |t: &str| of(&format!("trim: {t}")).trim.map(|trim| (trim.value.threshold_db, trim.value.hold_seconds));
    assert_eq!((trim("true"), trim("false")), (Some((-60.0, 0.0)), None));
    assert_eq!((trim("-50 dB"), trim("{ below: -40 dB, hold: 1 s }")), (Some((-50.0, 0.0)), Some((-40.0, 1.0))));
    let level = |l: &str| of(&format!("level: {l}")).level.unwrap();
    assert_eq!(level("{ gain: -3 dB }"), TakeLevel::Gain(-3.0));
    assert_eq!(level("{ calibrate: { from: 12 dBu, to: 18.5 dBu } }"), TakeLevel::Gain(-6.5));
    for (written, target) in [
        ("-20 LUFS", Target::Loudness(-20.0)),
        ("-12 dBFS", Target::Peak(-12.0)),
        ("-1 dBTP", Target::TruePeak(-1.0)),
        ("{ rms: -20 dBFS }", Target::Rms(-20.0)),
    ] {
        assert_eq!(level(&format!("{{ normalize: {written} }}")), TakeLevel::Target(target));
    }
    let noise = |n: &str| of(&format!("noise: {n}")).noise.unwrap();
    assert_eq!(noise("{ kind: pink, snr: 40 dB }"), NoiseForm { kind: NoiseKind::Pink, level: NoiseLevel::Snr(40.0) });
    let hum = NoiseForm { kind: NoiseKind::Hum { hertz: 60, harmonics: 10 }, level: NoiseLevel::Rms(-70.0) };
    assert_eq!(noise("{ kind: hum, hertz: 60, level: -70 dBFS }"), hum);
    let form =
        group("list: takes.csv, metadata: 'm/{id}.json', annotations: ['a/{x}.mid', 'b/{x}.jams'], group_by: player");
    let form = form.unwrap();
    assert!(matches!(&form.recordings, Recordings::List(list) if list.value == Path::new("jobs/takes.csv")));
    assert_eq!((form.metadata.len(), form.annotations.len(), form.is_open()), (1, 2, true));
}

#[test]
fn every_mistake_of_inputs_is_told_at_its_place() {
    let files = "files: 'a/{id}.wav'";
    for (fields, message) in [
        (
            "metadata: x",
            "2:15: a group of inputs needs files or a list. Name recordings: files: \"data/*.wav\", or list: takes.csv.",
        ),
        (
            "files: a, list: b.csv",
            "2:27: files and list are two ways to name recordings. Write each into a group of its own.",
        ),
        (
            "list: takes.xls",
            "2:23: list = \"takes.xls\" is no list that is read. Name a .csv whose first line names its columns, or a .jsonl with an object a line.",
        ),
        (
            &format!("{files}, metdata: x"),
            "2:38: a group of inputs has no field \"metdata\". Did you mean \"metadata\"?",
        ),
        (
            &format!("{files}, annotations: 'm/{{di}}.mid'"),
            "2:51: nothing fills {di} in annotations. Did you mean {id}?",
        ),
        (
            &format!("{files}, metadata: 'm/{{x}}.json'"),
            "2:48: nothing fills {x} in metadata. There are {input}, {group}, {id}.",
        ),
        (
            &format!("{files}, group_by: player"),
            "2:48: group_by = \"player\", and that is not known of the recordings. Capture it: files: \"data/{player}/*.wav\", or name a list or metadata.",
        ),
        (&format!("{files}, channels: ech"), "2:48: channels = \"ech\" is not known. Did you mean each?"),
        (&format!("{files}, channels: 0"), "2:48: channels = 0 is outside 1..64."),
        (
            &format!("{files}, channels: []"),
            "2:48: channels is empty. Write mono, a number, each, or some: [sum, each].",
        ),
        (
            &format!("{files}, segments: {{ last: drop }}"),
            "2:48: segments takes one of length, bars and beats. Write segments: { length: 10 s }, { bars: 4, of: FILE } or { beats: 8, of: FILE }.",
        ),
        (&format!("{files}, segments: {{ length: 0 s }}"), "2:58: length = 0 s is outside 0.001..86400 s."),
        (
            &format!("{files}, segments: {{ bars: 4 }}"),
            "2:48: segments of beats or bars need of. Name the file of each recording: of: \"data/beats/{id}.txt\".",
        ),
        (
            &format!("{files}, segments: {{ bars: 4, hop: 1 s, of: x }}"),
            "2:59: hop is for segments by length; those of beats and bars follow each other. Remove it.",
        ),
        (&format!("{files}, trim: 3 dB"), "2:44: trim = 3 dB is outside -120..-20 dB."),
        (
            &format!("{files}, level: {{ normalize: -20 }}"),
            "2:58: normalize = -20 is no level with its unit. Write -20 LUFS (loudness), -12 dBFS (peak), -1 dBTP (true peak) or { rms: -20 dBFS }.",
        ),
        (
            &format!("{files}, level: {{ gain: 1, normalize: -20 LUFS }}"),
            "2:45: level takes one level. Write one of gain: -3 dB, normalize: -20 LUFS and calibrate: { from: 12 dBu, to: 18.5 dBu }.",
        ),
        (
            &format!("{files}, noise: {{ kind: pink }}"),
            "2:45: noise takes either snr or level. Write snr: 40 dB (below the take), or level: -70 dBFS.",
        ),
        (
            &format!("{files}, noise: {{ kind: white, hertz: 50, snr: 9 }}"),
            "2:60: hertz and harmonics are those of hum, and this is white noise. Remove them, or write kind: hum.",
        ),
    ] {
        let told = group(fields).unwrap_err();
        assert_eq!(told, format!("jobs/night.yaml:{message}"), "for {fields}");
    }
    let text = |inputs: &str, path: &str| {
        read_text(&format!("tonemill: 1\ninputs: {inputs}\ntones: b\noutput: {{ path: '{path}' }}\n")).unwrap_err()
    };
    assert_eq!(
        text("{ files: a.wav, metadata: b.json }", "a.wav"),
        "jobs/night.yaml:2:11: inputs has no field files: its fields are groups of recordings. Write the fields into a group with a name: inputs: { di: { files: \"data/*.wav\" } }."
    );
    assert_eq!(
        text("{ di: { files: 'a/{segment}.wav', segments: { length: 1 s } } }", "a.wav"),
        "jobs/night.yaml:2:24: the capture {segment} has the name of a placeholder. Give it another name."
    );
    assert_eq!(
        text("{ di: { files: 'a/{id}.wav' } }", "{channel}.wav"),
        "jobs/night.yaml:4:17: nothing fills {channel} in the path. There are {job}, {name}, {tone}, {input}, {group}, {draw}, {id}."
    );
}

#[test]
fn annotations_have_a_place_where_there_are_any() {
    let read = |inputs: &str, place: &str| {
        let text = format!(
            "tonemill: 1\ninputs: {inputs}\ntones: b\noutput: {{ path: '{{id}}.wav', annotations: {place} }}\n"
        );
        read_text(&text).map(|job| job.output.unwrap().annotations)
    };
    let with = "{ di: { files: 'a/{id}.wav', annotations: 'm/{id}.mid' } }";
    assert_eq!(read(with, "off"), Ok(AnnotationPlace::Off));
    let Ok(AnnotationPlace::Path(path)) = read(with, "'n/{id}{ext}'") else { panic!("a path is one") };
    assert_eq!(path.value.written(), "n/{id}{ext}");
    assert_eq!(
        read(with, "'n/{di}{ext}'").unwrap_err(),
        "jobs/night.yaml:4:42: nothing fills {di} in the path. Did you mean {id}?"
    );
    assert!(read("'a/{id}.wav'", "n").unwrap_err().contains("annotations have a place, and no input has any"));
}
