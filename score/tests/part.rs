//! What is made of a song before a device plays it, and what is said about it.

mod common;

use std::collections::{HashMap, HashSet};

use audio::{EventBody, SampleRate};
use common::{smf, tempo, track, words};
use proptest::prelude::*;
use tonemill_score::{
    Gap, KeyMap, LostNote, Overlaps, Part, PartError, Performance, PlayReport, Program, ProgramChoice, Song, TempoMap,
    ToChannels, Unmapped, Velocity, VelocityCurve,
};

const RATE: SampleRate = SampleRate(48_000);

fn song(format: u16, tracks: &[Vec<u8>]) -> Song {
    Song::from_bytes("song", &smf(format, 96, tracks)).unwrap()
}

fn play(song: &Song, part: &Part) -> Performance {
    song.play(part, song.tempo_map(), RATE).unwrap()
}

/// One track of notes on channel 0 and one on the drum channel: keys 60, 126 and 36.
fn duo() -> Song {
    let melody = [
        (0, &[0x90, 60, 64][..]),
        (0, &[0xa0, 60, 9]),
        (96, &[0x80, 60, 10]),
        (96, &[0x90, 126, 100]),
        (100, &[0xa0, 126, 5]),
        (192, &[0x80, 126, 0]),
    ];
    let drums = [(0, &[0x99, 36, 1][..]), (48, &[0x89, 36, 0]), (48, &[0x99, 99, 127]), (96, &[0x89, 99, 0])];
    song(1, &[track(&melody, 192), track(&drums, 192)])
}

#[test]
fn a_plain_part_changes_nothing_and_reports_only_its_notes() {
    let duo = duo();
    let all = play(&duo, &Part::default());
    assert_eq!(all.report, PlayReport { notes: 4, ..PlayReport::default() });
    assert_eq!(all.events, duo.events(Default::default(), duo.tempo_map(), RATE));
    let onsets: Vec<_> = all.onsets.iter().map(|o| (o.frame, o.tick, o.track, o.channel, o.key)).collect();
    assert_eq!(onsets, [(0, 0, 0, 0, 60), (0, 0, 1, 9, 36), (12_000, 48, 1, 9, 99), (24_000, 96, 0, 0, 126)]);
}

#[test]
fn notes_are_transposed_and_those_that_leave_the_keys_are_listed() {
    let duo = duo();
    let up = play(&duo, &Part { transpose: 2, ..Part::default() });
    assert_eq!(
        words(&up.events),
        [
            "0 on 0 62 64 #0",
            "0 midi a0 62 9",
            "0 on 9 36 1 #2",
            "12000 off 9 36 0 #2",
            "12000 on 9 99 127 #3",
            "24000 off 0 62 10 #0",
            "24000 off 9 99 0 #3",
        ]
    );
    let lost = LostNote { tick: 96, track: 0, channel: 0, key: 126 };
    let report =
        PlayReport { notes: 3, keys_changed: 1, out_of_range: vec![lost], lost_pressures: 1, ..PlayReport::default() };
    assert_eq!(up.report, report);
    let down = play(&duo, &Part { transpose: -61, transpose_drums: true, ..Part::default() });
    let lost: Vec<u8> = down.report.out_of_range.iter().map(|note| note.key).collect();
    assert_eq!(lost, [60, 36]);
    assert_eq!(down.report.keys_changed, 2);
}

#[test]
fn keys_are_mapped_and_the_others_stay_or_are_listed() {
    let map = |unmapped| Some(KeyMap { keys: vec![(36, 38), (99, 38)], unmapped });
    let duo = duo();
    let drums = |unmapped| Part { channels: vec![9], key_map: map(unmapped), ..Part::default() };
    assert_eq!(
        words(&play(&duo, &drums(Unmapped::Drop)).events),
        ["0 on 9 38 1 #2", "12000 off 9 38 0 #2", "12000 on 9 38 127 #3", "24000 off 9 38 0 #3"]
    );
    let dropped = play(&duo, &Part { key_map: map(Unmapped::Drop), ..Part::default() });
    assert_eq!(dropped.report.unmapped.iter().map(|note| note.key).collect::<Vec<_>>(), [60, 126]);
    assert_eq!((dropped.report.notes, dropped.report.keys_changed, dropped.report.lost_pressures), (2, 2, 2));
    assert_eq!(play(&duo, &Part { key_map: map(Unmapped::Keep), ..Part::default() }).report.notes, 4);
}

