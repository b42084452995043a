//! Putting files: an object is there with all that it holds, or not at all.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use futures_util::StreamExt;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, PutResult};

use crate::Storage;
use crate::error::{Problem, StoreError};
use crate::url::Url;

/// Files up to this size are put with one request. It is also the size of the parts of others: 10,000 of them are the most
/// that S3 takes, and so 160 GB.
const PART: u64 = 16 << 20;

impl Storage {
    /// Puts a file as an object, and sees that it stands there. Unless `replace` says so, an object that stands already is
    /// not replaced; one of the same content is as good as put.
    pub fn put(&self, file: &Path, url: &Url, replace: bool) -> Result<(), StoreError> {
        let unreadable = |error: &io::Error| StoreError::local(url, file.display(), error);
        let mut from = File::open(file).map_err(|error| unreadable(&error))?;
        let bytes = from.metadata().map_err(|error| unreadable(&error))?.len();
        let store = self.store(url)?;
        let put = if bytes <= PART {
            let mut content = Vec::with_capacity(bytes as usize);
            from.read_to_end(&mut content).map_err(|error| unreadable(&error))?;
            self.put_whole(&*store, url, content, replace)?
        } else {
            self.put_in_parts(&*store, url, from, replace)?
        };
        let Some(put) = put else { return self.must_hold(file, url) };
        let meta = self.runtime.block_on(store.head(&url.path())).map_err(|error| self.told(url, &error))?;
        let tags = put.e_tag.zip(meta.e_tag);
        match tags {
            _ if meta.size != bytes => Err(StoreError::new(url, Problem::NotAsPut)),
            Some((put, standing)) if plain(&put) == plain(&standing) => Ok(()),
            // Somebody else put it at the same time, or the store names what it holds otherwise.
            _ => self.must_hold(file, url).map_err(|error| match error.problem {
                Problem::Taken => StoreError::new(url, Problem::NotAsPut),
                _ => error,
            }),
        }
    }

    /// Gives `None` where an object stands there already.
    fn put_whole(
        &self,
        store: &dyn ObjectStore,
        url: &Url,
        content: Vec<u8>,
        replace: bool,
    ) -> Result<Option<PutResult>, StoreError> {
        let path = url.path();
        let payload = PutPayload::from(content);
        let mode = if replace { PutMode::Overwrite } else { PutMode::Create };
        let options = |mode| PutOptions { mode, ..PutOptions::default() };
        let put = self.runtime.block_on(store.put_opts(&path, payload.clone(), options(mode)));
        match put {
            Ok(put) => Ok(Some(put)),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) if !replace => {
                Ok(None)
            }
            // The store takes no conditions: it is looked at first, as well as can be.
            Err(object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }) if !replace => {
                if self.stands(store, url)? {
                    return Ok(None);
                }
                let put = self.runtime.block_on(store.put_opts(&path, payload, options(PutMode::Overwrite)));
                put.map(Some).map_err(|error| self.told(url, &error))
            }
            Err(error) => Err(self.told(url, &error)),
        }
    }

    /// Likewise. The parts become an object with the last request.
    fn put_in_parts(
        &self,
        store: &dyn ObjectStore,
        url: &Url,
        mut from: File,
        replace: bool,
    ) -> Result<Option<PutResult>, StoreError> {
        let of_store = |error: object_store::Error| self.told(url, &error);
        let mut upload = self.runtime.block_on(store.put_multipart(&url.path())).map_err(of_store)?;
        let mut send = || {
            loop {
                let mut part = Vec::with_capacity(PART as usize);
                let read = (&mut from).take(PART).read_to_end(&mut part);
                if read.map_err(|error| StoreError::local(url, "the file cannot be read", &error))? == 0 {
                    break;
                }
                self.runtime.block_on(upload.put_part(PutPayload::from(part))).map_err(of_store)?;
            }
            // The interface completes no upload under a condition, so that this is as near to one as can be.
            if !replace && self.stands(store, url)? {
                return Ok(None);
            }
            self.runtime.block_on(upload.complete()).map(Some).map_err(of_store)
        };
        let sent = send();
        if !matches!(sent, Ok(Some(_))) {
            // Parts that stay behind are no object. What counts is why they were not completed.
            let _aborted = self.runtime.block_on(upload.abort());
        }
        sent
    }

    fn stands(&self, store: &dyn ObjectStore, url: &Url) -> Result<bool, StoreError> {
        match self.runtime.block_on(store.head(&url.path())) {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.told(url, &error)),
        }
    }

    /// Fails with [`Problem::Taken`] unless an object holds what a file does.
    fn must_hold(&self, file: &Path, url: &Url) -> Result<(), StoreError> {
        let mut own = blake3::Hasher::new();
        let read = File::open(file).and_then(|file| own.update_reader(file).map(drop));
        read.map_err(|error| StoreError::local(url, file.display(), &error))?;
        let store = self.store(url)?;
        let theirs = self.runtime.block_on(async {
            let mut stream = store.get(&url.path()).await?.into_stream();
            let mut hasher = blake3::Hasher::new();
            while let Some(chunk) = stream.next().await {
                hasher.update(&chunk?);
            }
            Ok(hasher.finalize())
        });
        let theirs = theirs.map_err(|error: object_store::Error| self.told(url, &error))?;
        if theirs == own.finalize() { Ok(()) } else { Err(StoreError::new(url, Problem::Taken)) }
    }
}

/// A tag without the quotes that some answers put round it.
fn plain(tag: &str) -> &str {
    tag.trim_matches('"')
}
