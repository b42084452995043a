//! One instance of a plugin.

use std::collections::HashMap;
use std::ffi::{CString, c_int, c_void};
use std::path::Path;

use super::abi::*;
use super::features::Features;
use super::names::{STATE_INTERFACE, WORKER_INTERFACE};
use super::state::{Kept, Value};
use super::urid::{map, unmap};
use crate::denormals::Denormals;
use crate::{background, chance};

/// Largest value that a plugin may keep in its state.
const LARGEST_VALUE: usize = 1 << 30;

/// An instance with all that it was given.
pub(super) struct Instance {
    descriptor: &'static Descriptor,
    handle: Handle,
    features: Features,
    worker: Option<&'static WorkerInterface>,
    state: Option<&'static StateInterface>,
    active: bool,
    was_active: bool,
}

// SAFETY: LV2 has its instances be used by one thread at a time, whichever that is; the contract of `audio::device` sees
// to that. What the pointers of the features lead to moves along in boxes, and is behind locks where it changes.
unsafe impl Send for Instance {}

impl Instance {
    /// Makes an instance; none of its ports is connected.
    pub(super) fn new(
        descriptor: &'static Descriptor,
        bundle: &Path,
        rate: f64,
        features: Features,
    ) -> Result<Instance, String> {
        let instantiate = descriptor.instantiate.ok_or("its library cannot make an instance of it")?;
        if descriptor.run.is_none() || descriptor.connect_port.is_none() {
            return Err("its library cannot run it".into());
        }
        let mut folder = bundle.as_os_str().as_encoded_bytes().to_vec();
        folder.push(b'/');
        let folder = CString::new(folder).map_err(|_| "the bundle's path has a NUL in it")?;
        chance::begin_anew();
        // SAFETY: the descriptor is the library's own, which stays open. The path outlives the call, as LV2 has it, and
        // the features live as long as the instance.
        let handle = unsafe { instantiate(descriptor, rate, folder.as_ptr(), features.as_ptr()) };
        if handle.is_null() {
            return Err(format!("it refuses to be made for {rate} Hz. What it printed may say why"));
        }
        let mut instance =
            Instance { descriptor, handle, features, worker: None, state: None, active: false, was_active: false };
        // SAFETY: the specification has these URIs stand for these structs.
        unsafe {
            instance.worker = instance.extension(WORKER_INTERFACE);
            instance.state = instance.extension(STATE_INTERFACE);
        }
        Ok(instance)
    }

