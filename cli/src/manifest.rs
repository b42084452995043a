//! The manifest of an output folder: what it says, what the journals add, and writing it anew.

mod lines;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use farm::journal::{self, Damage, Finished};
use farm::shards::{self, Together};
use jobs::ledger::{Entry, Index, KeyHash, Ledger, Name};
use jobs::manifest::{self, Record, Writing};
use jobs::plan::{Outline, OutputOutline, Plan};
use jobs::quarantine::{self, STATE};

use crate::Trouble;
use crate::site::Site;
use crate::verdicts::Verdicts;
use lines::Lines;

/// Tasks that are looked at at once, at most: what is known of each takes some kilobytes.
const AT_ONCE: usize = 1024;

/// The name of a journal's index, behind its own.
const INDEX: &str = "index";

/// All that is known of what stands in an output folder.
pub(crate) struct Known<'a> {
    plan: &'a Plan,
    site: &'a Site,
    folder: &'a Path,
    ledger: Ledger,
    lines: Lines,
    /// The manifest's files in its order.
    order: Vec<Name>,
    /// State folders of runs that were over before their journals were read.
    over: Vec<PathBuf>,
    /// Those of runs beside others that were over before they could look after what they had left.
    unswept: Vec<PathBuf>,
    /// Files that two runs have made of the same things with different sounds.
    differing: Vec<Name>,
    damaged: Vec<Damage>,
    changed: bool,
}