#[test]
fn velocities_follow_their_curve_within_their_limits() {
    let of = |curve: VelocityCurve, velocity| Velocity { curve, ..Velocity::default() }.of(velocity);
    assert_eq!(of(VelocityCurve::AsWritten, 77), 77.0);
    assert_eq!(of(VelocityCurve::Fixed(90), 1), 90.0);
    assert!((of(VelocityCurve::Gamma(2.0), 64) - 64.0 * 64.0 / 127.0).abs() < 1e-9);
    assert_eq!(of(VelocityCurve::Gamma(0.5), 127), 127.0);
    assert_eq!(of(VelocityCurve::Linear { scale: 0.5, offset: 10.0 }, 40), 30.0);
    assert_eq!(of(VelocityCurve::Linear { scale: 2.0, offset: 0.0 }, 100), 127.0);
    assert_eq!(of(VelocityCurve::Linear { scale: 1.0, offset: -100.0 }, 40), 1.0);
    let points = || VelocityCurve::Points(vec![(20, 40), (100, 80), (120, 0)]);
    for (velocity, shaped) in [(1, 40.0), (20, 40.0), (60, 60.0), (100, 80.0), (110, 40.0), (127, 1.0)] {
        assert_eq!(of(points(), velocity), shaped);
    }
    let velocity = Velocity { minimum: 10, maximum: 100, ..Velocity::default() };
    let shaped = play(&duo(), &Part { velocity, ..Part::default() });
    let played: Vec<f64> = shaped.onsets.iter().map(|onset| (onset.velocity * 127.0).round()).collect();
    assert_eq!(played, [64.0, 10.0, 100.0, 100.0]);
    assert_eq!(shaped.report.velocities_changed, 2);
    // The release keeps what it had.
    assert!(words(&shaped.events).contains(&"24000 off 0 60 10 #0".to_owned()));
}

#[test]
fn channels_are_rewritten_with_all_their_messages() {
    let all = play(&duo(), &Part { to_channels: ToChannels::All(4), ..Part::default() });
    assert!(words(&all.events).iter().all(|line| line.contains(" 4 ") || line.contains("midi a4")));
    assert_eq!(all.report.channels_changed, 6);
    let each = play(&duo(), &Part { to_channels: ToChannels::Each(vec![(9, 0)]), ..Part::default() });
    assert!(each.onsets.iter().all(|onset| onset.channel == 0));
    assert_eq!(each.report.channels_changed, 2);
}

/// One channel that changes its bank and program between notes, and a second track that prepares channel 2 late.
fn programs() -> Song {
    let player = track(
        &[
            (0, &[0x90, 50, 9][..]),
            (96, &[0x80, 50, 0]),
            (96, &[0xb0, 0, 1]),
            (96, &[0xb0, 32, 2]),
            (96, &[0xc0, 40]),
            (96, &[0x90, 51, 9]),
            (192, &[0xb0, 0, 3]),
            (192, &[0x80, 51, 0]),
            (192, &[0x90, 52, 9]),
            (200, &[0xc0, 40]),
            (210, &[0x90, 53, 9]),
            (210, &[0xb0, 7, 99]),
            (220, &[0x80, 53, 0]),
            (300, &[0x80, 52, 0]),
            (300, &[0x92, 70, 9]),
            (310, &[0x82, 70, 0]),
        ],
        310,
    );
    let setup = track(&[(300, &[0xc2, 30][..]), (300, &[0xb2, 0, 5]), (300, &[0xb2, 7, 80])], 310);
    song(1, &[player, setup])
}

