//! From an output folder to entries: what was rendered, of what, in which split.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use audio::read;
use jobs::hash::Hashes;
use jobs::manifest::{self, Record};
use jobs::task::Deliver;

use crate::entry::{Entry, Sound, key_of};
use crate::error::{Left, PackageError, Stale, listed};
use crate::group;
use crate::leak::{leaks, short};
use crate::licence::{self, Licences};
use crate::line::{Kind, Line, Lines, dry_lines};
use crate::settings::Settings;
use crate::shared::Shared;
use crate::split::TEST;

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
    /// What was rendered and is not in it.
    pub left: Left,
    /// What a careful user would want to know.
    pub warnings: Vec<String>,
}

/// Reads what was rendered into a folder, and checks it: splits against leaks, licences against what is allowed, files
/// against their hashes. The same records in another order give the same data set.
pub fn gather(out: &Path, settings: &Settings) -> Result<DataSet, PackageError> {
    let mut gathering = Gathering::new(out, settings);
    let mut lines = Vec::new();
    let mut shared = Lines::default();
    let torn = manifest::each(&out.join(manifest::FILE_NAME), |record| {
        gathering.read(&record);
        if record.file.quarantined {
            gathering.left.quarantined += 1;
        } else {
            lines.push(shared.line(out, record));
        }
    })?;
    drop(shared);
    if torn {
        let warning = "the last line of the manifest is torn and left out: run the job again to complete it";
        gathering.warnings.insert(warning.to_owned());
    }
    if gathering.render_seeds.is_empty() {
        return Err(PackageError::NoRender { folder: out.to_owned() });
    }
    gathering.data_set(lines)
}

struct Gathering<'a> {
    out: &'a Path,
    settings: &'a Settings,
    render_seeds: BTreeSet<u64>,
    engines: BTreeSet<String>,
    jobs: BTreeSet<String>,
    left: Left,
    warnings: BTreeSet<String>,
}

