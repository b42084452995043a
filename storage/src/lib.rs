//! Files that lie in object stores, as local files.
//!
//! The story in order: a [`Url`] names an object (`s3://`, `gs://`, `az://`). A [`Storage`] lists what there is below one,
//! brings objects into a [cache](Held) that never grows beyond its bound, and puts files: complete or not at all. What goes
//! wrong is a [`StoreError`], which says in words what happened to which object and what to do.
//!
//! The stores are configured by the variables that their own tools know (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`,
//! `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_NAME` and so on). All calls wait for their end, and may come from any
//! thread that is no asynchronous task.

mod cache;
mod error;
mod put;
mod url;

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig};

pub use cache::Held;
pub use error::{Problem, StoreError};
pub use url::{Scheme, Url};

use cache::{Cache, NoRoom, Stamp};

/// Longest that one request is tried again. After that whoever asked decides.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);

/// Most tries of one request.
const RETRIES: usize = 8;

/// How often an object is fetched from its start where it breaks off.
const FETCHES: u32 = 3;

/// An object that was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub url: Url,
    /// Its size.
    pub bytes: u64,
}

/// All stores, through one cache.
#[derive(Debug)]
pub struct Storage {
    runtime: tokio::runtime::Runtime,
    stores: Mutex<HashMap<Url, Arc<dyn ObjectStore>>>,
    cache: Cache,
    /// What objects were when they were listed.
    listed: Mutex<HashMap<Url, Stamp>>,
    /// The content of objects that were fetched: within one planning an object stays what it is.
    fetched: Mutex<HashMap<Url, String>>,
    /// What is being fetched.
    arriving: Mutex<HashSet<Url>>,
    arrived: Condvar,
}

impl Storage {
    /// A storage whose cache lies in this folder and never has more than `bound` bytes.
    pub fn open(cache: PathBuf, bound: u64) -> io::Result<Storage> {
        // Fails where it was done before, which is as good.
        let _before = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("tonemill-storage")
            .enable_all()
            .build()?;
        Ok(Storage {
            runtime,
            stores: Mutex::default(),
            cache: Cache::open(cache, bound)?,
            listed: Mutex::default(),
            fetched: Mutex::default(),
            arriving: Mutex::default(),
            arrived: Condvar::new(),
        })
    }

    /// The folder that all fetched files lie in.
    pub fn content_folder(&self) -> PathBuf {
        self.cache.content_folder()
    }

    /// All objects below a name, in the order of their keys.
    pub fn list(&self, folder: &Url) -> Result<Vec<Listed>, StoreError> {
        let store = self.store(folder)?;
        let prefix = (!folder.key.is_empty()).then(|| folder.path());
        let found: Result<Vec<ObjectMeta>, _> = self.runtime.block_on(async {
            let mut stream = store.list(prefix.as_ref());
            let mut found = Vec::new();
            while let Some(meta) = stream.next().await {
                found.push(meta?);
            }
            Ok(found)
        });
        let found = found.map_err(|error| self.told(folder, &error))?;
        let mut listed = Vec::with_capacity(found.len());
        let mut stamps = lock(&self.listed);
        for meta in found {
            let url = folder.sibling(meta.location.as_ref());
            stamps.insert(url.clone(), stamp(&meta));
            listed.push(Listed { url, bytes: meta.size });
        }
        listed.sort_by(|a, b| a.url.key.cmp(&b.url.key));
        Ok(listed)
    }

    /// An object as it is now, or as it was when this first fetched it.
    pub fn fetch(&self, url: &Url) -> Result<Held, StoreError> {
        self.alone(url, || {
            let known = lock(&self.fetched).get(url).cloned();
            if let Some(held) = known.map(|blake3| self.held(url, &blake3)).transpose()?.flatten() {
                return Ok(held);
            }
            let stamp = lock(&self.listed).get(url).cloned();
            let stamp = stamp.map_or_else(|| self.look(url), Ok)?;
            let before = self.cache.content_of(&url.to_string(), &stamp);
            let held = match before.map(|blake3| self.held(url, &blake3)).transpose()?.flatten() {
                Some(held) => held,
                None => self.bring(url)?,
            };
            lock(&self.fetched).insert(url.clone(), held.blake3().to_owned());
            Ok(held)
        })
    }

    /// An object that has this content, which must be BLAKE3 in hex. The store is asked only where the content is not
    /// there.
    pub fn content(&self, url: &Url, blake3: &str) -> Result<Held, StoreError> {
        self.alone(url, || {
            if let Some(held) = self.held(url, blake3)? {
                return Ok(held);
            }
            let held = self.bring(url)?;
            if held.blake3() == blake3 { Ok(held) } else { Err(StoreError::new(url, Problem::Changed)) }
        })
    }

    /// A small object as it is now, beside the cache. `None` where there is none.
    pub fn read(&self, url: &Url) -> Result<Option<Vec<u8>>, StoreError> {
        let store = self.store(url)?;
        let read = self.runtime.block_on(async { store.get(&url.path()).await?.bytes().await });
        match read {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(error) => match self.told(url, &error) {
                StoreError { problem: Problem::NoObject, .. } => Ok(None),
                other => Err(other),
            },
        }
    }

    fn held(&self, url: &Url, blake3: &str) -> Result<Option<Held>, StoreError> {
        let held = self.cache.held(blake3, url.extension());
        held.map_err(|error| StoreError::local(url, "the cache cannot be read", &error))
    }

