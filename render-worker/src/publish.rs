//! Files that stand complete under their final names, or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use audio::measure::{Levels, Meter};
use audio::write::{WriteError, Writer};
use audio::{Buffer, SampleRate};
use jobs::manifest::RenderedFile;
use jobs::task::Output;

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    /// The system refused.
    #[error("cannot {step} {path}: {source}", path = .path.display())]
    System {
        /// What was tried.
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The encoder refused.
    #[error("cannot write {path}: {source}", path = .path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// What it says.
        source: WriteError,
    },
}

impl PublishError {
    /// Whether every other file would fail likewise: no space, no quota, no permission.
    pub(crate) fn stops_the_run(&self) -> bool {
        let error = match self {
            PublishError::System { source, .. } => source,
            PublishError::Encode { source: WriteError::Io(source), .. } => source,
            PublishError::Encode { .. } => return false,
        };
        use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        matches!(error.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem | PermissionDenied)
    }
}

/// Every file gets the same dither: a file depends on its own content alone.
const DITHER_SEED: u64 = 0;

/// A file under way, beside its final name.
pub(crate) struct Unfinished {
    partial: PathBuf,
    path: PathBuf,
    /// The file itself, to be brought to the disk once the writer is done with it.
    file: File,
    writer: Writer,
    meter: Meter,
    channels: u16,
}

impl Unfinished {
    /// Makes the folder and starts the file under its temporary name.
    pub(crate) fn create(output: &Output, rate: SampleRate, channels: usize) -> Result<Unfinished, PublishError> {
        let path = output.path.clone();
        let partial = jobs::task::partial_path(&path);
        if let Some(folder) = path.parent() {
            system("make the folder", folder, fs::create_dir_all(folder))?;
        }
        let file = system("create", &partial, File::create(&partial))?;
        let own = system("create", &partial, file.try_clone())?;
        let count = u16::try_from(channels).unwrap_or(u16::MAX);
        let writer = Writer::create(file, output.format, rate, count, DITHER_SEED)
            .map_err(|source| PublishError::Encode { path: partial.clone(), source })?;
        Ok(Unfinished { partial, path, file: own, writer, meter: Meter::new(channels, rate), channels: count })
    }

    /// Appends sound.
    pub(crate) fn write(&mut self, block: &Buffer) -> Result<(), PublishError> {
        self.meter.add(block);
        self.writer.write(block).map_err(|source| PublishError::Encode { path: self.partial.clone(), source })
    }

    /// Ends the file, brings it to the disk and gives it its final name.
    pub(crate) fn publish(self, latency_removed: u64) -> Result<RenderedFile, PublishError> {
        let Unfinished { partial, path, file, writer, meter, channels } = self;
        let written = writer.finish().map_err(|source| PublishError::Encode { path: partial.clone(), source })?;
        system("sync", &partial, file.sync_all())?;
        let mut hasher = blake3::Hasher::new();
        let read = File::open(&partial).and_then(|file| {
            let bytes = file.metadata()?.len();
            hasher.update_reader(file)?;
            Ok(bytes)
        });
        let bytes = system("read back", &partial, read)?;
        system("rename to its final name", &partial, fs::rename(&partial, &path))?;
        sync_folder(&path)?;
        let Levels { loudness_lufs, peak_dbfs, true_peak_dbtp, silent } = meter.finish();
        Ok(RenderedFile {
            path,
            bytes,
            blake3: hasher.finalize().to_hex().to_string(),
            frames: written.frames,
            channels,
            latency_removed,
            loudness_lufs,
            peak_dbfs,
            true_peak_dbtp,
            silent,
            clipped_samples: written.clipped_samples,
        })
    }

    /// Gives the file up.
    pub(crate) fn discard(self) {
        // The next attempt writes over what cannot be removed now.
        let _ = fs::remove_file(&self.partial);
    }
}

/// Writes bytes as a file. What stands under that name is replaced; where writing fails, nothing is left behind.
pub(crate) fn whole(path: &Path, bytes: &[u8]) -> Result<(), PublishError> {
    let partial = jobs::task::partial_path(path);
    let write = || {
        let mut file = system("create", &partial, File::create(&partial))?;
        system("write", &partial, file.write_all(bytes))?;
        system("sync", &partial, file.sync_all())?;
        system("rename to its final name", &partial, fs::rename(&partial, path))?;
        sync_folder(path)
    };
    write().inspect_err(|_| {
        // The error at hand says more than that this one failed too.
        let _ = fs::remove_file(&partial);
    })
}

/// A rename is lasting once its folder is on the disk.
fn sync_folder(path: &Path) -> Result<(), PublishError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    system("sync the folder", folder, File::open(folder).and_then(|folder| folder.sync_all()))
}

fn system<T>(step: &'static str, path: &Path, result: io::Result<T>) -> Result<T, PublishError> {
    result.map_err(|source| PublishError::System { step, path: path.to_owned(), source })
}
