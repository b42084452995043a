//! `soundfont`: plays SoundFont 2 instruments with the synthesizer of `rustysynth`.

use std::ops::Range;
use std::sync::Arc;

use audio::device::{DeviceError, Setup, Tail};
use audio::event::NoteId;
use audio::{Buffer, EventBody};
use presets::Asset;

use crate::builtin::{Channels, Engine, Model, Values, stretch};
use crate::chorus::Chorus;
use crate::control::{Control, Edge, Unit};
use crate::fdn::{Network, Room};
use crate::font::{self, Font};
use crate::gain;
use crate::lane::{Lane, Note};
use crate::smooth::Smoothed;

const LOWEST: f64 = -60.0;

const CONTROLS: &[Control] = &[
    Control::new("Program", Unit::Whole, 0.0, 127.0, 0.0),
    Control::new("Bank", Unit::Whole, 0.0, 128.0, 0.0),
    // Off and On are 0 and 1, as those of a switch are: presets may say `drums: off`.
    Control::choice("Drums", &["Off", "On", "Auto"], 2).fixed(),
    Control::switch("Program Changes", true).fixed(),
    Control::new("Volume", Unit::Decibels, LOWEST, 24.0, 0.0).edge(Edge::Lowest("-inf dB")),
    Control::switch("Reverb", false),
    Control::switch("Chorus", false),
];

const PROGRAM: usize = 0;
const BANK: usize = 1;
const DRUMS: usize = 2;
const PROGRAM_CHANGES: usize = 3;
const VOLUME: usize = 4;
const REVERB: usize = 5;
const CHORUS: usize = 6;

/// Bank and program.
type Preset = (i32, i32);

/// Notes that sound at once. One more takes the place of the one that is missed least.
const LANES: usize = 128;

const MIDI_CHANNELS: usize = 16;
const PERCUSSION_CHANNEL: usize = 9;
const PERCUSSION_BANK: i32 = 128;

/// What a channel sends to reverb and chorus, of 127, until a controller says otherwise.
const DEFAULT_SEND: u8 = 40;

/// The room behind Reverb.
const ROOM: Room = Room { decay: 1.6, damping: 0.5, size: 0.5 };

/// Plays notes of 16 MIDI channels, each with its own program, controllers and bend.
///
/// Program and Bank are what every channel starts with. With Program Changes on, program changes (and the bank select
/// before them) in the music change a channel's program; one that the SoundFont does not have is passed over, and the
/// channel stays as it is. Drums: on Auto, channel 10 plays the percussion kits of bank 128 and the others do not, as in
/// General MIDI; On and Off make all or none do so. Volume is the level beside rustysynth's own, which leaves 6 dB of
/// headroom. Reverb and Chorus follow controllers 91 and 93.
///
/// A note starts at exactly its frame; what happens to it later takes effect at most 7 frames late (see `lane`).
pub(crate) struct Player {
    font: Arc<Font>,
}

impl Player {
    pub fn new(asset: &Asset) -> Result<Player, DeviceError> {
        Ok(Player { font: font::load(asset)? })
    }
}

impl Model for Player {
    fn controls(&self) -> &'static [Control] {
        CONTROLS
    }

    fn channels(&self, _inputs: usize, _outputs: Option<usize>) -> Channels {
        Channels { inputs: 0, outputs: 2 }
    }

    fn is_instrument(&self) -> bool {
        true
    }

    /// Fails if the SoundFont does not have the program that is set: the synthesizer would play another instead.
    fn engine(&self, setup: Setup, _channels: Channels, values: &Values) -> Result<Box<dyn Engine>, DeviceError> {
        let program = values.get(PROGRAM) as i32;
        let bank = if values.get(DRUMS) == 1.0 { PERCUSSION_BANK } else { values.get(BANK) as i32 };
        if !self.font.has(bank, program) {
            let programs = self.font.programs(bank);
            let there = if programs.is_empty() { "nothing".to_owned() } else { programs };
            let reason = format!("the SoundFont has no program {program} in bank {bank}; that bank holds {there}");
            return Err(DeviceError::Activate(reason));
        }
        let lane = |_| Lane::new(&self.font.soundfont, setup.sample_rate.0);
        let lanes = (0..LANES).map(lane).collect::<Result<_, _>>();
        let lanes = lanes.map_err(|cause| DeviceError::Activate(format!("rustysynth refuses to start: {cause}")))?;
        let rate = setup.sample_rate.hz();
        let mut engine = PlayerEngine {
            font: Arc::clone(&self.font),
            lanes,
            scratch: [vec![0.0; setup.max_block], vec![0.0; setup.max_block]],
            sends: [vec![0.0; setup.max_block], vec![0.0; setup.max_block], vec![0.0; setup.max_block]],
            settings: std::array::from_fn(|index| values.get(index)),
            channels: [Channel::default(); MIDI_CHANNELS],
            notes: 0,
            silent: Tally::new(),
            replaced: Tally::new(),
            cut: 0,
            volume: Smoothed::new(gain::factor(values.get(VOLUME), LOWEST), rate),
            reverb: Network::new(rate, ROOM),
            chorus: Chorus::new(rate),
            tail: (2.0 * ROOM.decay * rate) as u64,
        };
        engine.reset();
        Ok(Box::new(engine))
    }
}