impl<'a> Known<'a> {
    /// Reads the manifest, and the journals of runs that no manifest holds yet. With the output's lock held, `alone` says
    /// so: then the journals of its own state folder are all of runs that are over.
    pub(crate) fn read(plan: &'a Plan, site: &'a Site, alone: bool) -> Result<Known<'a>, Trouble> {
        let folder = plan.header.output_root.as_path();
        let mut known = Known {
            plan,
            site,
            folder,
            ledger: Ledger::default(),
            lines: Lines::default(),
            order: Vec::new(),
            over: Vec::new(),
            unswept: Vec::new(),
            differing: Vec::new(),
            damaged: Vec::new(),
            changed: false,
        };
        let state = site.state();
        let together = if state.is_dir() { Some(shards::Together::to_read(state)) } else { None };
        let _together = together.transpose().map_err(Trouble::input)?;
        known.read_manifest()?;
        known.read_journals(alone)?;
        Ok(known)
    }

    /// Where the outputs lie.
    pub(crate) fn site(&self) -> &'a Site {
        self.site
    }

    /// What stands, as far as deciding needs it.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Whether the manifest would say something new.
    pub(crate) fn has_news(&self) -> bool {
        self.changed
    }

    /// Files that two runs have made of the same things and that differ all the same.
    pub(crate) fn differing(&self) -> usize {
        self.differing.len()
    }

    /// Lines of journals that were torn or damaged.
    pub(crate) fn damaged(&self) -> &[Damage] {
        &self.damaged
    }

    fn read_manifest(&mut self) -> Result<(), Trouble> {
        let path = self.site.old_manifest();
        let file = self.lines.add(path.clone());
        let index = match Index::read(&self.manifest_index(), &path, file) {
            Some(index) => index,
            None => {
                let mut index = Index::default();
                let torn = manifest::each_line(&path, |record, offset, length| {
                    index.entries.push(Entry::of_record(&record, lines::place(file, offset, length)));
                });
                self.changed |= torn.map_err(Trouble::input)?;
                let settled = journal::settled_outputs(self.site.state()).map_err(Trouble::input)?;
                index.begun = settled.iter().map(|path| Name::of(path, self.folder)).collect();
                index
            }
        };
        for entry in index.entries {
            self.order.push(entry.name);
            self.ledger.insert(entry);
        }
        index.begun.into_iter().for_each(|name| self.ledger.begin(name));
        Ok(())
    }

    fn manifest_index(&self) -> PathBuf {
        self.site.state().join("manifest.index")
    }

    /// Takes over what the journals say. Who wrote a file last counts.
    fn read_journals(&mut self, alone: bool) -> Result<(), Trouble> {
        let state = self.site.state().to_owned();
        if alone {
            self.over.push(state.clone());
        }
        self.read_state(&state)?;
        for run in shards::all(&state).map_err(Trouble::input)? {
            // Held while it is read: nobody else looks after what it left meanwhile.
            let over = shards::take_over(&run).map_err(Trouble::input)?;
            let whole = self.read_state(&run)?;
            if over.is_some() {
                self.over.push(run.clone());
                self.unswept.extend((!whole).then_some(run));
            }
        }
        Ok(())
    }

    /// Takes over what the journals in a state folder say. Gives whether all had indexes, as those of runs have that came to
    /// their end.
    fn read_state(&mut self, state: &Path) -> Result<bool, Trouble> {
        let mut whole = true;
        for path in journal::paths(state).map_err(Trouble::input)? {
            self.changed = true;
            let file = self.lines.add(path.clone());
            let beside = path.with_extension(INDEX);
            let index = match Index::read(&beside, &path, file) {
                Some(index) => index,
                None => {
                    whole = false;
                    let (index, damaged) = scan(&path, file, self.folder).map_err(Trouble::input)?;
                    self.damaged.extend(damaged);
                    index
                }
            };
            self.overlay(index);
        }
        Ok(whole)
    }

    fn overlay(&mut self, index: Index) {
        for entry in index.entries {
            self.ledger.begin(entry.name);
            let other =
                self.ledger.get(entry.name).filter(|other| other.key == entry.key && other.content != entry.content);
            if let Some(other) = other {
                self.differing.push(entry.name);
                if self.lines.holds(other, self.folder) {
                    continue;
                }
            }
            self.ledger.insert(entry);
        }
        for name in index.begun {
            self.ledger.begin(name);
            // An attempt was broken off, maybe between the file's renaming and the word that it was done.
            let broken = self.ledger.get(name).is_some_and(|entry| !self.lines.holds(entry, self.folder));
            if broken {
                self.ledger.remove(name);
            }
        }
    }

    /// Removes what attempts of runs beside others that were killed have left under temporary names.
    pub(crate) fn sweep(&mut self) -> Result<(), Trouble> {
        for run in std::mem::take(&mut self.unswept) {
            let problems = journal::sweep(&run).map_err(Trouble::input)?;
            problems.iter().for_each(|problem| eprintln!("warning: {problem}"));
        }
        Ok(())
    }

    /// Takes over what the journals say since it was read: of a run that this process has just ended.
    pub(crate) fn read_again(&mut self) -> Result<(), Trouble> {
        *self = Known::read(self.plan, self.site, true)?;
        Ok(())
    }

    /// Writes the manifest if it would say something new. Hold the output's lock.
    pub(crate) fn write_if_changed(&mut self, verdicts: &mut Verdicts) -> Result<(), Trouble> {
        if self.has_news() { self.write(verdicts).map(drop) } else { Ok(()) }
    }

    /// Writes the manifest: the plan's files in its order, then others that still stand. Gives its path. Hold the output's
    /// lock.
    pub(crate) fn write(&mut self, verdicts: &mut Verdicts) -> Result<PathBuf, Trouble> {
        let _together = Together::to_write(self.site.state()).map_err(Trouble::input)?;
        self.site.look_at_files()?;
        let path = self.site.new_manifest();
        let written = manifest::write(&path, |to| {
            Emitting { known: self, verdicts, read: None, made: None, by_key: None }.all(to)
        });
        let mut index = written.map_err(Trouble::input)?;
        index.begun = self.ledger.begun();
        // Without it, the next run reads the manifest itself.
        if let Err(error) = index.write(&self.manifest_index(), &path) {
            eprintln!("warning: cannot write {}: {error}", self.manifest_index().display());
        }
        let place = self.site.publish_manifest()?;
        // Not before others can read what is finished.
        self.settle()?;
        self.changed = false;
        Ok(place)
    }

    /// Sets the journals aside whose runs are over.
    fn settle(&mut self) -> Result<(), Trouble> {
        for over in std::mem::take(&mut self.over) {
            if over == self.site.state() {
                journal::settle(&over).map_err(Trouble::input)?;
                continue;
            }
            let Some(_lock) = shards::take_over(&over).map_err(Trouble::input)? else { continue };
            journal::settle_into(&over, self.site.state()).map_err(Trouble::input)?;
            retire(&over, self.site.state()).map_err(|error| {
                Trouble::system(format!("cannot put the folder of a run that is over aside, {}", over.display()), error)
            })?;
        }
        Ok(())
    }
}

