//! Where the outputs of a plan lie, and where what is known of them does.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use jobs::hash::of_text;
use jobs::manifest::FILE_NAME;
use jobs::plan::Plan;
use jobs::quarantine::STATE;
use jobs::resume::{Disk, Standing};
use presets::url::{is_url, tidy};

use crate::Trouble;
use crate::objects::{Objects, Shelf};
use crate::workers::WorkFolder;

/// The folder within the state folder that workers write into where outputs lie in an object store.
const STAGING: &str = "staging";

/// Where the outputs of a plan lie.
pub(crate) struct Site {
    root: PathBuf,
    state: PathBuf,
    shelf: Option<OnShelf>,
}

/// Outputs in an object store.
struct OnShelf {
    shelf: Shelf,
    /// What stood there when it was last looked at.
    standing: RwLock<HashMap<PathBuf, u64>>,
    /// The manifest that lay there then, on this machine.
    fetched: WorkFolder,
}

impl OnShelf {
    fn standing(&self) -> RwLockReadGuard<'_, HashMap<PathBuf, u64>> {
        self.standing.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Site {
    /// That of a plan. The state of outputs that lie in a store is kept on this machine: in `state` where that is given, else
    /// below the working directory, in a folder of their name.
    pub(crate) fn of(plan: &Plan, objects: &Objects, state: Option<&Path>) -> Result<Site, Trouble> {
        let root = plan.header.output_root.clone();
        if !is_url(&root) {
            return match state {
                None => Ok(Site::on_disk(plan)),
                Some(_) => Err(Trouble::input(format!(
                    "--state is for outputs in an object store; those in {} have theirs beside them. Leave it away",
                    root.display()
                ))),
            };
        }
        let state = state.map_or_else(|| state_of(&root), Path::to_owned);
        let state = std::path::absolute(&state).map_err(|error| Trouble::system(state.display(), error))?;
        let shelf = OnShelf { shelf: objects.shelf(&root)?, standing: RwLock::default(), fetched: WorkFolder::new() };
        let site = Site { root, state, shelf: Some(shelf) };
        site.look()?;
        Ok(site)
    }

    /// That of a plan whose outputs lie on disk.
    pub(crate) fn on_disk(plan: &Plan) -> Site {
        let root = plan.header.output_root.clone();
        Site { state: root.join(STATE), root, shelf: None }
    }

    /// Looks anew at which files stand in a store. What lies on disk is asked for when it is needed.
    pub(crate) fn look_at_files(&self) -> Result<(), Trouble> {
        if let Some(OnShelf { shelf, standing, .. }) = &self.shelf {
            *standing.write().unwrap_or_else(PoisonError::into_inner) = shelf.list()?;
        }
        Ok(())
    }

    /// Looks anew at what stands in a store, and fetches its manifest. Whoever has read the old one must read again.
    pub(crate) fn look(&self) -> Result<(), Trouble> {
        let Some(OnShelf { shelf, fetched, .. }) = &self.shelf else { return Ok(()) };
        self.look_at_files()?;
        let path = fetched.path().join(FILE_NAME);
        let written = match shelf.read(&self.root.join(FILE_NAME))? {
            Some(bytes) => fs::create_dir_all(fetched.path()).and_then(|()| fs::write(&path, bytes)),
            None => fs::remove_file(&path).or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            }),
        };
        written.map_err(|error| Trouble::system(path.display(), error))
    }

    /// The folder for lock, journals, logs and scratch.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// The manifest as it was when this was last looked at.
    pub(crate) fn old_manifest(&self) -> PathBuf {
        match &self.shelf {
            Some(on_shelf) => on_shelf.fetched.path().join(FILE_NAME),
            None => self.root.join(FILE_NAME),
        }
    }

    /// Where a new manifest is written.
    pub(crate) fn new_manifest(&self) -> PathBuf {
        match &self.shelf {
            Some(_) => self.state.join(FILE_NAME),
            None => self.root.join(FILE_NAME),
        }
    }

    /// Brings a new manifest to its place beside the outputs, which it gives.
    pub(crate) fn publish_manifest(&self) -> Result<PathBuf, Trouble> {
        let place = self.root.join(FILE_NAME);
        if let Some(OnShelf { shelf, .. }) = &self.shelf {
            shelf.put(&self.new_manifest(), &place)?;
        }
        Ok(place)
    }

    /// Whether anything stands at a path.
    pub(crate) fn stands(&self, path: &Path) -> bool {
        match &self.shelf {
            Some(on_shelf) => on_shelf.standing().contains_key(path),
            None => path.exists(),
        }
    }

    /// What stands in a store.
    pub(crate) fn standing(&self) -> HashSet<PathBuf> {
        let standing = |on_shelf: &OnShelf| on_shelf.standing().keys().cloned().collect();
        self.shelf.as_ref().map(standing).unwrap_or_default()
    }

    /// The store, where outputs lie in one.
    pub(crate) fn shelf(&self) -> Option<&Shelf> {
        self.shelf.as_ref().map(|on_shelf| &on_shelf.shelf)
    }

    /// The folder that workers write into where outputs lie in a store.
    pub(crate) fn staging(&self) -> PathBuf {
        self.state.join(STAGING)
    }

    /// Makes that folder, empty. Nobody else may hold the state folder.
    pub(crate) fn clear_staging(&self) -> Result<PathBuf, Trouble> {
        let folder = self.staging();
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Trouble::system(folder.display(), error)),
            _ => Ok(folder),
        }
    }
}

impl Standing for Site {
    fn size(&self, path: &Path) -> Option<u64> {
        match &self.shelf {
            Some(on_shelf) => on_shelf.standing().get(path).copied(),
            None => Disk.size(path),
        }
    }
}

/// The state folder of an output folder, unless another was named: beside the outputs, and below the working directory
/// where they lie in a store.
pub(crate) fn state_of(out: &Path) -> PathBuf {
    if is_url(out) { Path::new(STATE).join(name_of(&tidy(out))) } else { out.join(STATE) }
}

/// The manifest of an output folder on this machine: of outputs in a store, what the last run here has put there.
pub(crate) fn manifest_of(out: &Path) -> PathBuf {
    if is_url(out) { state_of(out).join(FILE_NAME) } else { out.join(FILE_NAME) }
}

/// Why there is nothing to say of an output folder.
pub(crate) fn nothing_known(out: &Path) -> String {
    let shown = out.display();
    if is_url(out) {
        let state = state_of(out);
        return format!(
            "{shown} is known here only from runs in this working directory without --state, and {} is not there",
            state.display()
        );
    }
    format!("{shown} is no output folder: nothing was rendered there")
}

/// A folder's name for outputs in a store: what people know it by, and what tells it from all others.
fn name_of(root: &Path) -> String {
    let text = root.to_string_lossy();
    let last = text.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
    format!("{}-{}", jobs::template::file_name(last), &of_text(&text)[..12])
}
