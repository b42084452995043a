//! Bringing the plugin catalogue up to date: what is new or changed is listed, each file in a worker of its own.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use farm::{Candidate, Listing, Looked, Programs};
use jobs::catalogue::search::Offer;
use jobs::catalogue::{Broken, Catalogue, Changes, Entry, Fault, Found, Stamp, Step, Terms, decide, libraries, store};
use presets::PluginFormat;
use presets::folders::Folders;

use crate::args::{ProcessArguments, ScanArguments};
use crate::show::ScanShow;
use crate::workers::{self, WorkFolder};
use crate::{Trouble, interrupt, sandbox};

/// How often what was found so far is kept, so that a long scan that is broken off need not begin anew.
const KEEP_EVERY: Duration = Duration::from_secs(5);

/// Knows what plugins there are, as far as it was asked.
pub(crate) struct Scanner {
    process: ProcessArguments,
    arguments: ScanArguments,
    /// Everything is listed, whatever is known.
    again: bool,
    /// Each file that is listed gets a line.
    lines: bool,
    /// Where the catalogue is kept; none where it cannot be.
    store: Option<PathBuf>,
    /// What the system's libraries look like.
    libraries: String,
    known: Catalogue,
}

/// All plugin files of some formats, as they are now.
pub(crate) struct Scanned {
    pub(crate) files: Vec<ScannedFile>,
    /// How many of them a worker was asked about.
    pub(crate) listed: usize,
}

/// One plugin file.
pub(crate) struct ScannedFile {
    pub(crate) format: PluginFormat,
    /// The place of its plugin folder among those that are searched.
    folder: usize,
    pub(crate) path: PathBuf,
    pub(crate) found: Found,
}

/// A file that is worth more than a look from outside.
struct Wanted {
    /// Its place among the files that were scanned.
    place: usize,
    stamp: Stamp,
    /// BLAKE3 of what is known of it, where that may still hold.
    known: Option<String>,
}

impl Scanned {
    /// Every plugin in the files, in their order.
    pub(crate) fn offers(&self) -> Vec<Offer<'_>> {
        self.files.iter().flat_map(ScannedFile::offers).collect()
    }

    /// The files that cannot be listed.
    pub(crate) fn broken(&self) -> impl Iterator<Item = (&ScannedFile, &Broken)> {
        self.files.iter().filter_map(|file| match &file.found {
            Found::Plugins(_) => None,
            Found::Broken(broken) => Some((file, broken)),
        })
    }
}

impl ScannedFile {
    pub(crate) fn offers(&self) -> impl Iterator<Item = Offer<'_>> {
        let plugins = match &self.found {
            Found::Plugins(plugins) => plugins.as_slice(),
            Found::Broken(_) => &[],
        };
        let (format, folder, path) = (self.format, self.folder, self.path.as_path());
        plugins.iter().map(move |info| Offer { format, folder, path, info })
    }

    /// What the catalogue keeps of it, now that it is listed.
    fn entry(&self, stamp: Stamp, blake3: String) -> Entry {
        let (path, found) = (self.path.clone(), self.found.clone());
        Entry { format: self.format, path, stamp, blake3, listed_ms: now_ms(), engine: jobs::ENGINE.to_owned(), found }
    }

    /// Its name without the folder.
    pub(crate) fn name(&self) -> String {
        file_name(&self.path)
    }
}

/// A path's last part.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

impl Scanner {
    /// Reads the catalogue; one that cannot be used is worth a warning.
    pub(crate) fn new(process: &ProcessArguments, arguments: &ScanArguments) -> Scanner {
        let store = store::standard_path();
        let (known, useless) = store.as_deref().map(store::read).unwrap_or_default();
        if let Some(error) = useless {
            eprintln!("warning: {error}");
        }
        let (process, arguments) = (process.clone(), arguments.clone());
        Scanner { process, arguments, again: false, lines: false, store, libraries: libraries::look(), known }
    }

    /// Tells of each file; lists everything anew where `again` is set.
    pub(crate) fn telling(self, again: bool) -> Scanner {
        Scanner { again, lines: true, ..self }
    }

    /// Where the catalogue is kept.
    pub(crate) fn store(&self) -> Option<&Path> {
        self.store.as_deref()
    }

    /// Looks at all files in the plugin folders of these formats, and lists those that are new or changed. Fails only if
    /// a worker is needed and none can be started, or if it is interrupted; what was found until then is kept.
    pub(crate) fn scan(&mut self, formats: &[PluginFormat]) -> Result<Scanned, Trouble> {
        let programs = workers::command(&self.process)?;
        let mut scanned = Scanned { files: Vec::new(), listed: 0 };
        let wanted = self.look(formats, &programs, &mut scanned);
        let mut changes = self.gone(&scanned);
        if !wanted.is_empty() {
            sandbox::look(&self.process)?;
        }
        let listed = if wanted.is_empty() { Ok(()) } else { self.list(&mut scanned, wanted, programs, &mut changes) };
        self.keep(&mut changes);
        listed.map(|()| scanned)
    }

