//! Verdicts on disk: a file each, so that several processes may write at once.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::key::Key;
use super::verdict::Verdict;
use crate::hash::of_text;
use crate::whole;

/// The folder of verdicts within the cache folder.
pub const FOLDER: &str = "verdicts";

/// Digits of the binary's hash that a file's name begins with.
const BINARY_DIGITS: usize = 32;

/// The verdicts in a folder. Reads what concerns a binary when it is first asked about it.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    known: HashMap<String, Vec<Verdict>>,
    damaged: Vec<PathBuf>,
}

/// Why a verdict cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep the verdict in {path}: {source}")]
pub struct StoreError {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl Store {
    /// The verdicts in a cache folder, which need not exist.
    pub fn new(cache: &Path) -> Store {
        Store { folder: cache.join(FOLDER), known: HashMap::new(), damaged: Vec::new() }
    }

    /// The verdict about this, if there is one. Files that are damaged or of another version are no verdicts.
    pub fn get(&mut self, key: &Key) -> Option<&Verdict> {
        self.of(key.binary()).iter().find(|verdict| key.fits(verdict))
    }

    /// The verdicts about this device, whatever was set on it.
    pub fn kin(&mut self, key: &Key) -> impl Iterator<Item = &Verdict> {
        self.of(key.binary()).iter().filter(|verdict| key.is_kin(verdict))
    }

    fn of(&mut self, binary: &str) -> &[Verdict] {
        if !self.known.contains_key(binary) {
            let verdicts = self.read(binary);
            self.known.insert(binary.to_owned(), verdicts);
        }
        &self.known[binary]
    }

    /// Keeps a verdict, in place of an earlier one about the same.
    pub fn put(&mut self, verdict: &Verdict) -> Result<(), StoreError> {
        let path = self.folder.join(name(verdict));
        // Other processes may write the same verdict at once.
        let partial = path.with_extension(format!("{}.partial", std::process::id()));
        let written = whole::write_by(&partial, &path, |file| {
            serde_json::to_writer_pretty(&mut *file, verdict)?;
            file.write_all(b"\n")
        });
        written.map_err(|source| StoreError { path, source })?;
        self.known.remove(&verdict.device.binary_blake3);
        Ok(())
    }

    /// A sentence about files that were read and are no verdicts of this version, if there are any; each is told once.
    pub fn take_warning(&mut self) -> Option<String> {
        let damaged = std::mem::take(&mut self.damaged);
        let first = damaged.first()?.display();
        let others = match damaged.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!(
            "{first}{others} cannot be read as a verdict of this version and is left out of account; probe again"
        ))
    }

    fn read(&mut self, binary: &str) -> Vec<Verdict> {
        let prefix = prefix(binary);
        let mut names: Vec<PathBuf> = fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(prefix)))
            .collect();
        names.sort();
        let mut verdicts = Vec::new();
        for path in names {
            let read = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Verdict>(&bytes).ok());
            match read.filter(|verdict| verdict.tonemill == crate::FORMAT_VERSION) {
                Some(verdict) => verdicts.push(verdict),
                None => self.damaged.push(path),
            }
        }
        verdicts
    }
}

fn prefix(binary: &str) -> &str {
    binary.get(..BINARY_DIGITS).unwrap_or(binary)
}

/// The same for verdicts about the same.
fn name(verdict: &Verdict) -> String {
    let Verdict { engine, device, audio, .. } = verdict;
    let about = serde_json::to_string(&(engine, &device.format, &device.id, &device.settings_blake3, audio));
    let about = of_text(&about.expect("texts and numbers"));
    format!("{}-{}.json", prefix(&device.binary_blake3), &about[..16])
}

#[cfg(test)]
mod tests {
    use presets::{DeviceSetup, DeviceSpec};

    use super::*;
    use crate::hash::Hashes;
    use crate::probe::verdict::{Findings, Identity};
    use crate::task::AudioSettings;

    fn setup(name: &str) -> DeviceSetup {
        presets::spec::bare(DeviceSpec::Builtin { name: name.to_owned() })
    }

    fn key(name: &str) -> Key {
        Key::of(&setup(name), AudioSettings::standard(), &mut Hashes::default()).unwrap()
    }

