//! The drive: what it adds and what it must not.

use crate::rig::*;
use crate::spectrum::{gain_db, sine_db};

#[test]
fn a_quiet_signal_passes_unbent_and_late_by_the_latency() {
    let mut device = made("drive", &[("Drive", "0 dB"), ("Shape", "Hard")]);
    let input = sine(1000.0, 0.5, 4800);
    let mut run = activate(&mut *device, 1, 512, RATE);
    let output = run.render(&mono(input.clone()), &[]);
    assert_eq!(run.latency, 48);
    for n in 200..4800 {
        // The filters' ripple is 100 dB down.
        assert!((output.channel(0)[n] - input[n - 48]).abs() < 2e-5, "frame {n}");
    }
}

#[test]
fn the_filters_are_flat_to_20_kilohertz() {
    let output = render(&mut *made("drive", &[("Drive", "0 dB"), ("Shape", "Hard")]), &mono(impulse(1000)), &[]);
    for hertz in [20.0, 1000.0, 10_000.0, 18_000.0, 20_000.0] {
        let gain = gain_db(output.channel(0), hertz, RATE.hz());
        assert!(gain.abs() < 0.01, "{hertz} Hz: {gain} dB");
    }
}

#[test]
fn the_blended_dry_signal_is_as_late_as_the_bent_one() {
    let mut device = made("drive", &[("Drive", "0 dB"), ("Shape", "Hard"), ("Mix", "50 %")]);
    let input = sine(3000.0, 0.5, 4800);
    let output = render(&mut *device, &mono(input.clone()), &[]);
    for n in 200..4800 {
        assert!((output.channel(0)[n] - input[n - 48]).abs() < 2e-5, "frame {n}");
    }
}

/// The loudest of all frequencies below 20 kHz that are neither the tone nor its harmonics, in decibels below the tone.
fn aliasing(shape: &str, hertz: f64) -> f64 {
    let mut device = made("drive", &[("Drive", "30 dB"), ("Shape", shape)]);
    let output = render(&mut *device, &mono(sine(hertz, 0.5, 48_000 + 9600)), &[]);
    let samples = &output.channel(0)[9600..];
    let tone = sine_db(samples, hertz, RATE.hz());
    let mut worst = f64::NEG_INFINITY;
    // Harmonics up to three times the inner rate fold to these.
    for k in 2..(3.0 * 8.0 * RATE.hz() / hertz) as usize {
        let folded = (k as f64 * hertz).rem_euclid(RATE.hz());
        let folded = folded.min(RATE.hz() - folded);
        let harmonic = (folded / hertz - (folded / hertz).round()).abs() * hertz < 8.0;
        if folded < 20_000.0 && folded > 20.0 && !harmonic {
            worst = worst.max(sine_db(samples, folded, RATE.hz()) - tone);
        }
    }
    worst
}

#[test]
fn aliasing_stays_far_below_the_tone() {
    // At 30 dB of drive the hard curve gives nearly a square, the harmonics of which fall as slowly as any; what folds
    // about eight times the sample rate is what there is of them at 384 kHz.
    for (shape, limit) in [("Tanh", -85.0), ("Hard", -50.0), ("Asymmetric", -50.0)] {
        for hertz in [1234.0, 4321.0] {
            let worst = aliasing(shape, hertz);
            println!("{shape} {hertz} Hz: {worst:.1} dB");
            assert!(worst < limit, "{shape} at {hertz} Hz: {worst} dB");
        }
    }
}

#[test]
fn symmetric_shapes_add_odd_harmonics_and_the_asymmetric_one_even_ones_too() {
    for (shape, even) in [("Tanh", false), ("Hard", false), ("Asymmetric", true)] {
        let mut device = made("drive", &[("Drive", "12 dB"), ("Shape", shape)]);
        let output = render(&mut *device, &mono(sine(500.0, 0.5, 96_000)), &[]);
        let samples = &output.channel(0)[48_000..];
        let harmonic = |k: f64| sine_db(samples, 500.0 * k, RATE.hz()) - sine_db(samples, 500.0, RATE.hz());
        assert!(harmonic(3.0) > -40.0, "{shape}");
        assert_eq!(harmonic(2.0) > -60.0, even, "{shape}: {}", harmonic(2.0));
        let mean: f64 = samples.iter().map(|s| f64::from(*s)).sum::<f64>() / samples.len() as f64;
        assert!(mean.abs() < 1e-4, "{shape}: {mean}");
    }
}

#[test]
fn a_driven_signal_stays_within_full_scale() {
    for shape in ["Tanh", "Hard", "Asymmetric"] {
        let mut device = made("drive", &[("Drive", "40 dB"), ("Shape", shape)]);
        let peak = render(&mut *device, &mono(noise(1, 1.0, 20_000)), &[]).peak();
        // The output filter's overshoot on a square, and the moved zero line of the asymmetric shape.
        assert!(peak < 1.8, "{shape}: {peak}");
    }
}

#[test]
fn tone_tilts_by_six_decibels_and_is_flat_in_the_middle() {
    let at = |tone: &str, hertz: f64| {
        let values = [("Drive", "0 dB"), ("Shape", "Hard"), ("Tone", tone)];
        gain_db(render(&mut *made("drive", &values), &mono(impulse(48_000)), &[]).channel(0), hertz, RATE.hz())
    };
    assert!((at("100 %", 15_000.0) - 6.0).abs() < 0.2 && (at("100 %", 30.0) + 6.0).abs() < 0.2);
    assert!((at("0 %", 15_000.0) + 6.0).abs() < 0.2 && (at("0 %", 30.0) - 6.0).abs() < 0.2);
    assert!(at("50 %", 15_000.0).abs() < 0.01);
}
