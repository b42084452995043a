//! Limiter.

use audio::SampleRate;
use audio::measure::Meter;

use crate::rig::*;

#[test]
fn the_limiter_holds_its_ceiling_and_touches_nothing_below() {
    let mut device = made("limiter", &[("Ceiling", "-6 dB"), ("Lookahead", "2 ms")]);
    let quiet = mono(sine(997.0, 0.4, 20_000));
    let output = render(&mut *device, &quiet, &[]);
    let first = output.channel(0).iter().position(|&s| s != 0.0).unwrap();
    // The sine's own first frame is 0.
    let late = first - 1;
    assert_eq!(output.channel(0)[late..], quiet.channel(0)[..20_000 - late]);

    let mut device = made("limiter", &[("Ceiling", "-6 dB"), ("Lookahead", "2 ms")]);
    let output = render(&mut *device, &mono(sine(12_000.0, 4.0, 48_000)), &[]);
    let mut meter = Meter::new(1, SampleRate(48_000));
    meter.add(&output);
    let peak = meter.finish().true_peak_dbtp.unwrap();
    assert!((-6.2..-5.95).contains(&peak), "{peak}");
}
