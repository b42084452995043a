//! The equaliser against the formulas of the Audio EQ Cookbook.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use crate::rig::*;
use crate::spectrum::gain_db;

/// The magnitude in decibels of b0 + b1 z^-1 + b2 z^-2 over a0 + a1 z^-1 + a2 z^-2.
fn biquad_db(b: [f64; 3], a: [f64; 3], hertz: f64) -> f64 {
    let w = 2.0 * PI * hertz / RATE.hz();
    let power = |c: [f64; 3]| {
        let re = c[0] + c[1] * w.cos() + c[2] * (2.0 * w).cos();
        let im = c[1] * w.sin() + c[2] * (2.0 * w).sin();
        re * re + im * im
    };
    10.0 * (power(b) / power(a)).log10()
}

fn cookbook_db(kind: &str, frequency: f64, gain: f64, q: f64, hertz: f64) -> f64 {
    let w = 2.0 * PI * frequency / RATE.hz();
    let (sin, cos) = w.sin_cos();
    let alpha = sin / (2.0 * q);
    let a = 10f64.powf(gain / 40.0);
    let root = 2.0 * a.sqrt() * alpha;
    let (b, a) = match kind {
        "peak" => ([1.0 + alpha * a, -2.0 * cos, 1.0 - alpha * a], [1.0 + alpha / a, -2.0 * cos, 1.0 - alpha / a]),
        "low cut" => ([(1.0 + cos) / 2.0, -(1.0 + cos), (1.0 + cos) / 2.0], [1.0 + alpha, -2.0 * cos, 1.0 - alpha]),
        "high cut" => ([(1.0 - cos) / 2.0, 1.0 - cos, (1.0 - cos) / 2.0], [1.0 + alpha, -2.0 * cos, 1.0 - alpha]),
        "low shelf" => (
            [
                a * ((a + 1.0) - (a - 1.0) * cos + root),
                2.0 * a * ((a - 1.0) - (a + 1.0) * cos),
                a * ((a + 1.0) - (a - 1.0) * cos - root),
            ],
            [
                (a + 1.0) + (a - 1.0) * cos + root,
                -2.0 * ((a - 1.0) + (a + 1.0) * cos),
                (a + 1.0) + (a - 1.0) * cos - root,
            ],
        ),
        _ => (
            [
                a * ((a + 1.0) + (a - 1.0) * cos + root),
                -2.0 * a * ((a - 1.0) + (a + 1.0) * cos),
                a * ((a + 1.0) + (a - 1.0) * cos - root),
            ],
            [
                (a + 1.0) - (a - 1.0) * cos + root,
                2.0 * ((a - 1.0) - (a + 1.0) * cos),
                (a + 1.0) - (a - 1.0) * cos - root,
            ],
        ),
    };
    biquad_db(b, a, hertz)
}

fn measured(values: &[(&str, &str)]) -> Vec<f32> {
    let output = render(&mut *made("eq", values), &mono(impulse(96_000)), &[]);
    output.channel(0).to_vec()
}

const PROBES: [f64; 12] =
    [25.0, 60.0, 100.0, 200.0, 450.0, 1000.0, 2200.0, 4000.0, 8000.0, 12_000.0, 17_000.0, 22_000.0];

/// The formula's name, its frequency, gain and quality, and the settings that should give it.
type Case = (&'static str, f64, f64, f64, &'static [(&'static str, &'static str)]);

