//! Plugin modules, opened once and kept to the end of the process.

use std::collections::HashMap;
use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use audio::device::DeviceInfo;
use vst3::Steinberg::*;
use vst3::{ComPtr, Interface};

use super::com::adopted;
use super::context::context;
use super::run_loop::RunLoop;
use super::{binary, moduleinfo, system, text};

/// An open module and what it offers.
pub(super) struct Module {
    factory: ComPtr<IPluginFactory>,
    /// The plugins, in the module's order.
    pub(super) offers: Vec<Offer>,
    /// Class ids of old, with that of the class that takes their place.
    pub(super) replaced: Vec<(String, String)>,
    /// What the module as a whole has registered, before any instance was made.
    pub(super) run_loop: Arc<RunLoop>,
    /// Kept as long as the factory.
    _context: ComPtr<Vst::IHostApplication>,
}

// SAFETY: the factory is called by the thread that loads plugins only, one at a time; the map below hands modules
// from one loading thread to the next, and counting references is thread-safe in VST3.
unsafe impl Send for Module {}
// SAFETY: as above.
unsafe impl Sync for Module {}

/// One plugin of a module.
pub(super) struct Offer {
    pub(super) info: DeviceInfo,
    /// Its class id as it lies in memory.
    pub(super) class: TUID,
}

/// Every module that was opened, by the path of its binary.
static OPENED: Mutex<Option<HashMap<PathBuf, Arc<Module>>>> = Mutex::new(None);

/// What a module calls the classes that are plugins.
const PLUGIN_CATEGORY: &str = "Audio Module Class";

/// Most classes that are listed. The largest known module has 184 plugins.
const MOST_CLASSES: i32 = 1 << 14;

impl Module {
    /// Opens the module behind `path`, or finds it open. Fails with what went wrong and what to do.
    pub(super) fn open(path: &Path) -> Result<Arc<Module>, String> {
        let binary = binary::find(path)?;
        let binary = binary.canonicalize().map_err(|e| format!("it cannot be read: {e}"))?;
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = opened.get_or_insert_default();
        if let Some(module) = opened.get(&binary) {
            return Ok(module.clone());
        }
        let module = Arc::new(Module::enter(path, &binary)?);
        opened.insert(binary, module.clone());
        Ok(module)
    }

    fn enter(path: &Path, binary: &Path) -> Result<Module, String> {
        let get_factory = system::enter(path, binary)?;
        // SAFETY: the module was entered; the function takes nothing and stays loaded.
        let factory = adopted(unsafe { get_factory() });
        let factory = factory.ok_or("its library offers no plugins: GetPluginFactory gives null")?;
        let run_loop = Arc::<RunLoop>::default();
        let context = context(run_loop.clone());
        if let Some(factory) = factory.cast::<IPluginFactory3>() {
            // SAFETY: both are valid objects, and the context is kept as long as the factory. A factory that does not
            // want it loses nothing: each instance is given one of its own.
            unsafe { factory.setHostContext(context.clone().upcast::<FUnknown>().as_ptr()) };
        }
        let offers = read_offers(&factory)?;
        let replaced = moduleinfo::replaced(path);
        Ok(Module { factory, offers, replaced, run_loop, _context: context })
    }

    /// Makes an object of a class; `None` if the factory does not.
    pub(super) fn create<I: Interface>(&self, class: &TUID) -> Option<ComPtr<I>> {
        let mut object: *mut c_void = std::ptr::null_mut();
        // SAFETY: both ids are 16 bytes that outlive the call, and the pointer leads to a place for one object.
        let made = unsafe { self.factory.createInstance(class.as_ptr(), I::IID.as_ptr().cast(), &mut object) };
        if made == kResultOk { adopted(object.cast()) } else { None }
    }
}

fn read_offers(factory: &ComPtr<IPluginFactory>) -> Result<Vec<Offer>, String> {
    // SAFETY: this fills a plain struct of which every bit pattern is valid.
    let vendor = unsafe {
        let mut info: PFactoryInfo = std::mem::zeroed();
        factory.getFactoryInfo(&mut info);
        text::from_chars(&info.vendor)
    };
    // SAFETY: the factory is valid.
    let count = unsafe { factory.countClasses() };
    let mut offers: Vec<Offer> = Vec::new();
    let mut others = Vec::new();
    for index in 0..count.min(MOST_CLASSES) {
        let Some(class) = describe(factory, index, &vendor) else { continue };
        if class.category != PLUGIN_CATEGORY {
            others.push(format!("\"{}\" ({})", class.offer.info.name, class.category));
        } else if !offers.iter().any(|offer| offer.class == class.offer.class) {
            offers.push(class.offer);
        }
    }
    match (&offers[..], &others[..]) {
        ([], []) => Err("its library lists no plugin".into()),
        ([], others) => {
            let named = &others[..others.len().min(3)];
            let more = if named.len() < others.len() {
                format!(" and {} more", others.len() - named.len())
            } else {
                String::new()
            };
            Err(format!("its library lists no audio plugin, only {}{more}", named.join(", ")))
        }
        _ => Ok(offers),
    }
}

struct ClassFound {
    category: String,
    offer: Offer,
}

/// One class, by the newest of the three ways to describe one that the factory knows.
fn describe(factory: &ComPtr<IPluginFactory>, index: i32, factory_vendor: &str) -> Option<ClassFound> {
    let known = |text: String| if text.is_empty() { factory_vendor.to_owned() } else { text };
    let found = |class: TUID, category: String, name: String, vendor: String, version: String, sub: String| {
        let id = text::class_id(&class);
        let info = DeviceInfo {
            format: "vst3".into(),
            name: if name.is_empty() { id.clone() } else { name },
            id,
            vendor: known(vendor),
            version,
            instrument: sub.split('|').any(|word| word == "Instrument"),
        };
        Some(ClassFound { category, offer: Offer { info, class } })
    };
    if let Some(factory) = factory.cast::<IPluginFactory3>() {
        // SAFETY: this fills a plain struct of which every bit pattern is valid.
        let info = unsafe {
            let mut info: PClassInfoW = std::mem::zeroed();
            (factory.getClassInfoUnicode(index, &mut info) == kResultOk).then_some(info)
        };
        if let Some(info) = info {
            let (name, vendor, version) = (info.name, info.vendor, info.version);
            let [name, vendor, version] = [&name[..], &vendor, &version].map(text::from_utf16);
            let sub = text::from_chars(&info.subCategories);
            return found(info.cid, text::from_chars(&info.category), name, vendor, version, sub);
        }
    }
    if let Some(factory) = factory.cast::<IPluginFactory2>() {
        // SAFETY: as above.
        let info = unsafe {
            let mut info: PClassInfo2 = std::mem::zeroed();
            (factory.getClassInfo2(index, &mut info) == kResultOk).then_some(info)
        };
        if let Some(info) = info {
            let [name, vendor, version, sub] =
                [&info.name[..], &info.vendor, &info.version, &info.subCategories].map(text::from_chars);
            return found(info.cid, text::from_chars(&info.category), name, vendor, version, sub);
        }
    }
    // SAFETY: as above.
    let info = unsafe {
        let mut info: PClassInfo = std::mem::zeroed();
        (factory.getClassInfo(index, &mut info) == kResultOk).then_some(info)
    }?;
    let name = text::from_chars(&info.name);
    found(info.cid, text::from_chars(&info.category), name, String::new(), String::new(), String::new())
}
