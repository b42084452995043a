//! The manifest as a file: `manifest.jsonl`, one record a line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{AnnotationRecord, Record, Rendered};
use crate::ledger::{self, Entry, Index};
use crate::paths;
use crate::plan::Header;
use crate::quarantine;
use crate::task::{Facts, Task};
use crate::whole;

/// The manifest's name in its folder.
pub const FILE_NAME: &str = "manifest.jsonl";

/// What a manifest holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Read {
    /// Its records in order.
    pub records: Vec<Record>,
    /// The last line was torn and left out, as a crash while writing leaves it.
    pub torn: bool,
}

/// Why a manifest cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The system refuses to read it.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The manifest.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system refuses to write it.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The manifest.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line in the middle is not a record.
    #[error("line {line} of {path} is damaged: {source}. Restore the manifest, or remove that line and run again")]
    Line {
        /// The manifest.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What does not fit.
        source: serde_json::Error,
    },
    /// Another build wrote it.
    #[error("line {line} of {path} has version {version}, this build reads version {known}. Move the manifest away, or use the build that wrote it", known = crate::FORMAT_VERSION)]
    Version {
        /// The manifest.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// Its version.
        version: u64,
    },
}

/// Reads a manifest. One that does not exist holds nothing; a torn last line is left out.
pub fn read(path: &Path) -> Result<Read, ManifestError> {
    let mut records = Vec::new();
    let torn = each(path, |record| records.push(record))?;
    Ok(Read { records, torn })
}

/// Reads a manifest record by record, so that a long one need not be held. Gives whether the last line was torn and left
/// out; a manifest that does not exist holds nothing.
pub fn each(path: &Path, mut take: impl FnMut(Record)) -> Result<bool, ManifestError> {
    each_line(path, |record, _, _| take(record))
}

/// Likewise, each record with its line's first byte and length.
pub fn each_line(path: &Path, mut take: impl FnMut(Record, u64, u32)) -> Result<bool, ManifestError> {
    #[derive(Deserialize)]
    struct Version {
        tonemill: u64,
    }
    let unreadable = |source| ManifestError::Read { path: path.to_owned(), source };
    let mut file = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(unreadable(source)),
    };
    let (mut line, mut offset, mut length) = (Vec::new(), 0u64, 0);
    for number in 1.. {
        line.clear();
        offset += length;
        length = file.read_until(b'\n', &mut line).map_err(unreadable)? as u64;
        if length == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let version = serde_json::from_slice::<Version>(&line);
        if let Ok(Version { tonemill }) = version
            && tonemill != u64::from(crate::FORMAT_VERSION)
        {
            return Err(ManifestError::Version { path: path.to_owned(), line: number, version: tonemill });
        }
        match serde_json::from_slice(&line) {
            Ok(record) => take(record, offset, u32::try_from(length).unwrap_or(u32::MAX)),
            // Only a line without its end can be torn: the end is written last.
            Err(_) if !line.ends_with(b"\n") => return Ok(true),
            Err(source) => return Err(ManifestError::Line { path: path.to_owned(), line: number, source }),
        }
    }
    Ok(false)
}

/// The records of a finished task, one a file, by the paths that the files were to have: quarantine is no part of them.
pub fn records(header: &Header, task: &Task, rendered: &Rendered, attempts: u32) -> Vec<Record> {
    let item = task.item.as_ref();
    let below = |path: &Path| PathBuf::from(paths::relative(path, &header.output_root));
    let annotations: Vec<_> =
        rendered.annotations.iter().map(|a| AnnotationRecord { path: below(&a.path), ..a.clone() }).collect();
    let state = header.output_root.join(quarantine::STATE);
    let asked = |path: &Path| quarantine::asked(&state, path).map_or_else(|| below(path), |path| below(&path));
    let outputs = task.outputs.iter().zip(&rendered.files);
    let record = |(output, file): (&crate::task::Output, &super::RenderedFile)| Record {
        tonemill: crate::FORMAT_VERSION,
        path: asked(&file.path).to_string_lossy().into_owned(),
        key: task.key.clone(),
        label: task.label.clone(),
        engine: header.engine.clone(),
        job_blake3: header.job_blake3.clone(),
        deliver: output.deliver.clone(),
        format: output.format,
        audio: task.audio,
        seed: header.seed,
        take: item.map(|item| item.take.clone()),
        source_group: item.map(|item| item.source_group.clone()),
        tone: item.and_then(|item| item.tone.clone()),
        draw: item.and_then(|item| item.draw),
        drawn: item.map_or_else(Vec::new, |item| item.drawn.clone()),
        metadata: item.map_or_else(Facts::new, |item| item.metadata.clone()),
        input: rendered.input.clone(),
        annotations: annotations.clone(),
        file: file.clone(),
        sources: task.sources.clone(),
        devices: rendered.devices.clone(),
        stems_differ: rendered.stems_differ,
        warnings: rendered.warnings.clone(),
        timings: rendered.timings,
        attempts,
        strict: rendered.strict.clone(),
        sandbox: rendered.sandbox.clone(),
    };
    outputs.map(record).collect()
}

/// A manifest as it is written, line by line.
pub struct Writing<'a> {
    to: &'a mut io::BufWriter<File>,
    offset: u64,
    index: Index,
}

impl Writing<'_> {
    /// Adds a record.
    pub fn record(&mut self, record: &Record) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.line(&line, Entry::of_record(record, ledger::Place::default()))
    }

    /// Adds a record as it stood in an older manifest, with its line's end.
    pub fn line(&mut self, line: &[u8], mut entry: Entry) -> io::Result<()> {
        let length = u32::try_from(line.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        entry.at = ledger::Place { file: 0, offset: self.offset, length };
        self.to.write_all(line)?;
        self.offset += u64::from(length);
        self.index.entries.push(entry);
        Ok(())
    }
}

/// Writes a manifest whole: under another name first, then in place of the old one. Gives where its lines stand.
pub fn write(path: &Path, fill: impl FnOnce(&mut Writing<'_>) -> io::Result<()>) -> Result<Index, ManifestError> {
    let mut index = Index::default();
    let written = whole::write(path, |to| {
        let mut writing = Writing { to, offset: 0, index: Index::default() };
        fill(&mut writing)?;
        index = writing.index;
        Ok(())
    });
    written.map(|()| index).map_err(|source| ManifestError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
