//! Files become notes and messages in order, or are refused with a reason.

mod common;

use audio::SampleRate;
use common::{meter, smf, tempo, track, words};
use tonemill_score::{ScoreProblem, Select, Song, TempoMap, TimedEvent, TrackNotFound};

const RATE: SampleRate = SampleRate(48_000);

fn song(bytes: &[u8]) -> Song {
    Song::from_bytes("song", bytes).unwrap()
}

fn problem(bytes: &[u8]) -> ScoreProblem {
    Song::from_bytes("song", bytes).expect_err("it is refused").problem
}

fn events(song: &Song, select: Select) -> Vec<TimedEvent> {
    song.events(select, song.tempo_map(), RATE)
}

#[test]
fn every_kind_of_message_arrives_at_its_frame() {
    let notes = track(
        &[
            (0, &[0xb3, 7, 100]),
            (0, &[0xc3, 33]),
            (0, &[0xf0, 3, 0x7e, 0x09, 0xf7]),
            (0, &[0x93, 40, 127]),
            (48, &[0xe3, 0, 0x40]),
            (48, &[0xd3, 5]),
            (48, &[0xa3, 40, 6]),
            (96, &[0x83, 40, 32]),
        ],
        96,
    );
    assert_eq!(
        words(&events(&song(&smf(0, 96, &[notes])), Select::default())),
        [
            "0 midi b3 7 100",
            "0 midi c3 33 0",
            "0 sysex [f0, 7e, 09, f7]",
            "0 on 3 40 127 #0",
            "12000 midi e3 0 64",
            "12000 midi d3 5 0",
            "12000 midi a3 40 6",
            "24000 off 3 40 32 #0",
        ]
    );
}

#[test]
fn running_status_and_silent_offs_are_understood_even_across_meta_events() {
    let notes = track(&[(0, &[0x90, 60, 64]), (24, &[62, 64]), (48, &[60, 0]), (48, &meter(3, 2)), (96, &[62, 0])], 96);
    assert_eq!(
        words(&events(&song(&smf(0, 96, &[notes])), Select::default())),
        ["0 on 0 60 64 #0", "6000 on 0 62 64 #1", "12000 off 0 60 64 #0", "24000 off 0 62 64 #1"]
    );
}

#[test]
fn a_repeated_key_ends_before_it_begins_anew_and_a_note_of_no_length_still_ends() {
    let notes = track(
        &[
            (0, &[0x90, 60, 1]),
            (96, &[0xb0, 64, 127]),
            (96, &[0x90, 60, 2]),
            (96, &[0x80, 60, 0]),
            (96, &[0x90, 70, 3]),
            (96, &[0x80, 70, 0]),
            (192, &[0x80, 60, 0]),
        ],
        192,
    );
    assert_eq!(
        words(&events(&song(&smf(0, 96, &[notes])), Select::default())),
        [
            "0 on 0 60 1 #0",
            "24000 midi b0 64 127",
            "24000 off 0 60 0 #0",
            "24000 on 0 60 2 #1",
            "24000 on 0 70 3 #2",
            "24000 off 0 70 0 #2",
            "48000 off 0 60 0 #1",
        ]
    );
}

#[test]
fn the_order_of_a_tick_is_kept_otherwise() {
    // The pedal that goes down with the key's release must still catch the note.
    let notes = track(&[(0, &[0x90, 60, 1]), (96, &[0xb0, 64, 127]), (96, &[0x80, 60, 0])], 96);
    assert_eq!(
        words(&events(&song(&smf(0, 96, &[notes])), Select::default())),
        ["0 on 0 60 1 #0", "24000 midi b0 64 127", "24000 off 0 60 0 #0"]
    );
}

#[test]
fn a_note_that_never_ends_ends_with_the_song() {
    let notes = track(&[(0, &[0x90, 60, 1]), (0, &[0x90, 60, 2])], 96);
    let longer = track(&[(0, &[0x91, 50, 1]), (96, &[0x81, 50, 0])], 192);
    let song = song(&smf(1, 96, &[notes, longer]));
    assert_eq!(
        words(&events(&song, Select { track: Some(0), channel: None })),
        ["0 on 0 60 1 #0", "0 on 0 60 2 #1", "48000 off 0 60 64 #0", "48000 off 0 60 64 #1"]
    );
    assert_eq!(song.end_frame(song.tempo_map(), RATE), 48_000);
}

#[test]
fn an_off_without_a_note_is_nothing() {
    let notes = track(&[(0, &[0x80, 60, 0]), (0, &[0x90, 61, 1]), (96, &[0x80, 61, 0]), (96, &[0x80, 61, 0])], 96);
    assert_eq!(events(&song(&smf(0, 96, &[notes])), Select::default()).len(), 2);
}

