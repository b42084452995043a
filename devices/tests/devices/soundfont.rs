//! The SoundFont player: frames, pitches, drums, and what it refuses.

use audio::device::{DeviceError, Setup, Tail};
use audio::{Buffer, EventBody, SampleRate};
use presets::Asset;

use crate::rig::*;
use crate::spectrum::{cents, pitch};

fn play(values: &[(&str, &str)], frames: usize, events: &[Timed]) -> Buffer {
    render(&mut *made("soundfont", values), &nothing(frames), events)
}

fn on(channel: u8, key: u8, velocity: f64) -> EventBody {
    EventBody::NoteOn { channel, key, velocity, note: None }
}

fn off(channel: u8, key: u8) -> EventBody {
    EventBody::NoteOff { channel, key, velocity: 0.0, note: None }
}

fn midi(status: u8, first: u8, second: u8) -> EventBody {
    EventBody::Midi { bytes: [status, first, second] }
}

fn first_sound(buffer: &Buffer) -> usize {
    let at = |channel: &[f32]| channel.iter().position(|s| *s != 0.0).unwrap_or(channel.len());
    buffer.channels().map(at).min().expect("there are channels")
}

#[test]
fn the_same_note_sounds_the_same_at_whatever_frame_it_starts() {
    let length = 9000;
    let reference = play(&[], 12_000, &[(0, note_on(60, 0.8)), (6000, note_off(60))]);
    for start in [1, 7, 8, 63, 64, 65, 500, 2999] {
        let output = play(&[], 12_000, &[(start, note_on(60, 0.8)), (start + 6000, note_off(60))]);
        for channel in 0..2 {
            assert!(output.channel(channel)[..start].iter().all(|s| *s == 0.0));
            assert_eq!(output.channel(channel)[start..start + length], reference.channel(channel)[..length], "{start}");
        }
    }
}

#[test]
fn every_program_and_drum_starts_at_its_frame() {
    for (program, key) in [("0", 60), ("27", 52), ("26", 52), ("33", 33), ("48", 60)] {
        let onset = first_sound(&play(&[("Program", program)], 4000, &[(1003, note_on(key, 1.0))]));
        // The samples themselves start with up to 2 ms of zeros.
        assert!((1003..1003 + 96).contains(&onset), "program {program}: {onset}");
    }
    for key in [36, 38, 42, 46, 49, 51] {
        let onset = first_sound(&play(&[], 4000, &[(1003, on(9, key, 1.0))]));
        assert!((1003..1003 + 96).contains(&onset), "drum {key}: {onset}");
    }
}

#[test]
fn releases_and_controllers_arrive_within_seven_frames() {
    let held = play(&[], 9000, &[(0, note_on(60, 0.8))]);
    for at in [4000, 4001, 4007, 4008] {
        for event in [note_off(60), midi(0xe0, 0, 127), midi(0xb0, 7, 20), midi(0xb0, 10, 0)] {
            let changed = play(&[], 9000, &[(0, note_on(60, 0.8)), (at, event.clone())]);
            let same = |n: &usize| (0..2).any(|c| changed.channel(c)[*n] != held.channel(c)[*n]);
            let first = (0..9000).find(same).expect("the event is heard");
            // The block that begins at the next multiple of 8 blends from the old gain to the new one: its first
            // frame may still be the old one.
            assert!((at..at + 9).contains(&first), "{event:?} at {at}: heard at {first}");
        }
    }
}

/// The pitch of a note some way in, when it has settled.
fn pitch_of(program: &str, key: u8) -> f64 {
    let output = play(&[("Program", program)], 36_000, &[(0, note_on(key, 0.8))]);
    let near = 440.0 * 2f64.powf((f64::from(key) - 69.0) / 12.0);
    let sum: Vec<f32> = output.channel(0).iter().zip(output.channel(1)).map(|(l, r)| l + r).collect();
    cents(pitch(&sum[8000..36_000], near, RATE.hz()), near)
}

