//! Tracks, busses and a master, ready to be rendered.

use std::path::PathBuf;

use audio::stream::ChannelPick;
use presets::Link;
use score::{Curve, Position};
use serde::{Deserialize, Serialize};

/// Tracks, busses and a master. Every position in it is a frame of the music at the session's rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionRender {
    /// Where tempo and meter come from.
    pub tempo: Tempo,
    /// The tracks in the order written. Muted tracks, and those silenced by another's solo, are left out by the plan.
    pub tracks: Vec<Track>,
    /// The busses in an order in which each stands after all that feed it.
    pub busses: Vec<Bus>,
    /// What stands behind the sum.
    pub master: Master,
}

impl SessionRender {
    /// Tracks and busses, tracks first, by position, each behind all that it hears: what feeds it, what keys its devices,
    /// whose further output it is. Where they hear each other in a ring, its names from the first written on.
    pub fn order(&self) -> Result<Vec<usize>, Vec<String>> {
        let names: Vec<&str> = self.names().collect();
        let index = |name: &str| names.iter().position(|known| *known == name);
        let mut heard_by: Vec<Vec<usize>> = vec![Vec::new(); names.len()];
        let strips =
            self.tracks.iter().map(|t| (&t.strip, &t.chain)).chain(self.busses.iter().map(|b| (&b.strip, &b.chain)));
        for (at, (strip, chain)) in strips.enumerate() {
            let busses = strip.bus.iter().chain(strip.sends.iter().map(|send| &send.bus));
            heard_by[at].extend(busses.filter_map(|bus| index(bus)));
            for sidechain in presets::devices(chain).into_iter().filter_map(|setup| setup.sidechain.as_ref()) {
                if let Some(from) = index(&sidechain.from) {
                    heard_by[from].push(at);
                }
            }
        }
        for (at, track) in self.tracks.iter().enumerate() {
            if let TrackSource::Output { of, .. } = &track.source
                && let Some(from) = index(of)
            {
                heard_by[from].push(at);
            }
        }
        let mut waiting: Vec<usize> = (0..names.len()).collect();
        let mut order = Vec::with_capacity(names.len());
        while !waiting.is_empty() {
            let waits = |strip: usize| waiting.iter().any(|from| heard_by[*from].contains(&strip));
            let Some(at) = waiting.iter().position(|strip| !waits(*strip)) else {
                return Err(ring(&heard_by, &waiting).into_iter().map(|strip| names[strip].to_owned()).collect());
            };
            order.push(waiting.remove(at));
        }
        Ok(order)
    }

    /// The names of tracks and busses, tracks first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tracks.iter().map(|t| t.name.as_str()).chain(self.busses.iter().map(|b| b.name.as_str()))
    }
}

/// One ring among strips that all wait for another, from the first written on.
fn ring(heard_by: &[Vec<usize>], waiting: &[usize]) -> Vec<usize> {
    let before = |to: usize| *waiting.iter().find(|from| heard_by[**from].contains(&to)).expect("each waits for one");
    // Going back never ends, so after as many steps as there are strips it goes round the ring.
    let inside = waiting.iter().fold(waiting[0], |at, _| before(at));
    let mut ring = vec![inside];
    let mut at = before(inside);
    while at != inside {
        ring.push(at);
        at = before(at);
    }
    ring.reverse();
    let first = ring.iter().enumerate().min_by_key(|(_, strip)| **strip).map_or(0, |(index, _)| index);
    ring.rotate_left(first);
    ring
}

/// Where tempo and meter come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tempo {
    /// The tempo and meter map of this MIDI file. Notes of others keep their ticks and follow it.
    Midi(PathBuf),
    /// One tempo in quarter notes a minute throughout, in 4/4. MIDI notes keep their ticks and follow it.
    Fixed(f64),
    /// A map of the job's own. MIDI notes keep their ticks and follow it.
    Map {
        /// Quarter notes a minute from a position on.
        tempos: Vec<(Position, f64)>,
        /// Meters from a position on: beats in a bar, and what a beat is.
        meters: Vec<(Position, u16, u16)>,
    },
    /// Devices are told 120 quarter notes a minute in 4/4; the notes of each MIDI file fall when the file says.
    Ignore,
}

