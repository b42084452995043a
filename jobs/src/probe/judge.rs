//! Judges: measurements in, findings out.

use audio::device::{DeviceInfo, Parameter};
use audio::measure::SILENCE_DBFS;
use audio::{Decibels, SampleRate};

use super::OTHER_BLOCKS;
use super::drawable::{WithheldParameter, withheld};
use super::measured::{Comparison, Held, Late, Mishap, Outcomes, Survey, TailSpan, Trip};
use super::verdict::{Blocks, Findings, Latency, Memory, Parameters, State, Tail, TrueLatency};
use crate::task::AudioSettings;

/// Beyond this level in dBFS, sound has run away.
const RUNAWAY_DBFS: f64 = 60.0;

/// A reported latency may lie this many frames before the beginning of the answer, or behind its highest point. The
/// filters of resamplers and crossovers are late by parts of frames.
const SLACK_FRAMES: f64 = 2.0;

/// Impulse and noise agree where their answers are highest within this time, in seconds: what drives an amplifier
/// further shifts its tone, and so the highest point, by some frames.
const AGREE_SECONDS: f64 = 0.001;

/// A device that reports no latency and comes later than this, in seconds, is taken for an echo.
const ECHO_SECONDS: f64 = 0.1;

/// What all the measurements show together.
pub fn judge(outcomes: &Outcomes, audio: AudioSettings) -> Findings {
    let mut findings = Findings { mishaps: mishaps(outcomes), ..Findings::default() };
    let survey = outcomes.survey.as_ref().and_then(|survey| survey.as_ref().ok());
    if let Some(survey) = survey {
        heard(&mut findings, survey, audio.sample_rate);
    }
    let equal = |outcome: &Option<Result<Vec<Comparison>, Mishap>>, at: usize| {
        outcome.as_ref()?.as_ref().ok()?.get(at).map(|comparison| comparison.equal)
    };
    // The first instance of each of these processes is a fresh one in a fresh process. What that of the reset plays first
    // is not looked at.
    let fresh = [equal(&outcomes.again, 0), equal(&outcomes.twice, 0)];
    findings.equal_in_processes = all(fresh.into_iter().flatten());
    findings.equal_in_process = match (equal(&outcomes.twice, 0), equal(&outcomes.twice, 1)) {
        (Some(true), second) => second,
        // Where processes differ, two instances in one may still be equal; nobody compared them with each other, and
        // nothing depends on it.
        _ => None,
    };
    let after_resets = outcomes.reset.as_ref().and_then(|compared| compared.as_ref().ok());
    findings.reset_safe = match (findings.equal_in_processes, after_resets) {
        (Some(true), Some(compared)) => Some(compared.iter().all(|comparison| comparison.equal)),
        // What differs when fresh cannot be like fresh.
        (Some(false), ..) => Some(false),
        _ => None,
    };
    if findings.equal_in_processes == Some(true) {
        findings.blocks = blocks(&outcomes.blocks, audio.block_size);
    }
    let deterministic = findings.deterministic() == Some(true);
    findings.state = outcomes.state.as_ref().and_then(|trip| Some(state(trip.as_ref().ok()?, deterministic)));
    findings.layouts = outcomes.layouts.as_ref().and_then(|layouts| layouts.as_ref().ok()).cloned();
    findings.memory = outcomes.memory.as_ref().and_then(|held| held.as_ref().ok()).map(memory);
    findings
}

/// Whether all hold; `None` of nothing.
fn all(claims: impl Iterator<Item = bool>) -> Option<bool> {
    claims.reduce(|all, claim| all && claim)
}

fn mishaps(outcomes: &Outcomes) -> Vec<Mishap> {
    fn of<T>(outcome: &Option<Result<T, Mishap>>) -> Option<Mishap> {
        outcome.as_ref()?.as_ref().err().cloned()
    }
    let blocks = outcomes.blocks.iter().map(|(_, outcome)| outcome.as_ref().err().cloned());
    let before = [of(&outcomes.survey), of(&outcomes.again)];
    let after =
        [of(&outcomes.twice), of(&outcomes.reset), of(&outcomes.state), of(&outcomes.layouts), of(&outcomes.memory)];
    before.into_iter().chain(blocks).chain(after).flatten().collect()
}