/// What we remember of a MIDI channel; its controllers live in the synthesizers.
#[derive(Clone, Copy, Default)]
struct Channel {
    program: i32,
    bank: i32,
    /// Chosen by controller 0, in force from the next program change on.
    next_bank: i32,
    /// Bank and program that the music asks for, where the SoundFont does not have them.
    missed: Option<Preset>,
    reverb_send: u8,
    chorus_send: u8,
}

struct PlayerEngine {
    font: Arc<Font>,
    lanes: Vec<Lane>,
    scratch: [Vec<f32>; 2],
    /// To the reverb, left and right, and to the chorus.
    sends: [Vec<f32>; 3],
    settings: [f64; 7],
    channels: [Channel; MIDI_CHANNELS],
    notes: u64,
    /// Notes that have no sound: how many by bank, program and key.
    silent: Tally<(i32, i32, u8)>,
    /// Notes that another program plays than the music asks for: how many by the bank and program asked for and those
    /// that play; of a bank without programs, the synthesizer chooses.
    replaced: Tally<(Preset, Option<Preset>)>,
    /// Notes that are cut off as they begin, since another of their exclusive class begins at the same frame.
    cut: u64,
    volume: Smoothed,
    reverb: Network,
    chorus: Chorus,
    tail: u64,
}

impl PlayerEngine {
    fn is_percussion(&self, channel: usize) -> bool {
        match self.settings[DRUMS] as u8 {
            2 => channel == PERCUSSION_CHANNEL,
            drums => drums == 1,
        }
    }

    fn bank(&self, channel: usize) -> i32 {
        if self.is_percussion(channel) { PERCUSSION_BANK } else { self.channels[channel].bank }
    }

    /// The program that a channel plays: of percussion, the standard kit where there is no kit of that number.
    fn program(&self, channel: usize) -> i32 {
        let program = self.channels[channel].program;
        if self.is_percussion(channel) && !self.font.has(PERCUSSION_BANK, program) { 0 } else { program }
    }

    /// Tells all lanes a channel's bank and program.
    fn tune_in(&mut self, channel: usize) {
        let (mut bank, program) = (self.bank(channel), self.program(channel));
        if channel == PERCUSSION_CHANNEL {
            // rustysynth adds this to whatever is selected on its percussion channel.
            bank -= PERCUSSION_BANK;
        }
        for lane in &mut self.lanes {
            lane.message(channel as u8, 0xb0, 0, bank);
            lane.message(channel as u8, 0xc0, program, 0);
        }
    }

    fn note_on(&mut self, channel: u8, key: u8, velocity: f64, id: Option<NoteId>) {
        let (channel, key) = (channel & 15, key & 127);
        let velocity = ((velocity * 127.0).round() as i32).clamp(1, 127);
        let place = usize::from(channel);
        let (bank, program) = (self.bank(place), self.program(place));
        if !self.font.has(bank, program) {
            self.replaced.add(((bank, program), None));
        } else if !self.font.sounds(bank, program, i32::from(key), velocity) {
            self.silent.add((bank, program, key));
        } else if let Some(missed) = self.channels[place].missed {
            self.replaced.add((missed, Some((bank, program))));
        }
        let exclusive_class = self.font.exclusive_class(bank, program, i32::from(key), velocity);
        if exclusive_class != 0 {
            let same = |note: &Note| note.exclusive_class == exclusive_class && note.channel == channel;
            for lane in self.lanes.iter_mut().filter(|lane| lane.note().is_some_and(same)) {
                self.cut += u64::from(lane.is_fresh());
                lane.choke();
            }
        }
        self.notes += 1;
        let note = Note { channel, key, id, exclusive_class, number: self.notes };
        // Free lanes first; then silent notes, released ones, and the oldest.
        let missed = |lane: &Lane| match lane.note() {
            None => (0, 0),
            Some(note) if lane.is_quiet() => (1, note.number),
            Some(note) if !lane.is_held() => (2, note.number),
            Some(note) => (3, note.number),
        };
        let lane = self.lanes.iter_mut().min_by_key(|lane| missed(lane)).expect("there are lanes");
        lane.start(note, velocity);
    }

