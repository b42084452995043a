//! Each finding both ways.

use audio::device::{BusInfo, DeviceInfo, ParameterFlags, ParameterId, Ports};

use super::super::measured::{Fault, Layout, Prints, Sound};
use super::super::verdict::ToldTail;
use super::*;
use crate::message::Phase;
use crate::strict::Strict;

const EQUAL: Comparison = Comparison { equal: true, difference: Some(0.0) };
const OTHER: Comparison = Comparison { equal: false, difference: Some(0.1) };

fn bus() -> Vec<BusInfo> {
    vec![BusInfo { name: "Main".into(), channels: 2, main: true }]
}

/// A well-behaved effect.
fn survey() -> Survey {
    Survey {
        info: DeviceInfo {
            format: "clap".into(),
            id: "a.x".into(),
            name: "X".into(),
            vendor: String::new(),
            version: "1".into(),
            instrument: false,
        },
        ports: Ports { inputs: bus(), outputs: bus(), note_input: false, note_output: false },
        parameters: Vec::new(),
        strict: Strict::Full,
        load_seconds: 0.02,
        threads: 0,
        prints: Prints::default(),
        latency: 0,
        sound: Sound {
            frames: 96_000,
            channels: 2,
            blake3: "hash".into(),
            peak: 0.5,
            notes: 0,
            fault: None,
            cost_seconds: 0.1,
        },
        noise: Late::Arrived { frames: 0.0, earliest: 0, inverted: false, share: 1.0 },
        impulse: Some(0),
        told_tail: ToldTail::Seconds(0.0),
        tail: TailSpan::Seconds(0.0),
    }
}

/// Everything equal.
fn outcomes() -> Outcomes {
    Outcomes {
        survey: Some(Ok(survey())),
        again: Some(Ok(vec![EQUAL])),
        blocks: vec![(64, Ok(vec![EQUAL])), (1000, Ok(vec![EQUAL, EQUAL]))],
        twice: Some(Ok(vec![EQUAL, EQUAL])),
        reset: Some(Ok(vec![EQUAL, EQUAL, EQUAL])),
        state: Some(Ok(Trip {
            bytes: Some(52),
            as_set: Some(EQUAL),
            moved: Some(EQUAL),
            bytes_equal: Some(true),
            refused: None,
        })),
        layouts: Some(Ok(vec![Layout { inputs: 2, outputs: 2 }])),
        memory: Some(Ok(Held { instances: 4, alive: 3_000_000, left: 0, rounds: 2 })),
    }
}

fn judged(change: impl FnOnce(&mut Outcomes)) -> Findings {
    let mut outcomes = outcomes();
    change(&mut outcomes);
    judge(&outcomes, AudioSettings::standard())
}

fn surveyed(change: impl FnOnce(&mut Survey)) -> Findings {
    let mut survey = survey();
    change(&mut survey);
    judged(|outcomes| outcomes.survey = Some(Ok(survey)))
}

fn crash(during: &str) -> Mishap {
    let what = "the process crashed (SIGSEGV)".to_owned();
    Mishap { during: during.to_owned(), phase: Some(Phase::Process), what, fatal: true }
}

#[test]
fn a_device_that_does_everything_well_has_every_claim() {
    let found = judged(|_| ());
    assert!(found.loads && !found.crashed() && !found.runaway && found.fault.is_none());
    assert_eq!((found.sounds, found.deterministic(), found.reset_safe), (Some(true), Some(true), Some(true)));
    assert_eq!(found.latency.unwrap().right, Some(true));
    assert_eq!(found.true_latency(), Some(0.0));
    let blocks = found.blocks.unwrap();
    assert_eq!((blocks.equal, blocks.difference_db, blocks.sizes), (true, None, vec![512, 64, 1000]));
    let state = found.state.unwrap();
    assert_eq!((state.equal_sound, state.equal_bytes, state.refused), (Some(true), Some(true), false));
    assert_eq!(found.memory.unwrap(), Memory { instance_bytes: 1_000_000, leak_bytes: 0 });
    assert!((found.times_real_time.unwrap() - 20.0).abs() < 1e-9);
    assert_eq!(found.peak_dbfs.map(|peak| peak.round()), Some(-6.0));
}

#[test]
fn silence_and_runaway_are_told_by_the_peak() {
    let peak = |peak: f32| surveyed(|survey| survey.sound.peak = peak);
    assert_eq!(peak(1e-5).sounds, Some(false));
    assert_eq!(peak(4e-5).sounds, Some(true));
    assert!(!peak(999.0).runaway);
    assert!(peak(1001.0).runaway && peak(f32::INFINITY).runaway);
    assert_eq!(peak(0.0).peak_dbfs, None);
    assert_eq!(surveyed(|survey| survey.sound.channels = 0).sounds, None);
}

#[test]
fn a_fault_leaves_latency_and_tail_untold() {
    let fault = Some(Fault::NotFinite { at_seconds: 0.5 });
    let found = surveyed(|survey| survey.sound.fault = fault);
    assert_eq!((found.fault, found.latency, found.tail), (fault, None, None));
    assert!(found.loads);
}