    /// Looks at all files from outside, and says which of them are worth more than a look.
    fn look(&self, formats: &[PluginFormat], programs: &Programs, scanned: &mut Scanned) -> Vec<Wanted> {
        let (limit_seconds, libraries, again) = (self.arguments.scan_timeout, &*self.libraries, self.again);
        let unread = |reason: &str, worker: &str| {
            let (reason, worker) = (format!("it cannot be read: {reason}"), worker.to_owned());
            let libraries = self.libraries.clone();
            Found::Broken(Broken { fault: Fault::Unreadable, reason, worker, limit_seconds, libraries })
        };
        let mut wanted = Vec::new();
        for &format in formats {
            let folders = Folders::standard(format).by_folder().into_iter().enumerate();
            for (folder, path) in folders.flat_map(|(folder, paths)| paths.into_iter().map(move |path| (folder, path)))
            {
                let path = std::path::absolute(&path).unwrap_or(path);
                let worker = programs.command(programs.of_file(&path)).program.display().to_string();
                let terms = Terms { engine: jobs::ENGINE, worker: &worker, limit_seconds, libraries, again };
                let known = self.known.get(format, &path);
                let found = match Stamp::of(&path) {
                    Ok(stamp) => {
                        let place = scanned.files.len();
                        let want = |known| Wanted { place, stamp: stamp.clone(), known };
                        match decide(known, &stamp, &terms) {
                            Step::Keep => {}
                            Step::Compare { blake3 } => wanted.push(want(Some(blake3))),
                            Step::List => wanted.push(want(None)),
                        }
                        // Where it is wanted, this stands until it was looked at.
                        known.map_or_else(|| unread("nobody has tried", &worker), |entry| entry.found.clone())
                    }
                    Err(error) => unread(&error.to_string(), &worker),
                };
                scanned.files.push(ScannedFile { format, folder, path, found });
            }
        }
        wanted
    }

    /// Entries whose files are gone. Other commands may search other folders: what only is not searched is kept.
    fn gone(&self, scanned: &Scanned) -> Changes {
        let here: HashSet<(PluginFormat, &Path)> = scanned.files.iter().map(|f| (f.format, f.path.as_path())).collect();
        let elsewhere = self.known.entries().filter(|entry| !here.contains(&(entry.format, &entry.path)));
        let mut changes = Changes::default();
        for entry in elsewhere.filter(|entry| matches!(entry.path.try_exists(), Ok(false))) {
            changes.forget(entry.format, &entry.path);
        }
        changes
    }

    /// Has workers look at what is wanted, and takes over what comes of it.
    fn list(
        &mut self,
        scanned: &mut Scanned,
        wanted: Vec<Wanted>,
        command: Programs,
        changes: &mut Changes,
    ) -> Result<(), Trouble> {
        let candidate = |Wanted { place, known, .. }: &Wanted| {
            let ScannedFile { format, path, .. } = &scanned.files[*place];
            Candidate { format: *format, path: path.clone(), known: known.clone() }
        };
        let candidates: Vec<Candidate> = wanted.iter().map(candidate).collect();
        let folder = WorkFolder::new();
        let listing = Listing {
            command,
            workers: workers::count(self.arguments.workers),
            limit: Duration::from_secs_f64(self.arguments.scan_timeout),
            libraries: self.libraries.clone(),
            state: folder.path().to_owned(),
        };
        let mut show = ScanShow::new(candidates.len(), self.lines);
        let (mut kept, mut looked_at) = (Instant::now(), 0);
        let scanning = interrupt::gently("files that are being listed may finish");
        let listed = farm::list(&candidates, &listing, &|| scanning.is_asked(), &mut |index, looked| {
            looked_at += 1;
            let Wanted { place, stamp, .. } = &wanted[index];
            let file = &mut scanned.files[*place];
            match looked {
                Looked::Unchanged => {
                    if let Some(entry) = self.known.get(file.format, &file.path) {
                        changes.put(Entry { stamp: stamp.clone(), ..entry.clone() });
                    }
                    show.unchanged();
                }
                Looked::Listed { blake3, found } => {
                    scanned.listed += 1;
                    show.listed(&file.name(), &found);
                    file.found = found;
                    match blake3.filter(|_| file.found.is_lasting()) {
                        Some(blake3) => changes.put(file.entry(stamp.clone(), blake3)),
                        None => changes.forget(file.format, &file.path),
                    }
                }
            }
            if kept.elapsed() > KEEP_EVERY {
                self.keep(changes);
                kept = Instant::now();
            }
        });
        show.end();
        listed.map_err(Trouble::input)?;
        if looked_at < candidates.len() {
            return Err(Trouble::interrupted(format!(
                "interrupted: {looked_at} of {} plugin files were looked at, and what was found is kept. Run the same command again to go on",
                candidates.len()
            )));
        }
        Ok(())
    }

    /// Takes changes over into what is known here and on disk, and empties them.
    fn keep(&mut self, changes: &mut Changes) {
        let changes = std::mem::take(changes);
        if changes.is_empty() {
            return;
        }
        self.known.apply(&changes);
        match self.store.as_deref().map(|path| store::update(path, &changes)) {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                eprintln!("warning: {error}");
                // It will not be otherwise the next time, and once told is enough.
                self.store = None;
            }
            None => {}
        }
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