/// One track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// Name, unique among tracks and busses.
    pub name: String,
    /// Where its sound comes from.
    pub source: TrackSource,
    /// Frame at which it starts.
    #[serde(default, skip_serializing_if = "is_default")]
    pub offset: u64,
    /// Its devices; of a MIDI track the first takes the notes.
    pub chain: Vec<Link>,
    /// What moves the devices' parameters.
    #[serde(default, skip_serializing_if = "Moves::is_empty")]
    pub moves: Moves,
    /// Level, pan and routing.
    pub strip: Strip,
}

/// Where a track's sound comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackSource {
    /// A recording.
    Audio {
        /// The file.
        file: PathBuf,
        /// Which of its channels are heard.
        #[serde(default, skip_serializing_if = "is_default")]
        channels: ChannelPick,
    },
    /// Notes of a MIDI file.
    Midi {
        /// The file.
        file: PathBuf,
        /// Which of its events, and what is made of them.
        part: score::Part,
    },
    /// What another track's instrument gives on one of its further outputs.
    Output {
        /// The track.
        of: String,
        /// The output bus, from 1; 0 is the one that the track itself takes.
        bus: usize,
    },
}

/// One bus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bus {
    /// Name, unique among tracks and busses.
    pub name: String,
    /// Its devices.
    pub chain: Vec<Link>,
    /// What moves the devices' parameters.
    #[serde(default, skip_serializing_if = "Moves::is_empty")]
    pub moves: Moves,
    /// Level, pan and routing.
    pub strip: Strip,
}

/// What stands behind the sum.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Master {
    /// Its devices.
    pub chain: Vec<Link>,
    /// What moves the devices' parameters.
    #[serde(default, skip_serializing_if = "Moves::is_empty")]
    pub moves: Moves,
    /// Level behind the chain.
    pub fader: Fader,
}

/// What moves the parameters of a chain's devices while it plays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Moves {
    /// Drawn by hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lanes: Vec<Lane>,
    /// By MIDI controllers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controllers: Vec<Controller>,
}

impl Moves {
    /// Nothing moves.
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty() && self.controllers.is_empty()
    }
}

/// A parameter that follows a curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lane {
    /// The device's number in its chain, as [`presets::devices`] counts.
    pub device: usize,
    /// The parameter's id.
    pub parameter: u32,
    /// Plain values.
    pub curve: Curve,
}

/// A parameter that follows a MIDI controller of the track's notes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Controller {
    /// The device's number in its chain, as [`presets::devices`] counts.
    pub device: usize,
    /// The parameter's id.
    pub parameter: u32,
    /// The controller, and what its values become.
    pub map: score::ControllerMap,
}

/// Level and pan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fader {
    /// Level in dB; what is drawn comes on top.
    pub gain_db: f64,
    /// The signal is turned upside down.
    #[serde(default, skip_serializing_if = "is_default")]
    pub invert: bool,
    /// -100 is left, 100 is right.
    pub pan: f64,
    /// How a mono signal is panned; stereo signals are balanced.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pan_law: PanLaw,
    /// A gain that is drawn, as a factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain: Option<Curve>,
    /// A pan that is drawn, -100 to 100, instead of the fixed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pan_curve: Option<Curve>,
    /// 0 where it is muted, else 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mute: Option<Curve>,
}

/// How loud the two sides are while a mono signal is panned. The name says the level of each in the middle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PanLaw {
    /// Constant power: cosine and sine.
    #[default]
    Minus3,
    /// Between constant power and constant voltage: the root of their product.
    Minus45,
    /// Constant voltage: a straight line.
    Minus6,
    /// The near side stays, the far side goes down in a straight line, as the balance of a stereo signal.
    Zero,
}

/// Level, pan and routing of a track or bus, behind its chain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Strip {
    /// Level and pan.
    pub fader: Fader,
    /// The bus that it goes to; the master where none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<String>,
    /// Copies to busses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sends: Vec<Send>,
}

/// A copy of a signal to a bus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Send {
    /// The bus.
    pub bus: String,
    /// Level of the copy in dB; what is drawn comes on top.
    pub gain_db: f64,
    /// Taken in front of level and pan.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pre_fader: bool,
    /// A gain that is drawn, as a factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain: Option<Curve>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
