//! From an output folder to entries: what was rendered, of what, in which split.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use audio::read;
use jobs::hash::Hashes;
use jobs::manifest::{self, Record};
use jobs::task::{Deliver, Source};
use serde_json::Value;

use crate::entry::{Attached, Entry, Sound, key_of, stem};
use crate::error::{PackageError, Stale, listed};
use crate::leak::{leaks, short};
use crate::licence::{self, Licences};
use crate::settings::Settings;
use crate::split::TEST;
use crate::told::{self, Told};

/// A data set before it is written.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// Its name for people.
    pub name: String,
    /// What it consists of, in the order of keys.
    pub entries: Vec<Entry>,
    /// The assets with their licences.
    pub licences: Licences,
    /// The seed of the splits.
    pub seed: u64,
    /// Seeds of the render.
    pub render_seeds: BTreeSet<u64>,
    /// What rendered it: names and versions.
    pub engines: BTreeSet<String>,
    /// BLAKE3 of the job files, in hex.
    pub jobs: BTreeSet<String>,
    /// Entries that were left out since their tone is held out and their group is not in `test`.
    pub held_back: usize,
    /// What a careful user would want to know.
    pub warnings: Vec<String>,
}

/// The roles of sources that are somebody's work and go into the sound.
const ASSETS: [&str; 3] = ["input", "midi", "asset"];

/// Reads what was rendered into a folder, and checks it: files against their hashes, splits against leaks, licences against
/// what is allowed. The same records in another order give the same data set.
pub fn gather(out: &Path, settings: &Settings) -> Result<DataSet, PackageError> {
    let path = out.join(manifest::FILE_NAME);
    let read = manifest::read(&path)?;
    if read.records.is_empty() {
        return Err(PackageError::NoRender { folder: out.to_owned() });
    }
    let told = told::read(&path)?;
    let mut gathering = Gathering { out, settings, told, hashes: Hashes::default(), warnings: BTreeSet::new() };
    if read.torn {
        let warning = "the last line of the manifest is torn and left out: run the job again to complete it";
        gathering.warnings.insert(warning.to_owned());
    }
    gathering.data_set(read.records)
}

struct Gathering<'a> {
    out: &'a Path,
    settings: &'a Settings,
    told: HashMap<String, Told>,
    hashes: Hashes,
    warnings: BTreeSet<String>,
}

