//! Verdicts for people.

use jobs::probe::{Fault, Findings, Latency, Layout, Tail, ToldTail, TrueLatency, Verdict};

/// The line above [`row`]s.
pub(super) fn head() -> String {
    format!(
        "{:<8} {:<30} {:<8} {:<15} {:<7} {:<5} {:<5} {:<9} {:<7} {:>7} {:>9}  {}\n",
        "format",
        "device",
        "sounds",
        "latency",
        "tail",
        "same",
        "reset",
        "blocks",
        "state",
        "speed",
        "memory",
        "trouble"
    )
}

/// One device in one line.
pub(super) fn row(verdict: &Verdict) -> String {
    let found = &verdict.findings;
    let format = &verdict.device.format;
    if !found.loads {
        let name = &verdict.device.name;
        let why = found.mishaps.first().map_or_else(String::new, |mishap| mishap.what.clone());
        return format!("{format:<8} {name:<30} {:<8} {why}\n", if found.crashed() { "crashes" } else { "broken" });
    }
    let name: String = verdict.device.name.chars().take(30).collect();
    let latency = found.latency.map_or_else(dash, latency);
    let tail = found.tail.map_or_else(dash, tail_short);
    let blocks = match &found.blocks {
        None => dash(),
        Some(blocks) if blocks.equal => "equal".to_owned(),
        Some(blocks) => blocks.difference_db.map_or("differ".to_owned(), |db| format!("{db:.0} dB")),
    };
    let state = match found.state {
        None => dash(),
        Some(state) if state.bytes.is_none() => "none".to_owned(),
        Some(state) if state.refused => "refused".to_owned(),
        Some(state) if state.equal_sound == Some(false) => "loses".to_owned(),
        Some(state) if state.equal_bytes == Some(false) => "sounds".to_owned(),
        Some(_) => "whole".to_owned(),
    };
    let speed = found.times_real_time.map_or_else(dash, |times| format!("{times:.0}x"));
    let memory = found.memory.map_or_else(dash, |memory| size(memory.instance_bytes));
    let row = format!(
        "{format:<8} {name:<30} {:<8} {latency:<15} {tail:<7} {:<5} {:<5} {blocks:<9} {state:<7} {speed:>7} {memory:>9}  {}",
        sounds(found),
        word(found.deterministic()),
        word(found.reset_safe),
        trouble(found),
    );
    row.trim_end().to_owned() + "\n"
}

/// Everything about one device.
pub(super) fn whole(verdict: &Verdict) -> String {
    let found = &verdict.findings;
    let device = &verdict.device;
    let mut text = format!("{} ({})\n", device.name, device.format);
    let mut line = |label: &str, words: String| text += &format!("  {label:<22} {words}\n");
    line("id", device.id.clone());
    if !device.version.is_empty() {
        line("version", device.version.clone());
    }
    line("binary", device.binary_blake3.clone());
    line("conditions", format!("{} Hz, blocks of {} frames", verdict.audio.sample_rate.0, verdict.audio.block_size));
    if let Some(strict) = &verdict.strict {
        line("strict", strict.to_string());
    }
    for mishap in &found.mishaps {
        line(if mishap.fatal { "crash" } else { "failure" }, format!("while {}: {}", mishap.during, mishap.what));
    }
    if !found.loads {
        return text;
    }
    let peak = found.peak_dbfs.map_or_else(String::new, |peak| format!(", peak {peak:.1} dBFS"));
    line("sounds", format!("{}{peak}", sounds(found)));
    match found.fault {
        Some(Fault::NotFinite { at_seconds }) => line("fault", format!("not a number from {at_seconds:.3} s on")),
        Some(Fault::Failed { at_seconds }) => line("fault", format!("reports failure at {at_seconds:.3} s")),
        None => {}
    }
    if let Some(latency) = found.latency {
        line("latency", latency_whole(latency));
    }
    if let Some(tail) = found.tail {
        line("tail", tail_whole(tail));
    }
    line("equal in one process", word(found.equal_in_process).to_owned());
    line("equal in processes", word(found.equal_in_processes).to_owned());
    line("reset-safe", word(found.reset_safe).to_owned());
    if let Some(blocks) = &found.blocks {
        let sizes = blocks.sizes.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        let difference = match (blocks.equal, blocks.difference_db) {
            (true, _) => "equal".to_owned(),
            (false, Some(db)) => format!("differ by up to {db:.1} dB of the peak"),
            (false, None) => "differ".to_owned(),
        };
        line("blocks", format!("{sizes} frames: {difference}"));
    }
    if let Some(layouts) = &found.layouts {
        let one = |layout: &Layout| format!("{}-{}", layout.inputs, layout.outputs);
        let all = layouts.iter().map(one).collect::<Vec<_>>().join(", ");
        line("channels in-out", if all.is_empty() { "as it comes".to_owned() } else { all });
    }
    if let Some(state) = found.state {
        let words = match state.bytes {
            None => "none beside its parameters".to_owned(),
            Some(bytes) => format!(
                "{bytes} bytes; another instance {}sounds equal: {}, saves the same bytes: {}",
                if state.refused { "refuses it, " } else { "" },
                word(state.equal_sound),
                word(state.equal_bytes)
            ),
        };
        line("state", words);
    }
    if let Some(parameters) = &found.parameters {
        line("parameters", format!("{}, {} of them safe to draw", parameters.count, parameters.drawable));
    }
    if found.prints_bytes > 0 {
        let first = found.prints_first.as_deref().unwrap_or_default();
        line("prints", format!("{} bytes on standard output: {first}", found.prints_bytes));
    }
    line("threads", found.threads.unwrap_or(0).to_string());
    if let (Some(load), Some(times)) = (found.load_ms, found.times_real_time) {
        line("cost", format!("loads in {load:.1} ms, {times:.0}x real time"));
    }
    if let Some(memory) = found.memory {
        let (instance, leak) = (size(memory.instance_bytes), size(memory.leak_bytes));
        line("memory", format!("{instance} an instance, {leak} left behind by each"));
    }
    text
}