fn latency(reported: u64, noise: Late, impulse: Option<u64>) -> Latency {
    let found = surveyed(|survey| {
        survey.latency = reported;
        survey.noise = noise;
        survey.impulse = impulse;
    });
    found.latency.unwrap()
}

fn arrived(frames: f64, earliest: u64) -> Late {
    Late::Arrived { frames, earliest, inverted: false, share: 0.99 }
}

#[test]
fn a_reported_latency_is_right_from_where_the_answer_begins_to_where_it_is_highest() {
    let right = |reported| latency(reported, arrived(64.0, 20), Some(64)).right;
    for (reported, expected) in [(17, false), (18, true), (20, true), (64, true), (66, true), (67, false), (0, false)] {
        assert_eq!(right(reported), Some(expected), "{reported}");
    }
    assert_eq!(latency(48, arrived(48.5, 48), None).right, Some(true));
}

#[test]
fn the_delay_of_a_captured_amplifier_is_part_of_its_sound() {
    let judged = |id: &str| {
        let found = surveyed(|survey| {
            (survey.info.format, survey.info.id) = ("builtin".to_owned(), id.to_owned());
            (survey.noise, survey.impulse) = (arrived(20.4, 12), Some(20));
        });
        found.latency.unwrap().right
    };
    assert_eq!([judged("nam"), judged("rnn"), judged("drive")], [None, None, Some(false)]);
}

#[test]
fn what_is_no_linear_delay_has_no_true_latency() {
    for (measured, expected) in [
        (latency(7, Late::NothingGoesIn, None), TrueLatency::NothingGoesIn),
        (latency(7, Late::Silent, None), TrueLatency::Silent),
        (latency(7, Late::Spread { share: 0.1 }, Some(3)), TrueLatency::Spread { share: 0.1 }),
        (latency(0, arrived(0.0, 0), Some(49)), TrueLatency::Disagreeing { noise: 0.0, impulse: 49 }),
        (latency(0, arrived(4_801.0, 4_801), Some(4_801)), TrueLatency::Echo { frames: 4_801.0 }),
    ] {
        assert_eq!((measured.measured, measured.right), (expected, None));
    }
    // Within a millisecond they agree; and who reports a latency means no echo.
    assert_eq!(latency(0, arrived(0.0, 0), Some(48)).right, Some(true));
    assert_eq!(latency(1, arrived(4_801.0, 4_801), Some(4_801)).right, Some(false));
    assert_eq!(latency(4_801, arrived(4_801.0, 4_801), None).right, Some(true));
}

#[test]
fn a_tail_that_outlasts_the_listener_has_no_length() {
    let tail = |tail| surveyed(|survey| survey.tail = tail).tail;
    let seconds = |tail: Tail| (tail.seconds, tail.longer_than_seconds);
    assert_eq!(tail(TailSpan::Seconds(1.5)).map(seconds), Some((Some(1.5), None)));
    assert_eq!(tail(TailSpan::LongerThan(10.0)).map(seconds), Some((None, Some(10.0))));
    assert_eq!(tail(TailSpan::Nothing), None);
}

#[test]
fn what_differs_in_any_fresh_process_is_not_deterministic() {
    let changes: [fn(&mut Outcomes); 2] =
        [|outcomes| outcomes.again = Some(Ok(vec![OTHER])), |outcomes| outcomes.twice = Some(Ok(vec![OTHER, EQUAL]))];
    for change in changes {
        let found = judged(change);
        assert_eq!((found.deterministic(), found.equal_in_processes), (Some(false), Some(false)));
        assert_eq!((found.reset_safe, found.blocks), (Some(false), None));
    }
}

#[test]
fn what_differs_in_the_second_instance_alone_is_equal_in_fresh_processes() {
    let found = judged(|outcomes| outcomes.twice = Some(Ok(vec![EQUAL, OTHER])));
    assert_eq!((found.equal_in_process, found.equal_in_processes), (Some(false), Some(true)));
    assert_eq!((found.deterministic(), found.reset_safe), (Some(false), Some(true)));
}

#[test]
fn a_reset_is_safe_only_if_it_is_after_another_job_too() {
    for reset in [vec![OTHER, EQUAL, EQUAL], vec![EQUAL, OTHER, EQUAL], vec![EQUAL, EQUAL, OTHER]] {
        let found = judged(|outcomes| outcomes.reset = Some(Ok(reset)));
        assert_eq!((found.reset_safe, found.deterministic()), (Some(false), Some(true)));
    }
}

#[test]
fn the_largest_difference_between_block_sizes_is_told() {
    let blocks = |first, second| judged(|o| o.blocks = vec![(64, Ok(vec![first])), (1000, Ok(second))]).blocks.unwrap();
    let tenth = blocks(OTHER, vec![EQUAL, Comparison { equal: false, difference: Some(0.01) }]);
    assert_eq!((tenth.equal, tenth.difference_db.map(f64::round)), (false, Some(-20.0)));
    let bits = blocks(Comparison { equal: false, difference: Some(0.0) }, vec![EQUAL, EQUAL]);
    assert_eq!((bits.equal, bits.difference_db), (false, None));
    let unlike = blocks(Comparison { equal: false, difference: None }, vec![OTHER, EQUAL]);
    assert_eq!((unlike.equal, unlike.difference_db), (false, None));
}