#[test]
fn notes_have_their_pitch_over_the_whole_range_of_each_program() {
    // Instruments as they were recorded: FluidR3 itself lies up to 20 cents beside equal temperament in places, and a
    // section of strings or a chorused guitar has no single pitch.
    for (program, lowest, highest, tolerance) in
        [("0", 33, 96, 15.0), ("27", 40, 79, 30.0), ("26", 40, 79, 25.0), ("33", 28, 55, 15.0), ("48", 40, 84, 30.0)]
    {
        for key in (lowest..=highest).step_by(3) {
            let off = pitch_of(program, key);
            assert!(off.abs() < tolerance, "program {program}, key {key}: {off:.1} cents");
        }
    }
}

#[test]
fn bend_moves_the_pitch_by_two_semitones_or_as_far_as_the_range_is_set() {
    let bent = |before: &[Timed]| {
        let mut events = before.to_vec();
        events.extend([(0, midi(0xe0, 127, 127)), (0, note_on(60, 0.8))]);
        let output = play(&[("Program", "33")], 30_000, &events);
        output.channel(0)[6000..].to_vec()
    };
    let c = 440.0 * 2f64.powf(-9.0 / 12.0);
    let two = pitch(&bent(&[]), c * 2f64.powf(2.0 / 12.0), RATE.hz());
    let plain = play(&[("Program", "33")], 30_000, &[(0, note_on(60, 0.8))]);
    let plain = pitch(&plain.channel(0)[6000..], c, RATE.hz());
    assert!((cents(two, plain) - 200.0).abs() < 2.0, "{}", cents(two, plain));
    let range = [(0, midi(0xb0, 101, 0)), (0, midi(0xb0, 100, 0)), (0, midi(0xb0, 6, 7))];
    let seven = pitch(&bent(&range), c * 2f64.powf(7.0 / 12.0), RATE.hz());
    assert!((cents(seven, plain) - 700.0).abs() < 2.0, "{}", cents(seven, plain));
}

#[test]
fn program_changes_are_followed_or_left_as_is_set() {
    let bass = play(&[("Program", "33")], 8000, &[(100, note_on(40, 0.8))]);
    let change = (50, midi(0xc0, 33, 0));
    let note = (100, note_on(40, 0.8));
    assert_eq!(play(&[], 8000, &[change.clone(), note.clone()]), bass);
    let piano = play(&[], 8000, std::slice::from_ref(&note));
    assert_ne!(piano, bass);
    assert_eq!(play(&[("Program Changes", "off")], 8000, &[change, note.clone()]), piano);
    // The SoundFont has no program 80, so the channel stays as it is.
    assert_eq!(play(&[], 8000, &[(50, midi(0xc0, 80, 0)), note.clone()]), piano);
    // Another channel's program is its own.
    assert_eq!(play(&[], 8000, &[(50, midi(0xc1, 33, 0)), note]), piano);
}

#[test]
fn notes_without_a_sound_and_those_that_another_program_plays_are_told() {
    let mut device = made("soundfont", &[]);
    let mut run = activate(&mut *device, 0, 512, RATE);
    let silent = (0, on(9, 20, 0.9));
    let replaced = [(10, midi(0xc0, 80, 0)), (20, note_on(60, 0.8)), (30, note_on(62, 0.8)), (40, midi(0xc0, 33, 0))];
    let played = [(50, note_on(40, 0.8)), (60, on(9, 36, 0.9))];
    // An open hi-hat that is closed at the same frame, and one that is closed later.
    let cut = [(70, on(9, 46, 0.9)), (70, on(9, 42, 0.9)), (80, on(9, 46, 0.9)), (90, on(9, 42, 0.9))];
    let events: Vec<Timed> = [silent].into_iter().chain(replaced).chain(played).chain(cut).collect();
    run.render(&nothing(4000), &events);
    let told = [
        "1 note silent: program 0 of bank 128 has no sound for key 20",
        "the SoundFont has no program 80 in bank 0: program 0 of bank 0 plays 2 notes of it",
        "1 note cut off at the start: others that exclude them, as a closed hi-hat does an open one, begin at the same time",
    ];
    assert_eq!(run.processor.incidents(), told);
    run.processor.reset();
    assert!(run.processor.incidents().is_empty());
}

