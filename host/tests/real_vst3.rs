//! Debian 13's VST3 plugins, where what matters is below jobs: single frames, states, what a plugin gives out.

mod common;

use std::path::Path;

use audio::device::{Device, Parameter, ParameterId};
use audio::{Buffer, Event, EventBody};
use common::trixie::on_trixie;
use common::*;

fn load(plugins: &Path, file: &str, id: Option<&str>) -> Box<dyn Device> {
    tonemill_host::vst3::load(&plugins.join(file), id).unwrap()
}

fn change(frame: usize, id: ParameterId, value: f64) -> Event {
    at(frame as u32, EventBody::Parameter { id, value })
}

/// What a plugin that multiplies by a parameter makes of ones.
fn factors(device: Box<dyn Device>, frames: usize, events: &[Event]) -> Vec<f32> {
    let ones = Buffer::from_channels(vec![vec![1.0; frames]; 2]);
    Stage::new(device, 512).effect(&ones, events).unwrap().channel(0).to_vec()
}

#[test]
fn a_step_shows_at_its_frame_and_a_ramp_is_followed() {
    on_trixie("a_step_shows_at_its_frame_and_a_ramp_is_followed", |plugins| {
        let device = || {
            let mut device = load(plugins, "again-sampleaccurate.vst3", Some("AGain Sample Accurate"));
            let gain = id(&*device, "Gain");
            device.set_value(gain, 0.25).unwrap();
            (device, gain)
        };
        // The plugin looks up the value that a sample ends with, not the one that it begins with: all that it does is
        // one frame early, which the ramp shows too.
        const EARLY: usize = 1;
        // In the middle of a block, at a block's last and first frame, and far from the change before.
        for frame in [300, 511, 512, 1500] {
            let (plugin, gain) = device();
            let out = factors(plugin, 2048, &[change(frame, gain, 0.75)]);
            // A block knows nothing of the next one's first frame.
            let heard = if frame % 512 == 0 { frame } else { frame - EARLY };
            assert!(out[..heard].iter().all(|factor| *factor == 0.25), "{frame}: {:?}", first_other(&out));
            assert!(out[heard..].iter().all(|factor| *factor == 0.75), "{frame}: {:?}", first_other(&out));
        }
        let (plugin, gain) = device();
        let ramp: Vec<Event> = (0..2048).map(|frame| change(frame, gain, frame as f64 / 2048.0)).collect();
        let out = factors(plugin, 2048, &ramp);
        let miss = |(n, factor): (usize, &f32)| (f64::from(*factor) - (n + EARLY).min(2047) as f64 / 2048.0).abs();
        let worst = out.iter().enumerate().filter(|(n, _)| n % 512 != 511).map(miss).fold(0.0, f64::max);
        assert!(worst < 1e-6, "{worst}");
    });
}

/// Where something else than at the start begins, and what it is.
fn first_other(factors: &[f32]) -> Option<(usize, f32)> {
    factors.iter().position(|factor| *factor != factors[0]).map(|frame| (frame, factors[frame]))
}

#[test]
fn a_legacy_controller_is_given_out_as_midi() {
    on_trixie("a_legacy_controller_is_given_out_as_midi", |plugins| {
        let device = load(plugins, "legacymidiccout.vst3", None);
        let (controller, bend) = (id(&*device, "Controller"), id(&*device, "PitchBend"));
        let mut stage = Stage::new(device, 512);
        let silence = Buffer::new(2, 1024);
        stage.effect(&silence, &[change(100, controller, 77.0), change(600, bend, 8191.0)]).unwrap();
        let midi = |frame, bytes| at(frame, EventBody::Midi { bytes });
        // Controller 11, which the plugin has by itself, and bend all the way up.
        assert_eq!(stage.produced, [midi(100, [0xb0, 11, 77]), midi(600, [0xe0, 127, 127])]);
    });
}

#[test]
fn a_state_that_is_loaded_is_saved_again_unchanged() {
    on_trixie("a_state_that_is_loaded_is_saved_again_unchanged", |plugins| {
        let mut files: Vec<_> = std::fs::read_dir(plugins).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let (mut count, mut differing) = (0, Vec::new());
        for file in files {
            // The one that does not load is told apart elsewhere.
            let Ok(listed) = tonemill_host::vst3::list(&file) else { continue };
            // Of LSP's 184 plugins, which share their code, every eighth; the first surge filter among them once crashed.
            let step = if listed.len() > 100 { 8 } else { 1 };
            let first = listed.iter().position(|info| info.name == "Surge Filter Mono").unwrap_or(0) % step;
            for info in listed.into_iter().skip(first).step_by(step) {
                let fresh = || tonemill_host::vst3::load(&file, Some(&info.id)).unwrap();
                let mut device = fresh();
                let changes = |p: &Parameter| {
                    let f = p.flags;
                    !(f.stepped || f.hidden || f.read_only || f.bypass) && f.automatable && p.maximum > p.minimum
                };
                let set = device.parameters().into_iter().find(changes);
                if let Some(p) = &set {
                    device.set_value(p.id, p.minimum + 0.25 * (p.maximum - p.minimum)).unwrap();
                }
                let Ok(saved) = device.save_state() else {
                    differing.push(format!("{} has none", info.name));
                    continue;
                };
                let mut other = fresh();
                if let Err(error) = other.load_state(&saved) {
                    differing.push(error.to_string().replace("the state was refused: ", ""));
                    continue;
                }
                if other.save_state().unwrap() != saved {
                    differing.push(format!("{} saves others", info.name));
                }
                if let Some(p) = &set
                    && (other.value(p.id).unwrap() - device.value(p.id).unwrap()).abs() > 1e-4 * (p.maximum - p.minimum)
                {
                    differing.push(format!("{} forgets {}", info.name, p.name));
                }
                count += 1;
            }
        }
        assert!(count > 100, "{count}");
        let refused = |name, bytes| {
            format!("{name} could not read the {bytes} bytes of its state. Was it saved by another plugin?")
        };
        let known = [refused("Advanced Tutorial", 8), "PitchNames has none".into()];
        assert_eq!(differing, known);
    });
}
