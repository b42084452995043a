//! The shipped presets, played by the devices that they name.

use std::path::{Path, PathBuf};

use audio::{Buffer, Device};
use presets::{DeviceSetup, DeviceSpec, Preset, Value};

use crate::rig::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The presets of a folder of the library, by file name.
fn presets_in(folder: &str) -> Vec<(String, Preset)> {
    let folder = root().join("presets/library").join(folder);
    let entries = std::fs::read_dir(&folder).expect("the library is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.sort();
    let load = |path: PathBuf| {
        let preset = presets::file::load(&path).unwrap_or_else(|mistakes| panic!("{}: {mistakes:?}", path.display()));
        (path.file_stem().expect("it has a name").to_string_lossy().into_owned(), preset)
    };
    paths.into_iter().map(load).collect()
}

fn device(setup: &DeviceSetup) -> Box<dyn Device> {
    let DeviceSpec::Builtin { name } = &setup.device else { panic!("the library uses built-in devices alone") };
    let mut device = devices::create(name, &setup.assets).expect("the device can be made");
    let plain = |name: &str| name.to_lowercase().replace([' ', '-', '_'], "");
    for setting in &setup.params {
        let found = device.parameters().into_iter().find(|p| plain(&p.name) == plain(&setting.parameter));
        let id = found.unwrap_or_else(|| panic!("{name} has no parameter {}", setting.parameter)).id;
        let value = match &setting.value {
            Value::Number(number) => *number,
            Value::Text(text) => device.parse(id, text).unwrap_or_else(|| panic!("{name} does not read {text:?}")),
        };
        device.set_value(id, value).expect("the value is in range");
    }
    device
}

/// A chain's output with its latency removed, and the name of each device's peak that lies above full scale.
fn through(preset: &Preset, input: Buffer, events: &[Timed]) -> Buffer {
    let mut signal = input;
    for setup in presets::devices(&preset.chain) {
        let mut device = device(setup);
        let frames = signal.frames();
        let mut run = activate(&mut *device, signal.channel_count(), 512, RATE);
        signal.resize(frames + run.latency as usize);
        let late = run.render(&signal, if device.info().instrument { events } else { &[] });
        signal = Buffer::from_channels(late.channels().map(|c| c[run.latency as usize..].to_vec()).collect());
    }
    signal
}

/// The shipped guitar recording at the rate of the tests.
fn guitar() -> Buffer {
    let recording = audio::read::read(&root().join("jobs/examples/data/guitar.flac")).expect("it can be read");
    audio::resample::resample(&recording.buffer, recording.sample_rate, RATE).expect("it can be resampled")
}

#[test]
fn every_guitar_tone_makes_the_recording_another_sound_of_a_usable_level() {
    let tones = presets_in("guitar");
    let names: Vec<&str> = tones.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["ambient", "clean", "crunch", "lead"]);
    let dry = guitar();
    for (name, tone) in &tones {
        let wet = through(tone, dry.clone(), &[]);
        let (loudness, peak) = (level(wet.channel(0)), wet.peak());
        println!("{name}: {loudness:.1} dB, peak {peak:.2}");
        assert_eq!(wet.frames(), dry.frames());
        assert!((-30.0..-12.0).contains(&loudness), "{name}: {loudness} dB");
        assert!(peak < 1.0, "{name}: peak {peak}");
        assert_ne!(wet, dry);
    }
}

#[test]
fn every_program_of_the_soundfont_has_an_instrument_of_a_usable_level() {
    let instruments = presets_in("instruments");
    let names: Vec<&str> = instruments.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["clean-guitar", "drums", "finger-bass", "jazz-guitar", "piano", "strings"]);
    for (name, preset) in &instruments {
        let keys: &[u8] = match name.as_str() {
            "finger-bass" => &[33],
            "drums" => &[36, 38, 42, 49],
            _ => &[48, 55, 60, 64],
        };
        let mut events: Vec<Timed> = keys.iter().map(|key| (100, note_on(*key, 0.85))).collect();
        events.extend(keys.iter().map(|key| (60_000, note_off(*key))));
        let sound = through(preset, nothing(96_000), &events);
        let (loudness, peak) = (level(&sound.channel(0)[..48_000]), sound.peak());
        println!("{name}: {loudness:.1} dB, peak {peak:.2}");
        assert!((-36.0..-12.0).contains(&loudness), "{name}: {loudness} dB");
        assert!(peak < 1.0, "{name}: peak {peak}");
    }
}

#[test]
fn the_mix_presets_pass_a_mix_through() {
    for (name, preset) in presets_in("mix") {
        let output = through(&preset, guitar(), &[]);
        let change = level(output.channel(0)) - level(guitar().channel(0));
        println!("{name}: {change:+.1} dB");
        assert!(change.abs() < 6.0 && output.peak() < 1.0, "{name}: {change} dB, peak {}", output.peak());
    }
}
