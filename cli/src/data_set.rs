//! The data set that a job ends in: checked before anything renders, made once the job is done whole.
//!
//! A stamp in the output folder's state says which data set was made of what, and what lay in it then. So a run that
//! rendered nothing leaves it as it is, one that did puts a new one in its place at once, and a folder that is somebody
//! else's, or that somebody has put something into, stays.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dataset::{Layout, Settings};
use jobs::file::{JobFile, PackageRules};
use jobs::hash::of_text;
use jobs::manifest::FILE_NAME;
use jobs::plan::Plan;
use jobs::quarantine::STATE;
use presets::document::{Collector, did_you_mean, similar};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Status, Trouble, package, show};

/// The stamp, within the state folder.
const STAMP: &str = "package.json";

/// What this job has put where its data set goes.
#[derive(Debug, Serialize, Deserialize)]
struct Stamp {
    tonemill: u32,
    to: PathBuf,
    /// One; two while the second is about to take the first one's place.
    made: Vec<Made>,
}

/// What a data set was made of, and what lay in it then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Made {
    /// BLAKE3 of the manifest, the settings and the engine's name.
    of: String,
    /// BLAKE3 of the names and sizes of all files.
    holds: String,
}

/// What a folder is, before a data set is put there.
enum Standing {
    /// Nothing is there, or an empty folder.
    Free,
    /// What this job put there, untouched.
    Ours(Made),
}

/// Tells what is wrong with the settings of a job's data set, each at its place.
pub(crate) fn check(job: &mut JobFile) {
    let Some(rules) = job.output.as_ref().and_then(|output| output.package.as_ref()) else { return };
    let collector = Collector::new();
    collector.extend(std::mem::take(&mut job.mistakes));
    let before = collector.len();
    check_fields(rules, &collector);
    if collector.len() == before {
        match serde_json::from_value::<Settings>(rules.object()) {
            Ok(settings) => {
                if let Err(unused) = settings.check() {
                    collector.mistake(&rules.place, format!("package: {unused}"));
                }
            }
            Err(error) => collector.mistake(&rules.place, format!("package: {error}")),
        }
    }
    job.mistakes = collector.into_mistakes();
}

fn check_fields(rules: &PackageRules, collector: &Collector) {
    let schema = Settings::schema();
    let known: BTreeSet<&str> =
        schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    for (name, value) in &rules.settings {
        if !known.contains(name.value.as_str()) {
            let close = similar(&name.value, known.iter().copied(), 2);
            let help = match close.as_slice() {
                [] => format!("Its fields are to, {}.", known.iter().copied().collect::<Vec<_>>().join(", ")),
                close => did_you_mean(close),
            };
            collector.mistake_with(&name.place, format!("package has no field \"{}\"", name.value), help);
            continue;
        }
        // Alone, so that what is said has a place.
        let mut alone = serde_json::Map::from_iter([("as".to_owned(), json!(Layout::Folders.word()))]);
        alone.insert(name.value.clone(), value.value.clone());
        if let Err(error) = serde_json::from_value::<Settings>(Value::Object(alone)) {
            collector.mistake(&value.place, format!("{} of package: {error}", name.value));
        }
    }
}

/// The schema of job files, with what the layouts of data sets take.
pub(crate) fn job_schema() -> Value {
    let (mut job, mut settings) = (jobs::file::schema(), Settings::schema());
    let package = &mut job["$defs"]["package"];
    let to = package["properties"]["to"].take();
    package["properties"] = settings["properties"].take();
    package["properties"]["to"] = to;
    package["additionalProperties"] = Value::Bool(false);
    if let (Some(all), Value::Object(own)) = (job["$defs"].as_object_mut(), settings["$defs"].take()) {
        all.extend(own);
    }
    job
}

/// The data set that a plan ends in.
pub(crate) struct Wanted<'a> {
    plan: &'a Plan,
    to: &'a Path,
    settings: Settings,
}

impl<'a> Wanted<'a> {
    /// What a plan wants, where it wants one. Fails, before anything renders, where it cannot be made afterwards.
    pub(crate) fn of(plan: &'a Plan) -> Result<Option<Wanted<'a>>, Trouble> {
        let Some(package) = &plan.header.package else { return Ok(None) };
        let settings: Settings = serde_json::from_value(package.settings.clone())
            .map_err(|error| Trouble::input(format!("the data set of the plan cannot be made: {error}")))?;
        let wanted = Wanted { plan, to: &package.to, settings };
        wanted.check_tones()?;
        wanted.standing()?;
        Ok(Some(wanted))
    }

    /// Tones that are held out must be the job's, and need a split.
    fn check_tones(&self) -> Result<(), Trouble> {
        let Settings { hold_out, split, .. } = &self.settings;
        if hold_out.is_empty() {
            return Ok(());
        }
        let items = self.plan.tasks.iter().filter_map(|task| task.item);
        let tones: BTreeSet<String> = items.filter_map(|item| item.tone).collect();
        if let Some(tone) = hold_out.iter().find(|tone| !tones.contains(tone.as_str())) {
            let close = similar(tone, tones.iter().map(String::as_str), 2);
            let help = if close.is_empty() { String::new() } else { format!(" {}", did_you_mean(&close)) };
            return Err(Trouble::input(format!("package: there is no tone \"{tone}\" to hold out.{help}")));
        }
        if !split.iter().any(|(name, _)| name == dataset::split::TEST) {
            let words = "package: tones are held out for the split test, and there is none. Write split: { train: 0.8, test: 0.2 }";
            return Err(Trouble::input(words));
        }
        Ok(())
    }

    fn stamp_path(&self) -> PathBuf {
        self.plan.header.output_root.join(STATE).join(STAMP)
    }

    /// What lies where the data set goes. Fails where that is not ours to replace.
    fn standing(&self) -> Result<Standing, Trouble> {
        let shown = self.to.display();
        let first = match fs::read_dir(self.to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Standing::Free),
            Err(error) => return Err(Trouble::system(format!("cannot look into {shown}"), error)),
            Ok(mut entries) => entries.next(),
        };
        if first.is_none() {
            return Ok(Standing::Free);
        }
        // One that cannot be read, or is of another version, says as little as none.
        let stamp = fs::read(self.stamp_path()).ok().and_then(|bytes| serde_json::from_slice::<Stamp>(&bytes).ok());
        let stamp = stamp.filter(|stamp| stamp.tonemill == jobs::FORMAT_VERSION && stamp.to == self.to);
        let Some(stamp) = stamp else {
            return Err(Trouble::input(format!(
                "the data set would be written to {shown}, which is there already and was not made by this job. Move it away, \
                 or name another folder in package"
            )));
        };
        let holds = holds(self.to)?;
        match stamp.made.into_iter().find(|made| made.holds == holds) {
            Some(made) => Ok(Standing::Ours(made)),
            None => Err(Trouble::input(format!(
                "the data set {shown} has been changed since it was made, so it is not replaced. Move it away"
            ))),
        }
    }