    fn note_off(&mut self, channel: u8, key: u8, id: Option<NoteId>) {
        let meant = |note: &Note| {
            note.channel == channel & 15
                && note.key == key & 127
                && (id.is_none() || note.id.is_none() || note.id == id)
        };
        self.lanes.iter_mut().filter(|lane| lane.note().is_some_and(meant)).for_each(Lane::release);
    }

    fn message(&mut self, [status, first, second]: [u8; 3]) {
        let (command, channel) = (status & 0xf0, status & 0x0f);
        let place = usize::from(channel);
        let (first, second) = (first & 127, second & 127);
        match (command, first) {
            (0xb0, 0) => self.channels[place].next_bank = i32::from(second),
            (0xb0, 91) => self.channels[place].reverb_send = second,
            (0xb0, 93) => self.channels[place].chorus_send = second,
            (0xc0, program) => {
                let bank = if self.is_percussion(place) { PERCUSSION_BANK } else { self.channels[place].next_bank };
                let program = i32::from(program);
                if self.settings[PROGRAM_CHANGES] < 1.0 {
                    return;
                }
                let known = self.font.has(bank, program);
                self.channels[place].missed = (!known).then_some((bank, program));
                if known {
                    self.channels[place].program = program;
                    self.channels[place].bank = self.channels[place].next_bank;
                    self.tune_in(place);
                }
            }
            _ => {
                for lane in &mut self.lanes {
                    lane.message(channel, command, i32::from(first), i32::from(second));
                    // All sound off and all notes off.
                    let released = command == 0xb0 && matches!(first, 120 | 123..);
                    if released && lane.note().is_some_and(|note| note.channel == channel) {
                        lane.mark_released();
                    }
                }
            }
        }
    }
}

impl Engine for PlayerEngine {
    fn set(&mut self, index: usize, value: f64) {
        self.settings[index] = value;
        match index {
            PROGRAM | BANK => {
                for place in 0..MIDI_CHANNELS {
                    let channel = &mut self.channels[place];
                    match index {
                        PROGRAM => channel.program = value as i32,
                        _ => (channel.bank, channel.next_bank) = (value as i32, value as i32),
                    }
                    self.tune_in(place);
                }
            }
            DRUMS => (0..MIDI_CHANNELS).for_each(|place| self.tune_in(place)),
            VOLUME => self.volume.set(gain::factor(value, LOWEST)),
            _ => {}
        }
    }

    fn receive(&mut self, event: &EventBody) {
        match *event {
            EventBody::NoteOn { channel, key, velocity, note } => self.note_on(channel, key, velocity, note),
            EventBody::NoteOff { channel, key, note, .. } => self.note_off(channel, key, note),
            EventBody::Midi { bytes } => self.message(bytes),
            _ => {}
        }
    }

