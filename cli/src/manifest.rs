//! The manifest of an output folder: what it says, what the journals add, and writing it anew.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use farm::journal;
use jobs::manifest::{self, FILE_NAME, Record, RenderedFile};
use jobs::plan::Plan;
use jobs::quarantine::{self, STATE};
use jobs::task::Task;

use crate::Trouble;
use crate::verdicts::Verdicts;

/// All that is known of what stands in an output folder.
pub(crate) struct Known<'a> {
    plan: &'a Plan,
    verdicts: &'a Verdicts,
    folder: &'a Path,
    state: PathBuf,
    records: Vec<Record>,
    begun: HashSet<PathBuf>,
    changed: bool,
}

impl<'a> Known<'a> {
    /// Reads the manifest, and the journals of runs that ended before they could write one.
    pub(crate) fn read(plan: &'a Plan, verdicts: &'a Verdicts) -> Result<Known<'a>, Trouble> {
        let read = manifest::read(&path(plan)).map_err(Trouble::input)?;
        let folder = plan.header.output_root.as_path();
        let state = folder.join(STATE);
        let (records, changed) = (read.records, read.torn);
        let mut known = Known { plan, verdicts, folder, state, records, begun: HashSet::new(), changed };
        known.add_finished(&plan.tasks)?;
        Ok(known)
    }

    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    /// Files that some run has begun: they are ours.
    pub(crate) fn begun(&self) -> &HashSet<PathBuf> {
        &self.begun
    }

    /// Takes over what the journals say of runs that no manifest holds yet. Who wrote a file last counts.
    pub(crate) fn add_finished(&mut self, tasks: &[Task]) -> Result<(), Trouble> {
        let journal = journal::read_all(&self.state).map_err(Trouble::input)?;
        self.begun.extend(journal.started_outputs);
        let by_path: HashMap<&Path, &Task> =
            tasks.iter().flat_map(|task| task.outputs.iter().map(move |o| (o.path.as_path(), task))).collect();
        // Files under numbered names are none of the plan's; their key tells what they are.
        let by_key: HashMap<&str, &Task> = tasks.iter().map(|task| (task.key.as_str(), task)).collect();
        let mut records: BTreeMap<PathBuf, Record> = BTreeMap::new();
        for record in std::mem::take(&mut self.records) {
            records.insert(self.folder.join(&record.path), record);
        }
        for (path, writer) in &journal.last_writers {
            let Some(finished) = writer.map(|index| &journal.finished[index]) else {
                // An attempt was broken off, maybe between the file's renaming and the word that it was done.
                if records.get(path).is_some_and(|r| !holds(&r.place(path, self.folder), &r.file.blake3)) {
                    records.remove(path);
                    self.changed = true;
                }
                continue;
            };
            let owner = by_path.get(path.as_path()).filter(|task| task.key == finished.key);
            let task = owner.or_else(|| by_key.get(finished.key.as_str()));
            let new = task.map(|task| {
                let mut record = manifest::records(&self.plan.header, task, &finished.rendered, finished.attempts)
                    .into_iter()
                    .find(|record| self.folder.join(&record.path) == *path)?;
                self.verdicts.annotate(task, &mut record);
                Some(record)
            });
            let asked = |lies: &Path| quarantine::asked(&self.state, lies).unwrap_or_else(|| lies.to_owned());
            let written = finished.rendered.files.iter().find(|file| asked(&file.path) == *path);
            let same = |old: &Record| {
                let known = |file: &RenderedFile| (file.blake3.clone(), file.quarantined, file.flags.clone());
                old.key == finished.key && written.is_some_and(|file| known(file) == known(&old.file))
            };
            if records.get(path).is_some_and(same) {
                continue;
            }
            self.changed = true;
            match new.flatten() {
                Some(record) => records.insert(path.clone(), record),
                None => records.remove(path),
            };
        }
        self.records = manifest::merge(Vec::new(), records.into_values().collect(), self.plan);
        Ok(())
    }

    /// Writes the manifest if it would say something new.
    pub(crate) fn write_if_changed(&mut self) -> Result<(), Trouble> {
        if self.changed { self.write().map(drop) } else { Ok(()) }
    }

    /// Writes the manifest: the plan's files in its order, then others that still stand. Gives its path.
    pub(crate) fn write(&mut self) -> Result<PathBuf, Trouble> {
        let folder = self.folder;
        self.records.retain(|record| record.standing(folder).exists() || folder.join(&record.path).exists());
        let path = path(self.plan);
        manifest::write(&path, &self.records).map_err(Trouble::input)?;
        journal::settle(&self.state).map_err(Trouble::input)?;
        self.changed = false;
        Ok(path)
    }
}

/// Whether a file's content has this hash.
fn holds(path: &Path, blake3: &str) -> bool {
    let mut hasher = blake3::Hasher::new();
    let read = std::fs::File::open(path).and_then(|file| hasher.update_reader(file).map(|_| ()));
    read.is_ok() && hasher.finalize().to_hex().as_str() == blake3
}

/// The manifest's place for a plan.
fn path(plan: &Plan) -> PathBuf {
    plan.header.output_root.join(FILE_NAME)
}