#[test]
fn a_split_system_exclusive_message_is_put_together_and_escapes_are_passed_over() {
    let notes = track(
        &[
            (0, &[0x90, 60, 1]),
            (0, &[0xf7, 1, 0xf8]),
            (0, &[0xf0, 2, 0x43, 0x12]),
            (48, &[0xf7, 1, 0x01]),
            (96, &[0xf7, 2, 0x02, 0xf7]),
        ],
        96,
    );
    let words = words(&events(&song(&smf(0, 96, &[notes])), Select::default()));
    assert_eq!(words, ["0 on 0 60 1 #0", "24000 sysex [f0, 43, 12, 01, 02, f7]", "24000 off 0 60 64 #0"]);
}

/// Three tracks: a conductor, "Bass" on channel 1, and one without name on channels 0 and 9.
fn band() -> Song {
    let conductor = track(&[(0, b"\xff\x03\x04Song"), (0, &tempo(500_000))], 0);
    let bass = track(&[(0, b"\xff\x03\x05Bass "), (0, &[0x91, 30, 90]), (96, &[0x81, 30, 0])], 96);
    let rest = track(
        &[
            (0, &[0xf0, 2, 0x7e, 0xf7]),
            (0, &[0x99, 36, 90]),
            (0, &[0x90, 60, 90]),
            (96, &[0x89, 36, 0]),
            (96, &[0x80, 60, 0]),
        ],
        96,
    );
    song(&smf(1, 96, &[conductor, bass, rest]))
}

#[test]
fn tracks_and_channels_are_selected() {
    let band = band();
    let count = |track, channel| events(&band, Select { track, channel }).len();
    assert_eq!(count(None, None), 7);
    assert_eq!(count(Some(1), None), 2);
    assert_eq!(count(Some(2), Some(9)), 3, "with the system exclusive, which is for every channel");
    assert_eq!(count(Some(1), Some(9)), 0);
    assert_eq!(count(Some(0), None), 0);
    assert_eq!(count(Some(99), None), 0);
    // What has no channel belongs to each, and what another track prepares a note with stands in front of it.
    assert_eq!(
        words(&events(&band, Select { track: None, channel: Some(1) })),
        ["0 sysex [f0, 7e, f7]", "0 on 1 30 90 #0", "24000 off 1 30 0 #0"]
    );
}

#[test]
fn tracks_are_found_by_name_and_a_wrong_name_gets_the_list() {
    let band = band();
    assert_eq!(band.find_track("Bass"), Ok(1));
    assert_eq!(band.find_track(" bass"), Ok(1));
    assert_eq!(
        band.find_track("Drums").unwrap_err().to_string(),
        "there is no track \"Drums\"; the file has 0 \"Song\" (0 notes), 1 \"Bass\" (channel 2, 1 note), \
         2 (channels 1 and 10, 2 notes)"
    );
    let twice = track(&[(0, b"\xff\x03\x03Gtr"), (0, &[0x90, 60, 1])], 9);
    let song = song(&smf(1, 96, &[twice.clone(), twice]));
    assert!(matches!(song.find_track("Gtr"), Err(TrackNotFound::Ambiguous { tracks, .. }) if tracks.len() == 2));
}

#[test]
fn names_in_latin_1_are_read() {
    let notes = track(&[(0, b"\xff\x03\x05Ch\x9cur"), (0, b"\xff\x03\x04Fl\xf6t"), (0, &[0x90, 60, 1])], 9);
    let name = song(&smf(0, 96, &[notes])).tracks()[0].name.clone();
    assert_eq!(name.as_deref(), Some("Ch\u{9c}ur"));
}

#[test]
fn forty_tracks_are_no_problem() {
    let tracks: Vec<Vec<u8>> =
        (0..40u8).map(|n| track(&[(0, &[0x90 | (n % 16), n, 9]), (9, &[0x80 | (n % 16), n, 0])], 9)).collect();
    let song = song(&smf(1, 96, &tracks));
    assert_eq!(song.tracks().len(), 40);
    assert_eq!(events(&song, Select::default()).len(), 80);
    assert_eq!(events(&song, Select { track: Some(39), channel: None }).len(), 2);
}

#[test]
fn what_every_player_takes_is_taken() {
    let notes = track(&[(0, &[0x90, 60, 1]), (96, &[0x80, 60, 0])], 96);
    let whole = smf(0, 96, std::slice::from_ref(&notes));
    let expected = events(&song(&whole), Select::default());

    let no_end = smf(0, 96, &[notes[..notes.len() - 4].to_vec()]);
    let junk_behind = [&whole[..], b"\0\0junk"].concat();
    let chunk_behind = [&whole[..], b"XFIH\x7f\xff\xff\xff1234"].concat();
    let mut chunk_before = whole.clone();
    chunk_before.splice(14..14, *b"XFIH\0\0\0\x02ab");
    let mut long_header = whole.clone();
    long_header[7] = 8;
    long_header.splice(14..14, [0, 0]);
    let mut too_long = whole.clone();
    too_long[21] += 40;
    let mut odd_key_signature = whole.clone();
    odd_key_signature.splice(22..22, [0, 0xff, 0x59, 0]);
    odd_key_signature[21] += 4;
    let riff = [b"RIFF\0\0\0\0RMIDdata\0\0\0\0", &whole[..]].concat();
    for (what, bytes) in [
        ("no end of track", no_end),
        ("junk behind the last track", junk_behind),
        ("an unknown chunk behind it that goes on past the end", chunk_behind),
        ("an unknown chunk before it", chunk_before),
        ("a longer header", long_header),
        ("a last track that ends before its stated length", too_long),
        ("a key signature without content", odd_key_signature),
        ("a RIFF container", riff),
    ] {
        assert_eq!(events(&song(&bytes), Select::default()), expected, "{what}");
    }
}