/// Removes the folder of a run that is over. What it holds against plugins goes to its output's; logs, which reports name, stay
/// where they are.
fn retire(run: &Path, state: &Path) -> io::Result<()> {
    farm::blame::take_over(run, state)?;
    let missing_is_fine = |result: io::Result<()>| match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    missing_is_fine(std::fs::remove_dir_all(run.join("scratch")))?;
    for entry in std::fs::read_dir(run)? {
        let path = entry?.path();
        if path.is_file() {
            std::fs::remove_file(path)?;
        }
    }
    // Logs may be left, and then the folder stays with them alone.
    for folder in [run.join("logs"), run.to_owned()] {
        match std::fs::remove_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            other => missing_is_fine(other)?,
        }
    }
    Ok(())
}

/// Writes the index of a run's journal beside it: nobody has to read it line by line again.
pub(crate) fn write_index(journal: &Path, folder: &Path) -> Result<(), Trouble> {
    let (index, _) = scan(journal, 0, folder).map_err(Trouble::input)?;
    let path = journal.with_extension(INDEX);
    index.write(&path, journal).map_err(|error| Trouble::system(format!("cannot write {}", path.display()), error))
}

/// What a journal comes to.
fn scan(path: &Path, file: u32, folder: &Path) -> Result<(Index, Vec<Damage>), journal::JournalError> {
    let state = folder.join(STATE);
    let mut order = Vec::new();
    let mut last: HashMap<Name, Option<Entry>> = HashMap::new();
    let mut put = |name: Name, entry: Option<Entry>| {
        if last.insert(name, entry).is_none() {
            order.push(name);
        }
    };
    let damaged = journal::each(path, |entry, offset, length| match entry {
        journal::Entry::Started { outputs, .. } => outputs.iter().for_each(|path| put(Name::of(path, folder), None)),
        journal::Entry::Finished { key, rendered, .. } => {
            let notes: Vec<Name> = rendered.annotations.iter().map(|note| Name::of(&note.path, folder)).collect();
            for written in &rendered.files {
                let asked = quarantine::asked(&state, &written.path).unwrap_or_else(|| written.path.clone());
                let name = Name::of(&asked, folder);
                let at = lines::place(file, offset, length);
                put(name, Some(Entry::of(name, &key, written, notes.iter().copied(), at)));
            }
        }
        journal::Entry::Begun { .. } | journal::Entry::Failed { .. } => {}
    })?;
    let mut index = Index::default();
    for name in order {
        match last.remove(&name).flatten() {
            Some(entry) => index.entries.push(entry),
            None => index.begun.push(name),
        }
    }
    Ok((index, damaged))
}

/// A file of lines, and the first byte of one.
type Line = (u32, u64);

/// What there is of a task of the plan.
struct Looked<'k> {
    index: usize,
    key: KeyHash,
    /// Its files, each with what is known of it where it stands.
    files: Vec<(Name, Option<&'k Entry>)>,
    /// The journal line that says how they were made: most tasks have one for all of theirs.
    finished: Option<(Line, io::Result<Finished>)>,
}

/// Looks at tasks on as many threads as the machine has, since no worker is busy any more.
fn look_at<'k>(known: &'k Known<'_>, tasks: &[(usize, Outline)]) -> Vec<Looked<'k>> {
    let look = |(index, task): &(usize, Outline)| {
        let file = |output: &OutputOutline| {
            let name = Name::of(&output.path, known.folder);
            (name, known.ledger.get(name).filter(|entry| stands(entry, &output.path, known)))
        };
        let files: Vec<_> = task.outputs.iter().map(file).collect();
        let from_journal = files.iter().find_map(|(_, entry)| entry.filter(|entry| entry.at.file != lines::MANIFEST));
        let finished = from_journal.map(|entry| ((entry.at.file, entry.at.offset), known.lines.finished(entry.at)));
        Looked { index: *index, key: KeyHash::of(&task.key), files, finished }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let parts = tasks.chunks(tasks.len().div_ceil(threads).max(1));
        let looking: Vec<_> = parts.map(|part| scope.spawn(|| part.iter().map(look).collect::<Vec<_>>())).collect();
        looking.into_iter().flat_map(|looking| looking.join().expect("looking does not panic")).collect()
    })
}