/// What `plugins show` says.
pub(crate) fn mention(verdict: &Verdict) -> String {
    let found = &verdict.findings;
    let latency = found.latency.map_or_else(dash, latency);
    format!(
        "  probed   deterministic: {}, reset-safe: {}, latency reported/measured: {latency}\n",
        word(found.deterministic()),
        word(found.reset_safe)
    )
}

fn dash() -> String {
    "-".to_owned()
}

fn word(claim: Option<bool>) -> &'static str {
    match claim {
        Some(true) => "yes",
        Some(false) => "no",
        None => "-",
    }
}

fn sounds(found: &Findings) -> &'static str {
    match (found.fault, found.runaway, found.sounds) {
        (Some(Fault::NotFinite { .. }), ..) => "NaN",
        (Some(Fault::Failed { .. }), ..) => "fails",
        (None, true, _) => "runaway",
        (None, false, Some(true)) => "yes",
        (None, false, Some(false)) => "silent",
        (None, false, None) if found.notes_given > 0 => "notes",
        (None, false, None) => "-",
    }
}

/// `reported/measured`, with a mark where they differ.
fn latency(latency: Latency) -> String {
    let mark = if latency.right == Some(false) { " !" } else { "" };
    let measured = match latency.measured {
        TrueLatency::Frames { frames, .. } => format!("{}", frames.round() as i64),
        TrueLatency::NothingGoesIn | TrueLatency::Silent => "-".to_owned(),
        TrueLatency::Spread { .. } | TrueLatency::Disagreeing { .. } => "spread".to_owned(),
        TrueLatency::Echo { .. } => "echo".to_owned(),
    };
    format!("{}/{measured}{mark}", latency.reported)
}

fn latency_whole(latency: Latency) -> String {
    let measured = match latency.measured {
        TrueLatency::Frames { frames, earliest, inverted, .. } => format!(
            "{frames:.2} frames measured, beginning at {earliest}{}{}",
            if inverted { ", inverted" } else { "" },
            if latency.right == Some(false) { ": the report is wrong" } else { "" }
        ),
        TrueLatency::NothingGoesIn => "not measurable: nothing goes in".to_owned(),
        TrueLatency::Silent => "not measurable: nothing comes out".to_owned(),
        TrueLatency::Spread { share } => format!(
            "not measurable: what comes out is spread over time or is another sound ({:.0} % in one place)",
            share * 100.0
        ),
        TrueLatency::Disagreeing { noise, impulse } => {
            format!("not measurable: noise comes {noise:.0} frames late and an impulse {impulse}")
        }
        TrueLatency::Echo { frames } => format!("not measurable: {frames:.0} frames late looks like an echo"),
    };
    format!("{} frames reported, {measured}", latency.reported)
}

fn tail_short(tail: Tail) -> String {
    match (tail.seconds, tail.longer_than_seconds) {
        (Some(seconds), _) => format!("{seconds:.2} s"),
        (None, Some(limit)) => format!(">{limit:.0} s"),
        (None, None) => dash(),
    }
}

fn tail_whole(tail: Tail) -> String {
    let reported = match tail.reported {
        ToldTail::Seconds(seconds) => format!("{seconds:.3} s reported"),
        ToldTail::Infinite => "infinite as reported".to_owned(),
        ToldTail::Unknown => "not reported".to_owned(),
    };
    match (tail.seconds, tail.longer_than_seconds) {
        (Some(seconds), _) => format!("{reported}, {seconds:.3} s until -60 dB"),
        (None, Some(limit)) => format!("{reported}, longer than the {limit:.0} s listened"),
        (None, None) => reported,
    }
}

fn trouble(found: &Findings) -> String {
    let mut words: Vec<String> = Vec::new();
    for mishap in &found.mishaps {
        words.push(format!("{} while {}", if mishap.fatal { "died" } else { "failed" }, mishap.during));
    }
    if found.prints_bytes > 0 {
        words.push("prints".to_owned());
    }
    if let Some(threads) = found.threads.filter(|threads| *threads > 0) {
        words.push(format!("threads: {threads}"));
    }
    if let Some(leak) = found.memory.map(|memory| memory.leak_bytes).filter(|leak| *leak >= LEAK) {
        words.push(format!("leaks {}", size(leak)));
    }
    words.join("; ")
}

/// Less than this, left behind by an instance, may be the memory allocator's own business.
const LEAK: u64 = 64 << 10;

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes / 1000),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
