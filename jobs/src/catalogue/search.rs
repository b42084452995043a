//! What there is: by words, by name, and what there is twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use audio::device::DeviceInfo;
use presets::document::similar;
use presets::{PluginFile, PluginFormat};

use crate::plan::FindError;

/// One plugin that a file offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer<'a> {
    /// Of what format.
    pub format: PluginFormat,
    /// The place of its plugin folder among those that are searched; the first that has a name decides.
    pub folder: usize,
    /// Its file.
    pub path: &'a Path,
    /// Who it is.
    pub info: &'a DeviceInfo,
}

/// Whether each of the words is part of one of the texts; case does not count.
pub fn matches(words: &[String], texts: &[&str]) -> bool {
    let texts: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
    words.iter().map(|word| word.to_lowercase()).all(|word| texts.iter().any(|text| text.contains(&word)))
}

/// Plugins that several files hold: for the format and id of each, in its [`one_form`], those files.
pub type Doubles<'a> = BTreeMap<(PluginFormat, String), Vec<&'a Path>>;

/// Finds the plugins that several files hold.
pub fn doubles<'a>(offers: &[Offer<'a>]) -> Doubles<'a> {
    let mut files = Doubles::new();
    for offer in offers {
        let files = files.entry((offer.format, one_form(offer.format, &offer.info.id))).or_default();
        if !files.contains(&offer.path) {
            files.push(offer.path);
        }
    }
    files.retain(|_, files| files.len() > 1);
    files
}

/// An id in the one form that all ids have which mean the same plugin.
pub fn one_form(format: PluginFormat, id: &str) -> String {
    let lower = id.to_lowercase();
    if format.is_same_id(id, &lower) { lower } else { id.to_owned() }
}

/// The plugin that a written name means, among the offers of its format: the one with that id, else the one of that
/// name, else the one of that name whatever its case. The first plugin folder that has one decides, as with file names.
/// Where an id is written beside the name, only plugins with that id are meant. Files that cannot be listed are not
/// known here, and not counted.
pub fn find(format: PluginFormat, offers: &[Offer<'_>], written: &PluginFile) -> Result<PluginFile, FindError> {
    let name = written.plugin.trim();
    let lower = name.to_lowercase();
    let of_format: Vec<&Offer<'_>> = offers.iter().filter(|offer| offer.format == format).collect();
    let is_meant = |offer: &Offer<'_>| {
        written.id.as_deref().is_none_or(|id| format.is_same_id(&offer.info.id, id) || offer.info.name == id)
    };
    let ways: [&dyn Fn(&DeviceInfo) -> bool; 3] =
        [&|info| format.is_same_id(&info.id, name), &|info| info.name.trim() == name, &|info| {
            info.name.trim().to_lowercase() == lower
        }];
    for is_called in ways {
        let called = || of_format.iter().filter(|offer| is_called(offer.info) && is_meant(offer));
        let Some(first) = called().map(|offer| offer.folder).min() else { continue };
        let file = |offer: &&&Offer<'_>| PluginFile {
            plugin: offer.path.display().to_string(),
            id: Some(offer.info.id.clone()),
        };
        let mut found: Vec<PluginFile> = called().filter(|offer| offer.folder == first).map(|o| file(&o)).collect();
        found.dedup();
        return match <[PluginFile; 1]>::try_from(found) {
            Ok([one]) => Ok(one),
            Err(candidates) => Err(FindError::Several { candidates }),
        };
    }
    let names = of_format.iter().flat_map(|offer| [offer.info.name.as_str(), offer.info.id.as_str()]);
    let similar = similar(name, names, MOST_SIMILAR).into_iter().map(str::to_owned).collect();
    Err(FindError::Unknown { similar, broken: 0 })
}

/// How many names that come close are told.
pub(crate) const MOST_SIMILAR: usize = 3;

/// The files of [`doubles`] that hold the same plugin as an offer, itself left out.
pub fn others(doubles: &Doubles<'_>, offer: &Offer<'_>) -> Vec<PathBuf> {
    let files = doubles.get(&(offer.format, one_form(offer.format, &offer.info.id)));
    files.into_iter().flatten().filter(|path| **path != offer.path).map(|path| path.to_path_buf()).collect()
}