/// What the survey alone shows.
fn heard(findings: &mut Findings, survey: &Survey, rate: SampleRate) {
    let sound = &survey.sound;
    let peak = f64::from(sound.peak);
    findings.loads = true;
    findings.instrument = Some(survey.info.instrument);
    findings.sounds = (sound.channels > 0).then(|| peak >= Decibels(SILENCE_DBFS).gain());
    findings.peak_dbfs = (peak > 0.0 && peak.is_finite()).then(|| Decibels::from_gain(peak).0);
    findings.notes_given = sound.notes;
    findings.fault = sound.fault;
    findings.runaway = peak > Decibels(RUNAWAY_DBFS).gain();
    if sound.channels > 0 && sound.fault.is_none() {
        findings.latency = Some(latency(survey, rate));
        findings.tail = tail(survey);
    }
    findings.parameters = Some(parameters(&survey.parameters));
    findings.prints_bytes = survey.prints.bytes;
    findings.prints_first = survey.prints.first.clone();
    findings.threads = Some(survey.threads);
    findings.load_ms = Some(survey.load_seconds * 1e3);
    let seconds = rate.seconds(sound.frames);
    findings.times_real_time = (sound.cost_seconds > 0.0 && seconds > 0.0).then(|| seconds / sound.cost_seconds);
}

fn latency(survey: &Survey, rate: SampleRate) -> Latency {
    let reported = survey.latency;
    let measured = match survey.noise {
        Late::NothingGoesIn => TrueLatency::NothingGoesIn,
        Late::Silent => TrueLatency::Silent,
        Late::Spread { share } => TrueLatency::Spread { share },
        Late::Arrived { frames, earliest, inverted, share } => match survey.impulse {
            Some(impulse) if (impulse as f64 - frames).abs() > AGREE_SECONDS * rate.hz() => {
                TrueLatency::Disagreeing { noise: frames, impulse }
            }
            _ if reported == 0 && frames > ECHO_SECONDS * rate.hz() => TrueLatency::Echo { frames },
            // A gate may hold an impulse back and let noise through: the noise alone counts then.
            _ => TrueLatency::Frames { frames, earliest, inverted, share },
        },
    };
    let right = match measured {
        // What delays a captured amplifier's sound is the amplifier, and stays.
        TrueLatency::Frames { .. } if is_capture(&survey.info) => None,
        TrueLatency::Frames { frames, earliest, .. } => {
            Some((earliest as f64 - SLACK_FRAMES..=frames + SLACK_FRAMES).contains(&(reported as f64)))
        }
        _ => None,
    };
    Latency { reported, measured, right }
}

/// Whether a device plays a model that was fitted to other equipment.
fn is_capture(info: &DeviceInfo) -> bool {
    info.format == "builtin" && ["nam", "rnn"].contains(&info.id.as_str())
}

fn tail(survey: &Survey) -> Option<Tail> {
    let reported = survey.told_tail;
    match survey.tail {
        TailSpan::Seconds(seconds) => Some(Tail { reported, seconds: Some(seconds), longer_than_seconds: None }),
        TailSpan::LongerThan(limit) => Some(Tail { reported, seconds: None, longer_than_seconds: Some(limit) }),
        TailSpan::Nothing => None,
    }
}

fn parameters(parameters: &[Parameter]) -> Parameters {
    let one = |p: &Parameter| Some(WithheldParameter { id: p.id.0, name: p.name.clone(), why: withheld(p)? });
    let withheld: Vec<WithheldParameter> = parameters.iter().filter_map(one).collect();
    Parameters { count: parameters.len(), drawable: parameters.len() - withheld.len(), withheld }
}

fn blocks(outcomes: &[(u32, Result<Vec<Comparison>, Mishap>)], size: u32) -> Option<Blocks> {
    let compared: Vec<&Comparison> = outcomes.iter().filter_map(|(_, o)| o.as_ref().ok()).flatten().collect();
    if compared.is_empty() || outcomes.iter().any(|(_, outcome)| outcome.is_err()) {
        return None;
    }
    let differing = || compared.iter().filter(|comparison| !comparison.equal);
    let known: Option<Vec<f64>> = differing().map(|comparison| comparison.difference).collect();
    let highest = known.and_then(|known| known.into_iter().reduce(f64::max)).filter(|d| *d > 0.0);
    let sizes = std::iter::once(size).chain(OTHER_BLOCKS).collect();
    Some(Blocks {
        equal: differing().next().is_none(),
        difference_db: highest.map(|difference| Decibels::from_gain(difference).0),
        sizes,
    })
}

fn state(trip: &Trip, deterministic: bool) -> State {
    let sounds = [&trip.as_set, &trip.moved].into_iter().flatten().map(|comparison| comparison.equal);
    State {
        bytes: trip.bytes,
        // Of two instances that differ when fresh, another sound says nothing about the state.
        equal_sound: all(sounds).filter(|equal| *equal || deterministic),
        equal_bytes: trip.bytes_equal,
        refused: trip.refused.is_some(),
    }
}

fn memory(held: &Held) -> Memory {
    let others = held.instances.saturating_sub(1).max(1);
    Memory { instance_bytes: held.alive / others, leak_bytes: held.left / (held.instances * held.rounds).max(1) }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
