//! Object stores: what lies in them comes into a cache while planning and before a task begins, and what a task writes is
//! put when it is complete.

mod carrier;

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use farm::Carrier;
use jobs::fetch::{FetchError, Fetcher, Local};
use jobs::plan::Plan;
use jobs::queue::Queue;
use storage::{Problem, Storage, StoreError, Url};

use crate::args::CacheArguments;
use crate::{Trouble, cache};
use carrier::StoreCarrier;

/// The folder within the user's cache folder.
const FOLDER: &str = "objects";

/// The object stores of a command. Nothing is opened before it is needed.
#[derive(Clone)]
pub(crate) struct Objects(Rc<Opening>);

#[derive(Debug)]
struct Opening {
    bound: u64,
    opened: OnceCell<Result<Arc<Storage>, String>>,
    /// Buckets that cannot be had: to ask again for each of a thousand files would take a thousand times as long.
    lost: RefCell<HashSet<Url>>,
}

impl Objects {
    pub(crate) fn new(arguments: &CacheArguments) -> Objects {
        Objects(Rc::new(Opening { bound: arguments.cache_size.0, opened: OnceCell::new(), lost: RefCell::default() }))
    }

    /// Who brings files while planning.
    pub(crate) fn fetcher(&self) -> Rc<dyn Fetcher> {
        self.0.clone()
    }

    /// A folder of a store that a plan's outputs lie in.
    pub(crate) fn shelf(&self, root: &Path) -> Result<Shelf, Trouble> {
        let storage = self.0.storage().map_err(Trouble::input)?;
        let root = url(root).map_err(Trouble::input)?;
        Ok(Shelf { storage, root })
    }

    /// The folder that workers read files of stores from; none where nothing of a store was asked for.
    pub(crate) fn content(&self) -> Option<PathBuf> {
        self.0.opened.get()?.as_ref().ok().map(|storage| storage.content_folder())
    }

    /// Who carries the files of tasks that lie in stores; nobody where none do.
    pub(crate) fn carrier(&self, work: Work<'_>) -> Result<Option<Arc<dyn Carrier>>, Trouble> {
        // Whatever found a name in the plan has asked for the store.
        if work.shelf.is_none() && self.0.opened.get().is_none() {
            return Ok(None);
        }
        let storage = self.0.storage().map_err(Trouble::input)?;
        Ok(Some(Arc::new(StoreCarrier::new(storage, work))))
    }
}

/// What is to be carried.
pub(crate) struct Work<'a> {
    /// What the tasks are part of.
    pub(crate) plan: &'a Plan,
    /// Those that are to be done, in this order.
    pub(crate) left: &'a Queue,
    /// How many are done at once.
    pub(crate) workers: usize,
    /// Where their outputs lie, if that is in a store.
    pub(crate) shelf: Option<&'a Shelf>,
    /// A folder that workers write into instead.
    pub(crate) staging: PathBuf,
    /// Outputs that stand there and are this job's to replace.
    pub(crate) stood: HashSet<PathBuf>,
}

impl Opening {
    fn storage(&self) -> Result<Arc<Storage>, String> {
        let open = || {
            let folder = cache::folder().map_err(|trouble| trouble.words)?.join(FOLDER);
            let shown = folder.display().to_string();
            let storage = Storage::open(folder, self.bound);
            storage.map(Arc::new).map_err(|error| format!("cannot keep files of object stores in {shown}: {error}"))
        };
        self.opened.get_or_init(open).clone()
    }

    /// Asks for something of a store, unless its bucket is known not to be there.
    fn ask<T>(&self, path: &Path, ask: impl FnOnce(&Storage, &Url) -> Result<T, StoreError>) -> Result<T, FetchError> {
        let storage = self.storage().map_err(FetchError::Refused)?;
        let url = url(path).map_err(FetchError::Refused)?;
        let bucket = url.bucket_url();
        if self.lost.borrow().contains(&bucket) {
            return Err(FetchError::Refused(format!("{url}: {bucket} cannot be used, as is told before")));
        }
        ask(&storage, &url).map_err(|error| {
            if error.concerns_all() || matches!(error.problem, Problem::Unreachable { .. }) {
                self.lost.borrow_mut().insert(bucket);
            }
            match error.problem {
                Problem::NoObject => FetchError::Missing(error.url.to_string()),
                _ => FetchError::Refused(error.to_string()),
            }
        })
    }
}

impl Fetcher for Opening {
    fn list(&self, folder: &Path) -> Result<Vec<PathBuf>, FetchError> {
        let listed = self.ask(folder, |storage, url| storage.list(url))?;
        Ok(listed.into_iter().map(|object| object.url.to_string().into()).collect())
    }

    fn fetch(&self, path: &Path) -> Result<Local, FetchError> {
        let held = self.ask(path, |storage, url| storage.fetch(url))?;
        Ok(Local::held(held.path().to_owned(), held.blake3().to_owned(), Box::new(held)))
    }

    fn refusal(&self) -> Option<String> {
        self.storage().err()
    }
}

/// The name of an object that a path is.
fn url(path: &Path) -> Result<Url, String> {
    let text = path.to_str().and_then(Url::parse);
    text.ok_or_else(|| {
        format!("{} is not the name of an object: write s3://BUCKET/KEY, gs:// or az://", path.display())
    })
}

/// A folder of a store that outputs lie in.
pub(crate) struct Shelf {
    storage: Arc<Storage>,
    root: Url,
}

impl Shelf {
    /// Everything in it, with its size.
    pub(crate) fn list(&self) -> Result<HashMap<PathBuf, u64>, Trouble> {
        let listed = self.storage.list(&self.root).map_err(Trouble::input)?;
        Ok(listed.into_iter().map(|object| (object.url.to_string().into(), object.bytes)).collect())
    }

    /// A small file in it.
    pub(crate) fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, Trouble> {
        let read = url(path).and_then(|url| self.storage.read(&url).map_err(|error| error.to_string()));
        read.map_err(Trouble::input)
    }

    /// Puts a file into it, in place of what stands there.
    pub(crate) fn put(&self, file: &Path, path: &Path) -> Result<(), Trouble> {
        let put = url(path).and_then(|url| self.storage.put(file, &url, true).map_err(|error| error.to_string()));
        put.map_err(Trouble::input)
    }
}
