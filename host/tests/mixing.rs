//! What a mix asks of plugins, shown on real ones where they are installed: side chains, further outputs, steps on their
//! very frame, controllers, and notes that are shaped one by one.
#![cfg(unix)]

mod common;

use std::path::{Path, PathBuf};

use audio::device::{Device, DeviceError};
use audio::{Buffer, Event, EventBody, Expression};
use common::trixie::on_trixie;
use common::*;

const FRAMES: usize = 24_000;
const BLOCKS: [usize; 4] = [32, 64, 512, 4096];

/// Brings a plugin file of any format to life.
fn load(path: &Path) -> Result<Box<dyn Device>, DeviceError> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("clap") => tonemill_host::clap::load(path, None),
        Some("vst3") => tonemill_host::vst3::load(path, None),
        _ => tonemill_host::lv2::load(path, None),
    }
}

/// Those of a plugin's three files that are installed; says which are not.
fn installed(name: &str) -> Vec<PathBuf> {
    let all = ["clap", "vst3", "lv2"].map(|format| Path::new("/usr/lib").join(format).join(format!("{name}.{format}")));
    all.iter().filter(|path| !path.exists()).for_each(|path| eprintln!("skipped: there is no {}", path.display()));
    all.into_iter().filter(|path| path.exists()).collect()
}

fn tone(channels: usize, hz: f64, level: f64) -> Buffer {
    let sample = |n: usize| (level * (std::f64::consts::TAU * hz * n as f64 / RATE.hz()).sin()) as f32;
    Buffer::from_channels(vec![(0..FRAMES).map(sample).collect(); channels])
}

/// The highest level in the last quarter, when everything has settled.
fn settled(buffer: &Buffer) -> f32 {
    buffer.channels().flat_map(|channel| &channel[FRAMES * 3 / 4..]).fold(0.0, |most, sample| sample.abs().max(most))
}

/// Fails unless a gate is opened by its side chain, and by that alone.
fn is_opened_from_the_side(path: &Path) {
    let through = |side: f64| {
        let mut device = load(path).unwrap();
        let inputs = device.ports().inputs;
        assert!(inputs.len() == 2 && inputs[0].main && !inputs[1].main, "{inputs:?}");
        for (name, value) in [("Sidechain", 1.0), ("Threshold", -20.0)] {
            let id = id(&*device, name);
            device.set_value(id, value).unwrap();
        }
        device.use_input(1, true);
        let sound = [tone(1, 1000.0, 0.5), tone(1, 300.0, side)];
        settled(&Stage::new(device, 512).run(&sound, FRAMES, &[]).unwrap()[0])
    };
    let (closed, open) = (through(0.0), through(0.5));
    assert!(closed < 0.05 && open > 0.4, "{}: {closed} and {open}", path.display());
}

#[test]
fn a_gate_is_opened_by_its_side_chain_in_every_format() {
    // Debian 12's build for VST3 hears nothing on that bus, where Debian 13's does.
    let here = installed("ZamGate").into_iter().filter(|path| path.extension().is_none_or(|format| format != "vst3"));
    here.for_each(|path| is_opened_from_the_side(&path));
    on_trixie("a_gate_is_opened_by_its_side_chain_in_every_format", |plugins| {
        is_opened_from_the_side(&plugins.join("ZamGate.vst3"));
        is_opened_from_the_side(&plugins.join("../clap/ZamGate.clap"));
    });
}

/// Fails unless each of three outputs has the band that it is for.
fn has_bands(path: &Path) {
    const BANDS: [f64; 3] = [60.0, 660.0, 12_000.0];
    let levels = BANDS.map(|hz| {
        let device = load(path).unwrap();
        assert_eq!(device.ports().outputs.iter().map(|bus| bus.channels).collect::<Vec<_>>(), [2, 2, 2]);
        let outputs = Stage::new(device, 512).run(&[tone(2, hz, 0.5)], FRAMES, &[]).unwrap();
        outputs.iter().map(settled).collect::<Vec<_>>()
    });
    for band in 0..3 {
        let own = levels[band][band];
        let others = (0..3).filter(|other| *other != band).map(|other| levels[other][band]);
        assert!(others.fold(0.0, f32::max) < own, "{}: band {band} of {levels:?}", path.display());
    }
}

#[test]
fn each_output_of_a_splitter_has_its_own_band_in_every_format() {
    installed("3BandSplitter").iter().for_each(|path| has_bands(path));
    on_trixie("each_output_of_a_splitter_has_its_own_band_in_every_format", |plugins| {
        has_bands(&plugins.join("3BandSplitter.vst3"));
        has_bands(&plugins.join("../clap/3BandSplitter.clap"));
    });
}

/// Steps of a level in decibels at awkward frames.
fn steps(device: &dyn Device, name: &str) -> Vec<(Event, f32)> {
    let id = id(device, name);
    let level = |frame: u32| -6.0 * f64::from(frame % 7);
    let step = |frame: u32| {
        let value = level(frame);
        (at(frame, EventBody::Parameter { id, value }), 10f64.powf(value / 20.0) as f32)
    };
    [1, 31, 32, 33, 63, 64, 500, 511, 512, 4095, 4096, 4097, 9999].map(step).into()
}

