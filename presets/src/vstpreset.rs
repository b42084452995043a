//! Steinberg's preset files (`.vstpreset`) as data. Nothing here loads a plugin.
//!
//! A file is a header, the data of its chunks and a list of where they lie, all integers little endian:
//!
//! | bytes | |
//! |---|---|
//! | 4 | `VST3` |
//! | 4 | version: 1 |
//! | 32 | class id of the component, as hexadecimal digits |
//! | 8 | offset of the chunk list |
//! | ... | data of the chunks |
//! | 4 | `List` |
//! | 4 | how many chunks there are |
//! | 20 each | a chunk's id, then the offset and the size of its data as 8 bytes each |
//!
//! as the "Preset Format" page of Steinberg's VST 3 developer portal has it. The class id is what the SDK's
//! `FUID::toString` writes: on Linux and macOS the id's 16 bytes in order. On Windows the first eight bytes of an id lie
//! in memory in another order, that of a COM GUID, but the text is meant to be the same everywhere.

use std::collections::BTreeSet;

mod meta_info;

pub use meta_info::meta_info;

const MAGIC: &[u8] = b"VST3";
const VERSION: i32 = 1;
const HEADER: usize = 48;
const LIST: &[u8] = b"List";
const LIST_HEAD: usize = 8;
const ENTRY: usize = 20;
const COMPONENT: &str = "Comp";
const CONTROLLER: &str = "Cont";
const PROGRAM: &str = "Prog";
const INFO: &str = "Info";

/// What a preset file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VstPreset {
    /// The component's class id: 32 hexadecimal digits in upper case.
    pub class: String,
    /// State of the component, the part that sounds (`Comp`).
    pub component: Option<Vec<u8>>,
    /// State of the controller, the part that shows (`Cont`).
    pub controller: Option<Vec<u8>>,
    /// Data of one program, behind the id of its list or unit (`Prog`).
    pub program: Option<Vec<u8>>,
    /// What the preset is, for people, as XML (`Info`). Bytes that are not UTF-8 read as U+FFFD: no sound depends on
    /// them.
    pub info: Option<String>,
}

/// One chunk as it lies in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// Its four characters; those that are not printable ASCII are escaped.
    pub id: String,
    /// Its data.
    pub data: &'a [u8],
}

/// Why bytes are no preset file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VstPresetError {
    /// It does not begin like one.
    #[error("it does not begin with VST3, so it is no VST3 preset")]
    NotAPreset,
    /// It ends within the header.
    #[error("the file is truncated: it ends after {0} bytes, and the header alone takes {HEADER}")]
    Header(usize),
    /// Its layout is another than the one that is known.
    #[error("its format version is {0}; only version {VERSION} is known")]
    Version(i32),
    /// The class id is no class id.
    #[error("its class id is \"{0}\", not 32 hexadecimal digits")]
    Class(String),
    /// The chunk list would lie outside the file.
    #[error(
        "the file is truncated or damaged: its chunk list is said to be at byte {offset}, and it has {length} bytes"
    )]
    ListOffset {
        /// Where the list is said to be.
        offset: i64,
        /// Bytes of the file.
        length: usize,
    },
    /// There is something else than a chunk list.
    #[error("it is damaged: there is no chunk list at byte {0}")]
    NoList(usize),
    /// The list is longer than the file, or its length is negative.
    #[error(
        "the file is truncated or damaged: its chunk list is said to have {count} entries, and there is room for {room}"
    )]
    Entries {
        /// How many entries there are said to be.
        count: i32,
        /// How many the rest of the file could hold.
        room: usize,
    },
    /// A chunk's data would lie outside the data area of the file.
    #[error(
        "it is damaged: chunk {chunk} is said to be {size} bytes at byte {offset}, outside the file's {length} bytes or in its header"
    )]
    Outside {
        /// Id of the chunk.
        chunk: String,
        /// Where its data is said to begin.
        offset: i64,
        /// How long it is said to be.
        size: i64,
        /// Bytes of the file.
        length: usize,
    },
    /// Two chunks, or a chunk and the chunk list, share bytes.
    #[error("it is damaged: {first} and {second} overlap")]
    Overlap {
        /// The one that begins first.
        first: String,
        /// The other.
        second: String,
    },
    /// Two chunks have one id: which of them counts is anyone's guess.
    #[error("it is damaged: it has two chunks {0}")]
    Twice(String),
}

