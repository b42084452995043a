//! Measuring what a device is worth relying on. One request is one script; what it is worth is judged elsewhere.

mod player;
mod process;
mod stimulus;

use std::io;
use std::time::Instant;

use audio::Device;
use audio::device::{DeviceError, Parameter, ParameterId};
use jobs::message::{FromWorker, Phase};
use jobs::probe::{Comparison, Held, Late, Layout, Measured, Script, Survey, Trip, withheld};
use jobs::task::AudioSettings;
use presets::DeviceSetup;

use self::player::{Played, Player};
use self::process::Caught;
use crate::build::{self, BuildError, refusal};
use crate::configure;
use crate::report::Reporter;
use crate::strict;
use crate::warm::Remembered;

/// Channels in and out that a device is asked for.
const LAYOUTS: [(usize, usize); 8] = [(0, 1), (0, 2), (1, 1), (1, 2), (2, 1), (2, 2), (4, 4), (6, 6)];

/// Instances in a round of [`Script::Memory`], and rounds after the first.
const INSTANCES: u64 = 4;
const ROUNDS: u64 = 3;

/// Most parameters that the different job moves: some plugins have thousands.
const MOST_MOVED: usize = 256;

/// Carries a script out and answers.
pub(crate) fn probe(
    setup: &DeviceSetup,
    audio: AudioSettings,
    script: &Script,
    reporter: &mut Reporter,
) -> io::Result<()> {
    let probe = Probe { setup, audio };
    let measured = match script {
        Script::Survey { keep } => probe.survey(keep, reporter).map(|survey| Measured::Survey(Box::new(survey))),
        Script::Play { keep, against } => probe.play(keep.as_deref(), against, reporter).map(Measured::Compared),
        Script::Twice { against } => probe.twice(against, reporter).map(Measured::Compared),
        Script::Reset { against } => probe.reset(against, reporter).map(Measured::Compared),
        Script::State { against } => probe.state(against, reporter).map(Measured::State),
        Script::Layouts => probe.layouts(reporter).map(Measured::Layouts),
        Script::Memory => probe.memory(reporter).map(Measured::Held),
    };
    match measured {
        Ok(measured) => reporter.send(&FromWorker::Probed(Box::new(measured))),
        Err(BuildError::Task(failure)) => reporter.send(&FromWorker::Failed(failure)),
        Err(BuildError::Farm(error)) => Err(error),
    }
}

struct Probe<'a> {
    setup: &'a DeviceSetup,
    audio: AudioSettings,
}