#[test]
fn a_song_is_split_by_what_plays_it() {
    let song = programs();
    let listed: Vec<_> = song
        .parts()
        .iter()
        .map(|p| (p.channel, p.program.bank, p.program.program, p.notes, p.first_tick, p.last_tick, p.keys))
        .collect();
    assert_eq!(
        listed,
        [
            (0, 0, 0, 1, 0, 96, (50, 50)),
            (0, 130, 40, 2, 96, 300, (51, 52)),
            (0, 386, 40, 1, 210, 220, (53, 53)),
            (2, 0, 30, 1, 300, 310, (70, 70)),
        ]
    );
    let part = song.parts()[1].part();
    assert_eq!(part.programs, [ProgramChoice { program: 40, bank: Some(130) }]);
    let performance = play(&song, &part);
    assert_eq!(
        words(&performance.events),
        [
            "24000 midi b0 0 1",
            "24000 midi b0 32 2",
            "24000 midi c0 40 0",
            "24000 on 0 51 9 #1",
            "48000 midi b0 0 3",
            "48000 off 0 51 0 #1",
            "48000 on 0 52 9 #2",
            "52500 midi b0 7 99",
            "75000 off 0 52 0 #2",
        ]
    );
    assert_eq!(performance.report.program_changes_left_out, 1);
    let any_bank = Part { programs: vec![ProgramChoice { program: 40, bank: None }], ..Part::default() };
    assert_eq!(play(&song, &any_bank).report.notes, 3);
    assert_eq!(duo().parts().iter().map(|part| part.drums).collect::<Vec<_>>(), [false, true]);
    assert_eq!(ProgramChoice::from(Program { bank: 3, program: 2 }), ProgramChoice { program: 2, bank: Some(3) });
}

#[test]
fn where_tracks_meet_what_prepares_a_note_stands_in_front_of_it() {
    let song = programs();
    let lines = words(&play(&song, &Part { channels: vec![2], ..Part::default() }).events);
    // The second track's own order stays, odd as it is.
    assert_eq!(
        lines,
        ["75000 midi c2 30 0", "75000 midi b2 0 5", "75000 midi b2 7 80", "75000 on 2 70 9 #4", "77500 off 2 70 0 #4"]
    );
    let notes =
        track(&[(0, &[0x90, 60, 1][..]), (96, &[0x80, 60, 0]), (96, &[0x90, 60, 2]), (192, &[0x80, 60, 0])], 192);
    let bank = track(&[(96, &[0xb0, 0, 5][..]), (96, &[0xb0, 32, 6])], 96);
    let program = track(&[(96, &[0xc0, 7][..])], 96);
    let reset = track(&[(96, &[0xf0, 2, 0x7e, 0xf7][..])], 96);
    let song = self::song(1, &[notes, program, bank, reset]);
    assert_eq!(
        words(&play(&song, &Part::default()).events),
        [
            "0 on 0 60 1 #0",
            "24000 sysex [f0, 7e, f7]",
            "24000 midi b0 0 5",
            "24000 midi b0 32 6",
            "24000 midi c0 7 0",
            "24000 off 0 60 0 #0",
            "24000 on 0 60 2 #1",
            "48000 off 0 60 0 #1",
        ]
    );
}

#[test]
fn registered_parameters_and_fine_controllers_keep_their_order() {
    let messages: Vec<[u8; 3]> =
        [(101, 0), (100, 0), (6, 12), (38, 0), (99, 1), (98, 8), (6, 3), (1, 64), (33, 5), (32, 1)]
            .map(|(controller, value)| [0xb0, controller, value])
            .to_vec();
    let mut events: Vec<(u32, &[u8])> = messages.iter().map(|message| (0, &message[..])).collect();
    events.push((0, &[0x90, 60, 1]));
    let other = track(&[(0, &[0x91, 60, 1][..])], 96);
    let lines = words(&play(&song(1, &[other, track(&events, 96)]), &Part::default()).events);
    let expected: Vec<String> = messages.iter().map(|[a, b, c]| format!("0 midi {a:02x} {b} {c}")).collect();
    assert_eq!(lines[..10], expected);
}