#[test]
fn drums_play_on_channel_10_or_everywhere_or_nowhere() {
    let kick = play(&[], 8000, &[(0, on(9, 36, 0.9))]);
    let piano = play(&[], 8000, &[(0, on(0, 36, 0.9))]);
    assert_ne!(kick, piano);
    assert_eq!(play(&[("Drums", "On")], 8000, &[(0, on(0, 36, 0.9))]), kick);
    assert_eq!(play(&[("Drums", "On")], 8000, &[(0, on(9, 36, 0.9))]), kick);
    assert_eq!(play(&[("Drums", "Off")], 8000, &[(0, on(9, 36, 0.9))]), piano);
    // A melodic program leaves the kit of channel 10 in place.
    assert_eq!(play(&[("Program", "48")], 8000, &[(0, on(9, 36, 0.9))]), kick);
}

#[test]
fn both_sides_of_a_stereo_hi_hat_sound() {
    let output = play(&[], 8000, &[(0, on(9, 42, 0.9))]);
    let (left, right) = (level(output.channel(0)), level(output.channel(1)));
    assert!((left - right).abs() < 1.0 && left > -60.0, "{left} {right}");
}

#[test]
fn a_closed_hi_hat_cuts_an_open_one_off() {
    let open = play(&[], 24_000, &[(0, on(9, 46, 0.9))]);
    let closed = play(&[], 24_000, &[(9600, on(9, 42, 0.9))]);
    let both = play(&[], 24_000, &[(0, on(9, 46, 0.9)), (9600, on(9, 42, 0.9))]);
    assert_eq!(both.channel(0)[..9600], open.channel(0)[..9600]);
    // After 5 ms the open one is gone.
    assert_eq!(both.channel(0)[9600 + 240..], closed.channel(0)[9600 + 240..]);
    assert!(level(&open.channel(0)[12_000..]) > level(&closed.channel(0)[18_000..]) + 6.0);
}

#[test]
fn a_released_note_ends_and_a_pedal_holds_it() {
    let tail = |events: &[Timed]| level(&play(&[], 96_000, events).channel(0)[72_000..]);
    let released = tail(&[(0, note_on(60, 0.8)), (9600, note_off(60))]);
    let held = tail(&[(0, note_on(60, 0.8))]);
    let pedal = tail(&[(0, midi(0xb0, 64, 127)), (0, note_on(60, 0.8)), (9600, note_off(60))]);
    assert!(released < held - 30.0, "{released} {held}");
    assert!((pedal - held).abs() < 0.1);
}

#[test]
fn a_note_off_with_a_number_ends_that_note_only() {
    let on = |number| EventBody::NoteOn { channel: 0, key: 60, velocity: 0.8, note: Some(number) };
    let off = |number| EventBody::NoteOff { channel: 0, key: 60, velocity: 0.0, note: number };
    let two = [(0, on(1)), (4800, on(2))];
    let with = |event| {
        let mut events = two.to_vec();
        events.push((9600, event));
        level(&play(&[], 96_000, &events).channel(0)[60_000..])
    };
    let (one_left, none_left) = (with(off(Some(1))), with(off(None)));
    assert!(one_left > none_left + 20.0, "{one_left} {none_left}");
}

#[test]
fn louder_velocities_are_louder_and_volume_is_in_decibels() {
    let at = |velocity| level(&play(&[], 24_000, &[(0, note_on(60, velocity))]).channel(0)[..12_000]);
    assert!(at(0.3) < at(0.6) && at(0.6) < at(1.0));
    let quiet = level(&play(&[("Volume", "-12 dB")], 24_000, &[(0, note_on(60, 1.0))]).channel(0)[..12_000]);
    assert!((at(1.0) - quiet - 12.0).abs() < 0.01);
}

