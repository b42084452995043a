//! Loads a plugin, shows what it is, and renders some seconds through it.
//!
//! `cargo run --release -p tonemill-host --example try_plugin -- FILE [ID] [--seconds N] [--all]`, or FILE --list for the ids alone.

use std::path::Path;
use std::time::Instant;

use audio::device::{Block, DeviceError, DeviceInfo, Setup};
use audio::{Buffer, Device, Event, EventBody, SampleRate, Transport};

const RATE: SampleRate = SampleRate(48_000);
const BLOCK: usize = 512;

fn extension(path: &Path) -> &str {
    if path.join("manifest.ttl").exists() {
        return "lv2";
    }
    path.extension().and_then(std::ffi::OsStr::to_str).unwrap_or_default()
}

fn list(path: &Path) -> Result<Vec<DeviceInfo>, DeviceError> {
    match extension(path) {
        "vst3" => tonemill_host::vst3::list(path),
        "lv2" => tonemill_host::lv2::list(path),
        _ => tonemill_host::clap::list(path),
    }
}

fn load(path: &Path, id: Option<&str>) -> Result<Box<dyn Device>, DeviceError> {
    match extension(path) {
        "vst3" => tonemill_host::vst3::load(path, id),
        "lv2" => tonemill_host::lv2::load(path, id),
        _ => tonemill_host::clap::load(path, id),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let all = arguments.iter().position(|argument| argument == "--all").map(|at| arguments.remove(at)).is_some();
    let only_list = arguments.iter().position(|argument| argument == "--list").map(|at| arguments.remove(at)).is_some();
    let mut seconds = 10.0;
    if let Some(at) = arguments.iter().position(|argument| argument == "--seconds") {
        arguments.remove(at);
        seconds = arguments.remove(at).parse()?;
    }
    let path = Path::new(arguments.first().ok_or("which file?")?);
    if only_list {
        list(path)?.into_iter().for_each(|info| println!("{}\t{}", info.id, info.name));
        return Ok(());
    }
    let ids = match arguments.get(1) {
        Some(id) => vec![id.clone()],
        None => list(path)?.into_iter().map(|info| info.id).collect(),
    };
    for id in ids {
        let start = Instant::now();
        let device = load(path, Some(&id))?;
        let loaded = start.elapsed();
        show(&*device, all);
        let report = render(device, seconds)?;
        println!("  loaded in {loaded:.1?}; {report}");
    }
    Ok(())
}

fn show(device: &dyn Device, all: bool) {
    let (info, ports) = (device.info(), device.ports());
    println!("{} \"{}\" {} by {}", info.id, info.name, info.version, info.vendor);
    let busses = |busses: &[audio::device::BusInfo]| {
        busses.iter().map(|bus| format!("{}{}", bus.channels, if bus.main { "m" } else { "" })).collect::<Vec<_>>()
    };
    println!(
        "  in {:?} out {:?} notes {}/{}, {} parameters",
        busses(&ports.inputs),
        busses(&ports.outputs),
        ports.note_input,
        ports.note_output,
        device.parameters().len()
    );
    for parameter in device.parameters().iter().take(if all { usize::MAX } else { 0 }) {
        let value = device.value(parameter.id).unwrap_or(f64::NAN);
        let text = device.text(parameter.id, value);
        println!(
            "    {} {:?} = {value} {text:?} in {}..{}",
            parameter.id.0, parameter.name, parameter.minimum, parameter.maximum
        );
    }
}

fn render(mut device: Box<dyn Device>, seconds: f64) -> Result<String, DeviceError> {
    let mut pumps = 0;
    while device.pump().busy && pumps < 1000 {
        pumps += 1;
    }
    for bus in 1..device.ports().inputs.len() {
        device.use_input(bus, true);
    }
    let mut processor = device.activate(Setup { sample_rate: RATE, max_block: BLOCK })?;
    let latency = device.latency();
    let ports = device.ports();
    let buffer = |bus: &audio::device::BusInfo| Buffer::new(bus.channels, BLOCK);
    let mut inputs: Vec<Buffer> = ports.inputs.iter().map(buffer).collect();
    let mut outputs: Vec<Buffer> = ports.outputs.iter().map(buffer).collect();
    let (mut transport, mut produced) = (Transport::start(RATE), Vec::new());
    let (mut peak, mut random, mut events_out) = (0f32, 1u32, 0);
    let blocks = (seconds * RATE.hz() / BLOCK as f64).ceil() as u64;
    let start = Instant::now();
    let mut failure = String::new();
    // FNV-1a over the main output's bits, to compare runs.
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for block in 0..blocks {
        // Noise for effects: one multiplication a frame, the same on every channel.
        for frame in 0..BLOCK {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let sample = (random as i32) as f32 / i32::MAX as f32 * 0.1;
            inputs.iter_mut().flat_map(Buffer::channels_mut).for_each(|channel| channel[frame] = sample);
        }
        // A note every half second for instruments.
        let key = 48 + (block / 47 % 24) as u8;
        let body = match block % 47 {
            0 => Some(EventBody::NoteOn { channel: 0, key, velocity: 0.8, note: Some(block as u32) }),
            40 => Some(EventBody::NoteOff { channel: 0, key, velocity: 0.0, note: Some(block as u32 - 40) }),
            _ => None,
        };
        let events: Vec<Event> =
            body.filter(|_| ports.note_input).map(|body| Event { frame: 7, body }).into_iter().collect();
        produced.clear();
        let result = processor.process(&mut Block {
            frames: BLOCK,
            inputs: &mut inputs,
            outputs: &mut outputs,
            events: &events,
            produced: &mut produced,
            transport: &transport,
        });
        if let Err(error) = result {
            failure = format!("; block {block}: {error}");
            break;
        }
        device.pump();
        events_out += produced.len();
        peak = outputs.first().map_or(0.0, Buffer::peak).max(peak);
        for sample in outputs.iter().take(1).flat_map(Buffer::channels).flatten() {
            hash = (hash ^ u64::from(sample.to_bits())).wrapping_mul(0x100_0000_01b3);
        }
        transport.steady_frame += BLOCK as u64;
        transport.frame += BLOCK as i64;
        transport.beat += transport.tempo / 60.0 * RATE.seconds(BLOCK as u64);
    }
    let speed = seconds / start.elapsed().as_secs_f64();
    let tail = processor.tail();
    device.deactivate(processor);
    Ok(format!(
        "latency {latency}, peak {peak:.4}, hash {hash:016x}, {events_out} events out, {speed:.0}x real time, tail {tail:?}{failure}"
    ))
}