#[test]
fn what_would_lose_notes_is_refused() {
    let notes = track(&[(0, &[0x90, 60, 1]), (96, &[0x80, 60, 0])], 96);
    let whole = smf(1, 96, &[notes.clone(), notes.clone()]);
    for length in 1..whole.len() {
        let problem = problem(&whole[..length]);
        let expected = if length < 4 {
            matches!(problem, ScoreProblem::NotMidi)
        } else {
            matches!(problem, ScoreProblem::Truncated { .. })
        };
        assert!(expected, "{length} bytes: {problem}");
    }
    assert!(matches!(problem(b""), ScoreProblem::Empty));
    assert!(matches!(problem(b"RIFF\0\0\0\0WAVEfmt "), ScoreProblem::NotMidi));

    let status_in_data = smf(0, 96, &[vec![0, 0x90, 0x90, 60, 0, 0xff, 0x2f, 0]]);
    assert!(matches!(problem(&status_in_data), ScoreProblem::Damaged { track: 0, offset: 24, .. }));
    let no_status = smf(0, 96, &[vec![0, 60, 1]]);
    assert!(matches!(problem(&no_status), ScoreProblem::Damaged { .. }));
    let realtime = smf(0, 96, &[vec![0, 0xf8]]);
    assert!(matches!(problem(&realtime), ScoreProblem::Damaged { .. }));
    let endless_number = smf(0, 96, &[vec![0xff, 0xff, 0xff, 0xff, 0xff, 0]]);
    assert!(matches!(problem(&endless_number), ScoreProblem::Damaged { .. }));
    let long_event = smf(0, 96, &[vec![0, 0xf0, 9, 1, 2, 3]]);
    assert!(matches!(problem(&long_event), ScoreProblem::Damaged { .. }));
}

#[test]
fn files_that_cannot_be_music_are_refused_with_their_reason() {
    let notes = track(&[(0, &[0x90, 60, 1])], 96);
    let silent = track(&[(0, &[0xb0, 7, 100]), (0, &[0x90, 60, 0])], 96);
    assert!(matches!(problem(&smf(1, 96, &[])), ScoreProblem::NoTracks));
    assert!(matches!(problem(&smf(1, 96, &[silent.clone(), silent.clone()])), ScoreProblem::NoNotes { tracks: 2 }));
    assert!(matches!(problem(&smf(3, 96, std::slice::from_ref(&notes))), ScoreProblem::UnknownFormat(3)));
    for division in [0, 0xe7_00, 0x80_28] {
        assert!(matches!(problem(&smf(0, division, std::slice::from_ref(&notes))), ScoreProblem::Division(_)));
    }
    let standing = track(&[(0, &[0x90, 60, 1]), (480, &tempo(0))], 960);
    let error = Song::from_bytes("solo.mid", &smf(1, 96, &[silent.clone(), standing])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read solo.mid: track 1 sets a tempo of 0 microseconds a quarter note at tick 480. Correct that tempo event"
    );
    let no_beats = track(&[(0, &[0x90, 60, 1]), (7, &meter(0, 2))], 96);
    assert!(matches!(problem(&smf(0, 96, &[no_beats])), ScoreProblem::Meter { tick: 7, .. }));

    // A file that only keeps time is no song, but keeps time.
    let conductor = smf(0, 96, &[track(&[(0, &tempo(1_000_000))], 96)]);
    assert!(matches!(problem(&conductor), ScoreProblem::NoNotes { tracks: 1 }));
    assert_eq!(TempoMap::from_bytes("conductor", &conductor).unwrap().tempo_at_beat(0.0), 60.0);
}

#[test]
fn files_on_disk_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("song.mid");
    let whole = smf(0, 96, &[track(&[(0, &[0x90, 60, 1])], 96)]);
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(Song::read(&path).unwrap().tracks()[0].notes, 1);
    assert_eq!(TempoMap::read(&path).unwrap(), TempoMap::default());
    std::fs::write(&path, b"").unwrap();
    assert!(matches!(Song::read(&path).unwrap_err().problem, ScoreProblem::Empty));
    std::fs::write(&path, b"fLaC and so on").unwrap();
    assert!(matches!(TempoMap::read(&path).unwrap_err().problem, ScoreProblem::NotMidi));
    assert!(matches!(Song::read(folder.path()).unwrap_err().problem, ScoreProblem::NotAFile));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(Song::read(&path).unwrap_err().problem, ScoreProblem::Missing));
}
