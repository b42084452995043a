//! A VST3 plugin's `process()`, called as plainly as VST3 allows.

use std::ffi::c_void;
use std::path::Path;
use std::ptr::null_mut;

use tonemill_host as host;
use vst3::Steinberg::Vst::*;
use vst3::Steinberg::*;
use vst3::{ComPtr, Interface};

use crate::{BLOCK, Channels, RATE, cpu, noise};

/// The bus of these channels, which therefore stay where they are while it is used.
fn buffer(channels: &mut Channels) -> AudioBusBuffers {
    AudioBusBuffers {
        numChannels: channels.pointers.len() as i32,
        silenceFlags: 0,
        __field0: AudioBusBuffers__type0 { channelBuffers32: channels.pointers.as_mut_ptr() },
    }
}

/// The smallest loop that is a host at all: a component without controller, context, events or parameters.
pub(crate) fn bare(path: &str, id: &str, seconds: usize) -> f64 {
    let noise = noise();
    // The plugin is gone again before the loop makes its own, and its library stays open.
    let ports = host::vst3::load(Path::new(path), Some(id)).expect("the plugin loads").ports();
    let bundle = Path::new(path);
    let name = bundle.file_stem().and_then(|stem| stem.to_str()).expect("a bundle has a name");
    let binary = bundle.join(format!("Contents/{}-linux/{name}.so", std::env::consts::ARCH));
    // SAFETY: the file is a VST3 module that was opened and entered before, or the bench fails; every pointer handed
    // over points at a value that outlives the plugin's use of it, and the calls come in the order that VST3 gives,
    // from this one thread.
    unsafe {
        let library = libloading::Library::new(binary).expect("the file loads");
        let factory: libloading::Symbol<'_, unsafe extern "system" fn() -> *mut IPluginFactory> =
            library.get(b"GetPluginFactory\0").expect("a factory");
        let factory = ComPtr::from_raw(factory()).expect("a factory");
        let mut class: Vec<u8> = Vec::new();
        for at in (0..32).step_by(2) {
            class.push(u8::from_str_radix(&id[at..at + 2], 16).expect("an id is hexadecimal"));
        }
        let mut object: *mut c_void = null_mut();
        factory.createInstance(class.as_ptr().cast(), IComponent::IID.as_ptr().cast(), &mut object);
        let component: ComPtr<IComponent> = ComPtr::from_raw(object.cast()).expect("a component");
        assert_eq!(component.initialize(null_mut()), kResultOk);
        let processor: ComPtr<IAudioProcessor> = component.cast().expect("a processor");
        let mut setup = ProcessSetup {
            processMode: ProcessModes_::kOffline as i32,
            symbolicSampleSize: SymbolicSampleSizes_::kSample32 as i32,
            maxSamplesPerBlock: BLOCK as i32,
            sampleRate: RATE.hz(),
        };
        assert_eq!(processor.setupProcessing(&mut setup), kResultOk);
        for direction in 0..2 {
            for bus in 0..component.getBusCount(0, direction) {
                component.activateBus(0, direction, bus, 1);
            }
        }
        assert_eq!(component.setActive(1), kResultOk);
        processor.setProcessing(1);
        let mut inputs: Vec<Channels> = ports.inputs.iter().map(|bus| Channels::new(bus.channels)).collect();
        let mut outputs: Vec<Channels> = ports.outputs.iter().map(|bus| Channels::new(bus.channels)).collect();
        let mut in_buffers: Vec<AudioBusBuffers> = inputs.iter_mut().map(buffer).collect();
        let mut out_buffers: Vec<AudioBusBuffers> = outputs.iter_mut().map(buffer).collect();
        let started = cpu();
        for block in 0..seconds * RATE.0 as usize / BLOCK {
            let from = block * BLOCK % noise.len();
            inputs[0].samples.iter_mut().for_each(|input| input.copy_from_slice(&noise[from..from + BLOCK]));
            let mut data = ProcessData {
                processMode: setup.processMode,
                symbolicSampleSize: setup.symbolicSampleSize,
                numSamples: BLOCK as i32,
                numInputs: in_buffers.len() as i32,
                numOutputs: out_buffers.len() as i32,
                inputs: in_buffers.as_mut_ptr(),
                outputs: out_buffers.as_mut_ptr(),
                inputParameterChanges: null_mut(),
                outputParameterChanges: null_mut(),
                inputEvents: null_mut(),
                outputEvents: null_mut(),
                processContext: null_mut(),
            };
            processor.process(&mut data);
        }
        let spent = cpu() - started;
        processor.setProcessing(0);
        component.setActive(0);
        component.terminate();
        // Some plugins do not survive being unloaded.
        std::mem::forget(library);
        spent
    }
}
