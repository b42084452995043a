//! SoundFonts, loaded once for everybody who plays them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use audio::device::DeviceError;
use presets::Asset;
use rustysynth::{InstrumentRegion, SoundFont};

use crate::asset;

/// A SoundFont, and where its presets stand.
#[derive(Debug)]
pub(crate) struct Font {
    pub soundfont: Arc<SoundFont>,
    presets: HashMap<(i32, i32), usize>,
}

/// A file as it was when it was read. A changed file is read again.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    File(PathBuf, u64, Option<SystemTime>),
    Embedded(String),
}

/// A font in the table.
enum Loaded {
    /// A file's goes when nobody plays it any more: it may be hundreds of megabytes.
    File(Weak<Font>),
    /// An embedded one stays: it is small, and the next task is likely to need it.
    Embedded(Arc<Font>),
}

impl Loaded {
    fn font(&self) -> Option<Arc<Font>> {
        match self {
            Loaded::File(font) => font.upgrade(),
            Loaded::Embedded(font) => Some(Arc::clone(font)),
        }
    }
}

/// The fonts of this process. Several tracks of one song share one copy.
static LOADED: Mutex<Option<HashMap<Key, Loaded>>> = Mutex::new(None);

/// The SoundFont of an asset.
pub(crate) fn load(from: &Asset) -> Result<Arc<Font>, DeviceError> {
    let key = match from {
        Asset::Embedded(name) => Key::Embedded(name.clone()),
        Asset::File(path) => {
            let about = std::fs::metadata(path).map_err(|cause| asset::error(from, cause.to_string()))?;
            Key::File(path.clone(), about.len(), about.modified().ok())
        }
    };
    // Nothing panics between lock and unlock that would leave the table half changed.
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let loaded = loaded.get_or_insert_default();
    if let Some(font) = loaded.get(&key).and_then(Loaded::font) {
        return Ok(font);
    }
    loaded.retain(|_, entry| entry.font().is_some());
    let font = Arc::new(parse(from)?);
    let entry = match key {
        Key::File(..) => Loaded::File(Arc::downgrade(&font)),
        Key::Embedded(_) => Loaded::Embedded(Arc::clone(&font)),
    };
    loaded.insert(key, entry);
    Ok(font)
}

fn parse(from: &Asset) -> Result<Font, DeviceError> {
    let mut bytes = asset::read(from)?.into_owned();
    hide_exclusive_classes(&mut bytes);
    let soundfont = SoundFont::new(&mut bytes.as_slice())
        .map_err(|cause| asset::error(from, format!("it cannot be read as a SoundFont: {cause}")))?;
    if soundfont.get_presets().is_empty() {
        return Err(asset::error(from, "it holds no presets"));
    }
    let places = soundfont.get_presets().iter().enumerate();
    let presets = places.map(|(place, p)| ((p.get_bank_number(), p.get_patch_number()), place)).collect();
    Ok(Font { soundfont: Arc::new(soundfont), presets })
}

impl Font {
    pub fn has(&self, bank: i32, program: i32) -> bool {
        self.presets.contains_key(&(bank, program))
    }

    /// "0 Piano, 33 Bass": what stands in a bank.
    pub fn programs(&self, bank: i32) -> String {
        let presets = self.soundfont.get_presets().iter().filter(|p| p.get_bank_number() == bank);
        let mut presets: Vec<_> = presets.map(|p| (p.get_patch_number(), p.get_name())).collect();
        presets.sort_unstable();
        presets.iter().map(|(number, name)| format!("{number} {name}")).collect::<Vec<_>>().join(", ")
    }

    /// Whether a key has any sound.
    pub fn sounds(&self, bank: i32, program: i32, key: i32, velocity: i32) -> bool {
        self.parts(bank, program, key, velocity).next().is_some()
    }

    /// The exclusive class of what a key plays, 0 if it has none: notes of one class cut each other off.
    pub fn exclusive_class(&self, bank: i32, program: i32, key: i32, velocity: i32) -> i32 {
        let classes = self.parts(bank, program, key, velocity);
        let mut classes = classes.map(|part| (part.get_reverb_effects_send() * 10.0).round() as i32);
        classes.find(|class| *class != 0).unwrap_or(0)
    }

    /// The samples that a key plays.
    fn parts(&self, bank: i32, program: i32, key: i32, velocity: i32) -> impl Iterator<Item = &InstrumentRegion> {
        let preset = self.presets.get(&(bank, program)).map(|place| &self.soundfont.get_presets()[*place]);
        let regions = preset.into_iter().flat_map(|preset| preset.get_regions());
        regions.filter(move |region| region.contains(key, velocity)).flat_map(move |region| {
            let instrument = &self.soundfont.get_instruments()[region.get_instrument_id()];
            instrument.get_regions().iter().filter(move |part| part.contains(key, velocity))
        })
    }
}

/// Generator numbers of SoundFont 2.04, 8.1.2.
const UNUSED: u16 = 14;
const REVERB_SEND: u16 = 16;
const EXCLUSIVE_CLASS: u16 = 57;

/// Moves the exclusive classes of a SoundFont to where the synthesizer does not see them but we do.
///
/// rustysynth 1.3.8 cuts a class off at every voice, also at the second voice of the same note: of a stereo hi-hat only
/// the right side sounds. So the cutting off is done here (see `soundfont`), per note. The class takes the place of the
/// reverb send, which the synthesizer ignores as its own reverb is not in use, and which it lets us read.
/// Whatever is not a well-formed file is left as it is; the synthesizer's reader then says what is wrong.
fn hide_exclusive_classes(bytes: &mut [u8]) {
    let Some(generators) = chunk(bytes, 12, bytes.len(), b"pdta", b"igen") else { return };
    for record in bytes[generators].chunks_exact_mut(4) {
        let number = match u16::from_le_bytes([record[0], record[1]]) {
            REVERB_SEND => UNUSED,
            EXCLUSIVE_CLASS => REVERB_SEND,
            _ => continue,
        };
        record[..2].copy_from_slice(&number.to_le_bytes());
    }
}

/// Where the content of a chunk within a list stands.
fn chunk(bytes: &[u8], mut at: usize, end: usize, list: &[u8; 4], id: &[u8; 4]) -> Option<std::ops::Range<usize>> {
    while at + 8 <= end {
        let name = &bytes[at..at + 4];
        let size = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().ok()?) as usize;
        let content = at + 8;
        let next = content.checked_add(size)?;
        if next > end {
            return None;
        }
        if name == b"LIST" && size >= 4 && &bytes[content..content + 4] == list {
            return chunk(bytes, content + 4, next, list, id);
        }
        if name == id {
            return Some(content..next);
        }
        at = next + size % 2;
    }
    None
}
