//! Compressor and gate.

use crate::rig::*;

fn db(gain: f64) -> f64 {
    20.0 * gain.log10()
}

#[test]
fn the_compressor_follows_its_static_curve() {
    // threshold -20, ratio 4, knee 8
    let curve = |level: f64| {
        let over = level + 20.0;
        if over <= -4.0 {
            level
        } else if over < 4.0 {
            level + (0.25 - 1.0) * (over + 4.0f64).powi(2) / 16.0
        } else {
            -20.0 + over / 4.0
        }
    };
    for level in [-60.0, -30.0, -24.0, -22.0, -20.0, -18.0, -16.0, -10.0, -3.0, 0.0] {
        let mut device =
            made("compressor", &[("Threshold", "-20 dB"), ("Ratio", "4:1"), ("Knee", "8 dB"), ("Makeup", "0 dB")]);
        // A square wave's peak is its level at every frame, so the reduction settles exactly.
        let amplitude = 10f64.powf(level / 20.0) as f32;
        let square = (0..48_000).map(|n| if n / 50 % 2 == 0 { amplitude } else { -amplitude });
        let output = render(&mut *device, &mono(square), &[]);
        let found = db(f64::from(output.channel(0)[47_999].abs()));
        assert!((found - curve(level)).abs() < 1e-3, "{level} dB: {found} instead of {}", curve(level));
    }
}

#[test]
fn the_gain_of_a_sine_is_that_of_its_peak() {
    let mut device = made(
        "compressor",
        &[("Threshold", "-20 dB"), ("Ratio", "2:1"), ("Knee", "0 dB"), ("Attack", "0.1 ms"), ("Release", "500 ms")],
    );
    let output = render(&mut *device, &mono(sine(997.0, 0.5, 96_000)), &[]);
    let reduction = level(&output.channel(0)[48_000..]) - level(&sine(997.0, 0.5, 48_000));
    // 13.98 dB over the threshold at 2:1 is 6.99 dB; between peaks the gain recovers a little.
    assert!((-6.99..-6.85).contains(&reduction), "{reduction}");
}

#[test]
fn attack_and_release_are_the_times_of_63_percent() {
    let mut device = made(
        "compressor",
        &[("Threshold", "-20 dB"), ("Ratio", "100:1"), ("Knee", "0 dB"), ("Attack", "20 ms"), ("Release", "100 ms")],
    );
    let input = (0..96_000).map(|n| if (9600..57_600).contains(&n) { 1.0 } else { 0.01 });
    let output = render(&mut *device, &mono(input), &[]);
    let gain = |n: usize| db(f64::from(output.channel(0)[n]) / if (9600..57_600).contains(&n) { 1.0 } else { 0.01 });
    let full = gain(57_599);
    assert!((full + 19.8).abs() < 0.01, "{full}");
    assert_eq!(gain(9599), db(f64::from(0.01f32) / 0.01));
    let part = 1.0 - (-1.0f64).exp();
    assert!((gain(9600 + 960 - 1) / full - part).abs() < 1e-3);
    assert!((gain(57_600 + 4800 - 1) / full - (1.0 - part)).abs() < 1e-3);
}

#[test]
fn both_channels_of_the_compressor_share_one_gain() {
    let mut device = made("compressor", &[("Threshold", "-30 dB"), ("Ratio", "8:1")]);
    let (loud, quiet) = (noise(1, 0.8, 20_000), noise(2, 0.02, 20_000));
    let output = render(&mut *device, &stereo(loud.clone(), quiet.clone()), &[]);
    for n in (5000..20_000).step_by(501) {
        let left = f64::from(output.channel(0)[n]) / f64::from(loud[n]);
        let right = f64::from(output.channel(1)[n]) / f64::from(quiet[n]);
        assert!((left - right).abs() < 1e-4 && left < 0.7, "{left} {right}");
    }
}

#[test]
fn a_compressor_below_its_threshold_changes_no_bit() {
    let input = stereo(noise(1, 0.05, 5000), noise(2, 0.05, 5000));
    assert_eq!(render(&mut *made("compressor", &[("Threshold", "-10 dB")]), &input, &[]), input);
}

#[test]
fn an_open_gate_changes_no_bit_and_a_closed_one_is_silent() {
    let values = [("Threshold", "-40 dB"), ("Attack", "1 ms"), ("Hold", "10 ms"), ("Release", "50 ms")];
    let mut input = noise(1, 0.001, 48_000);
    input[10_000..20_000].copy_from_slice(&noise(2, 0.5, 10_000));
    let output = render(&mut *made("gate", &values), &mono(input.clone()), &[]);
    let samples = output.channel(0);
    assert!(samples[..10_000].iter().all(|s| *s == 0.0));
    // Open after the attack of 48 frames.
    assert_eq!(samples[10_050..20_000], input[10_050..20_000]);
    // Detector (54 dB at 10 ms a time constant is 62 ms), hold and release, then nothing.
    assert!(samples[20_000 + 6500..].iter().all(|s| *s == 0.0));
    // The hold keeps it open.
    assert_eq!(samples[20_000..20_480], input[20_000..20_480]);
}

#[test]
fn a_gate_with_a_range_turns_down_by_that() {
    let values = [("Threshold", "-20 dB"), ("Range", "-12 dB")];
    let input = noise(1, 0.01, 5000);
    let output = render(&mut *made("gate", &values), &mono(input.clone()), &[]);
    let reduction = level(output.channel(0)) - level(&input);
    assert!((reduction + 12.0).abs() < 1e-4, "{reduction}");
}

#[test]
fn a_level_between_opening_and_closing_does_not_make_the_gate_chatter() {
    // -41 dB: below the threshold of -40, above the closing level of -43.
    let tone = |amplitude: f64| sine(200.0, amplitude, 24_000);
    let mut input = tone(0.1);
    input.extend(tone(10f64.powf(-41.0 / 20.0)));
    let output = render(&mut *made("gate", &[("Threshold", "-40 dB"), ("Hold", "0 ms")]), &mono(input.clone()), &[]);
    assert_eq!(output.channel(0)[24_000..], input[24_000..]);
    let alone = render(&mut *made("gate", &[("Threshold", "-40 dB")]), &mono(input[24_000..].to_vec()), &[]);
    assert_eq!(alone.peak(), 0.0);
}