#[test]
fn notes_of_one_key_make_room_for_the_next() {
    // 96 ticks are 24000 frames; the second note begins where the first ends, the third right behind it.
    let notes = track(
        &[
            (0, &[0x90, 60, 1][..]),
            (96, &[0x90, 60, 2]),
            (96, &[0x80, 60, 0]),
            (100, &[0x80, 60, 0]),
            (101, &[0x90, 60, 3]),
            (192, &[0x90, 61, 4]),
            (192, &[0x80, 60, 0]),
            (240, &[0x80, 61, 0]),
        ],
        240,
    );
    let song = song(0, &[notes]);
    let ends = |gap| {
        let performance = play(&song, &Part { min_note_gap: gap, ..Part::default() });
        assert!(performance.events.is_sorted_by_key(|event| event.frame));
        let ends = performance.events.iter().filter_map(|event| match event.body {
            EventBody::NoteOff { note, .. } => Some((note.unwrap(), event.frame)),
            _ => None,
        });
        (ends.collect::<Vec<_>>(), performance.report.shortened)
    };
    assert_eq!(ends(None), (vec![(0, 24_000), (1, 25_000), (2, 48_000), (3, 60_000)], 0));
    assert_eq!(ends(Some(Gap::Seconds(0.0))), ends(None));
    // 10 ms are 480 frames; the second note has 250 frames in front of the third already.
    assert_eq!(ends(Some(Gap::Seconds(0.01))), (vec![(0, 23_520), (1, 24_770), (2, 48_000), (3, 60_000)], 2));
    assert_eq!(ends(Some(Gap::Ticks(2))), (vec![(0, 23_500), (1, 24_750), (2, 48_000), (3, 60_000)], 2));
    // A note of 1000 frames keeps 500, however long the gap.
    assert_eq!(ends(Some(Gap::Seconds(1.0))), (vec![(0, 12_000), (1, 24_500), (2, 48_000), (3, 60_000)], 2));
}

#[test]
fn notes_that_overlap_keep_their_numbers_or_are_cut() {
    let one = [(0, &[0x90, 60, 1][..]), (96, &[0x80, 60, 11])];
    let two = [(48, &[0x90, 60, 2][..]), (144, &[0x80, 60, 12])];
    let song = song(1, &[track(&one, 144), track(&two, 144)]);
    let kept = ["0 on 0 60 1 #0", "12000 on 0 60 2 #1", "24000 off 0 60 11 #0", "36000 off 0 60 12 #1"];
    assert_eq!(words(&play(&song, &Part::default()).events), kept);
    let gap = Part { min_note_gap: Some(Gap::Seconds(0.01)), ..Part::default() };
    assert_eq!(words(&play(&song, &gap).events), kept);
    let cut = play(&song, &Part { overlaps: Overlaps::Cut, ..Part::default() });
    assert_eq!(
        words(&cut.events),
        ["0 on 0 60 1 #0", "12000 off 0 60 11 #0", "12000 on 0 60 2 #1", "36000 off 0 60 12 #1"]
    );
    assert_eq!(cut.report.overlaps_cut, 1);
    let apart = play(&song, &Part { overlaps: Overlaps::Cut, ..gap });
    assert_eq!(words(&apart.events)[1], "11520 off 0 60 11 #0");
}

