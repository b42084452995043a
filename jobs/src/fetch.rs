//! Files by their paths, wherever they lie. The command brings those of object stores to this machine; planning itself
//! knows no network.

use std::any::Any;
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

use presets::url::is_url;

/// Brings files that lie in object stores.
pub trait Fetcher: Debug {
    /// Every file below a folder of a store, by its name.
    fn list(&self, folder: &Path) -> Result<Vec<PathBuf>, FetchError>;

    /// A file of a store on this machine. Within one planning it stays what it was when it was first fetched.
    fn fetch(&self, url: &Path) -> Result<Local, FetchError>;

    /// Why no store can be used; `None` where they can. Asked wherever a name in one is found.
    fn refusal(&self) -> Option<String>;
}

/// A file on this machine, which stays as long as this does.
#[derive(Debug)]
pub struct Local {
    /// Where it is.
    pub path: PathBuf,
    /// BLAKE3 of its content in hex, where that is known.
    pub blake3: Option<String>,
    held: Option<Box<dyn Any>>,
}

impl Local {
    /// A file that nobody takes away.
    pub fn standing(path: &Path) -> Local {
        Local { path: path.to_owned(), blake3: None, held: None }
    }

    /// One that stays where it is as long as `held` does.
    pub fn held(path: PathBuf, blake3: String, held: Box<dyn Any>) -> Local {
        Local { path, blake3: Some(blake3), held: Some(held) }
    }

    /// Whether it was brought from elsewhere.
    pub fn is_brought(&self) -> bool {
        self.held.is_some()
    }
}

/// Why a file of an object store is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// There is no such object.
    #[error("there is no object {0}. Check its name")]
    Missing(String),
    /// It cannot be had.
    #[error("{0}")]
    Refused(String),
}

impl From<FetchError> for io::Error {
    fn from(error: FetchError) -> io::Error {
        match error {
            FetchError::Missing(_) => io::Error::new(io::ErrorKind::NotFound, error),
            FetchError::Refused(_) => io::Error::other(error),
        }
    }
}

/// Reads no store.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalOnly;

/// Why a build without the feature reads and writes no object store.
const WITHOUT: &str =
    "this tonemill is built without object stores. Build it with the cargo feature object-store, or name a local path";

impl LocalOnly {
    fn refused<T>(path: &Path) -> Result<T, FetchError> {
        Err(FetchError::Refused(format!("{}: {WITHOUT}", path.display())))
    }
}

impl Fetcher for LocalOnly {
    fn list(&self, folder: &Path) -> Result<Vec<PathBuf>, FetchError> {
        LocalOnly::refused(folder)
    }

    fn fetch(&self, url: &Path) -> Result<Local, FetchError> {
        LocalOnly::refused(url)
    }

    fn refusal(&self) -> Option<String> {
        Some(WITHOUT.to_owned())
    }
}

/// The file that a path means, on this machine. A local one need not be there.
pub fn local(fetcher: &dyn Fetcher, path: &Path) -> Result<Local, FetchError> {
    if is_url(path) { fetcher.fetch(path) } else { Ok(Local::standing(path)) }
}

/// What a file holds, wherever it lies.
pub fn read(fetcher: &dyn Fetcher, path: &Path) -> io::Result<Vec<u8>> {
    std::fs::read(local(fetcher, path)?.path)
}

/// Whether there is something under a path. What cannot be asked for is taken to be there: reading it says why not.
pub fn exists(fetcher: &dyn Fetcher, path: &Path) -> bool {
    match local(fetcher, path) {
        Ok(local) => local.path.exists(),
        Err(FetchError::Missing(_)) => false,
        Err(FetchError::Refused(_)) => true,
    }
}
