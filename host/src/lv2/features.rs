//! What the host offers to a plugin.

use std::ffi::{CStr, CString, c_char, c_void};
use std::sync::Arc;

use super::abi::*;
use super::log;
use super::names::*;
use super::paths::Paths;
use super::urid::{self, KNOWN, map};
use super::worker::{self, Queue};

/// Bytes that sequences have room for, unless a port asks for more.
pub(super) const SEQUENCE_SIZE: usize = 1 << 15;

/// Features that have no data: their presence says it all.
const PLAIN: [&str; 6] =
    [IS_LIVE, HARD_RT_CAPABLE, IN_PLACE_BROKEN, BOUNDED_BLOCK, LOAD_DEFAULT_STATE, THREAD_SAFE_RESTORE];

/// Features that promise something about the lengths of blocks beyond a bound. They are offered to those plugins alone
/// that cannot do without.
const LENGTHS: [&str; 3] = [FIXED_BLOCK, POWER_OF_2_BLOCK, COARSE_BLOCK];

/// Features with data.
const WITH_DATA: [&str; 8] = [URID_MAP, URID_UNMAP, OPTIONS, WORKER_SCHEDULE, LOG, MAP_PATH, MAKE_PATH, FREE_PATH];

/// The features among those required that nobody here offers.
pub(super) fn missing(required: &[String]) -> Vec<&str> {
    let known = |feature: &&str| PLAIN.iter().chain(&LENGTHS).chain(&WITH_DATA).any(|known| known == feature);
    required.iter().map(String::as_str).filter(|feature| !known(feature)).collect()
}

/// What is told by options.
const OPTION_KEYS: [&str; 5] = [MIN_BLOCK, MAX_BLOCK, NOMINAL_BLOCK, BYTES_OF_SEQUENCE, PARAM_SAMPLE_RATE];

/// The options among those required that nobody here passes.
pub(super) fn missing_options(required: &[String]) -> Vec<&str> {
    required.iter().map(String::as_str).filter(|option| !OPTION_KEYS.contains(option)).collect()
}

/// How long blocks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lengths {
    /// Most frames in one block.
    pub(super) max_block: usize,
    /// Every block has exactly this many frames.
    pub(super) fixed: Option<usize>,
    /// Blocks are not split at changes of parameters.
    pub(super) coarse: bool,
}

impl Lengths {
    /// The lengths for a plugin with these requirements, where the host has blocks of at most `max_block` frames.
    pub(super) fn new(required: &[String], max_block: usize) -> Lengths {
        let has = |feature| required.iter().any(|required| required == feature);
        let fixed = match () {
            // The largest power of two that a block of the host fills.
            () if has(POWER_OF_2_BLOCK) => Some(1 << max_block.max(1).ilog2()),
            () if has(FIXED_BLOCK) => Some(max_block),
            () => None,
        };
        Lengths { max_block: fixed.unwrap_or(max_block), fixed, coarse: has(COARSE_BLOCK) }
    }
}

/// The features of one instance. Everything that they point to stays where it is as long as this exists.
pub(super) struct Features {
    pointers: Vec<*const Feature>,
    _features: Vec<Feature>,
    _uris: Vec<CString>,
    data: Box<Data>,
}

/// What the features point to.
struct Data {
    map: UridMap,
    unmap: UridUnmap,
    schedule: WorkerSchedule,
    log: Log,
    map_path: MapPath,
    make_path: MakePath,
    free_path: FreePath,
    options: [OptionEntry; 6],
    /// What the options point to: least, most and nominal frames, and bytes of a sequence.
    numbers: [i32; 4],
    rate: f32,
    name: String,
    queue: Arc<Queue>,
    /// Only kept, for the handles that lead there.
    _paths: Arc<Paths>,
}

impl Features {
    /// The name of the plugin that they are for.
    pub(super) fn name(&self) -> &str {
        &self.data.name
    }