/// Fails unless what multiplies its input does so by each value from its very frame on, whatever the blocks.
fn steps_on_their_frames(load: impl Fn() -> Box<dyn Device>) {
    let sound = |block: usize| {
        let device = load();
        let steps = steps(&*device, &device.parameters()[0].name);
        let events: Vec<Event> = steps.iter().map(|(event, _)| event.clone()).collect();
        let ones = Buffer::from_channels(vec![vec![0.5; 10_000]]);
        let output = Stage::new(device, block).effect(&ones, &events).unwrap();
        for (frame, sample) in output.channel(0).iter().enumerate() {
            let last = steps.iter().rfind(|(event, _)| event.frame as usize <= frame);
            let wanted = 0.5 * last.map_or(1.0, |(_, factor)| *factor);
            assert!((sample.abs() - wanted).abs() < 1e-6, "block {block}, frame {frame}: {sample} for {wanted}");
        }
        output
    };
    let first = sound(BLOCKS[0]);
    BLOCKS.iter().for_each(|block| assert_eq!(sound(*block), first, "block {block}"));
}

#[test]
fn a_control_of_an_lv2_plugin_steps_on_its_frame_whatever_the_blocks() {
    steps_on_their_frames(|| common::lv2::fixture("gain").1);
    let amplifier = Path::new("/usr/lib/lv2/amp-swh.lv2");
    if amplifier.exists() {
        steps_on_their_frames(|| load(amplifier).unwrap());
    } else {
        eprintln!("skipped: {} is not installed; scripts/test brings it", amplifier.display());
    }
}

/// How loud an instrument is at the end, with a note held throughout and this on its way.
fn held(path: &Path, bytes: Option<[u8; 3]>) -> f32 {
    let mut events = vec![at(10, EventBody::NoteOn { channel: 0, key: 48, velocity: 0.8, note: Some(1) })];
    events.extend(bytes.map(|bytes| at(6000, EventBody::Midi { bytes })));
    settled(&Stage::new(load(path).unwrap(), 512).run(&[], FRAMES, &events).unwrap()[0])
}

/// Fails unless the end of all notes silences a note that is held otherwise.
fn hears_the_end_of_all_notes(path: &Path) {
    let (plain, ended) = (held(path, None), held(path, Some([0xb0, 123, 0])));
    assert!(plain > 0.01 && ended < plain / 10.0, "{}: {plain} and {ended}", path.display());
}

#[test]
fn an_instrument_hears_a_controller_in_every_format() {
    installed("Nekobi").iter().for_each(|path| hears_the_end_of_all_notes(path));
    on_trixie("an_instrument_hears_a_controller_in_every_format", |plugins| {
        hears_the_end_of_all_notes(&plugins.join("Nekobi.vst3"));
        hears_the_end_of_all_notes(&plugins.join("../clap/Nekobi.clap"));
    });
}

#[test]
fn the_sdks_synthesizer_shapes_each_of_two_notes_of_one_key() {
    on_trixie("the_sdks_synthesizer_shapes_each_of_two_notes_of_one_key", |plugins| {
        let play = |shaped: &[(u32, Expression, f64)]| {
            let id = Some("Note Expression Synth");
            let device = tonemill_host::vst3::load(&plugins.join("noteexpressionsynth.vst3"), id).unwrap();
            let (channel, key) = (0, 60);
            let on = |note| at(0, EventBody::NoteOn { channel, key, velocity: 0.8, note: Some(note) });
            let mut events = vec![on(1), on(2)];
            events.extend(shaped.iter().map(|(note, expression, value)| {
                let (note, expression, value) = (Some(*note), *expression, *value);
                at(1000, EventBody::Expression { channel, key, note, expression, value })
            }));
            Stage::new(device, 512).run(&[], FRAMES, &events).unwrap().remove(0)
        };
        // Middle C, and the G above where a note is a fifth higher.
        let levels = |shaped: &[(u32, Expression, f64)]| {
            let sound = play(shaped);
            [261.626, 391.995].map(|hz| level_at(&sound.channel(0)[12_000..], hz))
        };
        let fifth = |note| (note, Expression::Tuning, 7.0);
        let [c, none] = levels(&[]);
        assert!(c > 0.05 && none < c / 20.0, "{c} and {none}");
        for note in [1, 2] {
            let [one, other] = levels(&[fifth(note)]);
            assert!(one > c / 4.0 && one < c * 0.75 && other > c / 4.0, "{note}: {one} and {other} of {c}");
        }
        let [none, g] = levels(&[fifth(1), fifth(2)]);
        assert!(none < c / 20.0 && g > c / 2.0, "{none} and {g} of {c}");
        assert_eq!(levels(&[fifth(3)])[0], c, "nobody plays that note");
        let [louder, _] = levels(&[(1, Expression::Volume, 2.0)]);
        assert!(louder > 1.2 * c, "{louder} of {c}");
    });
}

/// How much of a frequency is in a sound.
fn level_at(sound: &[f32], hz: f64) -> f64 {
    let turn = |n: usize| std::f64::consts::TAU * hz * n as f64 / RATE.hz();
    let part = |of: fn(f64) -> f64| -> f64 { sound.iter().enumerate().map(|(n, s)| f64::from(*s) * of(turn(n))).sum() };
    part(f64::sin).hypot(part(f64::cos)) * 2.0 / sound.len() as f64
}
