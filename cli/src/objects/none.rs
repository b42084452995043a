//! What stands for object stores in a build without them: every name in one is refused, in words that say what to build.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use farm::Carrier;
use jobs::fetch::{Fetcher, LocalOnly};
use jobs::plan::Plan;
use jobs::queue::Queue;

use crate::Trouble;
use crate::args::CacheArguments;

/// No object stores.
pub(crate) struct Objects;

/// No folder of one: there is no value of this.
pub(crate) enum Shelf {}

impl Objects {
    pub(crate) fn new(_arguments: &CacheArguments) -> Objects {
        Objects
    }

    pub(crate) fn fetcher(&self) -> Rc<dyn Fetcher> {
        Rc::new(LocalOnly)
    }

    pub(crate) fn shelf(&self, root: &Path) -> Result<Shelf, Trouble> {
        let refusal = LocalOnly.refusal().unwrap_or_default();
        Err(Trouble::input(format!("cannot write to {}: {refusal}", root.display())))
    }

    pub(crate) fn content(&self) -> Option<PathBuf> {
        None
    }

    pub(crate) fn carrier(&self, _work: Work<'_>) -> Result<Option<Arc<dyn Carrier>>, Trouble> {
        // No plan comes as far as this with a name in a store.
        Ok(None)
    }
}

impl Shelf {
    pub(crate) fn list(&self) -> Result<HashMap<PathBuf, u64>, Trouble> {
        match *self {}
    }

    pub(crate) fn read(&self, _path: &Path) -> Result<Option<Vec<u8>>, Trouble> {
        match *self {}
    }

    pub(crate) fn put(&self, _file: &Path, _path: &Path) -> Result<(), Trouble> {
        match *self {}
    }
}

/// What is to be carried.
#[expect(dead_code, reason = "nobody carries anything")]
pub(crate) struct Work<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) left: &'a Queue,
    pub(crate) workers: usize,
    pub(crate) shelf: Option<&'a Shelf>,
    pub(crate) staging: PathBuf,
    pub(crate) stood: HashSet<PathBuf>,
}
