//! What a verdict is about: which binary, which plugin of it, with which settings.

use std::collections::BTreeMap;
use std::path::Path;

use presets::{Asset, DeviceKind, DeviceSetup, PluginFile, PluginFormat, Setting};
use serde::Serialize;

use super::RECIPE;
use super::verdict::Verdict;
use crate::hash::{Hashes, of_text, short};
use crate::task::AudioSettings;
use crate::{ENGINE, FORMAT_VERSION};

/// What a verdict is looked for by. A device that changed in any of it has no verdict until it is probed again.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    format: String,
    /// Id or name, as the setup has it; `None` of a file with one plugin.
    id: Option<String>,
    binary: String,
    settings: String,
    audio: AudioSettings,
}

/// A device as it is set and the conditions that it plays under, in half of a hash: what is found out about it within a plan is
/// kept by this.
pub fn as_set(setup: &DeviceSetup, audio: AudioSettings) -> u128 {
    short(&serde_json::to_vec(&(setup, audio)).expect("a setup has texts for keys"))
}

/// Everything that is set on a device, with each file as the hash of what it holds.
#[derive(Serialize)]
struct Settings<'a> {
    params: &'a [Setting],
    state: Option<String>,
    preset: Option<String>,
    assets: BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    referenced: Vec<String>,
    mode: audio::device::ProcessMode,
}

impl Key {
    /// The key of a device whose files are found and whose settings are ids and numbers. Fails where one of its files
    /// cannot be read.
    pub fn of(setup: &DeviceSetup, audio: AudioSettings, hashes: &mut Hashes) -> Result<Key, String> {
        let mut hash = |path: &Path| hashes.of(path).map_err(|error| format!("{}: {error}", path.display()));
        let (format, id, binary) = match setup.device.kind() {
            DeviceKind::Builtin(name) => ("builtin", Some(name.to_owned()), of_text(ENGINE)),
            DeviceKind::Plugin(format, PluginFile { plugin, id }) => {
                (format.word(), id.clone(), hash(Path::new(plugin))?)
            }
        };
        let settings = Settings {
            params: &setup.params,
            state: setup.state.as_deref().map(&mut hash).transpose()?,
            preset: setup.preset.as_deref().map(&mut hash).transpose()?,
            assets: setup
                .assets
                .iter()
                .map(|(role, asset)| {
                    let content = match asset {
                        Asset::File(path) => hash(path)?,
                        Asset::Embedded(name) => format!("embedded:{name}"),
                    };
                    Ok((role.as_str(), content))
                })
                .collect::<Result<_, String>>()?,
            referenced: setup.referenced.iter().map(|path| hash(path)).collect::<Result<_, String>>()?,
            mode: setup.mode,
        };
        let settings = of_text(&serde_json::to_string(&settings).expect("settings have texts for keys"));
        Ok(Key { format: format.to_owned(), id, binary, settings, audio })
    }

    /// BLAKE3 of the binary, in hex.
    pub fn binary(&self) -> &str {
        &self.binary
    }

    /// BLAKE3 of the settings, in hex.
    pub fn settings(&self) -> &str {
        &self.settings
    }

    /// The word of the format.
    pub fn format(&self) -> &str {
        &self.format
    }

    /// The plugin's id or name, if one was given.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Rate and block size.
    pub fn audio(&self) -> AudioSettings {
        self.audio
    }

    /// Whether a verdict is about this.
    pub fn fits(&self, verdict: &Verdict) -> bool {
        verdict.device.settings_blake3 == self.settings && self.is_kin(verdict)
    }

    /// Whether a verdict is about this device, whatever was set on it.
    pub fn is_kin(&self, verdict: &Verdict) -> bool {
        let device = &verdict.device;
        let same_id = |id: &str| match PluginFormat::from_word(&self.format) {
            Some(format) => format.is_same_id(&device.id, id) || device.name == id,
            None => device.id == id,
        };
        verdict.tonemill == FORMAT_VERSION
            && verdict.recipe == RECIPE
            && verdict.engine == ENGINE
            && verdict.audio == self.audio
            && device.format == self.format
            && device.binary_blake3 == self.binary
            && self.id().is_none_or(same_id)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use presets::Value;

    use super::*;

    fn setup(folder: &Path) -> DeviceSetup {
        let file = PluginFile { plugin: folder.join("x.clap").display().to_string(), id: Some("a.x".into()) };
        presets::spec::bare(PluginFormat::Clap.device(file))
    }

    #[test]
    fn everything_that_decides_the_sound_is_part_of_the_key_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [("x.clap", "code"), ("y.clap", "code"), ("a.state", "one"), ("b.state", "one")] {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let plain = setup(folder.path());
        let audio = AudioSettings::standard();
        let key = |setup: &DeviceSetup| Key::of(setup, audio, &mut Hashes::default()).unwrap();
        let state = |name: &str| Some(folder.path().join(name));
        let setting = |value| vec![Setting { parameter: "#1".into(), value: Value::Number(value) }];

        let with_state = DeviceSetup { state: state("a.state"), ..plain.clone() };
        assert_eq!(key(&with_state), key(&DeviceSetup { state: state("b.state"), ..plain.clone() }));
        let moved = PluginFile { plugin: folder.path().join("y.clap").display().to_string(), id: Some("a.x".into()) };
        assert_eq!(key(&plain), key(&presets::spec::bare(PluginFormat::Clap.device(moved))));

        let mut all = vec![key(&plain), key(&with_state)];
        all.push(key(&DeviceSetup { params: setting(1.0), ..plain.clone() }));
        all.push(key(&DeviceSetup { params: setting(2.0), ..plain.clone() }));
        all.push(key(&DeviceSetup { preset: state("a.state"), ..plain.clone() }));
        all.push(key(&DeviceSetup { mode: audio::device::ProcessMode::Realtime, ..plain.clone() }));
        let refers = DeviceSetup { referenced: state("a.state").into_iter().collect(), ..plain.clone() };
        all.push(key(&refers));
        fs::write(folder.path().join("a.state"), "two").unwrap();
        all.push(key(&refers));
        all.push(Key::of(&plain, AudioSettings { block_size: 64, ..audio }, &mut Hashes::default()).unwrap());
        fs::write(folder.path().join("x.clap"), "other code").unwrap();
        all.push(key(&plain));
        for (at, one) in all.iter().enumerate() {
            assert!(all[at + 1..].iter().all(|other| other != one), "{at}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_has_no_key() {
        let gone = setup(&PathBuf::from("/nowhere"));
        let error = Key::of(&gone, AudioSettings::standard(), &mut Hashes::default()).unwrap_err();
        assert!(error.starts_with("/nowhere/x.clap: "), "{error}");
    }
}
