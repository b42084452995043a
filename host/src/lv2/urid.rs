//! Numbers for URIs. One table serves the whole process, since plugins keep such numbers in global variables.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_void};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use super::names;

#[derive(Default)]
struct Table {
    numbers: HashMap<&'static CStr, u32>,
    /// The URI of number n at n - 1.
    uris: Vec<&'static CStr>,
}

static TABLE: LazyLock<Mutex<Table>> = LazyLock::new(Mutex::default);

fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn number(uri: &CStr) -> u32 {
    let mut table = table();
    if let Some(number) = table.numbers.get(uri) {
        return *number;
    }
    // Plugins keep the texts that `unmap` gives them, so none may ever go away.
    let uri: &'static CStr = Box::leak(CString::from(uri).into_boxed_c_str());
    table.uris.push(uri);
    let number = table.uris.len() as u32;
    table.numbers.insert(uri, number);
    number
}

/// The number of a URI; 0 of a text that is none, since it has a NUL in it.
pub(super) fn map(uri: &str) -> u32 {
    CString::new(uri).map_or(0, |uri| number(&uri))
}

/// The URI of a number.
pub(super) fn unmap(number: u32) -> Option<&'static str> {
    let uri = *table().uris.get((number as usize).checked_sub(1)?)?;
    uri.to_str().ok()
}

/// `LV2_URID_Map::map`.
pub(super) unsafe extern "C" fn c_map(_: *mut c_void, uri: *const c_char) -> u32 {
    if uri.is_null() {
        return 0;
    }
    // SAFETY: the plugin passes a C string, and it is not null.
    number(unsafe { CStr::from_ptr(uri) })
}

/// `LV2_URID_Unmap::unmap`. Real plugins ask for 0, which is no URI.
pub(super) unsafe extern "C" fn c_unmap(_: *mut c_void, number: u32) -> *const c_char {
    let index = (number as usize).checked_sub(1);
    index.and_then(|index| table().uris.get(index).copied()).map_or(std::ptr::null(), CStr::as_ptr)
}

macro_rules! known {
    ($($field:ident = $name:ident),+ $(,)?) => {
        /// The numbers of the names that are used while processing.
        pub(super) struct Known {
            $(pub(super) $field: u32,)+
        }

        pub(super) static KNOWN: LazyLock<Known> = LazyLock::new(|| Known { $($field: map(names::$name),)+ });
    };
}

known! {
    bool = ATOM_BOOL, int = ATOM_INT, long = ATOM_LONG, float = ATOM_FLOAT, double = ATOM_DOUBLE,
    string = ATOM_STRING, path = ATOM_PATH, uri = ATOM_URI, urid = ATOM_URID, object = ATOM_OBJECT,
    blank = ATOM_BLANK, resource = ATOM_RESOURCE, vector = ATOM_VECTOR, sequence = ATOM_SEQUENCE,
    chunk = ATOM_CHUNK, midi_event = MIDI_EVENT,
    time_position = TIME_POSITION, time_frame = TIME_FRAME, time_speed = TIME_SPEED, time_bar = TIME_BAR,
    time_bar_beat = TIME_BAR_BEAT, time_beat = TIME_BEAT, time_beat_unit = TIME_BEAT_UNIT,
    time_beats_per_bar = TIME_BEATS_PER_BAR, time_beats_per_minute = TIME_BEATS_PER_MINUTE,
    time_frames_per_second = TIME_FRAMES_PER_SECOND,
    patch_set = PATCH_SET, patch_get = PATCH_GET, patch_put = PATCH_PUT, patch_property = PATCH_PROPERTY,
    patch_value = PATCH_VALUE, patch_body = PATCH_BODY,
    log_error = LOG_ERROR, log_warning = LOG_WARNING, log_trace = LOG_TRACE,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_keeps_its_number_and_0_is_none() {
        let number = map("http://example.org/a");
        assert!(number > 0);
        assert_eq!(map("http://example.org/a"), number);
        assert_ne!(map("http://example.org/b"), number);
        assert_eq!(unmap(number), Some("http://example.org/a"));
        assert_eq!((unmap(0), unmap(u32::MAX)), (None, None));
        // SAFETY: both functions take what is passed: any number, and null.
        unsafe {
            assert!(c_unmap(std::ptr::null_mut(), 0).is_null());
            assert!(c_unmap(std::ptr::null_mut(), u32::MAX).is_null());
            assert_eq!(c_map(std::ptr::null_mut(), std::ptr::null()), 0);
            assert_eq!(c_map(std::ptr::null_mut(), c"http://example.org/a".as_ptr()), number);
        }
    }
}