#[test]
fn reverb_and_chorus_follow_their_controllers() {
    let events = [(0, on(9, 37, 0.9)), (2000, off(9, 37))];
    let late = |values: &[(&str, &str)], before: &[Timed]| {
        let events: Vec<Timed> = before.iter().chain(&events).cloned().collect();
        play(values, 96_000, &events)
    };
    let dry = late(&[], &[]);
    let room = late(&[("Reverb", "on")], &[]);
    assert!(level(&room.channel(0)[48_000..60_000]) > level(&dry.channel(0)[48_000..60_000]) + 20.0);
    assert_eq!(late(&[("Reverb", "on")], &[(0, midi(0xb9, 91, 0))]), dry);
    let chorus = late(&[("Chorus", "on")], &[]);
    assert_ne!(chorus, dry);
    assert_eq!(late(&[("Chorus", "on")], &[(0, midi(0xb9, 93, 0))]), dry);
}

#[test]
fn two_hundred_notes_at_once_are_too_many_but_break_nothing() {
    let notes: Vec<Timed> = (0..200).map(|n| (n * 11, on((n % 9) as u8, 30 + (n % 60) as u8, 0.6))).collect();
    let output = play(&[], 9600, &notes);
    assert!(output.peak().is_finite() && output.peak() > 0.1);
}

#[test]
fn an_idle_player_has_no_tail_and_a_playing_one_does_not_know() {
    let mut device = create("soundfont");
    let mut run = start(&mut *device, 512, RATE);
    assert_eq!(run.processor.tail(), Tail::Frames(0));
    run.render(&nothing(4800), &[(0, note_on(60, 0.5)), (2000, note_off(60))]);
    assert_eq!(run.processor.tail(), Tail::Unknown);
    run.render(&nothing(480_000), &[]);
    assert_eq!(run.processor.tail(), Tail::Frames(0));
}

#[test]
fn a_program_that_the_soundfont_does_not_have_is_refused() {
    let setup = Setup { sample_rate: RATE, max_block: 512 };
    let error = made("soundfont", &[("Program", "30")]).activate(setup).err().expect("there is no program 30");
    assert_eq!(
        error.to_string(),
        "it cannot be activated: the SoundFont has no program 30 in bank 0; that bank holds 0 Yamaha Grand Piano, 26 \
         Jazz Guitar, 27 Clean Guitar, 33 Fingered Bass, 48 Strings"
    );
    let error = made("soundfont", &[("Bank", "1")]).activate(setup).err().expect("there is no bank 1");
    assert!(error.to_string().contains("that bank holds nothing"), "{error}");
    let low = Setup { sample_rate: SampleRate(11_025), max_block: 512 };
    assert!(matches!(create("soundfont").activate(low), Err(DeviceError::Activate(_))));
}

#[test]
fn files_that_are_no_soundfonts_are_refused() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("soundfont");
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let whole = devices::embedded::get("tonemill").expect("it is embedded");
    for (name, bytes) in [
        ("empty.sf2", &[][..]),
        ("text.sf2", b"no sound at all"),
        ("cut.sf2", &whole[..100_000]),
        ("headless.sf2", &whole[12..]),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, bytes).expect("the file can be written");
        let assets = [("soundfont".to_owned(), Asset::File(path.clone()))].into();
        let error = devices::create("soundfont", &assets).err().expect("the file is refused");
        let words = error.to_string();
        assert!(words.contains(name) && words.contains("it cannot be read as a SoundFont"), "{words}");
    }
    let assets = [("soundfont".to_owned(), Asset::File(folder.join("missing.sf2")))].into();
    assert!(matches!(devices::create("soundfont", &assets), Err(DeviceError::Asset { .. })));
}

#[test]
fn a_soundfont_file_plays_like_the_embedded_one() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/tonemill.sf2");
    let mut device = create_with("soundfont", "soundfont", Asset::File(path));
    let events = [(10, note_on(60, 0.8))];
    assert_eq!(render(&mut *device, &nothing(2000), &events), play(&[], 2000, &events));
}
