//! The files that a render depends on: looked at once, hashed once.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use audio::read::{ReadProblem, Shape};
use presets::document::{Collector, Place, did_you_mean, similar};
use presets::url::{is_url, tidy};
use score::{Division, ScoreProblem, Song, TempoMap};

use crate::fetch::{self, Fetcher, Local};
use crate::hash::Hashes;
use crate::paths;
use crate::sandbox::{self, Grants};
use crate::task::Source;

/// What is known of the files of a planning.
pub(super) struct Files {
    /// Who brings what lies elsewhere.
    pub fetcher: Rc<dyn Fetcher>,
    hashes: Hashes,
    shapes: HashMap<PathBuf, Result<Shape, Unusable>>,
    songs: HashMap<PathBuf, Result<Rc<Song>, Unusable>>,
    tempos: HashMap<PathBuf, Result<(TempoMap, Division), String>>,
    /// What a worker may read for them.
    reads: Grants,
    /// Those that are among these already.
    opened: HashSet<PathBuf>,
}

/// Why nothing of a file can be played.
#[derive(Clone)]
struct Unusable {
    problem: String,
    /// It is as it should be, and there is nothing in it.
    holds_nothing: bool,
}

/// The files of one render, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources(Vec<Source>);

impl Sources {
    pub fn add(&mut self, source: Source) {
        if !self.0.contains(&source) {
            self.0.push(source);
        }
    }

    pub fn extend(&mut self, other: &Sources) {
        other.0.iter().for_each(|source| self.add(source.clone()));
    }

    pub fn into_vec(self) -> Vec<Source> {
        self.0
    }
}

impl Files {
    pub fn new(fetcher: Rc<dyn Fetcher>) -> Files {
        let (hashes, shapes, songs, tempos, reads, opened) = Default::default();
        Files { fetcher, hashes, shapes, songs, tempos, reads, opened }
    }

    /// A recording's absolute path, shape and hash; what is wrong with it goes to the collector.
    pub fn recording(&mut self, path: &Path, place: &Place, collector: &Collector) -> Option<(PathBuf, Shape, Source)> {
        let path = self.exists(path, place, "recording", collector)?;
        match self.shape(&path) {
            Ok(shape) => Some((path.clone(), shape, self.source("input", &path, place, collector)?)),
            Err(unusable) => unreadable(&path, &unusable.problem, place, collector),
        }
    }

    /// Whether a recording has no frame.
    pub fn is_silent(&mut self, path: &Path) -> bool {
        let path = paths::clean(path).unwrap_or_else(|_| path.to_owned());
        self.shape(&path).is_err_and(|unusable| unusable.holds_nothing)
    }

    /// What a recording holds, or why it cannot be used.
    pub fn shape_of(&mut self, path: &Path) -> Result<Shape, String> {
        let path = paths::clean(path).unwrap_or_else(|_| path.to_owned());
        self.shape(&path).map_err(|unusable| unusable.problem)
    }

    fn shape(&mut self, path: &Path) -> Result<Shape, Unusable> {
        let read = || {
            let local = brought(&self.fetcher, path)?;
            audio::read::probe(&local.path).map_err(|error| Unusable {
                problem: error.problem.to_string(),
                holds_nothing: matches!(error.problem, ReadProblem::NoFrames),
            })
        };
        self.shapes.entry(path.to_owned()).or_insert_with(read).clone()
    }

    /// A MIDI file with notes.
    pub fn song(&mut self, path: &Path, place: &Place, collector: &Collector) -> Option<(PathBuf, Rc<Song>, Source)> {
        let path = self.exists(path, place, "MIDI file", collector)?;
        match self.read_song(&path) {
            Ok(song) => Some((path.clone(), song, self.source("midi", &path, place, collector)?)),
            Err(unusable) => unreadable(&path, &unusable.problem, place, collector),
        }
    }

    /// Whether a MIDI file has no note.
    pub fn is_noteless(&mut self, path: &Path) -> bool {
        let path = paths::clean(path).unwrap_or_else(|_| path.to_owned());
        self.read_song(&path).is_err_and(|unusable| unusable.holds_nothing)
    }

    fn read_song(&mut self, path: &Path) -> Result<Rc<Song>, Unusable> {
        let read = || {
            let local = brought(&self.fetcher, path)?;
            Song::read(&local.path).map(Rc::new).map_err(|error| Unusable {
                problem: error.problem.to_string(),
                holds_nothing: matches!(error.problem, ScoreProblem::NoNotes { .. }),
            })
        };
        self.songs.entry(path.to_owned()).or_insert_with(read).clone()
    }

