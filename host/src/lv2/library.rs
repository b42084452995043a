//! A plugin's shared object, opened once and never closed.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use super::abi::{Descriptor, DescriptorFunction, Feature, LibraryFunction};
use super::features::Features;
use crate::binary;

/// Most plugins of one library; a library that never says that it has no more would be asked forever.
const MOST_PLUGINS: u32 = 4096;

/// The libraries of this process, by path.
static OPEN: LazyLock<Mutex<HashMap<PathBuf, &'static libloading::Library>>> = LazyLock::new(Mutex::default);

/// The descriptor of a plugin in a library. Libraries stay open to the end of the process, and descriptors with them.
pub(super) fn descriptor(
    path: &Path,
    bundle: &Path,
    uri: &str,
    features: &Features,
) -> Result<&'static Descriptor, String> {
    let library = open(path)?;
    let uri = CString::new(uri).map_err(|_| "its URI has a NUL in it")?;
    // SAFETY: LV2 has this symbol be the function of this type.
    if let Ok(function) = unsafe { library.get::<DescriptorFunction>(b"lv2_descriptor\0") } {
        // SAFETY: any index may be asked for.
        return find(&uri, |index| unsafe { function(index) });
    }
    // SAFETY: likewise.
    let Ok(function) = (unsafe { library.get::<LibraryFunction>(b"lv2_lib_descriptor\0") }) else {
        return Err(format!("{} is no LV2 library: it has no lv2_descriptor", path.display()));
    };
    let mut folder = bundle.as_os_str().as_encoded_bytes().to_vec();
    folder.push(b'/');
    let folder = CString::new(folder).map_err(|_| "the bundle's path has a NUL in it")?;
    let pointers: *const *const Feature = features.as_ptr();
    // SAFETY: both arguments outlive the call.
    let offered = unsafe { function(folder.as_ptr(), pointers) };
    // SAFETY: the function gives null or a struct that stays until its `cleanup`, which is never called.
    let offered =
        unsafe { offered.as_ref() }.ok_or("the library refuses this host (lv2_lib_descriptor gave nothing)")?;
    let get = offered.get_plugin.ok_or("the library offers no way to ask for its plugins")?;
    // SAFETY: any index may be asked for.
    find(&uri, |index| unsafe { get(offered.handle, index) })
}

fn find(uri: &CStr, ask: impl Fn(u32) -> *const Descriptor) -> Result<&'static Descriptor, String> {
    let mut others = Vec::new();
    for index in 0..MOST_PLUGINS {
        // SAFETY: the library gives null or a descriptor that stays as long as the library is open, which is to the end.
        let Some(descriptor) = (unsafe { ask(index).as_ref::<'static>() }) else { break };
        if descriptor.uri.is_null() {
            continue;
        }
        // SAFETY: a descriptor's URI is a C string that stays as long as the descriptor, and it is not null.
        let known = unsafe { CStr::from_ptr(descriptor.uri) };
        if known == uri {
            return Ok(descriptor);
        }
        others.push(known.to_string_lossy().into_owned());
    }
    let others = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
    Err(format!("its library does not hold it, though the manifest says so. It holds {others}"))
}

fn open(path: &Path) -> Result<&'static libloading::Library, String> {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(library) = open.get(path) {
        return Ok(library);
    }
    binary::check(path)?;
    let library = Box::leak(Box::new(binary::open(path)?));
    open.insert(path.to_owned(), library);
    Ok(library)
}
