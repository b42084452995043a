//! Beats, bars, seconds and frames.

use audio::{SampleRate, Transport};

/// Where tempo and meter change. Beats are quarter notes throughout.
///
/// Between two changes time runs evenly, so that every conversion is one multiplication from the change before; it
/// holds to a billionth of a beat or second over days of music. Times before the start continue the first tempo and
/// meter backwards.
#[derive(Clone, Debug, PartialEq)]
pub struct TempoMap {
    /// At least one, the first at beat 0; beats and seconds rise strictly.
    tempos: Vec<TempoChange>,
    /// At least one, the first at beat 0; beats rise strictly.
    meters: Vec<MeterChange>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct TempoChange {
    beat: f64,
    seconds: f64,
    /// Seconds a quarter note from here on.
    quarter: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct MeterChange {
    beat: f64,
    /// Number of the bar that starts here, from 0.
    bar: i32,
    numerator: u16,
    denominator: u16,
}

impl MeterChange {
    /// Quarter notes in a bar.
    fn bar_beats(self) -> f64 {
        f64::from(self.numerator) * 4.0 / f64::from(self.denominator)
    }
}

/// One bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// Its number, from 0.
    pub number: i32,
    /// The beat at which it starts.
    pub start: f64,
    /// Beats in it as written: 6 in 6/8.
    pub numerator: u16,
    /// The written beat's unit: 8 in 6/8.
    pub denominator: u16,
}

/// A tempo at which nothing can be played.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("a tempo of {0} quarter notes a minute is outside 1..10000")]
pub struct InvalidTempo(pub f64);

/// Beats and frames nearer than this are the same; it absorbs the rounding of a division.
const SAME: f64 = 1e-6;

impl TempoMap {
    /// One tempo in quarter notes a minute, 1 to 10,000, in 4/4.
    pub fn fixed(tempo: f64) -> Result<TempoMap, InvalidTempo> {
        let mut map = TempoMap::default();
        map.tempos[0].quarter = quarter(tempo)?;
        Ok(map)
    }

    /// From changes at beats, in order; the last of several at one beat holds. Tempos are microseconds a quarter note.
    /// Where nothing is said, music starts at 120 quarter notes a minute in 4/4.
    pub(crate) fn new(
        tempos: impl IntoIterator<Item = (f64, u32)>,
        meters: impl IntoIterator<Item = (f64, u8, u16)>,
    ) -> TempoMap {
        let mut map = TempoMap::default();
        for (beat, microseconds) in tempos {
            let seconds = map.seconds_at_beat(beat);
            map.push_tempo(TempoChange { beat, seconds, quarter: f64::from(microseconds) / 1e6 });
        }
        for (beat, numerator, denominator) in meters {
            map.change_meter(beat, u16::from(numerator), denominator);
        }
        map
    }

    /// Likewise, from tempo changes at seconds. Meters stand at seconds too.
    pub(crate) fn new_in_seconds(
        tempos: impl IntoIterator<Item = (f64, u32)>,
        meters: impl IntoIterator<Item = (f64, u8, u16)>,
    ) -> TempoMap {
        let mut map = TempoMap::default();
        for (seconds, microseconds) in tempos {
            let beat = map.beat_at_seconds(seconds);
            map.push_tempo(TempoChange { beat, seconds, quarter: f64::from(microseconds) / 1e6 });
        }
        for (seconds, numerator, denominator) in meters {
            map.change_meter(map.beat_at_seconds(seconds), u16::from(numerator), denominator);
        }
        map
    }

    fn push_tempo(&mut self, change: TempoChange) {
        let last = self.tempos.last_mut().expect("there is always a first tempo");
        if change.beat <= last.beat {
            last.quarter = change.quarter;
        } else if change.quarter != last.quarter {
            self.tempos.push(change);
        }
    }

    /// From a beat on, which does not lie before the last change, another tempo.
    pub(crate) fn change_tempo(&mut self, beat: f64, tempo: f64) -> Result<(), InvalidTempo> {
        let quarter = quarter(tempo)?;
        let seconds = self.seconds_at_beat(beat);
        self.push_tempo(TempoChange { beat, seconds, quarter });
        Ok(())
    }

    /// From a beat on, which does not lie before the last change, another meter.
    pub(crate) fn change_meter(&mut self, beat: f64, numerator: u16, denominator: u16) {
        let last = self.meters.last_mut().expect("there is always a first meter");
        if beat <= last.beat {
            (last.numerator, last.denominator) = (numerator, denominator);
        } else if (numerator, denominator) != (last.numerator, last.denominator) {
            // A change within a bar cuts it short: a new bar starts with the change.
            let bars = ((beat - last.beat) / last.bar_beats() - SAME).ceil().min(f64::from(i32::MAX / 2));
            let bar = last.bar.saturating_add(bars as i32);
            self.meters.push(MeterChange { beat, bar, numerator, denominator });
        }
    }

    /// The time at which a beat falls.
    pub fn seconds_at_beat(&self, beat: f64) -> f64 {
        let change = self.tempos[last_not_after(&self.tempos, |change| change.beat <= beat)];
        change.seconds + (beat - change.beat) * change.quarter
    }

    /// The beat that a time falls on.
    pub fn beat_at_seconds(&self, seconds: f64) -> f64 {
        let change = self.tempos[last_not_after(&self.tempos, |change| change.seconds <= seconds)];
        change.beat + (seconds - change.seconds) / change.quarter
    }

    /// The frame nearest to a beat; beats before the start give 0.
    pub fn frame_at_beat(&self, beat: f64, sample_rate: SampleRate) -> u64 {
        sample_rate.frames(self.seconds_at_beat(beat))
    }

