//! What a plugin supports.

use std::ptr::NonNull;

use clack_extensions::audio_ports::PluginAudioPorts;
use clack_extensions::audio_ports_config::PluginAudioPortsConfig;
use clack_extensions::configurable_audio_ports::PluginConfigurableAudioPorts;
use clack_extensions::latency::PluginLatency;
use clack_extensions::note_ports::PluginNotePorts;
use clack_extensions::params::PluginParams;
use clack_extensions::preset_discovery::PluginPresetLoad;
use clack_extensions::render::PluginRender;
use clack_extensions::state::PluginState;
use clack_extensions::timer::PluginTimer;
use clack_host::extensions::{Extension, PluginExtensionSide, RawExtension};
use clap_sys::plugin::clap_plugin;

/// The extensions of one plugin instance that are used on the main thread.
pub(super) struct Extensions {
    pub(super) audio_ports: Option<PluginAudioPorts>,
    pub(super) audio_ports_config: Option<PluginAudioPortsConfig>,
    pub(super) configurable_audio_ports: Option<PluginConfigurableAudioPorts>,
    pub(super) note_ports: Option<PluginNotePorts>,
    pub(super) params: Option<PluginParams>,
    pub(super) state: Option<PluginState>,
    pub(super) latency: Option<PluginLatency>,
    pub(super) render: Option<PluginRender>,
    pub(super) preset_load: Option<PluginPresetLoad>,
    pub(super) timer: Option<PluginTimer>,
    #[cfg(unix)]
    pub(super) posix_fd: Option<clack_extensions::posix_fd::PluginPosixFd>,
}

impl Extensions {
    /// Asks an initialised plugin for all of them.
    pub(super) fn of(plugin: &clap_plugin) -> Extensions {
        Extensions {
            audio_ports: find(plugin),
            audio_ports_config: find(plugin),
            configurable_audio_ports: find(plugin),
            note_ports: find(plugin),
            params: find(plugin),
            state: find(plugin),
            latency: find(plugin),
            render: find(plugin),
            preset_load: find(plugin),
            timer: find(plugin),
            #[cfg(unix)]
            posix_fd: find(plugin),
        }
    }
}

/// Asks a plugin for an extension under each of its identifiers in turn. clack 0.2 tries the first alone, and older
/// plugins know several extensions only by their draft identifier.
pub(super) fn find<E: Extension<ExtensionSide = PluginExtensionSide>>(plugin: *const clap_plugin) -> Option<E> {
    let plugin = NonNull::new(plugin.cast_mut())?;
    // SAFETY: clack hands out the pointer that the factory made, and every caller here holds the instance it belongs
    // to, which destroys the plugin only when it drops.
    let get_extension = unsafe { plugin.as_ref() }.get_extension?;
    E::IDENTIFIERS.iter().find_map(|identifier| {
        // SAFETY: `get_extension` may be called from any thread once `init` has begun, which precedes every caller;
        // the identifier is a C string.
        let found = unsafe { get_extension(plugin.as_ptr(), identifier.as_ptr()) };
        let found = NonNull::new(found.cast_mut().cast::<()>())?;
        // SAFETY: CLAP keeps what `get_extension` gave valid as long as the instance, and under each of the
        // extension's identifiers it has that extension's type: they differ by name only.
        Some(unsafe { E::from_raw(RawExtension::from_raw_plugin_extension(found, plugin)) })
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::{CStr, c_char, c_void};

    use clap_sys::ext::configurable_audio_ports::{
        CLAP_EXT_CONFIGURABLE_AUDIO_PORTS, CLAP_EXT_CONFIGURABLE_AUDIO_PORTS_COMPAT,
    };

    use super::*;

    /// A plugin that does nothing but answer for extensions.
    fn plugin(get_extension: unsafe extern "C" fn(*const clap_plugin, *const c_char) -> *const c_void) -> clap_plugin {
        clap_plugin {
            desc: std::ptr::null(),
            plugin_data: std::ptr::null_mut(),
            init: None,
            destroy: None,
            activate: None,
            deactivate: None,
            start_processing: None,
            stop_processing: None,
            reset: None,
            process: None,
            get_extension: Some(get_extension),
            on_main_thread: None,
        }
    }

    /// Knows the extension only by the name that it had as a draft.
    unsafe extern "C" fn draft_only(plugin: *const clap_plugin, id: *const c_char) -> *const c_void {
        // SAFETY: `find` passes a C string.
        let id = unsafe { CStr::from_ptr(id) };
        if id == CLAP_EXT_CONFIGURABLE_AUDIO_PORTS_COMPAT { plugin.cast() } else { std::ptr::null() }
    }

    #[test]
    fn an_extension_is_found_under_its_draft_name() {
        assert_ne!(CLAP_EXT_CONFIGURABLE_AUDIO_PORTS, CLAP_EXT_CONFIGURABLE_AUDIO_PORTS_COMPAT);
        let plugin = plugin(draft_only);
        assert!(find::<PluginConfigurableAudioPorts>(&plugin).is_some());
        assert!(find::<PluginAudioPorts>(&plugin).is_none());
        let silent = clap_plugin { get_extension: None, ..plugin };
        assert!(find::<PluginConfigurableAudioPorts>(&silent).is_none());
    }
}