#[test]
fn every_band_has_the_response_of_its_formula() {
    let cases: &[Case] = &[
        ("peak", 300.0, 9.0, 1.4, &[("Peak 1 Frequency", "300 Hz"), ("Peak 1 Gain", "9 dB"), ("Peak 1 Q", "1.4")]),
        ("peak", 1000.0, -12.0, 4.0, &[("Peak 2 Frequency", "1 kHz"), ("Peak 2 Gain", "-12 dB"), ("Peak 2 Q", "4")]),
        ("peak", 9000.0, 6.0, 0.5, &[("Peak 3 Frequency", "9 kHz"), ("Peak 3 Gain", "6 dB"), ("Peak 3 Q", "0.5")]),
        (
            "low shelf",
            120.0,
            -6.0,
            0.707,
            &[("Low Shelf Frequency", "120 Hz"), ("Low Shelf Gain", "-6 dB"), ("Low Shelf Q", "0.707")],
        ),
        (
            "high shelf",
            6000.0,
            7.0,
            1.2,
            &[("High Shelf Frequency", "6 kHz"), ("High Shelf Gain", "7 dB"), ("High Shelf Q", "1.2")],
        ),
        ("low cut", 80.0, 0.0, FRAC_1_SQRT_2, &[("Low Cut", "80 Hz")]),
        ("high cut", 8000.0, 0.0, FRAC_1_SQRT_2, &[("High Cut", "8 kHz")]),
    ];
    for (kind, frequency, gain, q, values) in cases {
        let response = measured(values);
        for hertz in PROBES {
            let expected = cookbook_db(kind, *frequency, *gain, *q, hertz);
            let found = gain_db(&response, hertz, RATE.hz());
            // The impulse response is rounded to 32 bits, which shows where little is left of it.
            let tolerance = if expected < -40.0 { 0.05 } else { 0.002 };
            assert!((found - expected).abs() < tolerance, "{kind} at {hertz} Hz: {found} instead of {expected}");
        }
    }
}

#[test]
fn steep_cuts_fall_by_24_decibels_an_octave_and_3_at_their_corner() {
    let low = measured(&[("Low Cut", "400 Hz"), ("Low Cut Slope", "24 dB/oct")]);
    assert!((gain_db(&low, 400.0, RATE.hz()) + 3.01).abs() < 0.01);
    assert!((gain_db(&low, 50.0, RATE.hz()) + 72.25).abs() < 0.3);
    let high = measured(&[("High Cut", "1 kHz"), ("High Cut Slope", "24 dB/oct")]);
    assert!((gain_db(&high, 1000.0, RATE.hz()) + 3.01).abs() < 0.01);
    let octave = gain_db(&high, 2000.0, RATE.hz()) - gain_db(&high, 4000.0, RATE.hz());
    assert!((24.0..26.0).contains(&octave), "{octave}");
}

#[test]
fn bands_add_up_in_decibels() {
    let values = [("Low Cut", "70 Hz"), ("Peak 1 Gain", "4 dB"), ("Peak 3 Gain", "-5 dB"), ("Output", "-3 dB")];
    let all = measured(&values);
    let each: Vec<Vec<f32>> = values.iter().map(|value| measured(&[*value])).collect();
    for hertz in PROBES {
        let sum: f64 = each.iter().map(|response| gain_db(response, hertz, RATE.hz())).sum();
        assert!((gain_db(&all, hertz, RATE.hz()) - sum).abs() < 0.01, "{hertz} Hz");
    }
}

#[test]
fn a_flat_equaliser_changes_no_bit() {
    let input = stereo(noise(1, 0.9, 5000), noise(2, 0.9, 5000));
    assert_eq!(render(&mut *create("eq"), &input, &[]), input);
}

#[test]
fn a_moving_band_does_not_click() {
    let mut eq = create("eq");
    let events = [
        (5000, change(&*eq, "Peak 2 Gain", "18 dB")),
        (9000, change(&*eq, "Peak 2 Frequency", "200 Hz")),
        (13_000, change(&*eq, "Low Cut", "300 Hz")),
        (17_000, change(&*eq, "Low Cut", "off")),
    ];
    // A tone that the bands pass or boost: whatever else is heard far above it comes from the changes.
    let output = render(&mut *eq, &mono(sine(500.0, 0.1, 24_000)), &events);
    let samples = output.channel(0);
    let bend = |w: &[f32]| (w[2] - 2.0 * w[1] + w[0]).abs();
    let worst = samples.windows(3).map(bend).fold(0.0, f32::max);
    // The second difference of a sine of 500 Hz at the loudest, 0.8, is 0.0034.
    assert!(worst < 0.005, "{worst}");
}