/// Whether a file with these first bytes claims to be a preset file.
pub fn is_vstpreset(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// The class id and all chunks of a file, in the list's order. Chunks of unknown ids are among them, for hosts add
/// their own; so are empty ones. Bytes that no chunk names are passed over: hosts leave them behind when they write a
/// list anew. Nothing beyond the list itself is allocated.
pub fn chunks(bytes: &[u8]) -> Result<(String, Vec<Chunk<'_>>), VstPresetError> {
    if !is_vstpreset(bytes) {
        return Err(VstPresetError::NotAPreset);
    }
    let length = bytes.len();
    let header = bytes.get(..HEADER).ok_or(VstPresetError::Header(length))?;
    let version = int32(&header[4..8]);
    if version != VERSION {
        return Err(VstPresetError::Version(version));
    }
    let class = class_id(&header[8..40])?;
    let list = int64(&header[40..48]);
    let outside = || VstPresetError::ListOffset { offset: list, length };
    let list_at = usize::try_from(list).ok().filter(|at| *at >= HEADER).ok_or_else(outside)?;
    let entries = bytes.get(list_at..).filter(|rest| rest.len() >= LIST_HEAD).ok_or_else(outside)?;
    if !entries.starts_with(LIST) {
        return Err(VstPresetError::NoList(list_at));
    }
    let count = int32(&entries[4..8]);
    let entries = &entries[LIST_HEAD..];
    let room = entries.len() / ENTRY;
    let wanted = usize::try_from(count).ok().filter(|n| *n <= room).ok_or(VstPresetError::Entries { count, room })?;
    let mut found = Vec::with_capacity(wanted);
    let mut taken = vec![(list_at, list_at + LIST_HEAD + wanted * ENTRY, "the chunk list".to_owned())];
    let mut seen = BTreeSet::new();
    for entry in entries.chunks_exact(ENTRY).take(wanted) {
        let id = entry[..4].escape_ascii().to_string();
        let (offset, size) = (int64(&entry[4..12]), int64(&entry[12..20]));
        let (start, end) = range(offset, size, length).ok_or_else(|| VstPresetError::Outside {
            chunk: id.clone(),
            offset,
            size,
            length,
        })?;
        if !seen.insert(id.clone()) {
            return Err(VstPresetError::Twice(id));
        }
        if start < end {
            taken.push((start, end, format!("chunk {id}")));
        }
        found.push(Chunk { id, data: &bytes[start..end] });
    }
    taken.sort();
    if let Some(pair) = taken.windows(2).find(|pair| pair[0].1 > pair[1].0) {
        return Err(VstPresetError::Overlap { first: pair[0].2.clone(), second: pair[1].2.clone() });
    }
    Ok((class, found))
}

/// What chunks of an id hold; `None` for ids that the format does not name.
pub fn content(id: &str) -> Option<&'static str> {
    match id {
        COMPONENT => Some("component state"),
        CONTROLLER => Some("controller state"),
        PROGRAM => Some("program data"),
        INFO => Some("what it is, as XML"),
        _ => None,
    }
}

impl VstPreset {
    /// Reads a file. Chunks of unknown ids are left out.
    pub fn read(bytes: &[u8]) -> Result<VstPreset, VstPresetError> {
        let (class, chunks) = chunks(bytes)?;
        let mut preset = VstPreset { class, ..VstPreset::default() };
        for chunk in chunks {
            match chunk.id.as_str() {
                COMPONENT => preset.component = Some(chunk.data.to_owned()),
                CONTROLLER => preset.controller = Some(chunk.data.to_owned()),
                PROGRAM => preset.program = Some(chunk.data.to_owned()),
                INFO => preset.info = Some(String::from_utf8_lossy(chunk.data).into_owned()),
                _ => {}
            }
        }
        Ok(preset)
    }

    /// The bytes of a file with this content.
    ///
    /// # Panics
    ///
    /// If the class id is not 32 hexadecimal digits: whoever hosts a plugin has it from 16 bytes.
    pub fn write(&self) -> Vec<u8> {
        let class = class_id(self.class.as_bytes()).expect("a class id is 32 hexadecimal digits");
        let chunks = [
            (COMPONENT, self.component.as_deref()),
            (CONTROLLER, self.controller.as_deref()),
            (PROGRAM, self.program.as_deref()),
            (INFO, self.info.as_deref().map(str::as_bytes)),
        ];
        let chunks: Vec<(&str, &[u8])> = chunks.into_iter().filter_map(|(id, data)| Some((id, data?))).collect();
        let data: usize = chunks.iter().map(|(_, data)| data.len()).sum();
        let mut bytes = Vec::with_capacity(HEADER + data + LIST_HEAD + chunks.len() * ENTRY);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(class.as_bytes());
        bytes.extend(((HEADER + data) as i64).to_le_bytes());
        chunks.iter().for_each(|(_, data)| bytes.extend(*data));
        bytes.extend(LIST);
        bytes.extend((chunks.len() as i32).to_le_bytes());
        let mut offset = HEADER;
        for (id, data) in chunks {
            bytes.extend(id.as_bytes());
            bytes.extend((offset as i64).to_le_bytes());
            bytes.extend((data.len() as i64).to_le_bytes());
            offset += data.len();
        }
        bytes
    }

    /// The plugin's name, where the file says it.
    pub fn plugin_name(&self) -> Option<String> {
        meta_info::attribute(self.info.as_deref()?, meta_info::PLUGIN_NAME)
    }
}

/// Where data begins and ends, if that is behind the header and within the file.
fn range(offset: i64, size: i64, length: usize) -> Option<(usize, usize)> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(size).ok()?)?;
    // An empty chunk takes nothing from the header, wherever it is said to lie.
    (end <= length && (start >= HEADER || start == end)).then_some((start, end))
}

fn class_id(digits: &[u8]) -> Result<String, VstPresetError> {
    match digits {
        digits if digits.len() == 32 && digits.iter().all(u8::is_ascii_hexdigit) => {
            Ok(digits.escape_ascii().to_string().to_ascii_uppercase())
        }
        _ => Err(VstPresetError::Class(digits.escape_ascii().to_string())),
    }
}

fn int32(bytes: &[u8]) -> i32 {
    i32::from_le_bytes(bytes.try_into().expect("four bytes"))
}

fn int64(bytes: &[u8]) -> i64 {
    i64::from_le_bytes(bytes.try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests;