#[test]
fn a_part_that_is_out_of_range_is_refused() {
    let duo = duo();
    let refused = |part: Part| duo.play(&part, &TempoMap::default(), RATE).expect_err("it is refused");
    let velocity = |curve| Velocity { curve, ..Velocity::default() };
    let curve = |curve| Part { velocity: velocity(curve), ..Part::default() };
    assert_eq!(refused(Part { channels: vec![3, 16], ..Part::default() }), PartError::Channel(16));
    assert_eq!(refused(Part { to_channels: ToChannels::All(16), ..Part::default() }), PartError::Channel(16));
    let choice = ProgramChoice { program: 128, bank: None };
    assert!(matches!(refused(Part { programs: vec![choice], ..Part::default() }), PartError::Program(_)));
    let keys = |keys| Part { key_map: Some(KeyMap { keys, unmapped: Unmapped::Keep }), ..Part::default() };
    assert_eq!(refused(keys(vec![(1, 128)])), PartError::Beyond127(128));
    assert_eq!(refused(keys(vec![(1, 2), (1, 3)])), PartError::Twice(1));
    assert_eq!(refused(curve(VelocityCurve::Points(vec![(9, 1), (9, 2)]))), PartError::Twice(9));
    for wrong in [
        VelocityCurve::Fixed(0),
        VelocityCurve::Gamma(f64::NAN),
        VelocityCurve::Linear { scale: -1.0, offset: 0.0 },
        VelocityCurve::Points(vec![]),
    ] {
        assert!(matches!(refused(curve(wrong)), PartError::Curve(_)));
    }
    let limits = Velocity { minimum: 9, maximum: 8, ..Velocity::default() };
    assert_eq!(refused(Part { velocity: limits, ..Part::default() }), PartError::Limits { minimum: 9, maximum: 8 });
    let gap = Part { min_note_gap: Some(Gap::Seconds(-1.0)), ..Part::default() };
    assert_eq!(refused(gap), PartError::Gap(-1.0));
}

