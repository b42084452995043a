//! A CLAP plugin's `process()`, called as plainly as CLAP allows.

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;
use std::ptr::{null, null_mut};

use clap_sys::audio_buffer::clap_audio_buffer;
use clap_sys::entry::clap_plugin_entry;
use clap_sys::events::{clap_event_header, clap_input_events, clap_output_events};
use clap_sys::factory::plugin_factory::{CLAP_PLUGIN_FACTORY_ID, clap_plugin_factory};
use clap_sys::host::clap_host;
use clap_sys::plugin::clap_plugin;
use clap_sys::process::clap_process;
use tonemill_host as host;

use crate::{BLOCK, Channels, RATE, cpu, noise};

unsafe extern "C" fn no_extension(_: *const clap_host, _: *const c_char) -> *const c_void {
    null()
}
unsafe extern "C" fn nothing(_: *const clap_host) {}
unsafe extern "C" fn no_events(_: *const clap_input_events) -> u32 {
    0
}
unsafe extern "C" fn no_event(_: *const clap_input_events, _: u32) -> *const clap_event_header {
    null()
}
unsafe extern "C" fn take_none(_: *const clap_output_events, _: *const clap_event_header) -> bool {
    true
}

/// The port of these channels, which therefore stay where they are while it is used.
fn buffer(channels: &mut Channels) -> clap_audio_buffer {
    clap_audio_buffer {
        data32: channels.pointers.as_mut_ptr(),
        data64: null_mut(),
        channel_count: channels.pointers.len() as u32,
        latency: 0,
        constant_mask: 0,
    }
}

/// The smallest loop that is a host at all.
pub(crate) fn bare(path: &str, id: &str, seconds: usize) -> f64 {
    let noise = noise();
    // The plugin is gone again before the loop loads its own.
    let ports = host::clap::load(Path::new(path), Some(id)).expect("the plugin loads").ports();
    let c_path = CString::new(path).expect("a path holds no zero byte");
    let c_id = CString::new(id).expect("an id holds no zero byte");
    // SAFETY: the file is a CLAP plugin, or the bench fails; every pointer handed over points at a value that outlives
    // the plugin's use of it, and the calls come in the order that clap.h gives, from this one thread.
    unsafe {
        let library = libloading::Library::new(path).expect("the file loads");
        let entry: libloading::Symbol<'_, *const clap_plugin_entry> = library.get(b"clap_entry\0").expect("an entry");
        let entry = &**entry;
        assert!(entry.init.expect("init")(c_path.as_ptr()));
        let factory = entry.get_factory.expect("get_factory")(CLAP_PLUGIN_FACTORY_ID.as_ptr());
        let factory = factory.cast::<clap_plugin_factory>();
        let text: &CStr = c"bare";
        let host = clap_host {
            clap_version: clap_sys::version::CLAP_VERSION,
            host_data: null_mut(),
            name: text.as_ptr(),
            vendor: text.as_ptr(),
            url: text.as_ptr(),
            version: text.as_ptr(),
            get_extension: Some(no_extension),
            request_restart: Some(nothing),
            request_process: Some(nothing),
            request_callback: Some(nothing),
        };
        let plugin: *const clap_plugin =
            (*factory).create_plugin.expect("create")(factory, &raw const host, c_id.as_ptr());
        assert!(!plugin.is_null() && (*plugin).init.expect("init")(plugin));
        assert!((*plugin).activate.expect("activate")(plugin, RATE.hz(), 1, BLOCK as u32));
        assert!((*plugin).start_processing.expect("start")(plugin));
        let mut inputs: Vec<Channels> = ports.inputs.iter().map(|bus| Channels::new(bus.channels)).collect();
        let mut outputs: Vec<Channels> = ports.outputs.iter().map(|bus| Channels::new(bus.channels)).collect();
        let in_buffers: Vec<clap_audio_buffer> = inputs.iter_mut().map(buffer).collect();
        let mut out_buffers: Vec<clap_audio_buffer> = outputs.iter_mut().map(buffer).collect();
        let main = ports.inputs.iter().position(|bus| bus.main).expect("a main input");
        let events = clap_input_events { ctx: null_mut(), size: Some(no_events), get: Some(no_event) };
        let taken = clap_output_events { ctx: null_mut(), try_push: Some(take_none) };
        let started = cpu();
        for block in 0..seconds * RATE.0 as usize / BLOCK {
            let from = block * BLOCK % noise.len();
            inputs[main].samples.iter_mut().for_each(|input| input.copy_from_slice(&noise[from..from + BLOCK]));
            let process = clap_process {
                steady_time: (block * BLOCK) as i64,
                frames_count: BLOCK as u32,
                transport: null(),
                audio_inputs: in_buffers.as_ptr(),
                audio_outputs: out_buffers.as_mut_ptr(),
                audio_inputs_count: in_buffers.len() as u32,
                audio_outputs_count: out_buffers.len() as u32,
                in_events: &raw const events,
                out_events: &raw const taken,
            };
            (*plugin).process.expect("process")(plugin, &raw const process);
        }
        let spent = cpu() - started;
        (*plugin).stop_processing.expect("stop")(plugin);
        (*plugin).deactivate.expect("deactivate")(plugin);
        (*plugin).destroy.expect("destroy")(plugin);
        // Some plugins do not survive being unloaded.
        std::mem::forget(library);
        spent
    }
}