#[test]
fn a_state_is_whole_only_if_sound_and_bytes_come_back() {
    let trip = |change: fn(&mut Trip)| {
        judged(|outcomes| {
            if let Some(Ok(trip)) = &mut outcomes.state {
                change(trip);
            }
        })
        .state
    };
    assert_eq!(trip(|trip| trip.moved = Some(OTHER)).unwrap().equal_sound, Some(false));
    assert_eq!(trip(|trip| trip.as_set = Some(OTHER)).unwrap().equal_sound, Some(false));
    assert_eq!(trip(|trip| trip.moved = None).unwrap().equal_sound, Some(true));
    assert_eq!(trip(|trip| trip.bytes_equal = Some(false)).unwrap().equal_bytes, Some(false));
    assert!(trip(|trip| trip.refused = Some("no".into())).unwrap().refused);
    assert_eq!(trip(|trip| trip.bytes = None).unwrap().bytes, None);
}

#[test]
fn what_differs_when_fresh_says_nothing_about_its_state() {
    let other = |comparison: Comparison| {
        judged(|outcomes| {
            outcomes.twice = Some(Ok(vec![EQUAL, OTHER]));
            if let Some(Ok(trip)) = &mut outcomes.state {
                trip.moved = Some(comparison);
            }
        })
    };
    assert_eq!(other(OTHER).state.unwrap().equal_sound, None);
    assert_eq!(other(EQUAL).state.unwrap().equal_sound, Some(true));
}

#[test]
fn parameters_are_counted_by_whether_they_may_be_drawn() {
    let parameter = |id: u32, name: &str| Parameter {
        id: ParameterId(id),
        name: name.into(),
        group: String::new(),
        minimum: 0.0,
        maximum: 1.0,
        default: 0.0,
        flags: ParameterFlags::default(),
    };
    let parameters = vec![parameter(1, "Drive"), parameter(2, "Buffer Size"), parameter(3, "Tone")];
    let found = surveyed(|survey| survey.parameters = parameters).parameters.unwrap();
    assert_eq!((found.count, found.drawable, found.withheld.len()), (3, 2, 1));
    assert_eq!((found.withheld[0].id, found.withheld[0].name.as_str()), (2, "Buffer Size"));
}

#[test]
fn what_a_device_does_to_its_process_is_repeated() {
    let found = surveyed(|survey| {
        survey.threads = 3;
        survey.prints = Prints { bytes: 12, first: Some("hello".into()) };
    });
    assert_eq!((found.threads, found.prints_bytes, found.prints_first.as_deref()), (Some(3), 12, Some("hello")));
    let held = Held { instances: 4, alive: 0, left: 8 << 20, rounds: 2 };
    let found = judged(|outcomes| outcomes.memory = Some(Ok(held)));
    assert_eq!(found.memory.unwrap().leak_bytes, 1 << 20);
}

#[test]
fn a_crash_anywhere_is_a_finding_and_takes_only_its_own_claims() {
    let found = judged(|outcomes| outcomes.survey = Some(Err(crash("playing it for the first time"))));
    assert!(found.crashed() && !found.loads);
    assert_eq!(found.sounds, None);

    let found = judged(|outcomes| outcomes.reset = Some(Err(crash("playing it again after a reset"))));
    assert!(found.crashed() && found.loads);
    assert_eq!((found.reset_safe, found.deterministic()), (None, Some(true)));
    assert_eq!(found.mishaps, [crash("playing it again after a reset")]);

    let found = judged(|outcomes| outcomes.blocks[1].1 = Err(crash("playing it in another process")));
    assert!(found.crashed());
    assert_eq!(found.blocks, None);

    let found = judged(|outcomes| outcomes.twice = Some(Err(crash("playing two instances in one process"))));
    assert_eq!((found.deterministic(), found.equal_in_processes), (None, Some(true)));

    let refused = Mishap { fatal: false, ..crash("carrying its state over") };
    let found = judged(|outcomes| outcomes.state = Some(Err(refused)));
    assert!(!found.crashed());
    assert_eq!((found.mishaps.len(), found.state), (1, None));
}

#[test]
fn a_verdict_fits_its_schema() {
    let schema = super::super::schema();
    let verdict = super::super::Verdict {
        tonemill: crate::FORMAT_VERSION,
        recipe: super::super::RECIPE,
        engine: crate::ENGINE.into(),
        device: super::super::Identity {
            format: "clap".into(),
            id: "a.x".into(),
            name: "X".into(),
            version: "1".into(),
            binary_blake3: "b".into(),
            settings_blake3: "s".into(),
        },
        audio: AudioSettings::standard(),
        strict: Some(Strict::Full),
        findings: judged(|outcomes| outcomes.again = Some(Err(crash("playing it in another process")))),
    };
    let value = serde_json::to_value(&verdict).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert!(!validator.is_valid(&serde_json::json!({ "tonemill": 1 })));
    assert_eq!(serde_json::from_value::<super::super::Verdict>(value).unwrap(), verdict);
}