/// A manifest being written.
struct Emitting<'k, 'a> {
    known: &'k Known<'a>,
    verdicts: &'k mut Verdicts,
    /// A journal line that was read ahead, with its place.
    read: Option<(Line, io::Result<Finished>)>,
    /// The records of the journal line that was read last: a task may have written many files.
    made: Option<(Line, Vec<Record>)>,
    /// The plan's tasks by their keys, once somebody asks.
    by_key: Option<HashMap<KeyHash, usize>>,
}

impl Emitting<'_, '_> {
    fn all(mut self, to: &mut Writing<'_>) -> io::Result<()> {
        let known = self.known;
        let mut emitted: HashSet<Name> = HashSet::new();
        let mut outlines = known.plan.tasks.outlines().enumerate();
        loop {
            let some: Vec<_> = outlines.by_ref().take(AT_ONCE).collect();
            if some.is_empty() {
                break;
            }
            for Looked { index, key, files, finished } in look_at(known, &some) {
                self.read = finished;
                for (name, entry) in files {
                    emitted.insert(name);
                    if let Some(entry) = entry {
                        self.one(entry, Some(index).filter(|_| entry.key == key), to)?;
                    }
                }
            }
        }
        // What else stands: first as the manifest had it, then as it was made.
        let rest = known.order.iter().filter(|name| !emitted.contains(name));
        let mut rest: Vec<&Entry> = rest.filter_map(|name| known.ledger.get(*name)).collect();
        let old: HashSet<Name> = known.order.iter().copied().collect();
        let others =
            known.ledger.entries().filter(|entry| !emitted.contains(&entry.name) && !old.contains(&entry.name));
        let mut others: Vec<&Entry> = others.collect();
        others.sort_by_key(|entry| (entry.at.file, entry.at.offset, entry.name));
        rest.extend(others);
        for entry in rest {
            let Some((path, _)) = known.lines.written(entry, known.folder) else { continue };
            let asked = quarantine::asked(&known.folder.join(STATE), &path).unwrap_or(path);
            if stands(entry, &asked, known) {
                self.one(entry, None, to)?;
            }
        }
        Ok(())
    }

    /// Writes what there is of a file. `owner` is the task of the plan that made it, where it is known.
    fn one(&mut self, entry: &Entry, owner: Option<usize>, to: &mut Writing<'_>) -> io::Result<()> {
        let known = self.known;
        if entry.at.file == lines::MANIFEST {
            return to.line(&known.lines.read(entry.at)?, entry.clone());
        }
        // Files under numbered names are none of the plan's; their key tells what they are.
        let Some(index) = owner.or_else(|| self.by_key().get(&entry.key).copied()) else { return Ok(()) };
        let at = (entry.at.file, entry.at.offset);
        if self.made.as_ref().is_none_or(|(made, _)| *made != at) {
            let read = self.read.take().filter(|(read, _)| *read == at);
            let finished = read.map_or_else(|| known.lines.finished(entry.at), |(_, finished)| finished)?;
            let task = known.plan.tasks.get(index);
            let mut records = manifest::records(&known.plan.header, &task, &finished.rendered, finished.attempts);
            records.iter_mut().for_each(|record| self.verdicts.annotate(&task, record));
            self.made = Some((at, records));
        }
        let records = self.made.iter().flat_map(|(_, records)| records);
        match records.into_iter().find(|record| Name::relative(&record.path) == entry.name) {
            Some(record) => to.record(record),
            None => Ok(()),
        }
    }

    fn by_key(&mut self) -> &HashMap<KeyHash, usize> {
        let tasks = &self.known.plan.tasks;
        let keys = || tasks.outlines().enumerate().map(|(index, task)| (KeyHash::of(&task.key), index)).collect();
        self.by_key.get_or_insert_with(keys)
    }
}

/// Whether the file that was to stand at `path` stands, there or in quarantine.
fn stands(entry: &Entry, path: &Path, known: &Known<'_>) -> bool {
    let site = known.site;
    site.stands(path) || (entry.quarantined && site.stands(&quarantine::quarantined(known.folder, path)))
}
