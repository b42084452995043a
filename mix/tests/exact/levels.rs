//! Levels against closed forms.

use std::f64::consts::FRAC_PI_2;

use audio::Buffer;
use score::{Curve, CurvePoint, Shape, TempoMap};
use tonemill_mix::{Chain, Level, PanLaw, Source, Strip, StripId, TapPoint};

use crate::device::Probe;
use crate::{one, recording, render, slot, tap};

fn ones(channels: usize, frames: usize) -> Buffer {
    Buffer::from_channels(vec![vec![1.0; frames]; channels])
}

/// What a level makes of ones.
fn levelled(level: Level, channels: usize, frames: usize, block: usize) -> Buffer {
    let strip = Strip::new("tone", recording(ones(channels, frames)), Chain::default(), level);
    render(vec![strip], &TempoMap::default(), block, &[tap(0, TapPoint::Output, frames as u64)]).remove(0)
}

fn ramp(from: f64, to: f64, frames: u64) -> Curve {
    let point = |frame, value| CurvePoint { frame, value, shape: Shape::Linear };
    Curve::new(vec![point(0, from), point(frames, to)]).unwrap()
}

type Closed = fn(f64) -> (f64, f64);

const LAWS: [(PanLaw, Closed); 4] = [
    (PanLaw::Minus3, |t| ((t * FRAC_PI_2).cos(), (t * FRAC_PI_2).sin())),
    (PanLaw::Minus45, |t| (((t * FRAC_PI_2).cos() * (1.0 - t)).sqrt(), ((t * FRAC_PI_2).sin() * t).sqrt())),
    (PanLaw::Minus6, |t| (1.0 - t, t)),
    (PanLaw::Zero, |t| ((2.0 - 2.0 * t).min(1.0), (2.0 * t).min(1.0))),
];

#[test]
fn pan_laws_match_their_closed_forms_still_and_moving() {
    const FRAMES: usize = 1000;
    let moving = ramp(-1.0, 1.0, FRAMES as u64 - 1);
    for (law, closed) in LAWS {
        let level = |pan| Level::Stereo { gain: one(), mute: None, pan, law };
        let out = levelled(level(moving.clone()), 1, FRAMES, 64);
        for n in 0..FRAMES {
            let pan = -1.0 + 2.0 * n as f64 / (FRAMES - 1) as f64;
            let (left, right) = closed((pan + 1.0) / 2.0);
            let mut heard = vec![(out.channel(0)[n], out.channel(1)[n])];
            if n % 111 == 0 {
                let still = levelled(level(Curve::constant(pan)), 1, 1, 64);
                heard.push((still.channel(0)[0], still.channel(1)[0]));
            }
            for (heard_left, heard_right) in heard {
                let off = (f64::from(heard_left) - left).abs().max((f64::from(heard_right) - right).abs());
                assert!(off < 1e-7, "{law:?} at {pan}: off by {off:e}");
            }
        }
        assert_eq!((out.channel(1)[0], out.channel(0)[FRAMES - 1]), (0.0, 0.0), "{law:?}: the far side is silent");
    }
}

#[test]
fn the_laws_are_named_by_the_level_of_each_side_in_the_middle() {
    let named = [(PanLaw::Minus3, -3.0), (PanLaw::Minus45, -4.5), (PanLaw::Minus6, -6.0), (PanLaw::Zero, 0.0)];
    for (law, decibels) in named {
        for side in law.sides(0.0) {
            assert!((20.0 * side.log10() - decibels).abs() < 0.03, "{law:?}: {side}");
        }
    }
}

#[test]
fn a_stereo_signal_is_balanced_whatever_the_law() {
    for (law, _) in LAWS {
        for (pan, left, right) in
            [(-1.0, 1.0, 0.0), (-0.25, 1.0, 0.75), (0.0, 1.0, 1.0), (0.5, 0.5, 1.0), (1.0, 0.0, 1.0)]
        {
            let level = Level::Stereo { gain: one(), mute: None, pan: Curve::constant(pan), law };
            let out = levelled(level, 2, 1, 64);
            assert_eq!((out.channel(0)[0], out.channel(1)[0]), (left, right), "{law:?} at {pan}");
        }
    }
}

#[test]
fn gain_mute_and_inversion_are_exact_to_the_frame_for_every_block_size() {
    let gain = ramp(0.0, -1.0, 512);
    let mute = Curve::new(vec![
        CurvePoint { frame: 0, value: 1.0, shape: Shape::Hold },
        CurvePoint { frame: 300, value: 0.0, shape: Shape::Hold },
        CurvePoint { frame: 333, value: 1.0, shape: Shape::Hold },
    ]);
    let level = Level::Gain { gain, mute: Some(mute.unwrap()) };
    for block in [1, 32, 37, 64, 512, 4096] {
        let out = levelled(level.clone(), 3, 700, block);
        for n in 0..700 {
            // Parts of 512 are exact.
            let expected = if (300..333).contains(&n) { 0.0 } else { -(n.min(512) as f32) / 512.0 };
            assert!(out.channels().all(|channel| channel[n] == expected), "frame {n}, blocks of {block}");
        }
    }
}

#[test]
fn a_send_follows_its_curve_at_the_time_of_the_music_also_behind_latency() {
    let strips = |latency| {
        let chain = Chain::new(vec![slot(Probe::new(&[1], &[1], latency), 1, 64)]);
        let send = ramp(0.0, 1.0, 512);
        let feed = tonemill_mix::FeedPoint::PreFader;
        vec![
            Strip::new("tone", recording(ones(1, 700)), chain, Level::gain(0.0)).feeding(StripId(1), send, feed),
            Strip::new("bus", Source::Sum(2), Chain::default(), Level::Direct),
        ]
    };
    for latency in [0, 1, 100] {
        let out = render(strips(latency), &TempoMap::default(), 64, &[tap(1, TapPoint::Output, 700)]);
        for n in 0..700 {
            let expected = n.min(512) as f32 / 512.0;
            assert!(out[0].channels().all(|channel| channel[n] == expected), "frame {n}, latency {latency}");
        }
    }
}
