//! Debian 13's VST3 plugins, where what matters is below jobs: single frames, states, what a plugin gives out.

mod common;

use std::path::Path;

use audio::device::{Device, Parameter, ParameterId, ProcessError};
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
fn every_plugin_goes_without_harm_or_complaint() {
    let said = on_trixie("every_plugin_goes_without_harm_or_complaint", |plugins| {
        let mut files: Vec<_> = std::fs::read_dir(plugins).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let mut count = 0;
        for file in files {
            // The one that does not load is told apart elsewhere.
            let Ok(listed) = tonemill_host::vst3::list(&file) else { continue };
            let step = if listed.len() > 100 { 8 } else { 1 };
            for info in listed.iter().step_by(step) {
                println!("{} goes", info.name);
                let fresh = || tonemill_host::vst3::load(&file, Some(&info.id)).unwrap();
                drop(fresh());
                let mut stage = Stage::new(fresh(), 512);
                let inputs: Vec<Buffer> = stage.device.ports().inputs.iter().map(|b| ramp(b.channels, 1024)).collect();
                // ZamEQ2 gives NaN at its defaults.
                let rendered = stage.run(&inputs, 1024, &[]);
                assert!(matches!(rendered, Ok(_) | Err(ProcessError::NonFinite { .. })), "{rendered:?}");
                stage.device.pump();
                drop(stage.stop());
                count += 1;
            }
        }
        assert!(count > 100, "{count}");
    });
    let complaints: Vec<&str> = said.iter().flat_map(|said| said.lines()).filter(|l| l.contains("warning")).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
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

#[test]
fn a_plugin_whose_news_of_its_latency_come_late_is_restarted_for_it_once() {
    on_trixie("a_plugin_whose_news_of_its_latency_come_late_is_restarted_for_it_once", |plugins| {
        for name in ["Sidechain Multiband Limiter Mono", "Multiband Clipper Stereo", "Loudness Compensator Stereo"] {
            let play = |stage: &mut Stage| {
                let ports = stage.device.ports();
                let inputs: Vec<Buffer> = ports.inputs.iter().map(|bus| ramp(bus.channels, 512)).collect();
                stage.run(&inputs, 512, &[]).unwrap();
                // They tell of it from a thread of theirs, after some tens of milliseconds.
                std::thread::sleep(std::time::Duration::from_millis(5));
                stage.device.pump().restart
            };
            let mut stage = Stage::new(load(plugins, "lsp-plugins.vst3", Some(name)), 512);
            assert!(play(&mut stage), "{name} knows its latency after a block");
            let mut stage = Stage::new(stage.stop(), 512);
            let again = (0..60).find(|_| play(&mut stage));
            assert_eq!(again, None, "{name} asks again after that many blocks");
        }
    });
}
