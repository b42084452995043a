//! The manifest as a file: `manifest.jsonl`, one record a line.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{AnnotationRecord, Record, Rendered};
use crate::paths;
use crate::plan::{Header, Plan};
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
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if file.read_until(b'\n', &mut line).map_err(unreadable)? == 0 {
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
            Ok(record) => take(record),
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

/// Puts new records beside old ones, one a path: the newest counts. Those of the plan's files come first, in its order;
/// the others keep theirs.
pub fn merge(old: Vec<Record>, new: Vec<Record>, plan: &Plan) -> Vec<Record> {
    let outputs = plan.tasks.outlines().flat_map(|task| task.outputs);
    let places: HashMap<String, usize> =
        outputs.enumerate().map(|(n, o)| (paths::relative(&o.path, &plan.header.output_root), n)).collect();
    let mut merged: Vec<Record> = Vec::with_capacity(old.len() + new.len());
    let mut at: HashMap<String, usize> = HashMap::new();
    for record in old.into_iter().chain(new) {
        match at.get(&record.path) {
            Some(known) => merged[*known] = record,
            None => {
                at.insert(record.path.clone(), merged.len());
                merged.push(record);
            }
        }
    }
    merged.sort_by_key(|record| places.get(&record.path).copied().unwrap_or(usize::MAX));
    merged
}

/// Writes a manifest whole: under another name first, then in place of the old one.
pub fn write(path: &Path, records: &[Record]) -> Result<(), ManifestError> {
    let lines = |file: &mut io::BufWriter<File>| {
        for record in records {
            serde_json::to_writer(&mut *file, record)?;
            file.write_all(b"\n")?;
        }
        Ok(())
    };
    whole::write(path, lines).map_err(|source| ManifestError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