impl Gathering<'_> {
    fn data_set(mut self, mut records: Vec<Record>) -> Result<DataSet, PackageError> {
        records.sort_by(|one, other| one.path.cmp(&other.path));
        let render_seeds: BTreeSet<u64> = records.iter().map(|record| record.seed).collect();
        let seed = match (self.settings.seed, render_seeds.len()) {
            (Some(seed), _) => seed,
            (None, 1) => *render_seeds.first().expect("it has one"),
            _ => {
                let seeds: Vec<String> = render_seeds.iter().map(u64::to_string).collect();
                return Err(PackageError::Seeds(seeds.join(", ")));
            }
        };
        let engines = records.iter().map(|record| record.engine.clone()).collect();
        let jobs = records.iter().map(|record| record.job_blake3.clone()).collect();
        let sounds = self.sounds(&records)?;
        let mut entries = self.entries(&records, &sounds)?;
        name_keys(&mut entries);
        self.groups(&mut entries)?;
        let held_back = self.splits(&mut entries, seed)?;
        let licences = self.licences(&mut entries, &records)?;
        let found = leaks(&entries);
        if !found.is_empty() {
            return Err(PackageError::Leaks(found));
        }
        let folder = || std::path::absolute(self.out).ok()?.file_name().map(|n| n.to_string_lossy().into_owned());
        let name = self.settings.name.clone().or_else(folder).unwrap_or_else(|| "data set".to_owned());
        let warnings = self.warnings.into_iter().collect();
        Ok(DataSet { name, entries, licences, seed, render_seeds, engines, jobs, held_back, warnings })
    }

    /// The rendered sounds, each checked against the manifest.
    fn sounds(&mut self, records: &[Record]) -> Result<Vec<Sound>, PackageError> {
        let mut sounds = Vec::with_capacity(records.len());
        let mut stale = Vec::new();
        for record in records {
            let path = self.out.join(&record.path);
            match self.sound(&path, &record.file.blake3) {
                Ok(sound) => sounds.push(sound),
                Err(problem) => stale.push(Stale { path, problem }),
            }
        }
        if stale.is_empty() { Ok(sounds) } else { Err(PackageError::Stale(stale)) }
    }

    fn sound(&mut self, path: &Path, blake3: &str) -> Result<Sound, String> {
        let hash = self.hashes.of(path)?;
        if hash != blake3 {
            return Err("its content has changed. Run the job again".to_owned());
        }
        let shape = read::probe(path).map_err(|error| error.problem.to_string())?;
        Ok(Sound { path: path.to_owned(), blake3: hash, shape })
    }

    fn entries(&mut self, records: &[Record], sounds: &[Sound]) -> Result<Vec<Entry>, PackageError> {
        let mut renders: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        for (index, record) in records.iter().enumerate() {
            renders.entry((&record.label, &record.key)).or_default().push(index);
        }
        let mut entries = Vec::with_capacity(records.len());
        let mut stale = BTreeMap::new();
        let mut lost = Vec::new();
        for indices in renders.values() {
            let drys: BTreeMap<&str, usize> = indices
                .iter()
                .filter_map(|index| match &records[*index].deliver {
                    Deliver::Dry(track) => Some((track.as_str(), *index)),
                    _ => None,
                })
                .collect();
            let dry_of = |record: &Record| match &record.deliver {
                Deliver::Stem(track) | Deliver::MasterStem(track) => drys.get(track.as_str()).copied(),
                Deliver::Dry(_) => None,
                // Of a tone there is one recording, whatever it is called.
                _ if told::is_tone(record) && drys.len() == 1 => drys.values().next().copied(),
                _ => None,
            };
            let paired: BTreeSet<usize> = indices.iter().filter_map(|index| dry_of(&records[*index])).collect();
            for index in indices.iter().filter(|index| !paired.contains(index)) {
                let record = &records[*index];
                let mut dry = dry_of(record).map(|dry| sounds[dry].clone());
                if dry.is_none() && self.settings.dry && told::is_tone(record) {
                    let input = record.sources.iter().find(|source| source.role == "input").expect("a tone has one");
                    match self.sound(Path::new(&input.path), &input.blake3) {
                        Ok(sound) => dry = Some(sound),
                        Err(problem) => drop(stale.insert(PathBuf::from(&input.path), problem)),
                    }
                }
                let dry = dry.filter(|_| self.settings.dry);
                let mut entry = self.entry(record, sounds[*index].clone(), dry);
                for attached in &mut entry.annotations {
                    match self.hashes.of(&attached.path) {
                        Ok(blake3) => attached.blake3 = blake3,
                        Err(problem) => lost.push(Stale { path: attached.path.clone(), problem }),
                    }
                }
                entries.push(entry);
            }
        }
        if !lost.is_empty() {
            return Err(PackageError::Stale(lost));
        }
        if stale.is_empty() {
            return Ok(entries);
        }
        Err(PackageError::StaleInput(stale.into_iter().map(|(path, problem)| Stale { path, problem }).collect()))
    }

    fn entry(&mut self, record: &Record, wet: Sound, dry: Option<Sound>) -> Entry {
        let told = self.told.get(&record.path).cloned().unwrap_or_default();
        let of = |role: &str| record.sources.iter().filter(move |source| source.role == role).collect::<Vec<_>>();
        let named = |source: &&Source| {
            let path = Path::new(&source.path);
            (source.blake3.clone(), path.file_name().unwrap_or_default().to_string_lossy().into_owned())
        };
        let inputs: BTreeMap<String, String> = of("input").iter().chain(&of("midi")).map(named).collect();
        let input = match of("input").as_slice() {
            [only] if told::is_tone(record) => stem(Path::new(&only.path)),
            _ => record.label.clone(),
        };
        if let Some(dry) = &dry {
            if dry.shape.sample_rate != wet.shape.sample_rate {
                self.warnings.insert(format!(
                    "{}: the dry sound has {} Hz, what was rendered of it {} Hz, so their frames do not correspond. \
                     Have the job render at the rate of the recording, or write the dry sound too",
                    dry.path.display(),
                    dry.shape.sample_rate.0,
                    wet.shape.sample_rate.0
                ));
            } else if dry.shape.frames != wet.shape.frames {
                self.warnings.insert(format!(
                    "{}: {} frames, its dry sound has {}",
                    record.path, wet.shape.frames, dry.shape.frames
                ));
            }
        }
        let midi = of("midi").into_iter().map(|source| PathBuf::from(&source.path));
        let annotations: BTreeSet<PathBuf> =
            told.annotations.iter().map(|annotation| self.out.join(annotation.path())).chain(midi).collect();
        let folder = of("input").first().and_then(|source| Path::new(&source.path).parent()?.file_name());
        Entry {
            path: record.path.clone(),
            folder: folder.map(|name| name.to_string_lossy().into_owned()),
            key: key_of(&record.path.rsplit_once('.').map_or(&*record.path, |(name, _)| name).replace('/', "-")),
            wet,
            dry,
            dry_key: None,
            measured: record.file.clone(),
            deliver: record.deliver.clone(),
            label: record.label.clone(),
            task: record.key.clone(),
            input,
            inputs,
            group: String::new(),
            tone: told::tone(record, &told),
            draw: told.draw,
            split: String::new(),
            licences: BTreeSet::new(),
            metadata: told.metadata,
            annotations: annotations.into_iter().map(|path| Attached { path, blake3: String::new() }).collect(),
            devices: record.devices.clone(),
        }
    }

    /// Gives every entry its group.
    fn groups(&self, entries: &mut [Entry]) -> Result<(), PackageError> {
        let Some(field) = &self.settings.group_by else {
            entries.iter_mut().for_each(|entry| entry.group = content_group(entry));
            return Ok(());
        };
        let lacking: Vec<usize> = (0..entries.len()).filter(|n| Self::field(&entries[*n], field).is_none()).collect();
        if let Some(first) = lacking.first() {
            let metadata: BTreeSet<&str> = entries.iter().flat_map(|e| e.metadata.keys()).map(String::as_str).collect();
            return Err(PackageError::NoGroup {
                field: field.clone(),
                entry: entries[*first].key.clone(),
                others: lacking.len() - 1,
                known: listed(["input", "folder", "tone"].into_iter().chain(metadata)),
            });
        }
        for entry in entries {
            entry.group = Self::field(entry, field).expect("none lacks it");
        }
        Ok(())
    }

    fn field(entry: &Entry, field: &str) -> Option<String> {
        match entry.metadata.get(field) {
            Some(Value::String(text)) => return Some(text.clone()),
            Some(value) if !value.is_null() => return Some(value.to_string()),
            _ => {}
        }
        match field {
            "input" => Some(entry.input.clone()),
            "folder" => entry.folder.clone(),
            "tone" => entry.tone.clone(),
            _ => None,
        }
    }

    /// Gives every entry its split, and takes out those of held-out tones whose group is not in `test`.
    fn splits(&mut self, entries: &mut Vec<Entry>, seed: u64) -> Result<usize, PackageError> {
        let (shares, held) = (&self.settings.split, &self.settings.hold_out);
        let tones: BTreeSet<String> = entries.iter().filter_map(|entry| entry.tone.clone()).collect();
        if let Some(tone) = held.iter().find(|tone| !tones.contains(*tone)) {
            let known = listed(tones.iter().map(String::as_str));
            return Err(PackageError::NoTone { tone: tone.clone(), known });
        }
        if !held.is_empty() && !shares.has(TEST) {
            return Err(PackageError::NoTest { splits: listed(shares.iter().map(|(name, _)| name)) });
        }
        for entry in entries.iter_mut() {
            entry.split = shares.of(seed, &entry.group).to_owned();
        }
        let before = entries.len();
        // To put them into test would bring their sources there, which train has with other tones.
        entries.retain(|entry| entry.split == TEST || !entry.tone.as_ref().is_some_and(|tone| held.contains(tone)));
        if entries.is_empty() {
            return Err(PackageError::Empty);
        }
        for (name, share) in shares.iter() {
            if entries.iter().all(|entry| entry.split != name) {
                let groups: BTreeSet<&str> = entries.iter().map(|entry| entry.group.as_str()).collect();
                self.warnings.insert(format!(
                    "the split {name} is empty: none of {} source groups fell into its share of {share}",
                    groups.len()
                ));
            }
        }
        let held_back = before - entries.len();
        if held_back > 0 {
            self.warnings.insert(format!(
                "{held_back} files of held-out tones are left out: their sources are in other splits than test"
            ));
        }
        Ok(held_back)
    }

    fn licences(&mut self, entries: &mut [Entry], records: &[Record]) -> Result<Licences, PackageError> {
        let mut licences = Licences::default();
        let sources: HashMap<PathBuf, &[Source]> =
            records.iter().map(|record| (self.out.join(&record.path), record.sources.as_slice())).collect();
        for entry in entries.iter_mut() {
            let of_entry = sources.get(&entry.wet.path).copied().unwrap_or_default();
            for source in of_entry.iter().filter(|source| ASSETS.contains(&source.role.as_str())) {
                if licences.known(&source.role, &source.blake3).is_none() {
                    let path = Path::new(&source.path);
                    licences.add(licence::of(&source.role, path, &source.blake3, &entry.metadata));
                }
                let asset = licences.known(&source.role, &source.blake3).expect("it was added");
                entry.licences.insert(asset.licence.clone());
            }
        }
        let allowed = &self.settings.licence_allow;
        if allowed.is_empty() {
            for asset in licences.unknown() {
                let (name, hash) = (&asset.name, short(&asset.blake3));
                self.warnings.insert(match &asset.notice {
                    Some(notice) => format!("{name} ({hash}): the licence in {} is unknown", notice.display()),
                    None => format!("{name} ({hash}): nothing states its licence"),
                });
            }
            return Ok(licences);
        }
        let refused: Vec<_> = licences.refused(allowed).into_iter().cloned().collect();
        if refused.is_empty() {
            return Ok(licences);
        }
        Err(PackageError::Licences { refused, allowed: allowed.join(", ") })
    }
}

