//! Plugin libraries, opened once and kept to the end of the process.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use audio::device::DeviceInfo;
use clack_host::entry::{PluginEntry, PluginEntryError};
use clack_host::plugin::PluginDescriptor;

use super::binary;

/// An open library and what it offers.
#[derive(Clone)]
pub(super) struct Library {
    pub(super) entry: PluginEntry,
    /// Each id once, in the library's order.
    pub(super) offers: Vec<Offer>,
}

/// One plugin of a library.
#[derive(Clone)]
pub(super) struct Offer {
    pub(super) info: DeviceInfo,
    /// The id with the very bytes that the plugin wrote, which need not be UTF-8.
    pub(super) id: CString,
}

/// Every library that was opened, by the path of its binary. Being here also keeps it loaded.
static OPENED: Mutex<Option<HashMap<PathBuf, Library>>> = Mutex::new(None);

impl Library {
    /// Opens the library behind `path`, or finds it open. Fails with what went wrong and what to do.
    pub(super) fn open(path: &Path) -> Result<Library, String> {
        let binary = binary::find(path)?;
        let binary = binary.canonicalize().map_err(|e| format!("it cannot be read: {e}"))?;
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = opened.get_or_insert_default();
        if let Some(library) = opened.get(&binary) {
            return Ok(library.clone());
        }
        let entry = enter(&binary)?;
        let offers = match read_offers(&entry) {
            Ok(offers) => offers,
            Err(reason) => {
                // Closing a library that has run code is what this module avoids, also for those of no use.
                std::mem::forget(entry);
                return Err(reason);
            }
        };
        let library = Library { entry, offers };
        opened.insert(binary, library.clone());
        Ok(library)
    }
}

/// Opens the binary and calls its entry point.
fn enter(binary: &Path) -> Result<PluginEntry, String> {
    load(binary)?.map_err(|e| match e {
        PluginEntryError::LibraryLoadingError(e) if is_missing_entry(&e) => {
            "the file is not a CLAP plugin: it has no clap_entry. If it is of another format, load it as that"
                .to_string()
        }
        PluginEntryError::LibraryLoadingError(e) => crate::binary::unopened(&e),
        PluginEntryError::NullEntryPointer => "the file is not a CLAP plugin: its clap_entry is null".into(),
        PluginEntryError::IncompatibleClapVersion { plugin_version } => {
            format!(
                "it is made for CLAP {plugin_version}, this host speaks {}",
                clack_host::utils::ClapVersion::CURRENT
            )
        }
        PluginEntryError::EntryInitFailed => {
            "its library refused to start (clap_entry.init). What it printed may say why".into()
        }
        e => e.to_string(),
    })
}

/// Opens the library, and gives how its entry point took it.
#[cfg(target_os = "linux")]
fn load(binary: &Path) -> Result<Result<PluginEntry, PluginEntryError>, String> {
    use clack_host::entry::LibraryEntry;

    let path = CString::new(binary.as_os_str().as_encoded_bytes()).map_err(|_| "its path has a NUL in it")?;
    let library = crate::binary::open(binary)?;
    // SAFETY: `clap_entry` is reserved by the CLAP specification for the type that clack reads it as.
    let entry = unsafe { LibraryEntry::load_from_library(library) };
    // SAFETY: the entry is the file's own `clap_entry`, and the path is that of the very file it lies in.
    Ok(entry.and_then(|entry| unsafe { PluginEntry::load_from(entry, &path) }))
}

/// Opens the library, and gives how its entry point took it.
#[cfg(not(target_os = "linux"))]
fn load(binary: &Path) -> Result<Result<PluginEntry, PluginEntryError>, String> {
    // Follows a macOS bundle to its executable.
    // SAFETY: opening a library runs its initialisers, which may do anything; there is no way to use a plugin without.
    // Its file is what the user named as a plugin, and only worker processes, which may die, come here.
    Ok(unsafe { PluginEntry::load(binary) })
}

fn is_missing_entry(error: &libloading::Error) -> bool {
    matches!(error, libloading::Error::DlSym { .. } | libloading::Error::GetProcAddress { .. })
}

fn read_offers(entry: &PluginEntry) -> Result<Vec<Offer>, String> {
    let factory = entry.get_plugin_factory().ok_or("its library offers no plugins: it has no plugin factory")?;
    let mut offers: Vec<Offer> = Vec::new();
    for descriptor in factory.plugin_descriptors() {
        // Without an id it cannot be asked for, and the second of two equal ids could never be got.
        let Some(id) = descriptor.id() else { continue };
        if !offers.iter().any(|offer| offer.id.as_c_str() == id) {
            offers.push(Offer { info: describe(id, descriptor), id: id.into() });
        }
    }
    if offers.is_empty() {
        return Err("its library lists no plugin".into());
    }
    Ok(offers)
}

fn describe(id: &CStr, descriptor: &PluginDescriptor) -> DeviceInfo {
    let text = |text: Option<&CStr>| text.map_or_else(String::new, |text| text.to_string_lossy().into_owned());
    let id = text(Some(id));
    DeviceInfo {
        format: "clap".into(),
        name: descriptor.name().map_or_else(|| id.clone(), |name| text(Some(name))),
        id,
        vendor: text(descriptor.vendor()),
        version: text(descriptor.version()),
        instrument: descriptor.features().any(|feature| feature == c"instrument"),
    }
}