#[test]
fn a_part_travels_as_data_and_what_is_not_said_is_the_default() {
    let part: Part = serde_json::from_str(
        r#"{"channels":[9],"key_map":{"keys":[[36,35]],"unmapped":"drop"},"transpose":-3,
            "velocity":{"curve":{"gamma":0.5},"maximum":100},"to_channels":{"all":0},
            "min_note_gap":{"seconds":0.005},"programs":[{"program":4}],"mpe":true}"#,
    )
    .unwrap();
    assert_eq!(part.velocity, Velocity { curve: VelocityCurve::Gamma(0.5), minimum: 1, maximum: 100 });
    assert_eq!(serde_json::from_str::<Part>(&serde_json::to_string(&part).unwrap()).unwrap(), part);
    assert_eq!(serde_json::from_str::<Part>("{}").unwrap(), Part::default());
    assert!(serde_json::from_str::<Part>(r#"{"transposed":1}"#).is_err());
}

/// Songs of up to three tracks: keys near one another, so that they meet, and messages between them.
fn songs() -> impl Strategy<Value = Song> {
    let event = (0..3u8, 0..4u8, 58..63u8, 0..128u8, 0..30u32);
    let tracks = prop::collection::vec(prop::collection::vec(event, 1..60), 1..4);
    tracks.prop_map(|tracks| {
        let mut bytes = Vec::new();
        for events in &tracks {
            let mut tick = 0;
            let mut events: Vec<(u32, [u8; 3])> = events
                .iter()
                .map(|&(channel, kind, key, value, gap)| {
                    tick += gap;
                    let message = match kind {
                        0 | 1 => [0x90 | channel, key, value],
                        2 => [0x80 | channel, key, value],
                        _ => [0xb0 | channel, 1, value],
                    };
                    (tick, message)
                })
                .collect();
            events.push((tick, [0x90, 60, 1]));
            let events: Vec<(u32, &[u8])> = events.iter().map(|(tick, message)| (*tick, &message[..])).collect();
            bytes.push(track(&events, tick + 10));
        }
        bytes.push(track(&[(0, &tempo(411_111)[..]), (200, &tempo(299_999))], 200));
        song(1, &bytes)
    })
}

proptest! {
    #[test]
    fn every_note_is_played_once_or_listed_and_ends_once(
        song in songs(), transpose in -127i8..=127, gap in 0.0..0.2f64, cut in any::<bool>(), all in any::<bool>(),
    ) {
        let part = Part {
            transpose,
            min_note_gap: Some(Gap::Seconds(gap)),
            overlaps: if cut { Overlaps::Cut } else { Overlaps::Keep },
            to_channels: if all { ToChannels::All(7) } else { ToChannels::Keep },
            ..Part::default()
        };
        let Performance { events, onsets, report } = play(&song, &part);
        prop_assert!(events.is_sorted_by_key(|event| event.frame));
        let written: usize = song.tracks().iter().map(|track| track.notes).sum();
        prop_assert_eq!(report.notes + report.out_of_range.len(), written);
        prop_assert_eq!(onsets.len(), report.notes);
        // Notes that begin together, and those behind the cut, aside, a key has one note at a time.
        let mut sounding: HashMap<u32, u64> = HashMap::new();
        let mut of_key: HashMap<(u8, u8), Vec<(u32, u64)>> = HashMap::new();
        let mut ended = HashSet::new();
        for event in &events {
            match event.body {
                EventBody::NoteOn { channel, key, note, .. } => {
                    let note = note.unwrap();
                    prop_assert_eq!(sounding.insert(note, event.frame), None);
                    let others = of_key.entry((channel, key)).or_default();
                    prop_assert!(!cut || others.iter().all(|&(_, begun)| begun == event.frame));
                    others.push((note, event.frame));
                }
                EventBody::NoteOff { channel, key, note, .. } => {
                    let note = note.unwrap();
                    let begun = sounding.remove(&note);
                    prop_assert!(begun.is_some_and(|begun| begun <= event.frame) && ended.insert(note));
                    of_key.get_mut(&(channel, key)).unwrap().retain(|&(other, _)| other != note);
                }
                _ => {}
            }
        }
        prop_assert!(sounding.is_empty());
    }

    #[test]
    fn a_gap_takes_nothing_from_a_note_but_its_end(song in songs(), gap in 0.0..0.2f64) {
        let plain = play(&song, &Part::default());
        let apart = play(&song, &Part { min_note_gap: Some(Gap::Seconds(gap)), ..Part::default() });
        prop_assert_eq!(&plain.onsets, &apart.onsets);
        let ends = |performance: &Performance| -> HashMap<u32, u64> {
            let end = |event: &tonemill_score::TimedEvent| match event.body {
                EventBody::NoteOff { note, .. } => Some((note.unwrap(), event.frame)),
                _ => None,
            };
            performance.events.iter().filter_map(end).collect()
        };
        let (before, after) = (ends(&plain), ends(&apart));
        let mut moved = 0;
        for onset in &plain.onsets {
            let (old, new) = (before[&onset.note], after[&onset.note]);
            prop_assert!(new <= old && new - onset.frame >= (old - onset.frame) / 2);
            moved += usize::from(new != old);
            let next = plain.onsets.iter().filter(|o| (o.channel, o.key) == (onset.channel, onset.key));
            if let Some(next) = next.filter(|o| o.frame > onset.frame).map(|o| o.frame).min()
                && old <= next
            {
                let half = new - onset.frame == (old - onset.frame).div_ceil(2);
                prop_assert!(half || new + RATE.frames(gap) <= next || old + RATE.frames(gap) <= next
                    || (old == next && before_is_overlap(&plain, onset.note, next)));
            }
        }
        prop_assert_eq!(moved, apart.report.shortened);
    }

    #[test]
    fn the_parts_of_a_song_share_its_notes_out(song in songs()) {
        let mut all = HashSet::new();
        for part in song.parts() {
            for onset in play(&song, &part.part()).onsets {
                prop_assert!(all.insert(onset.note));
            }
        }
        prop_assert_eq!(all.len(), song.tracks().iter().map(|track| track.notes).sum::<usize>());
    }
}

/// Whether a note ends behind a beginning at the same frame: by ticks the notes overlap.
fn before_is_overlap(performance: &Performance, note: u32, frame: u64) -> bool {
    let mut struck = false;
    for event in performance.events.iter().filter(|event| event.frame == frame) {
        match event.body {
            EventBody::NoteOn { .. } => struck = true,
            EventBody::NoteOff { note: Some(ended), .. } if ended == note => return struck,
            _ => {}
        }
    }
    false
}