    /// What the data set is made of, as its stamp names it.
    fn made_of(&self) -> Result<String, Trouble> {
        let manifest = self.plan.header.output_root.join(FILE_NAME);
        let bytes = fs::read(&manifest).map_err(|error| Trouble::system(manifest.display(), error))?;
        let settings = serde_json::to_string(&self.settings).map_err(Trouble::input)?;
        Ok(of_text(&format!("{} {settings} {}", blake3::hash(&bytes).to_hex(), jobs::ENGINE)))
    }

    /// Makes it if the job is done whole and it is not there already, and tells what became of it. Nobody else may be at
    /// work on the outputs.
    pub(crate) fn conclude(&self, status: Status, left: usize, as_json: bool) -> Status {
        if status != Status::Done {
            let left = show::count(left, "task");
            eprintln!("No data set: {left} of the job left. It is made once all are done; run the job again.");
            return status;
        }
        match self.make(as_json) {
            Ok(()) => Status::Done,
            Err(trouble) => {
                eprintln!("No data set was made: {}", trouble.words);
                Status::SomeFailed
            }
        }
    }

    fn make(&self, as_json: bool) -> Result<(), Trouble> {
        let standing = self.standing()?;
        let of = self.made_of()?;
        let shown = self.to.display();
        if matches!(&standing, Standing::Ours(made) if made.of == of) {
            if as_json {
                show::event("data_set", &json!({ "to": self.to, "kept": true }));
            }
            eprintln!("Data set: {shown} (as it was)");
            return Ok(());
        }
        let next = beside(self.to);
        // What a run left there that was ended right before or after it gave the data set its name.
        remove(&next)?;
        let summary = dataset::package(&self.plan.header.output_root, &next, &self.settings).map_err(Trouble::input)?;
        let made = Made { of, holds: holds(&next)? };
        let cannot = |error| Trouble::system(format!("cannot give the data set its name, {shown}"), error);
        match standing {
            Standing::Free => {
                self.stamp(vec![made])?;
                jobs::whole::name(&next, self.to).map_err(cannot)?;
            }
            Standing::Ours(old) => {
                self.stamp(vec![old, made.clone()])?;
                jobs::whole::exchange(self.to, &next).map_err(cannot)?;
                remove(&next)?;
                self.stamp(vec![made])?;
            }
        }
        for warning in &summary.warnings {
            eprintln!("warning: {warning}");
        }
        if as_json {
            show::event("data_set", &json!({ "to": self.to, "kept": false, "summary": summary }));
        }
        eprint!("{}", package::words(&summary));
        eprintln!("Data set: {shown}");
        Ok(())
    }

    /// Notes what stands, or is about to stand, under the data set's name.
    fn stamp(&self, made: Vec<Made>) -> Result<(), Trouble> {
        let stamp = Stamp { tonemill: jobs::FORMAT_VERSION, to: self.to.to_owned(), made };
        let path = self.stamp_path();
        let written = jobs::whole::write(&path, |file| serde_json::to_writer(file, &stamp).map_err(io::Error::from));
        written.map_err(|error| Trouble::system(format!("cannot write {}", path.display()), error))
    }
}

/// The name of a data set that is about to take another's place, on the same disk.
fn beside(to: &Path) -> PathBuf {
    let name = to.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    to.with_file_name(format!(".{name}.tonemill-next"))
}

fn remove(folder: &Path) -> Result<(), Trouble> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Trouble::system(format!("cannot remove {}", folder.display()), error))
        }
        _ => Ok(()),
    }
}

/// BLAKE3 of the names and sizes of all files below a folder.
fn holds(folder: &Path) -> Result<String, Trouble> {
    let listed =
        list(folder).map_err(|error| Trouble::system(format!("cannot look into {}", folder.display()), error))?;
    Ok(of_text(&serde_json::to_string(&listed).expect("paths are texts")))
}

fn list(folder: &Path) -> io::Result<BTreeMap<String, u64>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(within) = folders.pop() {
        for entry in fs::read_dir(&within)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap_or(&path);
                files.insert(name.to_string_lossy().into_owned(), entry.metadata()?.len());
            }
        }
    }
    Ok(files)
}