impl<'a> Gathering<'a> {
    fn new(out: &'a Path, settings: &'a Settings) -> Gathering<'a> {
        Gathering {
            out,
            settings,
            render_seeds: BTreeSet::new(),
            engines: BTreeSet::new(),
            jobs: BTreeSet::new(),
            left: Left::default(),
            warnings: BTreeSet::new(),
        }
    }

    fn read(&mut self, record: &Record) {
        self.render_seeds.insert(record.seed);
        for (known, name) in [(&mut self.engines, &record.engine), (&mut self.jobs, &record.job_blake3)] {
            if !known.contains(name) {
                known.insert(name.clone());
            }
        }
    }

    fn data_set(mut self, mut lines: Vec<Line>) -> Result<DataSet, PackageError> {
        let seed = match (self.settings.seed, self.render_seeds.len()) {
            (Some(seed), _) => seed,
            (None, 1) => *self.render_seeds.first().expect("it has one"),
            _ => {
                let seeds: Vec<String> = self.render_seeds.iter().map(u64::to_string).collect();
                return Err(PackageError::Seeds(seeds.join(", ")));
            }
        };
        lines.sort_by(|one, other| one.entry.path.cmp(&other.entry.path));
        // All that needs no file to be read comes first: hashing takes its time.
        let mut lines = self.pair(lines);
        self.warnings.extend(group::group(&mut lines, self.settings.group_by.as_deref())?);
        self.splits(&mut lines, seed)?;
        if lines.is_empty() {
            return Err(PackageError::Empty(self.left));
        }
        self.tell_empty_splits(&lines);
        let mut entries: Vec<Entry> = lines.into_iter().map(|line| line.entry).collect();
        name_keys(&mut entries);
        let found = leaks(&entries, &self.settings.hold_out);
        if !found.is_empty() {
            return Err(PackageError::Leaks(found));
        }
        let licences = self.licences(&mut entries)?;
        self.look_at_sounds(&mut entries)?;
        self.compare(&entries);
        let folder = || std::path::absolute(self.out).ok()?.file_name().map(|n| n.to_string_lossy().into_owned());
        let name = self.settings.name.clone().or_else(folder).unwrap_or_else(|| "data set".to_owned());
        Ok(DataSet {
            name,
            entries,
            licences,
            seed,
            render_seeds: self.render_seeds,
            engines: self.engines,
            jobs: self.jobs,
            left: self.left,
            warnings: self.warnings.into_iter().collect(),
        })
    }

    /// Gives the rendered sounds their dry ones, and takes out what is dry itself and, if that is asked, what is flagged.
    fn pair(&mut self, mut lines: Vec<Line>) -> Vec<Line> {
        let drys = dry_lines(&lines);
        let used: BTreeSet<usize> = drys.iter().flatten().copied().collect();
        let (mut flagged, mut parts) = (BTreeSet::new(), Vec::new());
        let mut recordings: Shared<Path> = Shared::default();
        for (number, dry) in drys.iter().enumerate() {
            let own = &lines[number].entry.measured.flags;
            let of_dry = dry.map_or(&[][..], |dry| &lines[dry].entry.measured.flags);
            if !own.is_empty() || !of_dry.is_empty() {
                flagged.insert(number);
            }
            if !self.settings.dry {
                continue;
            }
            let sound = match (dry, &lines[number].kind) {
                (Some(dry), _) => Some(lines[*dry].entry.wet.clone()),
                (None, Kind::Tone { whole: Some(recording) }) => Some(Sound {
                    path: recordings.keep(recording.path.as_path()),
                    blake3: recording.blake3.as_str().into(),
                    // What it really is turns up when it is looked at.
                    shape: lines[number].entry.wet.shape,
                }),
                (None, Kind::Tone { whole: None }) => {
                    parts.push(number);
                    None
                }
                _ => None,
            };
            lines[number].entry.dry = sound;
        }
        if !parts.is_empty() {
            self.warnings.insert(format!(
                "without a dry sound, being made of a part or a channel of a recording: {}. Have the job write the dry \
                 takes too, with also: [dry]",
                listed(parts.iter().map(|number| &*lines[*number].entry.path))
            ));
        }
        let mut number = 0;
        let mut lonely = 0;
        lines.retain(|line| {
            let this = number;
            number += 1;
            if used.contains(&this) {
                return false;
            }
            if line.kind == Kind::DryTake {
                lonely += 1;
                return false;
            }
            let out = self.settings.without_flagged && flagged.contains(&this);
            self.left.flagged += usize::from(out);
            !out
        });
        if lonely > 0 {
            let files = if lonely == 1 { "1 dry take is" } else { &format!("{lonely} dry takes are") };
            self.warnings.insert(format!("{files} left out: nothing that was rendered of them is in the data set"));
        }
        lines
    }

    /// Gives every entry its split, and takes out those of held-out tones whose group is not in `test`.
    fn splits(&mut self, lines: &mut Vec<Line>, seed: u64) -> Result<(), PackageError> {
        let (shares, held) = (&self.settings.split, &self.settings.hold_out);
        let tones: BTreeSet<&str> = lines.iter().filter_map(|line| line.entry.tone.as_deref()).collect();
        if let Some(tone) = held.iter().find(|tone| !tones.contains(tone.as_str())) {
            return Err(PackageError::NoTone { tone: tone.clone(), known: listed(tones) });
        }
        if !held.is_empty() && !shares.has(TEST) {
            return Err(PackageError::NoTest { splits: listed(shares.iter().map(|(name, _)| name)) });
        }
        let mut names: Shared<str> = Shared::default();
        for line in lines.iter_mut() {
            line.entry.split = names.keep(shares.of(seed, &line.entry.group));
        }
        let before = lines.len();
        // To put them into test would bring their sources there, which train has with other tones.
        let is_held = |entry: &Entry| entry.tone.as_deref().is_some_and(|tone| held.iter().any(|held| held == tone));
        lines.retain(|line| &*line.entry.split == TEST || !is_held(&line.entry));
        self.left.held_back = before - lines.len();
        Ok(())
    }

    fn tell_empty_splits(&mut self, lines: &[Line]) {
        let splits: BTreeSet<&str> = lines.iter().map(|line| &*line.entry.split).collect();
        for (name, share) in self.settings.split.iter().filter(|(name, _)| !splits.contains(name)) {
            let groups: BTreeSet<&str> = lines.iter().map(|line| &*line.entry.group).collect();
            let groups =
                if groups.len() == 1 { "the 1 source group" } else { &format!("{} source groups", groups.len()) };
            self.warnings.insert(format!("the split {name} is empty: none of {groups} fell into its share of {share}"));
        }
        let Left { quarantined, flagged, held_back } = self.left;
        let of = |count, what: &str| (count > 0).then(|| format!("{} left out: {what}", files_are(count)));
        self.warnings.extend(of(held_back, "of held-out tones, their sources being in other splits than test"));
        self.warnings.extend(of(quarantined, "put into quarantine by the quality gate"));
        self.warnings.extend(of(flagged, "flagged by the quality gate, or their dry takes are"));
    }

    fn licences(&mut self, entries: &mut [Entry]) -> Result<Licences, PackageError> {
        let mut licences = Licences::default();
        let mut shared: Shared<BTreeSet<String>> = Shared::default();
        for entry in entries.iter_mut() {
            let mut of_entry = BTreeSet::new();
            for asset in entry.assets.iter() {
                if licences.known(&asset.role, &asset.blake3).is_none() {
                    licences.add(licence::of(&asset.role, &asset.path, &asset.blake3, &entry.metadata));
                }
                let known = licences.known(&asset.role, &asset.blake3).expect("it was added");
                of_entry.insert(known.licence.clone());
            }
            entry.licences = shared.keep(of_entry);
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

    /// Checks every file against its hash, and finds out how long each sound really is.
    fn look_at_sounds(&self, entries: &mut [Entry]) -> Result<(), PackageError> {
        let (mut stale, mut stale_drys) = (BTreeMap::new(), BTreeMap::new());
        let mut drys: HashMap<Arc<Path>, Result<Sound, String>> = HashMap::new();
        let mut hashes = Hashes::default();
        for entry in entries {
            match looked_at(&entry.wet) {
                Ok(sound) => entry.wet = sound,
                Err(problem) => drop(stale.insert(entry.wet.path.clone(), problem)),
            }
            if let Some(dry) = &mut entry.dry {
                match drys.entry(dry.path.clone()).or_insert_with(|| looked_at(dry)) {
                    // Two jobs may have read a recording before and after it changed.
                    Ok(sound) if sound.blake3 == dry.blake3 => *dry = sound.clone(),
                    Ok(_) => drop(stale_drys.insert(dry.path.clone(), CHANGED.to_owned())),
                    Err(problem) => drop(stale_drys.insert(dry.path.clone(), problem.clone())),
                }
            }
            for attached in &entry.annotations {
                match hashes.of(&attached.path) {
                    Ok(blake3) if *blake3 == *attached.blake3 => {}
                    Ok(_) => drop(stale.insert(attached.path.clone(), CHANGED.to_owned())),
                    Err(problem) => drop(stale.insert(attached.path.clone(), problem)),
                }
            }
        }
        let list = |stale: BTreeMap<Arc<Path>, String>| {
            stale.into_iter().map(|(path, problem)| Stale { path: path.to_path_buf(), problem }).collect()
        };
        if !stale.is_empty() {
            Err(PackageError::Stale(list(stale)))
        } else if !stale_drys.is_empty() {
            Err(PackageError::StaleInput(list(stale_drys)))
        } else {
            Ok(())
        }
    }

    /// Tells which dry sounds do not run along with what was rendered of them.
    fn compare(&mut self, entries: &[Entry]) {
        let mut lengths = Vec::new();
        for entry in entries {
            let Some(dry) = &entry.dry else { continue };
            let (of_dry, of_wet) = (dry.shape.sample_rate.0, entry.wet.shape.sample_rate.0);
            if of_dry != of_wet {
                self.warnings.insert(format!(
                    "{}: the dry sound has {of_dry} Hz, what was rendered of it {of_wet} Hz, so their frames do not \
                     correspond. Have the job render at the rate of the recording, or write the dry takes too, with \
                     also: [dry]",
                    dry.path.display(),
                ));
            } else if dry.shape.frames != entry.wet.shape.frames {
                lengths.push(format!("{} ({} and {} frames)", entry.path, entry.wet.shape.frames, dry.shape.frames));
            }
        }
        if !lengths.is_empty() {
            let lengths = listed(lengths.iter().map(String::as_str));
            self.warnings.insert(format!("of another length than their dry sound: {lengths}"));
        }
    }
}

const CHANGED: &str = "its content has changed. Run the job again";

/// A sound as its file is now, if that is the one that it should be.
fn looked_at(sound: &Sound) -> Result<Sound, String> {
    if Hashes::default().of(&sound.path)? != *sound.blake3 {
        return Err(CHANGED.to_owned());
    }
    let shape = read::probe(&sound.path).map_err(|error| error.problem.to_string())?;
    Ok(Sound { shape, ..sound.clone() })
}

fn files_are(count: usize) -> String {
    if count == 1 { "1 file is".to_owned() } else { format!("{count} files are") }
}

/// Makes keys unique, and names the takes.
fn name_keys(entries: &mut [Entry]) {
    // File systems that do not tell capitals apart would mix up what differs in them alone.
    let mut keys: HashMap<String, usize> = HashMap::new();
    entries.iter().for_each(|entry| *keys.entry(entry.key.to_lowercase()).or_default() += 1);
    for entry in entries.iter_mut().filter(|entry| keys[&entry.key.to_lowercase()] > 1) {
        entry.key = format!("{}-{}", entry.key, &jobs::hash::of_text(&entry.path)[..8]);
    }
    entries.sort_by(|one, other| one.key.cmp(&other.key));
    let mut takes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in entries.iter() {
        let of_name = takes.entry(clip_name(entry).to_lowercase()).or_default();
        let take = take(entry);
        if !of_name.contains(&take) {
            of_name.insert(take);
        }
    }
    let mut names: Shared<str> = Shared::default();
    for entry in entries.iter_mut() {
        let name = clip_name(entry);
        let is_shared = takes[&name.to_lowercase()].len() > 1;
        entry.clip = match is_shared {
            true => names.keep(format!("{name}-{}", &jobs::hash::of_text(&take(entry))[..8])),
            false => names.keep(name),
        };
    }
}

/// What tells takes apart.
fn take(entry: &Entry) -> String {
    let dry = entry.dry.as_ref().map_or("", |dry| &*dry.blake3);
    let inputs = || entry.inputs.keys().cloned().collect::<Vec<_>>().join(" ");
    format!("{} {dry}", entry.take.as_deref().map_or_else(inputs, str::to_owned))
}

/// A take's name, which others may have too.
fn clip_name(entry: &Entry) -> String {
    let mut name = entry.input.to_string();
    if let Deliver::Stem(track) | Deliver::MasterStem(track) = &entry.deliver {
        name += &format!("-{track}");
    }
    let is_part = |take: &Arc<str>| !entry.inputs.values().any(|recording| take.ends_with(recording));
    if entry.take.as_ref().is_some_and(is_part) {
        name.extend(["channel", "segment"].iter().filter_map(|fact| Some(format!("-{}", entry.fact(fact)?))));
    }
    key_of(&name)
}
