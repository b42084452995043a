//! Plugins that other people made: Debian's zam-plugins, where they are installed.

mod common;

use std::path::PathBuf;

use audio::Buffer;
use common::*;
use presets::PluginFormat;

/// The installed plugin of that file name. Says so and gives nothing if it is not installed.
fn installed(name: &str) -> Option<PathBuf> {
    let format = if name.ends_with(".vst3") { PluginFormat::Vst3 } else { PluginFormat::Clap };
    let found = presets::folders::Folders::standard(format)
        .list()
        .iter()
        .map(|folder| folder.join(name))
        .find(|path| path.exists());
    if found.is_none() {
        println!("SKIPPED: {name} is in none of the plugin folders; install the package zam-plugins");
    }
    found
}

/// A decaying tone, so that dynamics have something to do.
fn pluck(channels: usize, frames: usize) -> Buffer {
    let sample = |n: usize| {
        let seconds = n as f64 / RATE.hz();
        (0.5 * (-3.0 * seconds).exp() * (std::f64::consts::TAU * 196.0 * seconds).sin()) as f32
    };
    Buffer::from_channels(vec![(0..frames).map(sample).collect(); channels])
}

#[test]
fn real_effects_render_the_same_twice_and_after_their_own_values() {
    for name in ["ZamTube.clap", "ZamEQ2.clap", "ZamComp.clap", "ZamVerb.clap", "ZamDelay.clap", "ZaMultiCompX2.clap"] {
        let Some(path) = installed(name) else { continue };
        let listed = tonemill_host::clap::list(&path).unwrap();
        assert_eq!(listed.len(), 1, "{name}");
        let render = |set_all: bool| {
            let mut device = tonemill_host::clap::load(&path, None).unwrap();
            assert_eq!(device.info(), &listed[0]);
            for parameter in device.parameters().iter().filter(|parameter| set_all && !parameter.flags.read_only) {
                let value = device.value(parameter.id).unwrap();
                device.set_value(parameter.id, value).unwrap();
            }
            let inputs: Vec<Buffer> = device.ports().inputs.iter().map(|bus| pluck(bus.channels, 48_000)).collect();
            Stage::new(device, 512).run(&inputs, 48_000, &[]).unwrap().remove(0)
        };
        let output = render(false);
        assert!(output.peak() > 1e-3, "{name} is silent");
        assert_eq!(render(false), output, "{name} differs from itself");
        assert_eq!(render(true), output, "{name} differs after its own values were set");
    }
}

#[test]
fn a_real_parameter_is_set_by_its_plain_value_and_worded() {
    let Some(path) = installed("ZamTube.clap") else { return };
    let mut device = tonemill_host::clap::load(&path, None).unwrap();
    let drive = id(&*device, "Tube Drive");
    let parameter = device.parameters().into_iter().find(|parameter| parameter.id == drive).unwrap();
    let middle = (parameter.minimum + parameter.maximum) / 2.0;
    device.set_value(drive, middle).unwrap();
    // DPF, which the plugin is built on, keeps values as 32-bit floats and words them with six digits.
    assert!((device.value(drive).unwrap() - middle).abs() < 1e-5);
    let text = device.text(drive, middle).unwrap();
    assert!((device.parse(drive, &text).unwrap() - middle).abs() < 1e-4, "{text}");
}

#[test]
fn the_same_setting_reaches_both_formats_of_a_plugin_and_its_state() {
    let settings = [("ZamGEQ31", "Master Gain", 6.0), ("ZamDelay", "Feedback", 0.75), ("ZamTube", "Tube Drive", 6.5)];
    for (name, parameter, value) in settings {
        let files = (installed(&format!("{name}.clap")), installed(&format!("{name}.vst3")));
        let (Some(clap), Some(vst3)) = files else { continue };
        let set = |mut device: Box<dyn audio::Device>| {
            let id = id(&*device, parameter);
            device.set_value(id, value).unwrap();
            device
        };
        let render = |device: Box<dyn audio::Device>| {
            let input = pluck(device.ports().main_inputs(), 24_000);
            Stage::new(device, 512).effect(&input, &[]).unwrap()
        };
        let vst3 = || tonemill_host::vst3::load(&vst3, None).unwrap();
        let by_clap = render(set(tonemill_host::clap::load(&clap, None).unwrap()));
        assert!(render(vst3()) != by_clap, "{name}: {parameter} is not heard");
        assert!(render(set(vst3())) == by_clap, "{name}: {parameter} means something else in the other format");
        let state = set(vst3()).save_state().unwrap();
        let mut restored = vst3();
        restored.load_state(&state).unwrap();
        assert!(render(restored) == by_clap, "{name}: {parameter} is not in the state");
    }
}
