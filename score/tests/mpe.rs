//! Channels of single notes become expressions of notes.

mod common;

use audio::SampleRate;
use common::{smf, track, words};
use tonemill_score::{Part, Performance, Song, ToChannels};

/// 96 ticks are 24 frames.
const RATE: SampleRate = SampleRate(48);

fn play(events: &[(u32, [u8; 3])], part: Part) -> Performance {
    let events: Vec<(u32, &[u8])> = events
        .iter()
        // Programs and channel pressure are a byte shorter.
        .map(|(tick, message)| (*tick, &message[..if matches!(message[0] >> 4, 0xc | 0xd) { 2 } else { 3 }]))
        .collect();
    let song = Song::from_bytes("mpe", &smf(0, 96, &[track(&events, events.last().unwrap().0)])).unwrap();
    song.play(&part, song.tempo_map(), RATE).unwrap()
}

fn decoded(events: &[(u32, [u8; 3])]) -> Vec<String> {
    words(&play(events, Part { mpe: true, ..Part::default() }).events)
}

/// The messages that give a zone its members.
fn zone(master: u8, members: u8) -> [(u32, [u8; 3]); 3] {
    [(0, [0xb0 | master, 101, 0]), (0, [0xb0 | master, 100, 6]), (0, [0xb0 | master, 6, members])]
}

#[test]
fn each_note_bends_presses_and_brightens_alone() {
    let events = [
        (0, [0x91, 60, 100]),
        (0, [0x92, 64, 90]),
        (96, [0xe1, 0, 0x60]),
        (96, [0xd2, 127, 0]),
        (96, [0xb1, 74, 64]),
        (192, [0xe1, 0, 0]),
        (192, [0xa2, 64, 32]),
        (288, [0x81, 60, 5]),
        (288, [0xe1, 0, 0x40]),
        (384, [0x82, 64, 6]),
    ];
    assert_eq!(
        decoded(&events),
        [
            "0 on 0 60 100 #0",
            "0 on 0 64 90 #1",
            "24 Tuning 0 60 24.000 #0",
            "24 Pressure 0 64 1.000 #1",
            "24 Brightness 0 60 0.504 #0",
            "48 Tuning 0 60 -48.000 #0",
            "48 Pressure 0 64 0.252 #1",
            "72 off 0 60 5 #0",
            "96 off 0 64 6 #1",
        ]
    );
    let raw = play(&events, Part::default());
    assert_eq!(raw.events.len(), events.len());
    assert_eq!(words(&raw.events)[2], "24 midi e1 0 96");
    assert_eq!(raw.report.mpe_taken, 0);
    assert_eq!(play(&events, Part { mpe: true, ..Part::default() }).report.mpe_taken, 6);
}

#[test]
fn a_note_begins_with_what_its_channel_stands_at() {
    let events =
        [(0, [0xe3, 0, 0x50]), (0, [0xd3, 64, 0]), (0, [0xb3, 74, 127]), (96, [0x93, 60, 1]), (192, [0x83, 60, 0])];
    assert_eq!(
        decoded(&events),
        [
            "24 on 0 60 1 #0",
            "24 Tuning 0 60 12.000 #0",
            "24 Pressure 0 60 0.504 #0",
            "24 Brightness 0 60 1.000 #0",
            "48 off 0 60 0 #0",
        ]
    );
}

#[test]
fn what_the_master_says_goes_on_for_all_notes() {
    let events =
        [(0, [0xb0, 64, 127]), (0, [0x91, 60, 1]), (96, [0xe0, 0, 0x60]), (96, [0xc0, 7, 0]), (96, [0x81, 60, 0])];
    assert_eq!(
        decoded(&events),
        ["0 midi b0 64 127", "0 on 0 60 1 #0", "24 midi e0 0 96", "24 midi c0 7 0", "24 off 0 60 0 #0"]
    );
}

