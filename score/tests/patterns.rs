//! Format 2, MIDI ports, and what is left out of a file.

mod common;

use audio::SampleRate;
use common::{meter, smf, tempo, track, words};
use tonemill_score::{Part, Repairs, ScoreProblem, Select, Song, TempoMap};

const RATE: SampleRate = SampleRate(48_000);

/// Three patterns: a bar and a half of 3/4 at 60 whose last note never ends, half a bar that says nothing, and a bar at
/// 240.
fn patterns() -> Vec<u8> {
    let slow = [
        (0, &tempo(1_000_000)[..]),
        (0, &meter(3, 2)),
        (0, &[0x90, 60, 1]),
        (96, &[0x80, 60, 0]),
        (384, &[0x90, 61, 1]),
    ];
    let plain = [(0, &[0x91, 50, 1][..]), (192, &[0x81, 50, 0])];
    let fast = [(0, &[0x92, 40, 1][..]), (96, &tempo(250_000)), (384, &[0x82, 40, 0])];
    smf(2, 96, &[track(&slow, 432), track(&plain, 192), track(&fast, 384)])
}

#[test]
fn patterns_play_one_behind_the_other_each_at_its_own_tempo() {
    let song = Song::from_bytes("patterns", &patterns()).unwrap();
    assert_eq!(song.patterns(), 3);
    // 4.5 quarters at 60, 2 at 120, 1 at 120 and 3 at 240.
    assert_eq!(
        words(&song.events(Select::default(), song.tempo_map(), RATE)),
        [
            "0 on 0 60 1 #0",
            "48000 off 0 60 0 #0",
            "192000 on 0 61 1 #1",
            "216000 off 0 61 64 #1",
            "216000 on 1 50 1 #2",
            "264000 off 1 50 0 #2",
            "264000 on 2 40 1 #3",
            "324000 off 2 40 0 #3",
        ]
    );
    let map = song.tempo_map();
    assert_eq!(map.tempos().collect::<Vec<_>>(), [(0.0, 0.0, 60.0), (4.5, 4.5, 120.0), (7.5, 6.0, 240.0)]);
    // The first pattern's second bar is cut short by the second pattern, which is in 4/4 again.
    let bars: Vec<_> = map.meters().map(|bar| (bar.number, bar.start, bar.numerator)).collect();
    assert_eq!(bars, [(0, 0.0, 3), (2, 4.5, 4)]);
    assert_eq!(TempoMap::from_bytes("patterns", &patterns()).unwrap(), *map);
    assert_eq!(song.end_frame(map, RATE), 324_000);
}

#[test]
fn a_pattern_is_a_song_of_its_own() {
    let song = Song::from_bytes("patterns", &patterns()).unwrap();
    let fast = song.pattern(2).unwrap();
    assert_eq!(
        words(&fast.events(Select::default(), fast.tempo_map(), RATE)),
        ["0 on 2 40 1 #3", "60000 off 2 40 0 #3"]
    );
    assert_eq!((fast.end_tick(), fast.patterns(), fast.tracks().len()), (384, 0, 1));
    assert_eq!(song.pattern(0).unwrap().tempo_map().bar_at_beat(3.5).numerator, 3);
    assert_eq!(*song.pattern(1).unwrap().tempo_map(), TempoMap::default());
    assert!(song.pattern(3).is_none());
    // The tracks of other formats are no patterns.
    let together = Song::from_bytes("together", &smf(1, 96, &[track(&[(0, &[0x90, 60, 1])], 9)])).unwrap();
    assert_eq!(together.patterns(), 0);
    assert!(together.pattern(0).is_none());
    let other = smf(3, 96, &[track(&[(0, &[0x90, 60, 1])], 9)]);
    assert!(matches!(Song::from_bytes("other", &other).unwrap_err().problem, ScoreProblem::UnknownFormat(3)));
}

#[test]
fn channels_of_another_port_are_other_channels() {
    let on = |port: u8, program: u8, key: u8| {
        let (port, program, note) = ([0xff, 0x21, 1, port], [0xc0, program], [0x90, key, 1]);
        track(&[(0, &port), (0, &program), (0, &note)], 96)
    };
    let song = Song::from_bytes("ports", &smf(1, 96, &[on(0, 5, 60), on(1, 6, 70)])).unwrap();
    let parts: Vec<_> = song.parts().iter().map(|p| (p.port, p.program.program, p.keys.0, p.tracks.clone())).collect();
    assert_eq!(parts, [(0, 5, 60, vec![0]), (1, 6, 70, vec![1])]);
    let second = song.play(&Part { ports: vec![1], ..Part::default() }, song.tempo_map(), RATE).unwrap();
    assert_eq!(words(&second.events), ["0 midi c0 6 0", "0 on 0 70 1 #1", "24000 off 0 70 64 #1"]);
}

#[test]
fn what_is_mended_or_left_out_of_a_file_is_counted() {
    let events = [
        (0, &[0x80, 60, 0][..]),
        (0, &[0x90, 60, 1]),
        (0, &[0x90, 60, 2]),
        (0, &[0xf7, 1, 0xf8]),
        (0, &[0xf7, 3, 0xf0, 0x11, 0xf7]),
        (0, &[0xf0, 1, 0x12]),
        (0, &[0xf0, 2, 0x13, 0xf7]),
        (0, &[0xf0, 1, 0x14]),
    ];
    let song = Song::from_bytes("song", &smf(0, 96, &[track(&events, 96)])).unwrap();
    let expected = Repairs { stray_ends: 1, unended_notes: 2, escapes: 1, unfinished_sysex: 2 };
    assert_eq!(song.repairs(), expected);
    let lines = words(&song.events(Select::default(), song.tempo_map(), RATE));
    assert_eq!(lines[2..4], ["0 sysex [f0, 11, f7]", "0 sysex [f0, 13, f7]"]);
}
