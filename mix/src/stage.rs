//! A device in the graph: what it is sent at its own time in the music, and what comes of it.

use std::ops::Range;

use audio::device::ProcessError;
use audio::read::ReadError;
use audio::{Buffer, Event, EventBody, SampleRate};
use score::{TempoMap, TimedEvent};

use crate::edge::Edge;
use crate::graph::Watch;
use crate::slot::Slot;

/// What all devices of a graph live by.
#[derive(Clone, Copy)]
pub(crate) struct Clock<'a> {
    pub(crate) tempo: &'a TempoMap,
    pub(crate) sample_rate: SampleRate,
    /// Frames that were played before the first.
    pub(crate) preroll: u64,
}

/// What failed in a strip.
pub(crate) enum Fault {
    /// Its recording could not be read.
    Read(ReadError),
    /// A device failed while it played.
    Process { device: String, frame: u64, source: ProcessError },
}

impl Fault {
    fn of(slot: &Slot, frame: u64, source: ProcessError) -> Fault {
        Fault::Process { device: slot.name().to_owned(), frame, source }
    }
}

/// An input bus that is keyed.
pub(crate) struct Key {
    pub(crate) bus: usize,
    pub(crate) edges: Vec<Edge>,
    pub(crate) signal: Buffer,
}

/// A slot with its own time: `late` frames behind the graph.
///
/// Parameters that a device has at frame 0 are set before its first frame, so that none begins with a ramp.
pub(crate) struct Stage {
    pub(crate) slot: Slot,
    /// Frames by which the music is late where it enters this device.
    pub(crate) late: u64,
    pub(crate) keys: Vec<Key>,
    /// Where the device's output goes if it has other channels than its input.
    pub(crate) reshaped: Option<Buffer>,
    /// Output busses that other strips take.
    pub(crate) taken: Vec<(usize, Buffer)>,
    initial: Vec<Event>,
    events: Vec<TimedEvent>,
    /// The next event.
    cursor: usize,
    /// The next frame of the music at which tempo or meter change; `None` before it is looked up.
    change: Option<i64>,
    /// The events of a call.
    now: Vec<Event>,
    /// The part of a block between two changes of the tempo, and what comes of it.
    part: Buffer,
    part_out: Buffer,
    part_keys: Vec<Buffer>,
}

impl Stage {
    /// `channels` come in; `events`, sorted by frame, are the device's own.
    pub(crate) fn new(slot: Slot, late: u64, channels: usize, events: Vec<TimedEvent>, block: usize) -> Stage {
        let is_initial = |event: &TimedEvent| event.frame == 0 && matches!(event.body, EventBody::Parameter { .. });
        let (initial, events): (Vec<_>, Vec<_>) = events.into_iter().partition(is_initial);
        let given = slot.out_channels();
        Stage {
            late,
            keys: Vec::new(),
            reshaped: (given != channels).then(|| Buffer::new(given, block)),
            taken: Vec::new(),
            initial: initial.into_iter().map(|event| Event { frame: 0, body: event.body }).collect(),
            events,
            cursor: 0,
            change: None,
            now: Vec::new(),
            part: Buffer::new(channels, 0),
            part_out: Buffer::new(given, 0),
            part_keys: Vec::new(),
            slot,
        }
    }

    /// Has an output bus kept for other strips.
    pub(crate) fn take_output(&mut self, bus: usize, channels: usize, block: usize) {
        if self.taken.iter().all(|(taken, _)| *taken != bus) {
            self.taken.push((bus, Buffer::new(channels, block)));
        }
    }

    /// Has an edge lead to an input bus.
    pub(crate) fn key(&mut self, bus: usize, edge: Edge, block: usize) {
        match self.keys.iter_mut().find(|key| key.bus == bus) {
            Some(key) => key.edges.push(edge),
            None => {
                let channels = self.slot.inputs().nth(bus).expect("what is keyed was checked");
                self.keys.push(Key { bus, edges: vec![edge], signal: Buffer::new(channels, block) });
            }
        }
    }

    /// Plays the block of silence that begins with frame `steady` of `before`, all of which come before the music.
    pub(crate) fn preroll(
        &mut self,
        tempo: &TempoMap,
        steady: u64,
        before: u64,
        watch: &mut dyn Watch,
    ) -> Result<(), Fault> {
        watch.entering(self.slot.name(), 0);
        let initial = std::mem::take(&mut self.initial);
        let played = self.slot.play_silence_and(&initial, tempo, steady, before);
        played.map_err(|source| Fault::of(&self.slot, 0, source))
    }