#[test]
fn a_song_says_which_zones_there_are() {
    let mut events = zone(0, 2).to_vec();
    events.extend(zone(15, 3));
    // Members of the lower zone, of neither, and of the upper one.
    events.extend([1, 2, 3, 11, 12, 14].map(|channel| (0, [0x90 | channel, 60, 1])));
    events.extend([1, 3, 11, 14].map(|channel| (96, [0xe0 | channel, 0, 0x60])));
    assert_eq!(
        decoded(&events)[4..],
        [
            "0 on 0 60 1 #0",
            "0 on 0 60 1 #1",
            "0 on 3 60 1 #2",
            "0 on 11 60 1 #3",
            "0 on 15 60 1 #4",
            "0 on 15 60 1 #5",
            "24 Tuning 0 60 24.000 #0",
            "24 midi e3 0 96",
            "24 midi eb 0 96",
            "24 Tuning 15 60 24.000 #5",
            "24 off 0 60 64 #0",
            "24 off 0 60 64 #1",
            "24 off 3 60 64 #2",
            "24 off 11 60 64 #3",
            "24 off 15 60 64 #4",
            "24 off 15 60 64 #5",
        ]
    );
    // The later zone takes what it needs from the earlier, and 0 members end it.
    let notes = |zones: &[[(u32, [u8; 3]); 3]]| -> Vec<u8> {
        let mut events = zones.concat();
        events.extend((0..16).map(|channel| (0, [0x90 | channel, 60, 1])));
        play(&events, Part { mpe: true, ..Part::default() }).onsets.iter().map(|onset| onset.channel).collect()
    };
    assert_eq!(notes(&[zone(0, 15)]), [0; 16]);
    assert_eq!(notes(&[zone(0, 10), zone(15, 7)])[5..], [0, 0, 0, 15, 15, 15, 15, 15, 15, 15, 15]);
    assert_eq!(notes(&[zone(15, 15)]), [15; 16]);
    assert_eq!(notes(&[zone(0, 0)]), (0..16).collect::<Vec<u8>>());
}

#[test]
fn the_reach_of_bends_is_set_for_all_members() {
    let events = [
        (0, [0x92, 60, 1]),
        (0, [0xe2, 0, 0x60]),
        (96, [0xb1, 101, 0]),
        (96, [0xb1, 100, 0]),
        (96, [0xb1, 6, 24]),
        (96, [0xb1, 38, 50]),
        // Data that goes to another parameter is none of it.
        (96, [0xb1, 98, 3]),
        (96, [0xb1, 6, 2]),
        (192, [0xe2, 0, 0]),
        (192, [0x82, 60, 0]),
    ];
    assert_eq!(
        decoded(&events),
        [
            "0 on 0 60 1 #0",
            "0 Tuning 0 60 24.000 #0",
            "24 Tuning 0 60 12.000 #0",
            "24 Tuning 0 60 12.250 #0",
            "48 Tuning 0 60 -24.500 #0",
            "48 off 0 60 0 #0",
        ]
    );
    let report = play(&events, Part { mpe: true, ..Part::default() }).report;
    assert_eq!((report.mpe_taken, report.mpe_ignored), (7, 1));
}

#[test]
fn expressions_follow_their_note_where_a_part_moves_it() {
    let events =
        [(0, [0xe1, 0, 0x50]), (0, [0x91, 60, 1]), (96, [0xd1, 127, 0]), (96, [0x91, 126, 1]), (96, [0xd1, 0, 0])];
    let part = Part { mpe: true, transpose: 2, to_channels: ToChannels::All(5), ..Part::default() };
    let performance = play(&events, part);
    assert_eq!(
        words(&performance.events),
        [
            "0 on 5 62 1 #0",
            "0 Tuning 5 62 12.000 #0",
            "24 Pressure 5 62 1.000 #0",
            "24 Pressure 5 62 0.000 #0",
            "24 off 5 62 64 #0",
        ]
    );
    assert_eq!(performance.report.out_of_range.len(), 1);
    // With its zone, a note is chosen by the zone's channel.
    let chosen = |channel| play(&events, Part { mpe: true, channels: vec![channel], ..Part::default() }).report.notes;
    assert_eq!((chosen(0), chosen(1)), (2, 0));
}