    /// A MIDI file for its tempo, and for what its ticks are; it needs no notes.
    pub fn tempo(
        &mut self,
        path: &Path,
        place: &Place,
        collector: &Collector,
    ) -> Option<(PathBuf, Source, TempoMap, Division)> {
        let path = self.exists(path, place, "MIDI file", collector)?;
        let read = || {
            let local = brought(&self.fetcher, &path).map_err(|unusable| unusable.problem)?;
            TempoMap::read_with_division(&local.path).map_err(|e| e.problem.to_string())
        };
        match self.tempos.entry(path.clone()).or_insert_with(read).clone() {
            Ok((map, division)) => Some((path.clone(), self.source("midi", &path, place, collector)?, map, division)),
            Err(problem) => unreadable(&path, &problem, place, collector),
        }
    }

    /// Any other file: an asset, a state, a preset of a device's own.
    pub fn other(
        &mut self,
        role: &str,
        what: &str,
        path: &Path,
        place: &Place,
        collector: &Collector,
    ) -> Option<(PathBuf, Source)> {
        let path = self.exists(path, place, what, collector)?;
        if path.is_dir() {
            return unreadable(&path, "it is a folder. Name a file", place, collector);
        }
        let source = self.source(role, &path, place, collector)?;
        Some((path, source))
    }

    /// A file that is known to exist, with its hash. Whoever renders may read its folder.
    pub fn source(&mut self, role: &str, path: &Path, place: &Place, collector: &Collector) -> Option<Source> {
        let source = self.hashed(role, path, place, collector)?;
        // What lies in a store is in no folder of this machine that could be opened.
        if self.opened.insert(path.to_owned()) && !is_url(path) {
            sandbox::let_read(&mut self.reads, path);
        }
        Some(source)
    }

    /// One that a state refers to: nothing beside it may be read for it.
    pub fn referenced(&mut self, path: &Path, place: &Place, collector: &Collector) -> Option<Source> {
        let source = self.hashed("asset", path, place, collector)?;
        if !is_url(path) {
            sandbox::let_read_alone(&mut self.reads, path);
        }
        Some(source)
    }

    /// What all of them let a worker read.
    pub fn into_reads(self) -> Grants {
        self.reads
    }

    fn hashed(&mut self, role: &str, path: &Path, place: &Place, collector: &Collector) -> Option<Source> {
        let Some(text) = path.to_str() else {
            return unreadable(path, "its name is not Unicode. Rename it", place, collector);
        };
        match self.hash(path) {
            Ok(blake3) => Some(Source { role: role.to_owned(), path: text.to_owned(), blake3 }),
            Err(error) => {
                let problem = format!("the system refuses: {error}. Check its permissions and the disk");
                unreadable(path, &problem, place, collector)
            }
        }
    }

    fn hash(&mut self, path: &Path) -> Result<String, String> {
        let local = fetch::local(&*self.fetcher, path).map_err(|error| error.to_string())?;
        match local.blake3 {
            Some(known) => Ok(known),
            None => self.hashes.of(path),
        }
    }

    /// The absolute path of a file that must be there.
    fn exists(&self, path: &Path, place: &Place, what: &str, collector: &Collector) -> Option<PathBuf> {
        if !is_url(path) {
            return exists(path, place, what, collector);
        }
        match self.fetcher.fetch(path) {
            Ok(_) => Some(tidy(path)),
            Err(error) => {
                collector.mistake(place, format!("cannot use the {what}: {error}"));
                None
            }
        }
    }
}

fn brought(fetcher: &Rc<dyn Fetcher>, path: &Path) -> Result<Local, Unusable> {
    fetch::local(&**fetcher, path).map_err(|error| Unusable { problem: error.to_string(), holds_nothing: false })
}

/// The absolute path of a file on this machine that must be there.
fn exists(path: &Path, place: &Place, what: &str, collector: &Collector) -> Option<PathBuf> {
    let path = paths::clean(path).unwrap_or_else(|_| path.to_owned());
    if path.exists() {
        return Some(path);
    }
    let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let names = names_in(path.parent().unwrap_or(Path::new("/")));
    let close = similar(&name, names.iter().map(String::as_str), 3);
    let help = match path.ancestors().skip(1).find(|folder| !folder.exists()).and_then(|_| path.parent()) {
        Some(missing) => {
            format!("There is no folder {} either. Paths start at this file's folder.", paths::shown(missing))
        }
        None if close.is_empty() => "Paths start at this file's folder.".to_owned(),
        None => did_you_mean(&close),
    };
    collector.mistake_with(place, format!("there is no {what} {}", paths::shown(&path)), help);
    None
}

/// The names of the files in a folder, sorted; none where it cannot be read.
pub(super) fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
    names.sort();
    names
}

fn unreadable<T>(path: &Path, problem: &str, place: &Place, collector: &Collector) -> Option<T> {
    collector.mistake(place, format!("cannot use {}: {problem}", paths::shown(path)));
    None
}