    /// The beat at a frame.
    pub fn beat_at_frame(&self, frame: i64, sample_rate: SampleRate) -> f64 {
        self.beat_at_seconds(frame as f64 / sample_rate.hz())
    }

    /// Quarter notes a minute from a beat on.
    pub fn tempo_at_beat(&self, beat: f64) -> f64 {
        60.0 / self.tempos[last_not_after(&self.tempos, |change| change.beat <= beat + SAME)].quarter
    }

    /// The bar that a beat lies in. A beat within a millionth in front of a bar line counts as on it.
    pub fn bar_at_beat(&self, beat: f64) -> Bar {
        self.bar_within(beat, SAME)
    }

    /// Likewise; a beat within `same` in front of a bar line counts as on it.
    pub(crate) fn bar_within(&self, beat: f64, same: f64) -> Bar {
        let change = self.meters[last_not_after(&self.meters, |change| change.beat <= beat + same)];
        let bars = ((beat + same - change.beat) / change.bar_beats()).floor();
        let bars = bars.clamp(f64::from(i32::MIN / 2), f64::from(i32::MAX / 2));
        Bar {
            number: change.bar.saturating_add(bars as i32),
            start: change.beat + bars * change.bar_beats(),
            numerator: change.numerator,
            denominator: change.denominator,
        }
    }

    /// The beat at which a bar starts.
    pub fn beat_at_bar(&self, bar: i32) -> f64 {
        let change = self.meters[last_not_after(&self.meters, |change| change.bar <= bar)];
        change.beat + (f64::from(bar) - f64::from(change.bar)) * change.bar_beats()
    }

    /// Quarter notes in a bar, which the next meter may cut short, and the unit of its written beat.
    pub(crate) fn bar_length(&self, bar: i32) -> (f64, u16) {
        let at = last_not_after(&self.meters, |change| change.bar <= bar);
        let change = self.meters[at];
        let rest = self.meters.get(at + 1).map_or(f64::INFINITY, |next| next.beat - self.beat_at_bar(bar));
        (change.bar_beats().min(rest), change.denominator)
    }

    /// Where tempos begin: the beat, its time in seconds, and quarter notes a minute. The first is at beat 0.
    pub fn tempos(&self) -> impl Iterator<Item = (f64, f64, f64)> + '_ {
        self.tempos.iter().map(|change| (change.beat, change.seconds, 60.0 / change.quarter))
    }

    /// The bars with which meters begin. The first is at beat 0.
    pub fn meters(&self) -> impl Iterator<Item = Bar> + '_ {
        self.meters.iter().map(|change| Bar {
            number: change.bar,
            start: change.beat,
            numerator: change.numerator,
            denominator: change.denominator,
        })
    }

    /// The music at a frame. Whoever keeps count of frames sets [`Transport::steady_frame`]; it is 0 here.
    pub fn transport_at(&self, frame: i64, sample_rate: SampleRate) -> Transport {
        // A change holds from the first frame that does not lie before it.
        let at = last_not_after(&self.tempos, |change| first_frame(change.seconds, sample_rate) <= frame);
        let change = self.tempos[at];
        let beat = change.beat + (frame as f64 / sample_rate.hz() - change.seconds) / change.quarter;
        let bar = self.bar_at_beat(if at > 0 { beat.max(change.beat) } else { beat });
        Transport {
            steady_frame: 0,
            frame,
            sample_rate,
            playing: true,
            tempo: 60.0 / change.quarter,
            // Never in front of the bar that it is said to be in.
            beat: beat.max(bar.start),
            bar_start: bar.start,
            bar: bar.number,
            numerator: bar.numerator,
            denominator: bar.denominator,
        }
    }

    /// The first frame behind `frame` at which tempo or meter differ from what they were, if there is one. A block that
    /// ends there, at the latest, has one tempo and one meter.
    pub fn next_change_after(&self, frame: i64, sample_rate: SampleRate) -> Option<u64> {
        let tempos = self.tempos[1..].iter().map(|change| change.seconds);
        let meters = self.meters[1..].iter().map(|change| self.seconds_at_beat(change.beat));
        let after = |seconds: f64| first_frame(seconds, sample_rate);
        let next = tempos.map(after).find(|&at| at > frame).into_iter().chain(meters.map(after).find(|&at| at > frame));
        next.min().and_then(|at| u64::try_from(at).ok())
    }
}

impl Default for TempoMap {
    /// 120 quarter notes a minute in 4/4.
    fn default() -> TempoMap {
        TempoMap {
            tempos: vec![TempoChange { beat: 0.0, seconds: 0.0, quarter: 0.5 }],
            meters: vec![MeterChange { beat: 0.0, bar: 0, numerator: 4, denominator: 4 }],
        }
    }
}

/// Seconds a quarter note at so many a minute.
fn quarter(tempo: f64) -> Result<f64, InvalidTempo> {
    (1.0..=10_000.0).contains(&tempo).then(|| 60.0 / tempo).ok_or(InvalidTempo(tempo))
}

/// The first frame that does not lie before a time.
fn first_frame(seconds: f64, sample_rate: SampleRate) -> i64 {
    (seconds * sample_rate.hz() - SAME).ceil() as i64
}

/// Index of the last change for which `holds`, which is true up to some change and false behind it; 0 if for none.
fn last_not_after<T>(changes: &[T], holds: impl Fn(&T) -> bool) -> usize {
    changes.partition_point(holds).saturating_sub(1)
}