    /// Processes the block that starts at graph frame `frame`, and gives where what came out stands: in `signal` itself
    /// unless its shape changes. The keys' signals are in place.
    pub(crate) fn process<'a>(
        &'a mut self,
        signal: &'a mut Buffer,
        frame: u64,
        clock: Clock,
        watch: &mut dyn Watch,
    ) -> Result<&'a mut Buffer, Fault> {
        let music = frame as i64 - self.late as i64;
        let end = music + signal.frames() as i64;
        if let Some(reshaped) = &mut self.reshaped {
            reshaped.resize(signal.frames());
        }
        let mut start = music;
        while start < end {
            let stop = end.min(self.next_change(start, clock));
            let at = frame + (start - music) as u64;
            watch.entering(self.slot.name(), at);
            self.collect_events(start, stop);
            let mut transport = clock.tempo.transport_at(start, clock.sample_rate);
            transport.steady_frame = clock.preroll + at;
            if start == music && stop == end {
                let keys: Vec<(usize, &Buffer)> = self.keys.iter().map(|key| (key.bus, &key.signal)).collect();
                let played = self.slot.play(signal, &keys, &self.now, &transport);
                played.map_err(|source| Fault::of(&self.slot, at, source))?;
                self.slot.give(self.reshaped.as_mut().unwrap_or(signal));
                for (bus, taken) in &mut self.taken {
                    std::mem::swap(taken, self.slot.output_mut(*bus));
                }
            } else {
                let range = (start - music) as usize..(stop - music) as usize;
                let played = self.process_part(signal, range, &transport);
                played.map_err(|source| Fault::of(&self.slot, at, source))?;
            }
            start = stop;
        }
        Ok(self.reshaped.as_mut().unwrap_or(signal))
    }

    /// Processes some of a block's frames.
    fn process_part(
        &mut self,
        signal: &mut Buffer,
        range: Range<usize>,
        transport: &audio::Transport,
    ) -> Result<(), ProcessError> {
        cut(signal, range.clone(), &mut self.part);
        self.part_keys.resize(self.keys.len(), Buffer::default());
        for (part, key) in self.part_keys.iter_mut().zip(&self.keys) {
            cut(&key.signal, range.clone(), part);
        }
        let keys: Vec<(usize, &Buffer)> = self.keys.iter().map(|key| key.bus).zip(&self.part_keys).collect();
        self.slot.play(&mut self.part, &keys, &self.now, transport)?;
        match &mut self.reshaped {
            None => {
                self.slot.give(&mut self.part);
                paste(&self.part, range.clone(), signal);
            }
            Some(reshaped) => {
                self.part_out.resize(range.len());
                self.slot.give(&mut self.part_out);
                paste(&self.part_out, range.clone(), reshaped);
            }
        }
        for (bus, taken) in &mut self.taken {
            taken.resize(signal.frames());
            paste(self.slot.output_mut(*bus), range.clone(), taken);
        }
        Ok(())
    }

    /// The first frame behind `start` at which tempo or meter change. Looked up only once the last one has passed.
    fn next_change(&mut self, start: i64, clock: Clock) -> i64 {
        match self.change {
            Some(change) if change > start => change,
            _ => {
                let next = clock.tempo.next_change_after(start, clock.sample_rate);
                *self.change.insert(next.map_or(i64::MAX, |frame| frame as i64))
            }
        }
    }

    /// Gathers the events of the music's frames `start..stop`.
    fn collect_events(&mut self, start: i64, stop: i64) {
        self.now.clear();
        self.now.append(&mut self.initial);
        while let Some(event) = self.events.get(self.cursor).filter(|event| (event.frame as i64) < stop) {
            let frame = (event.frame as i64 - start).max(0) as u32;
            self.now.push(Event { frame, body: event.body.clone() });
            self.cursor += 1;
        }
    }
}

/// Copies a range of frames into a buffer that takes the shape.
pub(crate) fn cut(from: &Buffer, range: Range<usize>, to: &mut Buffer) {
    if to.channel_count() != from.channel_count() {
        *to = Buffer::new(from.channel_count(), range.len());
    }
    to.resize(range.len());
    for (to, from) in to.channels_mut().zip(from.channels()) {
        to.copy_from_slice(&from[range.clone()]);
    }
}

/// Copies a buffer to a range of frames of another, which has as many channels.
fn paste(from: &Buffer, range: Range<usize>, to: &mut Buffer) {
    for (to, from) in to.channels_mut().zip(from.channels()) {
        to[range.clone()].copy_from_slice(from);
    }
}
