//! The C interface of LV2: the structs of `lv2/core/lv2.h` and of the extensions that are offered or used, as facts of
//! the ABI.

use std::ffi::{c_char, c_int, c_void};

/// A plugin instance, as the plugin itself knows it.
pub(super) type Handle = *mut c_void;

#[repr(C)]
pub(super) struct Feature {
    pub(super) uri: *const c_char,
    pub(super) data: *mut c_void,
}

pub(super) type Features = *const *const Feature;

#[repr(C)]
pub(super) struct Descriptor {
    pub(super) uri: *const c_char,
    pub(super) instantiate: Option<unsafe extern "C" fn(*const Descriptor, f64, *const c_char, Features) -> Handle>,
    pub(super) connect_port: Option<unsafe extern "C" fn(Handle, u32, *mut c_void)>,
    pub(super) activate: Option<unsafe extern "C" fn(Handle)>,
    pub(super) run: Option<unsafe extern "C" fn(Handle, u32)>,
    pub(super) deactivate: Option<unsafe extern "C" fn(Handle)>,
    pub(super) cleanup: Option<unsafe extern "C" fn(Handle)>,
    pub(super) extension_data: Option<unsafe extern "C" fn(*const c_char) -> *const c_void>,
}

/// `lv2_descriptor`.
pub(super) type DescriptorFunction = unsafe extern "C" fn(u32) -> *const Descriptor;

/// The newer way to enumerate, `lv2_lib_descriptor`.
#[repr(C)]
pub(super) struct LibraryDescriptor {
    pub(super) handle: *mut c_void,
    pub(super) size: u32,
    pub(super) cleanup: Option<unsafe extern "C" fn(*mut c_void)>,
    pub(super) get_plugin: Option<unsafe extern "C" fn(*mut c_void, u32) -> *const Descriptor>,
}

pub(super) type LibraryFunction = unsafe extern "C" fn(*const c_char, Features) -> *const LibraryDescriptor;

#[repr(C)]
pub(super) struct UridMap {
    pub(super) handle: *mut c_void,
    pub(super) map: unsafe extern "C" fn(*mut c_void, *const c_char) -> u32,
}

#[repr(C)]
pub(super) struct UridUnmap {
    pub(super) handle: *mut c_void,
    pub(super) unmap: unsafe extern "C" fn(*mut c_void, u32) -> *const c_char,
}

/// One option; the list ends with one whose key is 0.
#[repr(C)]
pub(super) struct OptionEntry {
    pub(super) context: c_int,
    pub(super) subject: u32,
    pub(super) key: u32,
    pub(super) size: u32,
    pub(super) kind: u32,
    pub(super) value: *const c_void,
}

#[repr(C)]
pub(super) struct WorkerSchedule {
    pub(super) handle: *mut c_void,
    pub(super) schedule_work: unsafe extern "C" fn(*mut c_void, u32, *const c_void) -> c_int,
}

pub(super) type Respond = unsafe extern "C" fn(*mut c_void, u32, *const c_void) -> c_int;

/// Answers of the worker's functions.
pub(super) const WORKER_SUCCESS: c_int = 0;
pub(super) const WORKER_ERROR_UNKNOWN: c_int = 1;

#[repr(C)]
pub(super) struct WorkerInterface {
    pub(super) work: Option<unsafe extern "C" fn(Handle, Respond, *mut c_void, u32, *const c_void) -> c_int>,
    pub(super) work_response: Option<unsafe extern "C" fn(Handle, u32, *const c_void) -> c_int>,
    pub(super) end_run: Option<unsafe extern "C" fn(Handle) -> c_int>,
}

/// Answers of the state's functions.
pub(super) const STATE_SUCCESS: c_int = 0;
pub(super) const STATE_ERROR_UNKNOWN: c_int = 1;
pub(super) const STATE_ERROR_NO_PROPERTY: c_int = 5;
/// The value is plain data without pointers.
pub(super) const STATE_IS_POD: u32 = 1;
/// The value means the same on another machine.
pub(super) const STATE_IS_PORTABLE: u32 = 2;

pub(super) type Store = unsafe extern "C" fn(*mut c_void, u32, *const c_void, usize, u32, u32) -> c_int;
pub(super) type Retrieve = unsafe extern "C" fn(*mut c_void, u32, *mut usize, *mut u32, *mut u32) -> *const c_void;

#[repr(C)]
pub(super) struct StateInterface {
    pub(super) save: Option<unsafe extern "C" fn(Handle, Store, *mut c_void, u32, Features) -> c_int>,
    pub(super) restore: Option<unsafe extern "C" fn(Handle, Retrieve, *mut c_void, u32, Features) -> c_int>,
}

type PathFunction = unsafe extern "C" fn(*mut c_void, *const c_char) -> *mut c_char;

#[repr(C)]
pub(super) struct MapPath {
    pub(super) handle: *mut c_void,
    pub(super) abstract_path: PathFunction,
    pub(super) absolute_path: PathFunction,
}

#[repr(C)]
pub(super) struct MakePath {
    pub(super) handle: *mut c_void,
    pub(super) path: PathFunction,
}

#[repr(C)]
pub(super) struct FreePath {
    pub(super) handle: *mut c_void,
    pub(super) free_path: unsafe extern "C" fn(*mut c_void, *mut c_char),
}

#[repr(C)]
pub(super) struct Log {
    pub(super) handle: *mut c_void,
    /// Variadic in C: behind the format stand its values.
    pub(super) printf: unsafe extern "C" fn(*mut c_void, u32, *const c_char) -> c_int,
    /// The last is a `va_list`, which every ABI that is built for passes as a pointer.
    pub(super) vprintf: unsafe extern "C" fn(*mut c_void, u32, *const c_char, *mut c_void) -> c_int,
}
