//! What the host costs around a plugin: the whole graph against a bare loop of `process()` calls in C style.
//!
//! `cargo bench -p tonemill-host --bench overhead -- PLUGIN.clap ID [SECONDS]` prints both as CPU time an audio second and
//! their ratio. With `--only bare|graph` it runs one of them once, for instruction counts by callgrind.

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;
use std::ptr::{null, null_mut};

use audio::device::{Adaptation, Setup};
use audio::{Buffer, SampleRate};
use clap_sys::audio_buffer::clap_audio_buffer;
use clap_sys::entry::clap_plugin_entry;
use clap_sys::events::{clap_event_header, clap_input_events, clap_output_events};
use clap_sys::factory::plugin_factory::{CLAP_PLUGIN_FACTORY_ID, clap_plugin_factory};
use clap_sys::host::clap_host;
use clap_sys::plugin::clap_plugin;
use clap_sys::process::clap_process;
use mix::{Chain, Graph, Level, Slot, Source, Strip, StripId, Tap, TapEnd, TapPoint, Watch};
use score::TempoMap;
use tonemill_host as host;

const RATE: SampleRate = SampleRate(48_000);
const BLOCK: usize = 512;

fn main() {
    // Cargo passes --bench; the rest is ours.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let mut words = arguments.iter().filter(|a| !a.starts_with("--only="));
    let (Some(path), Some(id)) = (words.next(), words.next()) else {
        println!("overhead: give a plugin file and an id; scripts/bench does");
        return;
    };
    let seconds: usize = words.next().map_or(20, |s| s.parse().expect("seconds are a whole number"));
    let only = arguments.iter().find_map(|a| a.strip_prefix("--only="));
    match only {
        Some("bare") => drop(bare(path, id, seconds)),
        Some("graph") => drop(graph(path, id, seconds)),
        _ => compare(path, id, seconds),
    }
}

/// Alternates both, so that a machine that changes its speed changes both alike.
fn compare(path: &str, id: &str, seconds: usize) {
    let mut pairs: Vec<(f64, f64)> = (0..7)
        .map(|_| {
            let a = bare(path, id, seconds);
            (a, graph(path, id, seconds))
        })
        .collect();
    pairs.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
    let (bare, graph) = pairs[pairs.len() / 2];
    let speed = seconds as f64 / bare;
    println!(
        "{id}: bare {:.3} ms, graph {:.3} ms CPU an audio second, {speed:.0}x real time, overhead {:+.2} % (median of 7 pairs; {:+.2} to {:+.2} %)",
        1e3 * bare / seconds as f64,
        1e3 * graph / seconds as f64,
        100.0 * (graph / bare - 1.0),
        100.0 * (pairs[0].1 / pairs[0].0 - 1.0),
        100.0 * (pairs[6].1 / pairs[6].0 - 1.0),
    );
}

/// CPU seconds of this process.
fn cpu() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a value of the right type that lives through the call.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(failed, 0, "the CPU clock can be read");
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// A second of noise that repeats.
fn noise() -> Vec<f32> {
    let mut state = 1u32;
    (0..RATE.0 as usize / BLOCK * BLOCK)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        })
        .collect()
}

struct Unwatched;

impl Watch for Unwatched {
    fn entering(&mut self, _: &str, _: u64) {}
    fn advanced(&mut self, _: u64, _: u64) {}
}

fn graph(path: &str, id: &str, seconds: usize) -> f64 {
    let mut device = host::clap::load(Path::new(path), Some(id)).expect("the plugin loads");
    let channels = device.ports().main_inputs();
    device.request_channels(Some(channels), Some(channels));
    let name = device.info().name.clone();
    let setup = Setup { sample_rate: RATE, max_block: BLOCK };
    let slot = Slot::activate(name, vec![device], Adaptation::AsIs, channels, setup).expect("the plugin activates");
    let take = noise().repeat(seconds);
    let frames = (seconds * RATE.0 as usize / BLOCK * BLOCK) as u64;
    let source = Source::Recording(Buffer::from_channels(vec![take; channels]));
    let strip = Strip::new("tone", source, Chain::new(vec![slot]), Level::Direct);
    let mut graph = Graph::new(vec![strip], TempoMap::default(), RATE, BLOCK).expect("one strip makes a graph");
    let tap = Tap { strip: StripId(0), point: TapPoint::Output, end: TapEnd::At(frames) };
    let started = cpu();
    graph.render(&[tap], &mut Unwatched, |_, _| Ok::<(), ()>(())).expect("it renders");
    let spent = cpu() - started;
    graph.into_chains().into_iter().flat_map(Chain::into_slots).for_each(|slot| drop(slot.deactivate()));
    spent
}

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

/// The channels of a bus, as C sees them.
struct Channels {
    samples: Vec<Vec<f32>>,
    pointers: Vec<*mut f32>,
}

impl Channels {
    fn new(channels: usize) -> Channels {
        let mut samples = vec![vec![0f32; BLOCK]; channels];
        let pointers = samples.iter_mut().map(|channel| channel.as_mut_ptr()).collect();
        Channels { samples, pointers }
    }

    /// Points into these channels, which therefore stay where they are while it is used.
    fn buffer(&mut self) -> clap_audio_buffer {
        clap_audio_buffer {
            data32: self.pointers.as_mut_ptr(),
            data64: null_mut(),
            channel_count: self.pointers.len() as u32,
            latency: 0,
            constant_mask: 0,
        }
    }
}

/// The smallest loop that is a host at all.
fn bare(path: &str, id: &str, seconds: usize) -> f64 {
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
        let in_buffers: Vec<clap_audio_buffer> = inputs.iter_mut().map(Channels::buffer).collect();
        let mut out_buffers: Vec<clap_audio_buffer> = outputs.iter_mut().map(Channels::buffer).collect();
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
