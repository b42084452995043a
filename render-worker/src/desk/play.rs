//! What tracks play.

use std::path::Path;

use audio::SampleRate;
use audio::stream::{self, ChannelPick, Stream};
use jobs::message::Phase;
use jobs::task::{SessionRender, Tempo, Track, TrackSource};
use mix::{Source, StripId};
use score::{LostNote, PlayReport, Song, TempoMap};

use super::layout::Layout;
use crate::build::{BuildError, Built, refusal};

/// What a track plays.
pub(super) struct Played {
    pub(super) source: Source,
    pub(super) frames: u64,
    /// The song, the time that its ticks follow, and the frame at which it starts.
    pub(super) song: Option<(Song, TempoMap, u64)>,
}

pub(super) fn played(
    track: &Track,
    session: &SessionRender,
    layout: &Layout,
    map: &TempoMap,
    rate: SampleRate,
    built: &mut Built,
) -> Result<Played, BuildError> {
    match &track.source {
        TrackSource::Audio { file, channels } => {
            let recording = recording(file, *channels, track.offset, rate, built)?;
            let frames = recording.frames();
            Ok(Played { source: Source::Recording(recording), frames, song: None })
        }
        TrackSource::Midi { file, part } => {
            let song = Song::read(file).map_err(|error| refusal(Phase::Load, None, error))?;
            // There is one time for all, which the notes follow by their ticks.
            let map = if matches!(session.tempo, Tempo::Ignore) { song.tempo_map() } else { map };
            let frames = song.end_frame(map, rate) + track.offset;
            let performance = song.play(part, map, rate).map_err(|error| refusal(Phase::Load, None, error))?;
            let mut events = performance.events;
            events.iter_mut().for_each(|event| event.frame += track.offset);
            built
                .warnings
                .extend(told(&performance.report).into_iter().map(|words| format!("{}: {words}", track.name)));
            let map = map.clone();
            let song = Some((song, map, track.offset));
            Ok(Played { source: Source::Events(events), frames, song })
        }
        TrackSource::Output { of, bus } => {
            let of = StripId(layout.places[layout.number(session, of)?].head);
            Ok(Played { source: Source::Output { of, bus: *bus }, frames: 0, song: None })
        }
    }
}

pub(super) fn tempo(tempo: &Tempo) -> Result<TempoMap, BuildError> {
    match tempo {
        Tempo::Midi(path) => TempoMap::read(path).map_err(|error| refusal(Phase::Load, None, error)),
        Tempo::Fixed(bpm) => TempoMap::fixed(*bpm).map_err(|error| refusal(Phase::Configure, None, error)),
        Tempo::Map { tempos, meters } => {
            TempoMap::from_changes(tempos, meters).map_err(|error| refusal(Phase::Configure, None, error))
        }
        Tempo::Ignore => Ok(TempoMap::default()),
    }
}

/// What is not played as it is written, in sentences.
fn told(report: &PlayReport) -> Vec<String> {
    const MOST: usize = 8;
    let lost = |notes: &[LostNote], why: &str| {
        let note = |note: &LostNote| format!("key {} at tick {}", note.key, note.tick);
        let named: Vec<String> = notes.iter().take(MOST).map(note).collect();
        let more = if notes.len() > MOST { ", ..." } else { "" };
        (!notes.is_empty()).then(|| format!("{} notes are left out, {why}: {}{more}", notes.len(), named.join(", ")))
    };
    let mut told: Vec<String> = Vec::new();
    told.extend(lost(&report.out_of_range, "since they are transposed beyond all keys"));
    told.extend(lost(&report.unmapped, "since the key map does not name them"));
    let counted = [
        (report.lost_pressures, "pressures on notes that are left out are left out too"),
        (report.shortened, "notes end earlier, for the gap to the next one of their key"),
        (report.overlaps_cut, "notes end where the next one of their key begins"),
        (report.mpe_ignored, "messages mean nothing on the member channels of an MPE zone and are left out"),
    ];
    told.extend(counted.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}")));
    told
}

/// A recording at the session's rate, silent for `offset` frames.
fn recording(
    path: &Path,
    pick: ChannelPick,
    offset: u64,
    rate: SampleRate,
    built: &mut Built,
) -> Result<Box<dyn Stream>, BuildError> {
    let (recording, from) = stream::open(path).map_err(|error| refusal(Phase::Load, None, error))?;
    let mut recording: Box<dyn Stream> = match pick {
        ChannelPick::All => recording,
        pick => Box::new(stream::Pick::new(recording, pick)),
    };
    if from != rate {
        built.warnings.push(format!("{}: resampled from {} Hz to {} Hz", path.display(), from.0, rate.0));
        recording = stream::at_rate(recording, from, rate)
            .map_err(|error| refusal(Phase::Load, None, format!("{}: {error}", path.display())))?;
    }
    Ok(if offset == 0 { recording } else { Box::new(Later { stream: recording, before: offset, left: offset }) })
}

/// A stream behind some silence.
struct Later {
    stream: Box<dyn Stream>,
    before: u64,
    left: u64,
}

impl Stream for Later {
    fn channels(&self) -> usize {
        self.stream.channels()
    }

    fn frames(&self) -> u64 {
        self.before + self.stream.frames()
    }

    fn read(&mut self, into: &mut audio::Buffer) -> Result<(), audio::read::ReadError> {
        let silent = self.left.min(into.frames() as u64) as usize;
        self.left -= silent as u64;
        if silent == 0 {
            return self.stream.read(into);
        }
        let mut rest = audio::Buffer::new(into.channel_count(), into.frames() - silent);
        if rest.frames() > 0 {
            self.stream.read(&mut rest)?;
        }
        for (to, from) in into.channels_mut().zip(rest.channels()) {
            to[..silent].fill(0.0);
            to[silent..].copy_from_slice(from);
        }
        Ok(())
    }
}