    fn render(&mut self, audio: &mut Buffer, frames: Range<usize>) {
        let length = frames.len();
        let (left, right) = stretch(audio, frames);
        let right = right.expect("the output of soundfont is stereo");
        left.fill(0.0);
        right.fill(0.0);
        let (reverb, chorus) = (self.settings[REVERB] >= 1.0, self.settings[CHORUS] >= 1.0);
        self.sends.iter_mut().for_each(|send| send[..length].fill(0.0));
        let [scratch_left, scratch_right] = &mut self.scratch;
        let (scratch_left, scratch_right) = (&mut scratch_left[..length], &mut scratch_right[..length]);
        for lane in &mut self.lanes {
            let Some(note) = lane.note() else { continue };
            let channel = self.channels[usize::from(note.channel)];
            lane.render(scratch_left, scratch_right);
            add(left, scratch_left, 1.0);
            add(right, scratch_right, 1.0);
            if reverb {
                let send = f32::from(channel.reverb_send) / 127.0;
                add(&mut self.sends[0][..length], scratch_left, send);
                add(&mut self.sends[1][..length], scratch_right, send);
            }
            if chorus {
                let send = f32::from(channel.chorus_send) / 127.0;
                add(&mut self.sends[2][..length], scratch_left, send / 2.0);
                add(&mut self.sends[2][..length], scratch_right, send / 2.0);
            }
        }
        for frame in 0..length {
            if reverb {
                let (wet_left, wet_right) = self.reverb.process(self.sends[0][frame], self.sends[1][frame]);
                left[frame] += wet_left;
                right[frame] += wet_right;
            }
            if chorus {
                let (wet_left, wet_right) = self.chorus.process(self.sends[2][frame]);
                left[frame] += wet_left;
                right[frame] += wet_right;
            }
            let volume = self.volume.next();
            left[frame] = (f64::from(left[frame]) * volume) as f32;
            right[frame] = (f64::from(right[frame]) * volume) as f32;
        }
    }

    fn incidents(&self) -> Vec<String> {
        let silent = self.silent.sorted().into_iter().map(|((bank, program, key), count)| {
            format!("{} silent: program {program} of bank {bank} has no sound for key {key}", notes(count))
        });
        let replaced = self.replaced.sorted().into_iter().map(|(((bank, program), other), count)| {
            let by = match other {
                Some((bank, program)) => format!("program {program} of bank {bank}"),
                None => "another program".to_owned(),
            };
            format!("the SoundFont has no program {program} in bank {bank}: {by} plays {} of it", notes(count))
        });
        let more = self.silent.more + self.replaced.more;
        let more = (more > 0).then(|| format!("{} more silent, or played by another program", notes(more)));
        let cut = (self.cut > 0).then(|| {
            let why = "others that exclude them, as a closed hi-hat does an open one, begin at the same time";
            format!("{} cut off at the start: {why}", notes(self.cut))
        });
        silent.chain(replaced).chain(cut).chain(more).collect()
    }

    /// Also forgets what program changes and controllers have set.
    fn reset(&mut self) {
        self.lanes.iter_mut().for_each(Lane::reset);
        let (program, bank) = (self.settings[PROGRAM] as i32, self.settings[BANK] as i32);
        let send = DEFAULT_SEND;
        self.channels = [Channel { program, bank, next_bank: bank, missed: None, reverb_send: send, chorus_send: send };
            MIDI_CHANNELS];
        (0..MIDI_CHANNELS).for_each(|place| self.tune_in(place));
        self.notes = 0;
        self.silent.clear();
        self.replaced.clear();
        self.cut = 0;
        self.volume.reset();
        self.reverb.reset();
        self.chorus.reset();
    }

    /// Unknown while notes sound: how long a sample lasts is the SoundFont's affair.
    fn tail(&self) -> Tail {
        if self.lanes.iter().any(|lane| lane.note().is_some()) {
            return Tail::Unknown;
        }
        Tail::Frames(if self.settings[REVERB] >= 1.0 { self.tail } else { 0 })
    }
}

fn notes(count: u64) -> String {
    if count == 1 { "1 note".to_owned() } else { format!("{count} notes") }
}

/// How often each of some things happened. It has room for many and takes no more, since nothing is allocated while sound
/// is made.
struct Tally<T> {
    counts: Vec<(T, u64)>,
    /// What found no room.
    more: u64,
}

impl<T: Ord + Copy> Tally<T> {
    const ROOM: usize = 1024;

    fn new() -> Tally<T> {
        Tally { counts: Vec::with_capacity(Self::ROOM), more: 0 }
    }

    fn add(&mut self, what: T) {
        match self.counts.iter().position(|(known, _)| *known == what) {
            Some(place) => self.counts[place].1 += 1,
            None if self.counts.len() < Self::ROOM => self.counts.push((what, 1)),
            None => self.more += 1,
        }
    }

    fn clear(&mut self) {
        self.counts.clear();
        self.more = 0;
    }

    fn sorted(&self) -> Vec<(T, u64)> {
        let mut sorted = self.counts.clone();
        sorted.sort_unstable();
        sorted
    }
}

fn add(to: &mut [f32], from: &[f32], gain: f32) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from * gain;
    }
}
