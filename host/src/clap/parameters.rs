//! A plugin's parameters.

use std::ffi::c_void;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use audio::device::{Parameter, ParameterFlags, ParameterId};
use clack_extensions::params::{ParamInfo, ParamInfoBuffer, ParamInfoFlags, PluginParams};
use clack_host::plugin::PluginMainThreadHandle;

/// The pointer that a plugin wants to see with each change of a parameter, so that it finds it without searching.
#[derive(Clone, Copy)]
pub(super) struct Cookie(pub(super) *mut c_void);

// SAFETY: the host never follows a cookie; it is a number that goes back to the plugin it came from.
unsafe impl Send for Cookie {}

/// Each parameter's cookie, sorted by id. Both halves of a device hold it: the main thread replaces it when the plugin
/// asks for a rescan, and the audio thread reads it. They take turns, so the lock is always free.
#[derive(Clone, Default)]
pub(super) struct Cookies(Arc<Mutex<Vec<(u32, Cookie)>>>);

impl Cookies {
    pub(super) fn read(&self) -> CookieReader<'_> {
        CookieReader(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, mut cookies: Vec<(u32, Cookie)>) {
        cookies.sort_by_key(|(id, _)| *id);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = cookies;
    }
}

/// The cookies of the moment.
pub(super) struct CookieReader<'a>(MutexGuard<'a, Vec<(u32, Cookie)>>);

impl CookieReader<'_> {
    /// The cookie of a parameter; null, which CLAP allows, if there is no such parameter.
    pub(super) fn of(&self, id: ParameterId) -> Cookie {
        let found = self.0.binary_search_by_key(&id.0, |(id, _)| *id);
        found.map_or(Cookie(std::ptr::null_mut()), |at| self.0[at].1)
    }
}

/// Reads all parameters in the plugin's order and refreshes their cookies.
pub(super) fn read(plugin: &PluginMainThreadHandle, params: &PluginParams, cookies: &Cookies) -> Vec<Parameter> {
    let mut list: Vec<Parameter> = Vec::new();
    let mut fresh = Vec::new();
    for index in 0..params.count(plugin) {
        let mut buffer = ParamInfoBuffer::new();
        // A parameter that the plugin does not describe has no id to be addressed by.
        let Some(info) = params.get_info(plugin, index, &mut buffer) else { continue };
        fresh.push((info.id.get(), Cookie(info.cookie.as_raw())));
        list.push(describe(&info));
    }
    cookies.replace(fresh);
    list
}

fn describe(info: &ParamInfo) -> Parameter {
    let is = |flag| info.flags.contains(flag);
    // Without an end there is none that could be told, and what is no number means nothing.
    let (minimum, maximum) = (info.min_value.clamp(f64::MIN, f64::MAX), info.max_value.clamp(f64::MIN, f64::MAX));
    let (minimum, maximum) =
        (if minimum.is_nan() { 0.0 } else { minimum }, if maximum.is_nan() { 1.0 } else { maximum });
    Parameter {
        id: ParameterId(info.id.get()),
        name: String::from_utf8_lossy(info.name).into_owned(),
        group: String::from_utf8_lossy(info.module).into_owned(),
        minimum,
        maximum,
        default: if info.default_value.is_finite() { info.default_value } else { minimum },
        flags: ParameterFlags {
            stepped: is(ParamInfoFlags::IS_STEPPED) || is(ParamInfoFlags::IS_ENUM),
            hidden: is(ParamInfoFlags::IS_HIDDEN),
            read_only: is(ParamInfoFlags::IS_READONLY),
            bypass: is(ParamInfoFlags::IS_BYPASS),
            automatable: is(ParamInfoFlags::IS_AUTOMATABLE),
        },
    }
}
