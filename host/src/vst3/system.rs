//! Loading a module, as each operating system has it.
//!
//! Nothing is ever closed: several plugins crash when their library goes and comes back.

use std::path::Path;

use vst3::Steinberg::IPluginFactory;

/// The function that a module gives its factory by.
pub(super) type GetFactory = unsafe extern "system" fn() -> *mut IPluginFactory;

const NO_FACTORY: &str =
    "the file is not a VST3 plugin: it has no GetPluginFactory. If it is of another format, load it as that";
const REFUSED: &str = "its library refused to start. What it printed may say why";

/// Opens the module, runs its entry function if it has one, and finds its factory. `path` is what the user named,
/// `binary` the shared object in it.
pub(super) fn enter(path: &Path, binary: &Path) -> Result<GetFactory, String> {
    own::enter(path, binary)
}

/// Linux, and other systems with `dlopen`.
#[cfg(all(unix, not(target_os = "macos")))]
mod own {
    use std::ffi::c_void;
    use std::mem::ManuallyDrop;
    use std::path::Path;

    use libloading::os::unix::Library;

    use super::{GetFactory, NO_FACTORY, REFUSED};

    pub(super) fn enter(_: &Path, binary: &Path) -> Result<GetFactory, String> {
        let handle = Library::from(crate::binary::open(binary)?).into_raw();
        // SAFETY: the handle is the one that was taken out just now; it is never closed.
        let library = ManuallyDrop::new(unsafe { Library::from_raw(handle) });
        // SAFETY: both names are reserved by VST3 for functions of these types.
        let (factory, entry) = unsafe {
            (
                library.get::<GetFactory>(b"GetPluginFactory\0"),
                library.get::<unsafe extern "C" fn(*mut c_void) -> bool>(b"ModuleEntry\0"),
            )
        };
        let factory = *factory.map_err(|_| NO_FACTORY)?;
        // Old modules have no entry function, and need none.
        if let Ok(entry) = entry {
            // SAFETY: the module is entered once, with its own handle.
            if !unsafe { entry(handle) } {
                return Err(REFUSED.into());
            }
        }
        Ok(factory)
    }
}

#[cfg(windows)]
mod own {
    use std::mem::ManuallyDrop;
    use std::path::Path;

    use super::{GetFactory, NO_FACTORY, REFUSED};

    pub(super) fn enter(_: &Path, binary: &Path) -> Result<GetFactory, String> {
        let library = ManuallyDrop::new(crate::binary::open(binary)?);
        // SAFETY: both names are reserved by VST3 for functions of these types.
        let (factory, entry) = unsafe {
            (
                library.get::<GetFactory>(b"GetPluginFactory\0"),
                library.get::<unsafe extern "system" fn() -> bool>(b"InitDll\0"),
            )
        };
        let factory = *factory.map_err(|_| NO_FACTORY)?;
        if let Ok(entry) = entry {
            // SAFETY: the module is entered once.
            if !unsafe { entry() } {
                return Err(REFUSED.into());
            }
        }
        Ok(factory)
    }
}

/// macOS loads bundles through CoreFoundation, since plugins ask their bundle for its resources.
#[cfg(target_os = "macos")]
mod own {
    use std::ffi::{CStr, c_char, c_void};
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use super::{GetFactory, NO_FACTORY, REFUSED};

    const UTF8: u32 = 0x0800_0100;

    #[link(name = "CoreFoundation", kind = "framework")]
    unsafe extern "C" {
        fn CFURLCreateFromFileSystemRepresentation(
            allocator: *const c_void,
            buffer: *const u8,
            length: isize,
            is_directory: u8,
        ) -> *const c_void;
        fn CFBundleCreate(allocator: *const c_void, url: *const c_void) -> *const c_void;
        fn CFBundleLoadExecutable(bundle: *const c_void) -> u8;
        fn CFBundleGetFunctionPointerForName(bundle: *const c_void, name: *const c_void) -> *const c_void;
        fn CFStringCreateWithCString(allocator: *const c_void, text: *const c_char, encoding: u32) -> *const c_void;
        fn CFRelease(object: *const c_void);
    }

    /// A function of a loaded bundle; null if it has none of that name.
    fn function(bundle: *const c_void, name: &CStr) -> *const c_void {
        // SAFETY: the bundle is loaded, the name ends with a zero, and the string made of it is released once.
        unsafe {
            let name = CFStringCreateWithCString(std::ptr::null(), name.as_ptr(), UTF8);
            let found = CFBundleGetFunctionPointerForName(bundle, name);
            CFRelease(name);
            found
        }
    }

    pub(super) fn enter(path: &Path, _: &Path) -> Result<GetFactory, String> {
        let bytes = path.as_os_str().as_bytes();
        let not_opened = "the system cannot open the bundle. Install another build";
        // SAFETY: the buffer holds as many bytes as is said; each object is checked before it is used. The bundle is
        // never released, so that it stays loaded. Loading it runs its initialisers, which may do anything; there is
        // no way to use a plugin without.
        let bundle = unsafe {
            let url =
                CFURLCreateFromFileSystemRepresentation(std::ptr::null(), bytes.as_ptr(), bytes.len() as isize, 1);
            if url.is_null() {
                return Err(not_opened.into());
            }
            let bundle = CFBundleCreate(std::ptr::null(), url);
            CFRelease(url);
            if bundle.is_null() || CFBundleLoadExecutable(bundle) == 0 {
                return Err(not_opened.into());
            }
            bundle
        };
        let factory = function(bundle, c"GetPluginFactory");
        if factory.is_null() {
            return Err(NO_FACTORY.into());
        }
        let entry = function(bundle, c"bundleEntry");
        if !entry.is_null() {
            // SAFETY: the name is reserved by VST3 for a function of that type.
            let entry: unsafe extern "C" fn(*const c_void) -> bool = unsafe { std::mem::transmute(entry) };
            // SAFETY: the module is entered once, with its own bundle.
            if !unsafe { entry(bundle) } {
                return Err(REFUSED.into());
            }
        }
        // SAFETY: the name is reserved by VST3 for a function of that type.
        Ok(unsafe { std::mem::transmute::<*const c_void, GetFactory>(factory) })
    }
}
