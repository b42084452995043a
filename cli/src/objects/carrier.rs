//! Carries the files of tasks between object stores and workers, which have no sockets.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use farm::{Brought, Carrier};
use jobs::file::Collision;
use jobs::manifest::Rendered;
use jobs::message::{Failure, Phase};
use jobs::quarantine::OutputRoot;
use jobs::queue::Queue;
use jobs::task::Task;
use storage::{Held, Problem, Storage, StoreError, Url};

use super::Work;

/// Longest that a task waits until others let go of what they have in the cache.
const ROOM: Duration = Duration::from_secs(60);

/// Pause before the cache is asked for room again.
const PAUSE: Duration = Duration::from_millis(250);

/// Tasks whose files are fetched before a worker is free, beyond one for each worker.
const AHEAD: usize = 2;

/// Carries for one run.
pub(super) struct StoreCarrier {
    storage: Arc<Storage>,
    /// The folder of a store that outputs lie in.
    root: Option<PathBuf>,
    staging: PathBuf,
    stages: AtomicU64,
    replaces_all: bool,
    /// Outputs that may be replaced: they stood before and are this job's, or this run has put them.
    ours: Mutex<HashSet<PathBuf>>,
    ahead: Arc<Ahead>,
}

/// Fetching what the next tasks need.
struct Ahead {
    queue: Queue,
    /// Where in the queue each task is.
    places: HashMap<u32, usize>,
    reach: usize,
    busy: AtomicBool,
}

/// What an attempt has on this machine.
struct Stage {
    _held: Vec<Held>,
    /// Where its outputs are written, with the folder of the store that this stands for.
    folder: Option<(PathBuf, PathBuf)>,
    /// Names by the path that stands for each.
    names: HashMap<PathBuf, PathBuf>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some((folder, _)) = &self.folder {
            // It may not have been made. What stays is cleared away when the next run begins.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

impl StoreCarrier {
    pub(super) fn new(storage: Arc<Storage>, work: Work<'_>) -> StoreCarrier {
        let places = work.left.left().iter().enumerate().map(|(place, left)| (left.index, place)).collect();
        let ahead =
            Ahead { queue: work.left.clone(), places, reach: work.workers + AHEAD, busy: AtomicBool::new(false) };
        StoreCarrier {
            storage,
            root: work.shelf.map(|_| work.plan.header.output_root.clone()),
            staging: work.staging,
            stages: AtomicU64::new(0),
            replaces_all: work.plan.header.collision == Collision::Overwrite,
            ours: Mutex::new(work.stood),
            ahead: Arc::new(ahead),
        }
    }

    /// A file with this content, once there is room for it.
    fn content(&self, url: &Url, blake3: &str) -> Result<Held, StoreError> {
        let until = Instant::now() + ROOM;
        loop {
            match self.storage.content(url, blake3) {
                Err(StoreError { problem: Problem::Full { .. }, .. }) if Instant::now() < until => {
                    std::thread::sleep(PAUSE);
                }
                other => return other,
            }
        }
    }

    fn put(&self, file: &Path, path: &Path, follows: bool) -> Result<(), Failure> {
        let url = url(path)?;
        let ours = || self.ours.lock().unwrap_or_else(PoisonError::into_inner);
        // What follows a take is written by each task of it.
        let replace = self.replaces_all || follows || ours().contains(path);
        self.storage.put(file, &url, replace).map_err(|error| failure(Phase::Write, &error))?;
        ours().insert(path.to_owned());
        Ok(())
    }
}

impl Carrier for StoreCarrier {
    fn bring(&self, task: &Task) -> Result<Option<Brought>, Failure> {
        let (mut held, mut locals, mut names) = (Vec::new(), HashMap::new(), HashMap::new());
        for source in &task.sources {
            let Some(url) = Url::parse(&source.path) else { continue };
            let file = self.content(&url, &source.blake3).map_err(|error| failure(Phase::Load, &error))?;
            let path = PathBuf::from(&source.path);
            names.insert(file.path().to_owned(), path.clone());
            locals.insert(path, file.path().to_owned());
            held.push(file);
        }
        if locals.is_empty() && self.root.is_none() {
            return Ok(None);
        }
        Ahead::begin(&self.ahead, &self.storage, task.number);
        let mut local = task.clone();
        local.for_each_file(&mut |path| {
            if let Some(here) = locals.get(path) {
                path.clone_from(here);
            }
        });
        let folder = self.root.as_ref().map(|root| {
            let number = self.stages.fetch_add(1, Ordering::Relaxed);
            (self.staging.join(number.to_string()), root.clone())
        });
        if let Some((staging, root)) = &folder {
            local.for_each_output(&mut |path| *path = moved(path, root, staging));
            if local.checks.output_root.is_some() {
                local.checks.output_root = Some(OutputRoot::from(staging.clone()));
            }
        }
        Ok(Some(Brought { task: Box::new(local), held: Box::new(Stage { _held: held, folder, names }) }))
    }

    fn take(&self, _task: &Task, brought: &Brought, mut rendered: Rendered) -> Result<Rendered, Failure> {
        let stage = brought.held.downcast_ref::<Stage>().expect("it was brought by this carrier");
        let Some((staging, root)) = &stage.folder else { return Ok(rendered) };
        for annotation in &mut rendered.annotations {
            let path = moved(&annotation.path, staging, root);
            self.put(&annotation.path, &path, true)?;
            annotation.path = path;
            if let Some(name) = stage.names.get(&annotation.source) {
                annotation.source.clone_from(name);
            }
        }
        for file in &mut rendered.files {
            let path = moved(&file.path, staging, root);
            self.put(&file.path, &path, false)?;
            file.path = path;
        }
        let (here, there) = (staging.display().to_string(), root.display().to_string());
        for warning in &mut rendered.warnings {
            *warning = warning.replace(&here, &there);
            for (local, name) in &stage.names {
                *warning = warning.replace(&local.display().to_string(), &name.display().to_string());
            }
        }
        Ok(rendered)
    }
}

impl Ahead {
    /// Fetches what the tasks behind this one need, unless that is being done.
    fn begin(ahead: &Arc<Ahead>, storage: &Arc<Storage>, task: u32) {
        if ahead.busy.swap(true, Ordering::AcqRel) {
            return;
        }
        let (ahead, storage) = (ahead.clone(), storage.clone());
        std::thread::spawn(move || {
            ahead.fetch(&storage, task);
            ahead.busy.store(false, Ordering::Release);
        });
    }

    fn fetch(&self, storage: &Storage, task: u32) {
        let Some(place) = self.places.get(&task) else { return };
        for next in (place + 1..self.queue.len()).take(self.reach) {
            for source in self.queue.get(next).sources {
                let Some(url) = Url::parse(&source.path) else { continue };
                // Whoever needs it tries again, and says why it cannot be had.
                if storage.content(&url, &source.blake3).is_err() {
                    return;
                }
            }
        }
    }
}

/// A path below one folder as it is below another.
fn moved(path: &Path, from: &Path, to: &Path) -> PathBuf {
    path.strip_prefix(from).map_or_else(|_| path.to_owned(), |below| to.join(below))
}

fn url(path: &Path) -> Result<Url, Failure> {
    super::url(path).map_err(|reason| Failure {
        phase: Phase::Write,
        device: None,
        at_seconds: None,
        reason,
        retry: false,
        stop_run: false,
    })
}

fn failure(phase: Phase, error: &StoreError) -> Failure {
    Failure {
        phase,
        device: None,
        at_seconds: None,
        reason: error.to_string(),
        retry: error.is_passing(),
        stop_run: error.concerns_all(),
    }
}