    fn verdict(name: &str, reset_safe: bool) -> Verdict {
        let key = key(name);
        Verdict {
            tonemill: crate::FORMAT_VERSION,
            recipe: crate::probe::RECIPE,
            engine: crate::ENGINE.to_owned(),
            device: Identity {
                format: "builtin".into(),
                id: name.to_owned(),
                name: name.to_owned(),
                version: String::new(),
                binary_blake3: key.binary().to_owned(),
                settings_blake3: key.settings().to_owned(),
            },
            audio: key.audio(),
            strict: None,
            findings: Findings { reset_safe: Some(reset_safe), ..Findings::default() },
        }
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        fs::read_dir(folder.join(FOLDER)).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn a_verdict_is_found_again_and_a_newer_one_takes_its_place() {
        let cache = tempfile::tempdir().unwrap();
        let mut store = Store::new(cache.path());
        assert_eq!(store.get(&key("gain")), None);
        store.put(&verdict("gain", false)).unwrap();
        store.put(&verdict("pan", false)).unwrap();
        store.put(&verdict("gain", true)).unwrap();
        assert_eq!(files(cache.path()).len(), 2);
        for store in [&mut store, &mut Store::new(cache.path())] {
            assert_eq!(store.get(&key("gain")), Some(&verdict("gain", true)));
            assert_eq!(store.get(&key("pan")), Some(&verdict("pan", false)));
            assert_eq!(store.get(&key("eq")), None);
            assert_eq!(store.take_warning(), None);
        }
    }

    #[test]
    fn verdicts_about_a_device_are_found_whatever_was_set_on_it() {
        let cache = tempfile::tempdir().unwrap();
        let mut store = Store::new(cache.path());
        let mut louder = verdict("gain", true);
        louder.device.settings_blake3 = "other".into();
        for kept in [&louder, &verdict("gain", false), &verdict("pan", false)] {
            store.put(kept).unwrap();
        }
        let mut kin: Vec<bool> = store.kin(&key("gain")).filter_map(|kin| kin.findings.reset_safe).collect();
        kin.sort_unstable();
        assert_eq!(kin, [false, true]);
        assert_eq!(store.get(&key("gain")), Some(&verdict("gain", false)));
        assert_eq!(store.kin(&key("eq")).count(), 0);
    }

    #[test]
    fn a_verdict_of_another_engine_recipe_rate_or_block_is_none() {
        let cache = tempfile::tempdir().unwrap();
        let mut store = Store::new(cache.path());
        store.put(&Verdict { engine: "tonemill 0.0.1".into(), ..verdict("gain", true) }).unwrap();
        let block_size = 64;
        store
            .put(&Verdict { audio: AudioSettings { block_size, ..key("gain").audio() }, ..verdict("gain", true) })
            .unwrap();
        store.put(&Verdict { recipe: crate::probe::RECIPE - 1, ..verdict("gain", true) }).unwrap();
        assert_eq!(files(cache.path()).len(), 3);
        assert_eq!(store.get(&key("gain")), None);
    }

    #[test]
    fn damaged_and_later_files_are_left_out_with_one_warning() {
        let cache = tempfile::tempdir().unwrap();
        let mut store = Store::new(cache.path());
        store.put(&verdict("gain", true)).unwrap();
        let good = files(cache.path()).remove(0);
        let text = fs::read_to_string(&good).unwrap();
        let beside = |end: &str| good.with_file_name(good.file_name().unwrap().to_str().unwrap().replace(".json", end));
        fs::write(beside("-a.json"), &text[..text.len() / 2]).unwrap();
        fs::write(beside("-b.json"), text.replace("\"tonemill\": 1", "\"tonemill\": 2")).unwrap();
        fs::write(beside(".99.partial"), "half").unwrap();
        let mut store = Store::new(cache.path());
        assert_eq!(store.get(&key("gain")), Some(&verdict("gain", true)));
        let warning = store.take_warning().unwrap();
        assert!(warning.contains("-a.json and 1 more"), "{warning}");
        assert_eq!(store.take_warning(), None);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error_with_its_path() {
        let cache = tempfile::tempdir().unwrap();
        let file = cache.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Store::new(&file).put(&verdict("gain", true)).unwrap_err().to_string();
        assert!(error.contains("file/verdicts/"), "{error}");
    }
}