impl Probe<'_> {
    fn fresh(&self, reporter: &mut Reporter) -> Result<Player, BuildError> {
        Player::fresh(self.setup, self.audio, reporter)
    }

    fn survey(&self, keep: &std::path::Path, reporter: &mut Reporter) -> Result<Survey, BuildError> {
        let caught = Caught::begin()?;
        let threads = process::threads();
        let began = Instant::now();
        let (device, _) = build::configured(self.setup, reporter)?;
        let (info, ports, parameters) = (device.info().clone(), device.ports(), device.parameters());
        let mut most_threads = process::threads();
        let mut player = Player::of(device, self.audio, reporter)?;
        let load_seconds = began.elapsed().as_secs_f64();
        let stimulus = player.standard();
        let played = player.play(&stimulus, reporter)?;
        let latency = player.latency();
        most_threads = most_threads.max(process::threads());
        let (told_tail, tail) = (player.told_tail(), player.listen(&played, reporter)?);
        let (noise, impulse) = self.when_it_came(&player, &stimulus.sound, &played);
        player.destroy(reporter)?;
        played.keep(keep)?;
        Ok(Survey {
            info,
            ports,
            parameters,
            strict: strict::level(),
            load_seconds,
            threads: most_threads.saturating_sub(threads),
            prints: caught.end()?,
            latency,
            sound: played.described(),
            noise,
            impulse,
            told_tail,
            tail,
        })
    }

    /// When the noise and the impulse came out, on the channel that gave most of the noise.
    fn when_it_came(&self, player: &Player, input: &audio::Buffer, played: &Played) -> (Late, Option<u64>) {
        let rate = self.audio.sample_rate;
        let (noise, impulse) = (stimulus::noise_answer(rate), stimulus::impulse_answer(rate));
        if player.in_channels() == 0 {
            return (Late::NothingGoesIn, None);
        }
        let energy = |channel: &[f32]| channel[noise.clone()].iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
        let complete = played.sound.frames() == input.frames();
        let loudest = played.sound.channels().filter(|_| complete).max_by(|a, b| energy(a).total_cmp(&energy(b)));
        let Some(output) = loudest else { return (Late::Silent, None) };
        let arrival = audio::response::arrival(&input.channel(0)[noise.clone()], &output[noise], rate);
        let answer = &output[impulse];
        let higher = |best: usize, at: usize| if answer[at].abs() > answer[best].abs() { at } else { best };
        let peak = (0..answer.len()).fold(0, higher);
        let silence = audio::Decibels(audio::measure::SILENCE_DBFS).gain();
        (arrival.into(), (f64::from(answer[peak].abs()) > silence).then_some(peak as u64))
    }

    fn play(
        &self,
        keep: Option<&std::path::Path>,
        against: &[std::path::PathBuf],
        reporter: &mut Reporter,
    ) -> Result<Vec<Comparison>, BuildError> {
        let played = self.fresh(reporter)?.play_out(reporter)?;
        if let Some(keep) = keep {
            played.keep(keep)?;
        }
        against.iter().map(|path| Ok(played.beside(&Played::kept(path)?))).collect()
    }

    fn twice(&self, against: &std::path::Path, reporter: &mut Reporter) -> Result<Vec<Comparison>, BuildError> {
        let kept = Played::kept(against)?;
        let mut one =
            || -> Result<Comparison, BuildError> { Ok(self.fresh(reporter)?.play_out(reporter)?.beside(&kept)) };
        Ok(vec![one()?, one()?])
    }

    fn reset(&self, against: &std::path::Path, reporter: &mut Reporter) -> Result<Vec<Comparison>, BuildError> {
        let kept = Played::kept(against)?;
        let (device, _) = build::configured(self.setup, reporter)?;
        let moved = moved(&device.parameters(), device.as_ref());
        let mut compared = Vec::new();

        let mut player = Player::of(device, self.audio, reporter)?;
        // What a fresh instance makes of it is known.
        player.play_standard(reporter)?;
        // As a worker that keeps a device asks another one only when there is need.
        let device = player.reset(reporter)?;
        let remembered = Remembered::of_another(self.setup, reporter)?;
        let mut player = self.with(device, &remembered, reporter)?;
        compared.push(player.play_standard(reporter)?.beside(&kept));
        // That begins with silence, in which what is remembered of the sound before may fade.
        let abrupt = player.abrupt();
        let mut player = self.again(player, &remembered, reporter)?;
        let after_same_job = player.play(&abrupt, reporter)?;
        let mut player = self.again(player, &remembered, reporter)?;
        let after_itself = player.play(&abrupt, reporter)?;

        let mut different = player.different();
        let values = moved.iter().map(|&(id, value)| (0, audio::EventBody::Parameter { id, value }));
        different.events.splice(0..0, values);
        // What comes of it does not matter, and neither does a failure: a reset is to cure that too.
        player.play(&different, reporter)?;
        let mut player = self.again(player, &remembered, reporter)?;
        compared.push(player.play_standard(reporter)?.beside(&kept));
        player.play(&different, reporter)?;
        let mut player = self.again(player, &remembered, reporter)?;
        let after_another = player.play(&abrupt, reporter)?;
        player.destroy(reporter)?;

        let mut fresh = self.fresh(reporter)?;
        let reference = fresh.play(&abrupt, reporter)?;
        fresh.destroy(reporter)?;
        compared.extend([after_same_job, after_itself, after_another].map(|played| played.beside(&reference)));
        Ok(compared)
    }

    /// Resets a device, puts back what it was set to, and makes it ready again.
    fn again(&self, player: Player, to: &Remembered, reporter: &mut Reporter) -> Result<Player, BuildError> {
        let device = player.reset(reporter)?;
        self.with(device, to, reporter)
    }

    fn with(
        &self,
        mut device: Box<dyn Device>,
        to: &Remembered,
        reporter: &mut Reporter,
    ) -> Result<Player, BuildError> {
        to.put_back(device.as_mut(), reporter)?;
        Player::of(device, self.audio, reporter)
    }

    fn state(&self, against: &std::path::Path, reporter: &mut Reporter) -> Result<Trip, BuildError> {
        let kept = Played::kept(against)?;
        let mut trip = Trip { bytes: None, as_set: None, moved: None, bytes_equal: None, refused: None };
        let (device, _) = build::configured(self.setup, reporter)?;
        let moved = moved(&device.parameters(), device.as_ref());
        let Some(state) = save(device, reporter)? else { return Ok(trip) };
        trip.bytes = Some(state.len() as u64);
        match self.carried(&state, reporter)? {
            Ok(carried) => {
                trip.as_set = Some(carried.played.beside(&kept));
                trip.bytes_equal = Some(carried.saved.as_ref() == Some(&state));
            }
            Err(refused) => return Ok(Trip { refused: Some(refused), ..trip }),
        }
        if moved.is_empty() {
            return Ok(trip);
        }
        let device = match self.set(&moved, reporter) {
            Ok(device) => device,
            // Values that were never meant together, such as a bank without its program, may be refused: then there is
            // no state to carry over.
            Err(BuildError::Task(failure)) if failure.phase == Phase::Configure => return Ok(trip),
            Err(error) => return Err(error),
        };
        let played = Player::of(device, self.audio, reporter)?.play_out(reporter)?;
        let Some(state) = save(self.set(&moved, reporter)?, reporter)? else { return Ok(trip) };
        match self.carried(&state, reporter)? {
            Ok(carried) => {
                trip.moved = Some(carried.played.beside(&played));
                trip.bytes_equal = trip.bytes_equal.map(|equal| equal && carried.saved == Some(state));
            }
            Err(refused) => trip.refused = Some(refused),
        }
        Ok(trip)
    }

    /// A fresh instance with these values.
    fn set(&self, values: &[(ParameterId, f64)], reporter: &mut Reporter) -> Result<Box<dyn Device>, BuildError> {
        let (mut device, _) = build::configured(self.setup, reporter)?;
        let name = device.info().name.clone();
        reporter.phase(Phase::Configure, Some(&name))?;
        for (id, value) in values {
            device.set_value(*id, *value).map_err(|error| refusal(Phase::Configure, Some(&name), error))?;
        }
        Ok(device)
    }

    /// What becomes of a state in fresh instances, one that plays and one that is saved; or why it is refused.
    fn carried(&self, state: &[u8], reporter: &mut Reporter) -> Result<Result<Carried, String>, BuildError> {
        let device = match self.with_state(state, reporter)? {
            Ok(device) => device,
            Err(refused) => return Ok(Err(refused)),
        };
        let played = Player::of(device, self.audio, reporter)?.play_out(reporter)?;
        Ok(match self.with_state(state, reporter)? {
            Ok(device) => Ok(Carried { played, saved: save(device, reporter)? }),
            Err(refused) => Err(refused),
        })
    }

    /// A fresh instance that gets all it knows from a state, or why it refuses it.
    fn with_state(&self, state: &[u8], reporter: &mut Reporter) -> Result<Result<Box<dyn Device>, String>, BuildError> {
        let label = self.setup.device.label();
        reporter.phase(Phase::Load, Some(&label))?;
        let created = configure::create(self.setup);
        let mut device = created.map_err(|error| refusal(Phase::Load, Some(&label), error))?;
        reporter.phase(Phase::Configure, Some(&label))?;
        let loaded = device.load_state(state).map_err(|error| error.to_string());
        Ok(loaded.map(|()| device))
    }

    fn layouts(&self, reporter: &mut Reporter) -> Result<Vec<Layout>, BuildError> {
        let (mut device, _) = build::configured(self.setup, reporter)?;
        let name = device.info().name.clone();
        let has_input = device.ports().main_inputs() > 0;
        let mut taken = Vec::new();
        for (inputs, outputs) in LAYOUTS {
            if (inputs > 0) != has_input {
                continue;
            }
            reporter.phase(Phase::Configure, Some(&name))?;
            let ports = device.request_channels(has_input.then_some(inputs), Some(outputs));
            if (ports.main_inputs(), ports.main_outputs()) != (inputs, outputs) {
                continue;
            }
            let mut player = match Player::of(device, self.audio, reporter) {
                Ok(player) => player,
                // It says yes and then no: that is no. The device is gone with the attempt.
                Err(BuildError::Task(_)) => {
                    device = build::configured(self.setup, reporter)?.0;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let short = player.short();
            let works = player.play(&short, reporter)?.described().fault.is_none();
            device = player.end(reporter)?;
            if works {
                taken.push(Layout { inputs, outputs });
            }
        }
        reporter.phase(Phase::Destroy, Some(&name))?;
        drop(device);
        Ok(taken)
    }

    fn memory(&self, reporter: &mut Reporter) -> Result<Held, BuildError> {
        let round = |reporter: &mut Reporter| -> Result<(u64, u64), BuildError> {
            let mut players = Vec::new();
            let mut with_one = 0;
            for index in 0..INSTANCES {
                let mut player = self.fresh(reporter)?;
                let short = player.short();
                player.play(&short, reporter)?;
                players.push(player);
                if index == 0 {
                    with_one = process::resident();
                }
            }
            let with_all = process::resident();
            players.into_iter().try_for_each(|player| player.destroy(reporter))?;
            host::process::give_back_memory();
            Ok((with_all.saturating_sub(with_one), process::resident()))
        };
        let (alive, mut before) = round(reporter)?;
        // What leaks grows in every round; what grows in one of them only is the allocator's own business.
        let mut growth = u64::MAX;
        for _ in 0..ROUNDS {
            let after = round(reporter)?.1;
            growth = growth.min(after.saturating_sub(before));
            before = after;
        }
        Ok(Held { instances: INSTANCES, alive, left: growth * ROUNDS, rounds: ROUNDS })
    }
}

/// What instances make of a state.
struct Carried {
    played: Played,
    saved: Option<Vec<u8>>,
}

/// The state of a device, which is destroyed then; `None` where it has none beside its parameters.
fn save(mut device: Box<dyn Device>, reporter: &mut Reporter) -> Result<Option<Vec<u8>>, BuildError> {
    let name = device.info().name.clone();
    reporter.phase(Phase::Save, Some(&name))?;
    let state = match device.save_state() {
        Ok(state) => Some(state),
        Err(DeviceError::Stateless(_)) => None,
        Err(error) => return Err(refusal(Phase::Save, Some(&name), error)),
    };
    reporter.phase(Phase::Destroy, Some(&name))?;
    Ok(state)
}

/// Another value for each parameter that may be drawn, away from what it is and from its ends.
fn moved(parameters: &[Parameter], device: &dyn Device) -> Vec<(ParameterId, f64)> {
    let drawable = parameters.iter().filter(|parameter| withheld(parameter).is_none()).take(MOST_MOVED);
    let other = |p: &Parameter| {
        let now = device.value(p.id).unwrap_or(p.default);
        let span = p.maximum - p.minimum;
        let value = if p.flags.stepped {
            if now.round() == p.minimum.round() { (p.minimum + 1.0).min(p.maximum) } else { p.minimum }
        } else if (now - (p.minimum + 0.3 * span)).abs() < 0.1 * span {
            p.minimum + 0.6 * span
        } else {
            p.minimum + 0.3 * span
        };
        (p.id, value)
    };
    drawable.map(other).collect()
}