    fn look(&self, url: &Url) -> Result<Stamp, StoreError> {
        let store = self.store(url)?;
        let meta = self.runtime.block_on(store.head(&url.path()));
        meta.map(|meta| stamp(&meta)).map_err(|error| self.told(url, &error))
    }

    /// Fetches an object into the cache.
    fn bring(&self, url: &Url) -> Result<Held, StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.bring_once(url) {
                Err(error) if matches!(error.problem, Problem::Unreachable { .. }) && tries < FETCHES => {}
                other => return other,
            }
        }
    }

    fn bring_once(&self, url: &Url) -> Result<Held, StoreError> {
        let store = self.store(url)?;
        let local = |error: &io::Error| StoreError::local(url, "the cache cannot be written", error);
        let of_store = |error: &object_store::Error| self.told(url, error);
        let got = self.runtime.block_on(store.get_opts(&url.path(), GetOptions::default()));
        let got = got.map_err(|error| of_store(&error))?;
        let stamp = stamp(&got.meta);
        let mut partial = self.cache.reserve(stamp.bytes).map_err(|none| match none {
            NoRoom::TooLarge => {
                StoreError::new(url, Problem::TooLarge { bytes: stamp.bytes, bound: self.cache.bound() })
            }
            NoRoom::Full => StoreError::new(url, Problem::Full { bound: self.cache.bound() }),
            NoRoom::System(error) => local(&error),
        })?;
        let arrived = self.runtime.block_on(async {
            let mut stream = got.into_stream();
            let mut hasher = blake3::Hasher::new();
            let mut bytes = 0;
            while let Some(chunk) = stream.next().await {
                let chunk = chunk.map_err(|error| of_store(&error))?;
                bytes += chunk.len() as u64;
                if bytes > stamp.bytes {
                    break;
                }
                hasher.update(&chunk);
                partial.file.write_all(&chunk).map_err(|error| local(&error))?;
            }
            if bytes == stamp.bytes {
                return Ok(hasher.finalize().to_hex().to_string());
            }
            let said = format!("{bytes} bytes arrived, and the object has {}", stamp.bytes);
            Err(StoreError::new(url, Problem::Unreachable { said }))
        });
        let blake3 = match arrived {
            Ok(blake3) => blake3,
            Err(error) => {
                self.cache.give_up(&partial).map_err(|error| local(&error))?;
                return Err(error);
            }
        };
        let held = self.cache.keep(partial, &blake3, url.extension()).map_err(|error| local(&error))?;
        self.cache.note(&url.to_string(), stamp, &blake3).map_err(|error| local(&error))?;
        Ok(held)
    }

    /// The store that a bucket lies in.
    fn store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>, StoreError> {
        let bucket = url.bucket_url();
        if let Some(store) = lock(&self.stores).get(&bucket) {
            return Ok(store.clone());
        }
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_TIMEOUT, ..RetryConfig::default() };
        let name = &url.bucket;
        // Building one may start tasks.
        let _within = self.runtime.enter();
        let store: Result<Arc<dyn ObjectStore>, object_store::Error> = match url.scheme {
            Scheme::S3 => AmazonS3Builder::from_env()
                .with_bucket_name(name)
                .with_retry(retry)
                .build()
                .map(|store| Arc::new(store) as Arc<dyn ObjectStore>),
            Scheme::Gs => GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(name)
                .with_retry(retry)
                .build()
                .map(|store| Arc::new(store) as Arc<dyn ObjectStore>),
            Scheme::Az => MicrosoftAzureBuilder::from_env()
                .with_container_name(name)
                .with_retry(retry)
                .build()
                .map(|store| Arc::new(store) as Arc<dyn ObjectStore>),
        };
        let store = store.map_err(|error| {
            let said = error.to_string();
            StoreError::new(url, Problem::Configuration { said })
        })?;
        lock(&self.stores).insert(bucket, store.clone());
        Ok(store)
    }

    /// What a store says of an object. A store that is asked for an object alone does not say whether there is its bucket.
    fn told(&self, url: &Url, error: &object_store::Error) -> StoreError {
        let told = StoreError::of(url, error);
        if told.problem != Problem::NoObject || url.key.is_empty() {
            return told;
        }
        let Ok(store) = self.store(url) else { return told };
        // Within a call that waits already, nobody can wait again.
        if tokio::runtime::Handle::try_current().is_ok() {
            return told;
        }
        match self.runtime.block_on(async { store.list(Some(&url.path())).next().await }) {
            Some(Err(error)) => match StoreError::of(url, &error) {
                bucket @ StoreError { problem: Problem::NoBucket, .. } => bucket,
                _ => told,
            },
            _ => told,
        }
    }

    /// Does what fetches an object when no other thread does.
    fn alone<T>(&self, url: &Url, fetch: impl FnOnce() -> T) -> T {
        let mut arriving = lock(&self.arriving);
        while !arriving.insert(url.clone()) {
            arriving = self.arrived.wait(arriving).unwrap_or_else(PoisonError::into_inner);
        }
        drop(arriving);
        let _done = Done { storage: self, url };
        fetch()
    }
}

/// Lets others fetch the object again, however fetching it ended.
struct Done<'a> {
    storage: &'a Storage,
    url: &'a Url,
}

impl Drop for Done<'_> {
    fn drop(&mut self) {
        lock(&self.storage.arriving).remove(self.url);
        self.storage.arrived.notify_all();
    }
}

fn stamp(meta: &ObjectMeta) -> Stamp {
    Stamp { bytes: meta.size, etag: meta.e_tag.clone(), modified: meta.last_modified.timestamp() }
}

/// What a thread left that panicked is as whole as before: nothing here is changed in steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
