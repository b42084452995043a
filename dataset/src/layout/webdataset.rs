//! WebDataset: tar files of samples, `KEY.dry.EXT`, `KEY.wet.EXT` and `KEY.json` beside each other.
//!
//! Nothing in a header tells when, where or by whom: modification time, owner and group are 0, and parts stand in the
//! order of their names.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tar::{Builder, EntryType, Header};

use super::splits;
use crate::entry::{Entry, extension, stem};
use crate::error::PackageError;
use crate::gather::DataSet;
use crate::settings::ByteSize;
use crate::stage::Stage;
use crate::table::Table;

/// Tar files consist of blocks of this many bytes.
const BLOCK: u64 = 512;
/// Names beyond this many bytes take a header and a block of their own.
const SHORT_NAME: usize = 100;

/// One file of a sample.
struct Part {
    name: String,
    bytes: u64,
    content: Content,
}

enum Content {
    File(Arc<Path>),
    Bytes(Vec<u8>),
}

impl Part {
    /// Bytes that it takes in a tar file.
    fn room(&self) -> u64 {
        let long = if self.name.len() >= SHORT_NAME {
            BLOCK + (self.name.len() as u64 + 1).next_multiple_of(BLOCK)
        } else {
            0
        };
        BLOCK + self.bytes.next_multiple_of(BLOCK) + long
    }
}

pub(super) fn write(set: &DataSet, size: ByteSize, stage: &mut Stage) -> Result<(), PackageError> {
    let table = Table::new(&set.entries, |_, _| Vec::new());
    for split in splits(set) {
        let of_split = set.entries.iter().zip(table.objects()).filter(|(entry, _)| &*entry.split == split);
        let mut shard = Vec::new();
        // A tar file ends with two empty blocks.
        let (mut number, mut room) = (0, 2 * BLOCK);
        for (entry, row) in of_split {
            let sample = sample(entry, row)?;
            let more: u64 = sample.iter().map(Part::room).sum();
            if !shard.is_empty() && room + more > size.0 {
                write_shard(split, number, std::mem::take(&mut shard), stage)?;
                number += 1;
                room = 2 * BLOCK;
            }
            room += more;
            shard.extend(sample);
        }
        write_shard(split, number, shard, stage)?;
    }
    Ok(())
}

fn write_shard(split: &str, number: u32, parts: Vec<Part>, stage: &mut Stage) -> Result<(), PackageError> {
    stage.write(&format!("{split}-{number:06}.tar"), |file| archive(file, parts))
}

/// The files of one sample, in the order of their names.
fn sample(entry: &Entry, row: serde_json::Map<String, Value>) -> Result<Vec<Part>, PackageError> {
    let mut parts = Vec::new();
    let mut file = |name: String, path: &Arc<Path>| {
        let system = |source| PackageError::System { doing: "look at", path: path.to_path_buf(), source };
        let bytes = path.metadata().map_err(system)?.len();
        parts.push(Part { name, bytes, content: Content::File(path.clone()) });
        Ok::<(), PackageError>(())
    };
    let key = &entry.key;
    file(format!("{key}.wet.{}", entry.wet.extension()), &entry.wet.path)?;
    if let Some(dry) = &entry.dry {
        file(format!("{key}.dry.{}", dry.extension()), &dry.path)?;
    }
    for attached in &entry.annotations {
        let kind = extension(&attached.path);
        // Readers know a part by what follows the first point; two of a kind are told apart by their names.
        let alone =
            entry.annotations.iter().filter(|other| extension(&other.path) == kind).count() == 1 && kind != "json";
        let name = if alone { format!("{key}.{kind}") } else { format!("{key}.{}.{kind}", stem(&attached.path)) };
        file(name, &attached.path)?;
    }
    // As in the tables of other layouts, settings are one text: readers that make columns of a sample, as Hugging Face's
    // does, refuse those with other names in every tone.
    let bytes = Value::Object(row).to_string().into_bytes();
    parts.push(Part { name: format!("{key}.json"), bytes: bytes.len() as u64, content: Content::Bytes(bytes) });
    parts.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(parts)
}

fn archive(file: &mut BufWriter<File>, parts: Vec<Part>) -> io::Result<()> {
    let mut builder = Builder::new(file);
    for part in parts {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(part.bytes);
        match part.content {
            Content::Bytes(bytes) => builder.append_data(&mut header, &part.name, bytes.as_slice())?,
            Content::File(path) => {
                let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
                let sound = File::open(&path).map_err(named)?;
                builder.append_data(&mut header, &part.name, sound).map_err(named)?;
            }
        }
    }
    builder.into_inner()?.flush()
}