/// The group of an entry that nothing else groups: all that it was made of, by content.
fn content_group(entry: &Entry) -> String {
    let mut hashes: Vec<&str> = entry.inputs.keys().map(String::as_str).collect();
    hashes.sort_unstable();
    match hashes.as_slice() {
        [] => entry.task.chars().take(16).collect(),
        [only] => only.chars().take(16).collect(),
        several => jobs::hash::of_text(&several.join(" ")).chars().take(16).collect(),
    }
}

/// Makes keys unique, and names the dry sounds.
fn name_keys(entries: &mut [Entry]) {
    // File systems that do not tell capitals apart would mix up what differs in them alone.
    let mut keys: HashMap<String, usize> = HashMap::new();
    entries.iter().for_each(|entry| *keys.entry(entry.key.to_lowercase()).or_default() += 1);
    for entry in entries.iter_mut().filter(|entry| keys[&entry.key.to_lowercase()] > 1) {
        entry.key = format!("{}-{}", entry.key, &jobs::hash::of_text(&entry.path)[..8]);
    }
    entries.sort_by(|one, other| one.key.cmp(&other.key));
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in entries.iter() {
        if let Some(dry) = &entry.dry {
            names.entry(dry_name(entry).to_lowercase()).or_default().insert(dry.blake3.clone());
        }
    }
    for entry in entries.iter_mut() {
        let name = dry_name(entry);
        entry.dry_key = entry.dry.as_ref().map(|dry| {
            let shared = names[&name.to_lowercase()].len() > 1;
            if shared { format!("{name}-{}", &dry.blake3[..8]) } else { name }
        });
    }
}

fn dry_name(entry: &Entry) -> String {
    match &entry.deliver {
        Deliver::Stem(track) | Deliver::MasterStem(track) => key_of(&format!("{}-{track}", entry.input)),
        _ => key_of(&entry.input),
    }
}