    /// # Safety
    /// `T` is the struct that `uri` stands for.
    unsafe fn extension<T>(&self, uri: &str) -> Option<&'static T> {
        let uri = CString::new(uri).expect("names of extensions have no NUL");
        let extension_data = self.descriptor.extension_data?;
        // SAFETY: the URI outlives the call. The plugin gives null or static data of the type, as the caller promises.
        unsafe { extension_data(uri.as_ptr()).cast::<T>().as_ref() }
    }

    /// Whether it keeps anything beside the values of its controls.
    pub(super) fn has_state(&self) -> bool {
        self.state.is_some_and(|state| state.save.is_some())
    }

    /// Whether its worker has something left to do or to tell.
    pub(super) fn is_busy(&self) -> bool {
        self.features.queue().is_busy()
    }

    /// Connects a port.
    ///
    /// # Safety
    /// `data` is null, where the port allows that, or leads to what the port's type says, for as many frames as are run,
    /// until the port is connected to something else or the instance is gone.
    pub(super) unsafe fn connect(&mut self, port: u32, data: *mut c_void) {
        if let Some(connect) = self.descriptor.connect_port {
            // SAFETY: as the caller promises; the instance exists.
            unsafe { connect(self.handle, port, data) };
        }
    }

    /// Whether it was ever made ready to run.
    pub(super) fn was_active(&self) -> bool {
        self.was_active
    }

    /// Makes it ready to run, from the beginning. All its ports must be connected.
    pub(super) fn activate(&mut self) {
        self.was_active = true;
        if !std::mem::replace(&mut self.active, true)
            && let Some(activate) = self.descriptor.activate
        {
            let _denormals = Denormals::off();
            // SAFETY: the instance exists and is inactive.
            unsafe { activate(self.handle) };
        }
    }

    pub(super) fn deactivate(&mut self) {
        if std::mem::replace(&mut self.active, false)
            && let Some(deactivate) = self.descriptor.deactivate
        {
            // SAFETY: the instance exists and is active.
            unsafe { deactivate(self.handle) };
        }
    }

    /// Runs it over some frames, with all the work that it wants done for them.
    ///
    /// # Safety
    /// Every port is connected to room for as many frames.
    pub(super) unsafe fn run(&mut self, frames: u32) {
        debug_assert!(self.active, "only an active instance is run");
        let _denormals = Denormals::off();
        if let Some(run) = self.descriptor.run {
            // SAFETY: as the caller promises; the instance is active.
            unsafe { run(self.handle, frames) };
        }
        if let Some(worker) = self.worker {
            // SAFETY: the worker is this instance's, and its run has just ended.
            unsafe { self.features.queue().finish_run(self.handle, worker) };
        }
    }

    /// Does the work that was asked for outside of a run.
    fn work(&mut self) {
        if let Some(worker) = self.worker {
            let _denormals = Denormals::off();
            // SAFETY: the worker is this instance's, and nothing else is called meanwhile.
            unsafe { self.features.queue().work(self.handle, worker) };
        }
    }

    /// What it keeps, with the files that it wrote.
    pub(super) fn save(&mut self) -> Result<Vec<Kept>, String> {
        let Some(save) = self.state.and_then(|state| state.save) else { return Ok(Vec::new()) };
        let mut kept: Vec<Kept> = Vec::new();
        let flags = STATE_IS_POD | STATE_IS_PORTABLE;
        let handle = std::ptr::from_mut(&mut kept).cast();
        // SAFETY: the function is this instance's, and nothing else is called meanwhile; the list outlives the call.
        let answer = unsafe { save(self.handle, store, handle, flags, self.features.as_ptr()) };
        match answer {
            STATE_SUCCESS | STATE_ERROR_NO_PROPERTY => Ok(kept),
            other => Err(format!("it failed to save its state (error {other})")),
        }
    }

    /// Gives back to it what it kept.
    pub(super) fn restore(&mut self, kept: &[Kept]) -> Result<(), String> {
        let Some(restore) = self.state.and_then(|state| state.restore) else { return Ok(()) };
        let values = kept.iter().map(|kept| {
            let kind = map(&kept.kind);
            let bytes = kept.value.bytes(kind);
            let mut words = vec![0u64; bytes.len().div_ceil(8).max(1)];
            for (word, eight) in words.iter_mut().zip(bytes.chunks(8)) {
                let mut whole = [0; 8];
                whole[..eight.len()].copy_from_slice(eight);
                *word = u64::from_ne_bytes(whole);
            }
            (map(&kept.key), Retrieved { words, size: bytes.len(), kind, flags: kept.flags })
        });
        let mut values: HashMap<u32, Retrieved> = values.collect();
        let handle = std::ptr::from_mut(&mut values).cast();
        // SAFETY: the function is this instance's, and nothing else is called meanwhile; the values outlive the call.
        let answer = unsafe { restore(self.handle, retrieve, handle, 0, self.features.as_ptr()) };
        self.work();
        match answer {
            // What a plugin without anything loaded has saved lacks what it looks for.
            STATE_SUCCESS | STATE_ERROR_NO_PROPERTY => Ok(()),
            // One that keeps nothing has nothing to be given back.
            _ if kept.is_empty() => Ok(()),
            other => Err(format!("it refuses the state (error {other})")),
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.deactivate();
        // Some go on writing where the instance was.
        background::settle(self.features.name());
        if let Some(cleanup) = self.descriptor.cleanup {
            // SAFETY: the instance exists, is inactive, and is not used again.
            unsafe { cleanup(self.handle) };
        }
        self.features.queue().clear();
    }
}

/// A value while a state is given back; begins at a multiple of eight, since plugins read numbers from it.
struct Retrieved {
    words: Vec<u64>,
    size: usize,
    kind: u32,
    flags: u32,
}

/// `LV2_State_Store_Function`.
unsafe extern "C" fn store(
    handle: *mut c_void,
    key: u32,
    value: *const c_void,
    size: usize,
    kind: u32,
    flags: u32,
) -> c_int {
    let (Some(key), Some(kind_uri)) = (unmap(key), unmap(kind)) else { return STATE_ERROR_UNKNOWN };
    // What is no plain data has pointers in it, which mean nothing elsewhere; but plugins forget the flag.
    if value.is_null() || size > LARGEST_VALUE {
        return STATE_ERROR_UNKNOWN;
    }
    // SAFETY: the handle is the list that `save` keeps in place; the plugin passes as many bytes as it says.
    let (list, bytes) =
        unsafe { (&mut *handle.cast::<Vec<Kept>>(), std::slice::from_raw_parts(value.cast::<u8>(), size)) };
    let kept = Kept { key: key.into(), kind: kind_uri.into(), flags, value: Value::new(kind, bytes) };
    // What is stored twice counts as it was stored last.
    list.retain(|known| known.key != kept.key);
    list.push(kept);
    STATE_SUCCESS
}

/// `LV2_State_Retrieve_Function`.
unsafe extern "C" fn retrieve(
    handle: *mut c_void,
    key: u32,
    size: *mut usize,
    kind: *mut u32,
    flags: *mut u32,
) -> *const c_void {
    // SAFETY: the handle is the map that `restore` keeps in place and unchanged.
    let values = unsafe { &*handle.cast::<HashMap<u32, Retrieved>>() };
    let found = values.get(&key);
    let put = |found: Option<&Retrieved>| {
        // SAFETY: the plugin passes places for the answers, or null.
        unsafe {
            if let Some(size) = size.as_mut() {
                *size = found.map_or(0, |found| found.size);
            }
            if let Some(kind) = kind.as_mut() {
                *kind = found.map_or(0, |found| found.kind);
            }
            if let Some(flags) = flags.as_mut() {
                *flags = found.map_or(0, |found| found.flags);
            }
        }
    };
    put(found);
    found.map_or(std::ptr::null(), |found| found.words.as_ptr().cast())
}
