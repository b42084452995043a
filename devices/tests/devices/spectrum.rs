//! Measuring at single frequencies.

use std::f64::consts::TAU;

/// The magnitude in decibels of an impulse response at a frequency.
pub fn gain_db(impulse_response: &[f32], hertz: f64, rate: f64) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in impulse_response.iter().enumerate() {
        let (sin, cos) = (TAU * hertz / rate * n as f64).sin_cos();
        re += f64::from(*sample) * cos;
        im -= f64::from(*sample) * sin;
    }
    10.0 * (re * re + im * im).log10()
}

/// The level in decibels of the sine of one frequency within a stretch, by a Blackman-Harris window (sidelobes 92 dB
/// down). Full scale is 0.
pub fn sine_db(samples: &[f32], hertz: f64, rate: f64) -> f64 {
    let length = samples.len() as f64;
    let (mut re, mut im, mut sum) = (0.0, 0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let x = TAU * n as f64 / length;
        let window = 0.35875 - 0.48829 * x.cos() + 0.14128 * (2.0 * x).cos() - 0.01168 * (3.0 * x).cos();
        let turn = TAU * hertz / rate * n as f64;
        re += f64::from(*sample) * window * turn.cos();
        im += f64::from(*sample) * window * turn.sin();
        sum += window;
    }
    20.0 * (2.0 * re.hypot(im) / sum).log10()
}

/// The fundamental frequency of a stretch near an expected one: the lag of the highest normalised autocorrelation,
/// refined by a parabola. Looks as many periods ahead as make the whole lag fine enough, within 0.45 of a period.
pub fn pitch(samples: &[f32], near: f64, rate: f64) -> f64 {
    let periods = (600.0 * near / rate).ceil().max(1.0);
    // Within a semitone, and never as far as the neighbouring period.
    let reach = (rate / near * 0.45).min(rate / near * periods * 0.06).max(2.0);
    let centre = rate / near * periods;
    let (first, last) = ((centre - reach) as usize, (centre + reach).ceil() as usize);
    let length = samples.len() - last;
    let power = |from: usize| samples[from..from + length].iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
    let start = power(0);
    let correlation = |lag: usize| {
        let product: f64 = (0..length).map(|n| f64::from(samples[n]) * f64::from(samples[n + lag])).sum();
        product / (start * power(lag)).sqrt().max(1e-30)
    };
    let values: Vec<f64> = (first..=last).map(correlation).collect();
    let best = (1..values.len() - 1).max_by(|a, b| values[*a].total_cmp(&values[*b])).expect("there are lags");
    let (a, b, c) = (values[best - 1], values[best], values[best + 1]);
    let curve = a - 2.0 * b + c;
    let offset = if curve == 0.0 { 0.0 } else { 0.5 * (a - c) / curve };
    rate * periods / ((first + best) as f64 + offset)
}

pub fn cents(frequency: f64, reference: f64) -> f64 {
    1200.0 * (frequency / reference).log2()
}

#[test]
fn the_pitch_of_a_tone_is_found_to_a_tenth_of_a_cent() {
    for hertz in [41.2, 110.3, 441.0, 1500.0, 2093.0] {
        let tone: Vec<f32> = (0..28_000)
            .map(|n| {
                let t = TAU * hertz * f64::from(n) / 48_000.0;
                (t.sin() + 0.5 * (2.0 * t).sin()) as f32
            })
            .collect();
        for near in [hertz * 0.99, hertz, hertz * 1.01] {
            let off = cents(pitch(&tone, near, 48_000.0), hertz);
            assert!(off.abs() < 0.1, "{hertz} Hz near {near}: {off} cents");
        }
    }
}
