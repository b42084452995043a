//! The resolved form of presets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use audio::device::ProcessMode;
use serde::{Deserialize, Serialize};

use crate::plugin::PluginFile;

/// An ordered chain of devices. Of an instrument's preset, the first device takes the notes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preset {
    /// Name for people; a file without one takes its file name.
    pub name: String,
    /// What the signal goes through, first to last.
    pub chain: Vec<Link>,
}

/// One link of a chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Link {
    /// Chains beside each other, each of which hears the signal; what they give is summed.
    Parallel {
        /// The chains.
        parallel: Vec<Branch>,
    },
    /// One device.
    Device(Box<DeviceSetup>),
}

/// One of several chains beside each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Branch {
    /// Factor on what comes out of it; a negative one turns the signal upside down.
    pub gain: f64,
    /// Its links. One without any gives the signal as it is.
    pub chain: Vec<Link>,
}

impl From<DeviceSetup> for Link {
    fn from(setup: DeviceSetup) -> Link {
        Link::Device(Box::new(setup))
    }
}

/// The devices of a chain, those of branches in the order of the branches. The place in this list is the number by which
/// automation, examinations and manifests mean a device.
pub fn devices(chain: &[Link]) -> Vec<&DeviceSetup> {
    fn collect<'a>(chain: &'a [Link], into: &mut Vec<&'a DeviceSetup>) {
        for link in chain {
            match link {
                Link::Device(setup) => into.push(setup),
                Link::Parallel { parallel } => parallel.iter().for_each(|branch| collect(&branch.chain, into)),
            }
        }
    }
    let mut found = Vec::new();
    collect(chain, &mut found);
    found
}

/// Calls `change` with each of [`devices`].
pub fn for_each_device(chain: &mut [Link], change: &mut dyn FnMut(&mut DeviceSetup)) {
    for link in chain {
        match link {
            Link::Device(setup) => change(setup),
            Link::Parallel { parallel } => {
                parallel.iter_mut().for_each(|branch| for_each_device(&mut branch.chain, change));
            }
        }
    }
}

/// One device of a chain with everything that is set on it.
///
/// Applied in this order: assets of a built-in, state, the device's own preset, files of a plugin, parameters as listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceSetup {
    /// Which device.
    pub device: DeviceSpec,
    /// Parameters in the order written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Setting>,
    /// A state saved before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<PathBuf>,
    /// A file in the device's own preset format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<PathBuf>,
    /// Files that the device works with, by role: `ir`, `soundfont`; of a plugin, by its own names for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub assets: BTreeMap<String, Asset>,
    /// Files that the state or preset refers to. Nobody writes them: whoever plans asks the device, so that they count
    /// where they change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub referenced: Vec<PathBuf>,
    /// What happens where the device's channels differ from the signal's.
    #[serde(default)]
    pub channels: ChannelPolicy,
    /// How the device is told to treat time.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: ProcessMode,
    /// What another input than the main one hears.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sidechain: Option<Sidechain>,
    /// By how much it is late, in frames, where that is known better than the device says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<u64>,
}

/// What another input of a device than the main one hears: a track or bus of the session that it stands in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sidechain {
    /// The track or bus.
    pub from: String,
    /// Level of what is heard, in dB.
    #[serde(default, skip_serializing_if = "is_default")]
    pub gain_db: f64,
    /// Taken in front of level and pan.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pre_fader: bool,
    /// The device's input bus, from 1; 0 is the main one.
    pub input: usize,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Which device is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "snake_case")]
pub enum DeviceSpec {
    /// One of the devices that come with the product.
    Builtin {
        /// `gain`, `cabinet`, ...
        name: String,
    },
    /// A CLAP plugin.
    Clap(PluginFile),
    /// A VST3 plugin. Its id is a class id, 32 hexadecimal digits, or the name of a class.
    Vst3(PluginFile),
    /// An LV2 plugin. Its file is a bundle, its id a URI.
    Lv2(PluginFile),
}

/// One parameter's setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// The parameter's name, or its id in digits (`#7` where a name consists of digits).
    pub parameter: String,
    /// What it is set to.
    pub value: Value,
}

/// What a parameter is set to. Random draws will stand beside these; a plan holds constants only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A plain value in the parameter's own unit.
    Number(f64),
    /// Text that the device itself reads ("-6 dB").
    Text(String),
}

/// A file that a device works with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asset {
    /// A file on disk.
    File(PathBuf),
    /// One that is part of the program, by name.
    Embedded(String),
}

/// What happens where a device's main channels cannot be made those of the signal. Never anything unless chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelPolicy {
    /// An error that names both counts.
    #[default]
    Error,
    /// A mono signal feeds both sides of a stereo device.
    Duplicate,
    /// One instance of a mono device for each channel of the signal.
    DualMono,
    /// The channels' mean feeds a mono device, and the signal is mono from there on.
    Downmix,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setup_says_its_mode_only_where_it_is_not_offline() {
        let mut setup = crate::spec::bare(DeviceSpec::Vst3(PluginFile { plugin: "/x.vst3".into(), id: None }));
        let offline = r#"{"device":{"format":"vst3","plugin":"/x.vst3"},"channels":"error"}"#;
        assert_eq!(serde_json::to_string(&setup).unwrap(), offline);
        assert_eq!(serde_json::from_str::<DeviceSetup>(offline).unwrap(), setup);
        setup.mode = ProcessMode::Realtime;
        let realtime = r#"{"device":{"format":"vst3","plugin":"/x.vst3"},"channels":"error","mode":"realtime"}"#;
        assert_eq!(serde_json::to_string(&setup).unwrap(), realtime);
        assert_eq!(serde_json::from_str::<DeviceSetup>(realtime).unwrap(), setup);
    }
}