    /// For a plugin called `name` that requires some features, at a sample rate and with blocks of these lengths.
    pub(super) fn new(
        name: &str,
        required: &[String],
        rate: f64,
        lengths: Lengths,
        queue: &Arc<Queue>,
        paths: &Arc<Paths>,
    ) -> Features {
        let null = std::ptr::null_mut();
        let no_option = || OptionEntry { context: 0, subject: 0, key: 0, size: 0, kind: 0, value: std::ptr::null() };
        let most = i32::try_from(lengths.max_block).unwrap_or(i32::MAX);
        let least = lengths.fixed.map_or(1, |_| most);
        let mut data = Box::new(Data {
            map: UridMap { handle: null, map: urid::c_map },
            unmap: UridUnmap { handle: null, unmap: urid::c_unmap },
            schedule: WorkerSchedule { handle: Arc::as_ptr(queue).cast_mut().cast(), schedule_work: worker::schedule },
            log: Log { handle: null, printf: log::printf, vprintf: log::vprintf },
            map_path: MapPath { handle: Arc::as_ptr(paths).cast_mut().cast(), abstract_path, absolute_path },
            make_path: MakePath { handle: Arc::as_ptr(paths).cast_mut().cast(), path: make_path },
            free_path: FreePath { handle: null, free_path },
            options: std::array::from_fn(|_| no_option()),
            numbers: [least, most, most, SEQUENCE_SIZE as i32],
            rate: rate as f32,
            name: name.to_owned(),
            queue: queue.clone(),
            _paths: paths.clone(),
        });
        data.log.handle = std::ptr::from_ref(&data.name).cast_mut().cast();
        let numbers: [*const c_void; 4] = data.numbers.each_ref().map(|number| std::ptr::from_ref(number).cast());
        for ((option, key), value) in data.options.iter_mut().zip(OPTION_KEYS).zip(numbers) {
            *option = OptionEntry { key: map(key), size: 4, kind: KNOWN.int, value, ..no_option() };
        }
        let value = std::ptr::from_ref(&data.rate).cast();
        // The last one stays empty and ends the list.
        data.options[4] = OptionEntry { key: map(PARAM_SAMPLE_RATE), size: 4, kind: KNOWN.float, value, ..no_option() };

        let withdata: [(&str, *const c_void); 8] = [
            (URID_MAP, std::ptr::from_ref(&data.map).cast()),
            (URID_UNMAP, std::ptr::from_ref(&data.unmap).cast()),
            (OPTIONS, std::ptr::from_ref(&data.options).cast()),
            (WORKER_SCHEDULE, std::ptr::from_ref(&data.schedule).cast()),
            (LOG, std::ptr::from_ref(&data.log).cast()),
            (MAP_PATH, std::ptr::from_ref(&data.map_path).cast()),
            (MAKE_PATH, std::ptr::from_ref(&data.make_path).cast()),
            (FREE_PATH, std::ptr::from_ref(&data.free_path).cast()),
        ];
        let lengths = LENGTHS.into_iter().filter(|feature| required.iter().any(|required| required == feature));
        let plain = PLAIN.into_iter().chain(lengths).map(|feature| (feature, std::ptr::null()));
        let (uris, features): (Vec<CString>, Vec<Feature>) = withdata
            .into_iter()
            .chain(plain)
            .map(|(uri, data)| {
                let uri = CString::new(uri).expect("the names of features have no NUL");
                let feature = Feature { uri: uri.as_ptr(), data: data.cast_mut() };
                (uri, feature)
            })
            .unzip();
        let mut pointers: Vec<*const Feature> = features.iter().map(std::ptr::from_ref).collect();
        pointers.push(std::ptr::null());
        Features { pointers, _features: features, _uris: uris, data }
    }

    /// The list as C sees it, with a null at its end.
    pub(super) fn as_ptr(&self) -> *const *const Feature {
        self.pointers.as_ptr()
    }

    /// What the worker is asked.
    pub(super) fn queue(&self) -> &Arc<Queue> {
        &self.data.queue
    }
}

/// A copy of a path that the plugin frees, by `freePath` or, as older ones do, by `free`.
fn given(path: Option<Vec<u8>>) -> *mut c_char {
    let Some(path) = path.and_then(|path| CString::new(path).ok()) else { return std::ptr::null_mut() };
    // SAFETY: `strdup` copies a C string, which this is.
    unsafe { libc::strdup(path.as_ptr()) }
}

/// Answers a question about a path.
///
/// # Safety
/// `handle` is that of a path feature, and `path` is null or a C string.
unsafe fn answer(
    handle: *mut c_void,
    path: *const c_char,
    answer: impl Fn(&Paths, &[u8]) -> Option<Vec<u8>>,
) -> *mut c_char {
    if path.is_null() {
        return std::ptr::null_mut();
    }
    // SAFETY: the handle leads to the paths, which live as long as the features that were made with them.
    let (paths, path) = unsafe { (&*handle.cast::<Paths>(), CStr::from_ptr(path)) };
    given(answer(paths, path.to_bytes()))
}

unsafe extern "C" fn abstract_path(handle: *mut c_void, path: *const c_char) -> *mut c_char {
    // SAFETY: plugins get this function with its handle, and pass a C string.
    unsafe { answer(handle, path, |paths, path| Some(paths.abstract_of(path))) }
}

unsafe extern "C" fn absolute_path(handle: *mut c_void, path: *const c_char) -> *mut c_char {
    // SAFETY: likewise.
    unsafe { answer(handle, path, Paths::absolute_of) }
}

unsafe extern "C" fn make_path(handle: *mut c_void, path: *const c_char) -> *mut c_char {
    // SAFETY: likewise.
    unsafe { answer(handle, path, Paths::make) }
}

unsafe extern "C" fn free_path(_: *mut c_void, path: *mut c_char) {
    // SAFETY: the plugin gives back what one of the functions above gave it, or null.
    unsafe { libc::free(path.cast()) };
}
