//! Files that stand complete under their final names, or not at all.
//!
//! A file goes through three states: an [`Unfinished`] one takes sound as it comes, a [`Complete`] one is on the disk under
//! its temporary name and known to its last bit, and a [`RenderedFile`] stands where the manifest says.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use audio::finish::{Finish, FinishError, Finished};
use audio::measure::{Levels, Meter};
use audio::read::{ReadError, ReadProblem};
use audio::spool::{Spool, SpoolError};
use audio::stream::{self, Stream};
use audio::write::{WriteError, Writer};
use audio::{Buffer, SampleRate};
use jobs::manifest::{FinishRecord, RenderedFile};
use jobs::task::Output;
use jobs::whole;

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
    /// Sound could not be kept until the file's end.
    #[error("cannot make {path}: {source}", path = .path.display())]
    Keep {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: SpoolError,
    },
    /// Its rate could not be changed.
    #[error("cannot make {path} at its rate: {reason}", path = .path.display())]
    Resample {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
}

impl PublishError {
    /// Whether every other file would fail likewise: no space, no quota, no permission.
    pub(crate) fn stops_the_run(&self) -> bool {
        let error = match self {
            PublishError::System { source, .. } => source,
            PublishError::Encode { source: WriteError::Io(source), .. } => source,
            PublishError::Keep { source: SpoolError::Io { source, .. }, .. } => source,
            PublishError::Encode { .. } | PublishError::Keep { .. } | PublishError::Resample { .. } => return false,
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
    channels: u16,
    sound: Sound,
}

/// Where the sound of a file goes as it comes.
enum Sound {
    /// Into the file.
    Written(Box<Meter>),
    /// Aside, since what becomes of it shows at its end.
    Kept { spool: Box<Spool>, finish: Finish, rate: SampleRate, frames: Option<u64> },
}

impl Unfinished {
    /// Makes the folder and starts the file under its temporary name, `partial`. The sound comes at `rate` and is finished by `finish`,
    /// which is the output's own unless its dry take decides. At another rate of its own, it has `frames` frames where
    /// they are given: rounding twice may otherwise give one more or one less.
    pub(crate) fn create(
        partial: PathBuf,
        output: &Output,
        finish: Finish,
        rate: SampleRate,
        channels: usize,
        frames: Option<u64>,
    ) -> Result<Unfinished, PublishError> {
        let path = output.path.clone();
        folder(&path)?;
        let file = system("create", &partial, File::create(&partial))?;
        let own = system("create", &partial, file.try_clone())?;
        let count = u16::try_from(channels).unwrap_or(u16::MAX);
        let own_rate = output.sample_rate.unwrap_or(rate);
        let writer = Writer::create_broadcast(file, output.format, own_rate, count, DITHER_SEED, output.bext.clone())
            .map_err(|source| PublishError::Encode { path: partial.clone(), source })?;
        let sound = if finish.is_nothing() && own_rate == rate {
            Sound::Written(Box::new(Meter::new(channels, rate)))
        } else {
            let spool = Box::new(Spool::new(&std::env::temp_dir(), channels, rate));
            Sound::Kept { spool, finish, rate: own_rate, frames }
        };
        Ok(Unfinished { partial, path, file: own, writer, channels: count, sound })
    }

    /// Appends sound.
    pub(crate) fn write(&mut self, block: &Buffer) -> Result<(), PublishError> {
        match &mut self.sound {
            Sound::Written(meter) => {
                meter.add(block);
                self.writer.write(block).map_err(|source| PublishError::Encode { path: self.partial.clone(), source })
            }
            Sound::Kept { spool, .. } => {
                spool.add(block).map_err(|source| PublishError::Keep { path: self.partial.clone(), source })
            }
        }
    }

    /// Ends the file and brings it to the disk, under its temporary name still.
    pub(crate) fn complete(self, latency_removed: u64) -> Result<Complete, PublishError> {
        let partial = self.partial.clone();
        self.ended(latency_removed).inspect_err(|_| give_up(&partial))
    }

    fn ended(self, latency_removed: u64) -> Result<Complete, PublishError> {
        let Unfinished { partial, path, file, mut writer, channels, sound } = self;
        let (levels, finished, warnings) = match sound {
            Sound::Written(meter) => (meter.finish(), None, Vec::new()),
            Sound::Kept { spool, finish, rate, frames } => {
                let Finished {
                    levels,
                    warnings,
                    gain_db,
                    limiter_reduction_db,
                    trimmed_start_frames,
                    trimmed_end_frames,
                    ..
                } = give_out(*spool, &finish, rate, frames, &partial, &mut writer)?;
                let record = FinishRecord { gain_db, limiter_reduction_db, trimmed_start_frames, trimmed_end_frames };
                (levels, Some(record).filter(|_| !finish.is_nothing()), warnings)
            }
        };
        writer.set_levels(levels);
        let written = writer.finish().map_err(|source| PublishError::Encode { path: partial.clone(), source })?;
        system("sync", &partial, file.sync_all())?;
        let mut hasher = blake3::Hasher::new();
        let read = File::open(&partial).and_then(|file| {
            let bytes = file.metadata()?.len();
            hasher.update_reader(file)?;
            Ok(bytes)
        });
        let bytes = system("read back", &partial, read)?;
        let file = RenderedFile {
            path,
            bytes,
            blake3: hasher.finalize().to_hex().to_string(),
            frames: written.frames,
            channels,
            latency_removed,
            loudness_lufs: levels.loudness_lufs,
            short_term_lufs: levels.short_term_lufs,
            momentary_lufs: levels.momentary_lufs,
            range_lu: levels.range_lu,
            peak_dbfs: levels.peak_dbfs,
            true_peak_dbtp: levels.true_peak_dbtp,
            rms_dbfs: levels.rms_dbfs,
            dc_offset: levels.dc_offset,
            silent: levels.silent,
            finished,
            clipped_samples: written.clipped_samples,
            flags: Vec::new(),
            quarantined: false,
            offset: None,
        };
        Ok(Complete { partial, file, levels, warnings })
    }

    /// Gives the file up.
    pub(crate) fn discard(self) {
        give_up(&self.partial);
    }
}

/// A file that is on the disk, beside its final name.
pub(crate) struct Complete {
    pub(crate) partial: PathBuf,
    /// What the manifest says of it; its path is the one that was asked for.
    pub(crate) file: RenderedFile,
    pub(crate) levels: Levels,
    /// Sentences about what did not go as asked for.
    pub(crate) warnings: Vec<String>,
}

impl Complete {
    /// Gives the file its name: the one that was asked for, or one in quarantine.
    pub(crate) fn publish(self, quarantine: Option<PathBuf>) -> Result<(RenderedFile, Vec<String>), PublishError> {
        let Complete { partial, mut file, mut warnings, .. } = self;
        if let Some(path) = quarantine {
            let flags: Vec<String> = file.flags.iter().map(ToString::to_string).collect();
            warnings.push(format!("it lies in quarantine, at {}: {}", path.display(), flags.join("; ")));
            if file.path.exists() {
                warnings.push("an older file of that name stands where it was to stand, and stays there".to_owned());
            }
            (file.path, file.quarantined) = (path, true);
        }
        let named = folder(&file.path)
            .and_then(|()| system("rename to its final name", &partial, whole::name(&partial, &file.path)));
        named.inspect_err(|_| give_up(&partial))?;
        Ok((file, warnings))
    }

    /// Gives the file up.
    pub(crate) fn discard(self) {
        give_up(&self.partial);
    }
}

fn give_up(partial: &Path) {
    // The next attempt writes over what cannot be removed now.
    let _ = fs::remove_file(partial);
}

/// Makes the folder that a file lies in.
fn folder(path: &Path) -> Result<(), PublishError> {
    path.parent().map_or(Ok(()), |folder| system("make the folder", folder, fs::create_dir_all(folder)))
}

/// Finishes what was kept, at `rate`, into the file.
fn give_out(
    spool: Spool,
    finish: &Finish,
    rate: SampleRate,
    frames: Option<u64>,
    partial: &Path,
    writer: &mut Writer,
) -> Result<Finished, PublishError> {
    let keep = |source| PublishError::Keep { path: partial.to_owned(), source };
    let mut spool = if spool.sample_rate() == rate { spool } else { at_rate(spool, rate, frames, partial)? };
    finish.finish(&mut spool, |block| writer.write(block)).map_err(|error| match error {
        FinishError::Spool(source) => keep(source),
        FinishError::Sink(source) => PublishError::Encode { path: partial.to_owned(), source },
    })
}

/// The same sound at another rate. The level of what comes out counts, so this comes before all else.
fn at_rate(spool: Spool, rate: SampleRate, frames: Option<u64>, partial: &Path) -> Result<Spool, PublishError> {
    const BLOCK: usize = 4096;
    let (from, channels) = (spool.sample_rate(), spool.channels());
    let refused = |reason: String| PublishError::Resample { path: partial.to_owned(), reason };
    let mut resampled = stream::at_rate(Box::new(Kept { spool, position: 0 }), from, rate)
        .map_err(|error| refused(error.to_string()))?;
    let mut made = Spool::new(&std::env::temp_dir(), channels, rate);
    let mut left = frames.unwrap_or(resampled.frames());
    let mut block = Buffer::new(channels, BLOCK);
    while left > 0 {
        block.resize(left.min(BLOCK as u64) as usize);
        resampled.read(&mut block).map_err(|error| refused(error.to_string()))?;
        made.add(&block).map_err(|source| PublishError::Keep { path: partial.to_owned(), source })?;
        left -= block.frames() as u64;
    }
    Ok(made)
}

/// A spool as a stream.
struct Kept {
    spool: Spool,
    position: u64,
}

impl Stream for Kept {
    fn channels(&self) -> usize {
        self.spool.channels()
    }

    fn frames(&self) -> u64 {
        self.spool.frames()
    }

    fn read(&mut self, into: &mut Buffer) -> Result<(), ReadError> {
        let read = self.spool.read(self.position, into);
        self.position += into.frames() as u64;
        read.map_err(|error| ReadError {
            name: "the sound that was put aside".to_owned(),
            problem: ReadProblem::Unreadable(io::Error::other(error)),
        })
    }
}

/// Writes bytes under a temporary name, and names them `lies` once they are on the disk. Where anything fails, nothing is
/// left behind.
pub(crate) fn bytes_named(partial: &Path, lies: &Path, bytes: &[u8]) -> Result<(), PublishError> {
    folder(partial)?;
    folder(lies)?;
    let written = whole::complete(partial, |file| file.write_all(bytes)).and_then(|()| whole::name(partial, lies));
    system("write", lies, written.inspect_err(|_| give_up(partial)))
}

/// Writes bytes as a file. What stands under that name is replaced; where writing fails, nothing is left behind.
pub(crate) fn bytes(path: &Path, bytes: &[u8]) -> Result<(), PublishError> {
    system("write", path, whole::write(path, |file| file.write_all(bytes)))
}

fn system<T>(step: &'static str, path: &Path, result: io::Result<T>) -> Result<T, PublishError> {
    result.map_err(|source| PublishError::System { step, path: path.to_owned(), source })
}
