//! Delay and reverb.

use crate::rig::*;
use crate::spectrum::gain_db;

#[test]
fn echoes_stand_at_their_frames_with_their_levels() {
    let values = [("Time", "100 ms"), ("Feedback", "50 %"), ("Mix", "50 %"), ("High Cut", "off")];
    let output = render(&mut *made("delay", &values), &mono(impulse(20_000)), &[]);
    let samples = output.channel(0);
    for (n, sample) in samples.iter().enumerate() {
        let expected = match n {
            0 => 0.5,
            4800 => 0.5,
            9600 => 0.25,
            14_400 => 0.125,
            19_200 => 0.0625,
            _ => 0.0,
        };
        assert_eq!(*sample, expected, "frame {n}");
    }
}

#[test]
fn echoes_of_a_ping_pong_change_sides() {
    let values = [("Time", "10 ms"), ("Feedback", "50 %"), ("Mix", "100 %"), ("High Cut", "off"), ("Ping Pong", "on")];
    let mut device = made("delay", &values);
    device.request_channels(Some(1), Some(2));
    let output = start(&mut *device, 64, RATE).render(&mono(impulse(2000)), &[]);
    let heard = |channel: usize| {
        let samples = output.channel(channel).iter().enumerate();
        samples.filter(|(_, s)| **s != 0.0).map(|(n, s)| (n, *s)).collect::<Vec<_>>()
    };
    assert_eq!(heard(0), [(480, 1.0), (1440, 0.25)]);
    assert_eq!(heard(1), [(960, 0.5), (1920, 0.125)]);
}

#[test]
fn each_round_of_the_delay_is_dampened_by_its_high_cut() {
    let values = [("Time", "200 ms"), ("Feedback", "80 %"), ("Mix", "100 %"), ("High Cut", "2 kHz")];
    let output = render(&mut *made("delay", &values), &mono(impulse(24_000)), &[]);
    let round = |k: usize| &output.channel(0)[9600 * k..9600 * k + 4800];
    assert!((gain_db(round(1), 2000.0, RATE.hz()) + 3.01).abs() < 0.01);
    assert!((gain_db(round(2), 2000.0, RATE.hz()) + 2.0 * 3.01 - 20.0 * 0.8f64.log10()).abs() < 0.02);
    assert!(gain_db(round(1), 50.0, RATE.hz()).abs() < 0.01);
}

#[test]
fn a_changed_time_is_blended_into_without_a_glide() {
    let mut device = made("delay", &[("Time", "100 ms"), ("Feedback", "0 %"), ("Mix", "100 %"), ("High Cut", "off")]);
    let events = [(20_000, change(&*device, "Time", "50 ms")), (20_100, change(&*device, "Time", "150 ms"))];
    let input = sine(480.0, 0.5, 48_000);
    let output = render(&mut *device, &mono(input.clone()), &events);
    assert_eq!(output.channel(0)[4800..20_000], input[..15_200]);
    // The first change takes 20 ms, and the second follows it.
    assert_eq!(output.channel(0)[22_000..], input[22_000 - 7200..48_000 - 7200]);
}

#[test]
fn a_delay_with_full_feedback_never_ends_and_one_without_ends_after_its_time() {
    use audio::device::Tail;
    let mut endless = made("delay", &[("Feedback", "100 %")]);
    assert_eq!(start(&mut *endless, 64, RATE).processor.tail(), Tail::Infinite);
    let mut single = made("delay", &[("Feedback", "0 %"), ("Time", "1 s"), ("High Cut", "off")]);
    assert_eq!(start(&mut *single, 64, RATE).processor.tail(), Tail::Frames(48_000));
    let mut dry = made("delay", &[("Mix", "0 %")]);
    assert_eq!(start(&mut *dry, 64, RATE).processor.tail(), Tail::Frames(0));
}

/// Seconds of a fall by 60 dB, from the slope of the energy still to come between 5 and 35 dB down (ISO 3382).
fn decay_seconds(samples: &[f32]) -> f64 {
    let mut rest: Vec<f64> = samples.iter().map(|s| f64::from(*s).powi(2)).collect();
    for n in (0..rest.len() - 1).rev() {
        rest[n] += rest[n + 1];
    }
    let at = |decibels: f64| {
        let threshold = rest[0] * 10f64.powf(-decibels / 10.0);
        rest.iter().position(|energy| *energy < threshold).expect("the sound decays") as f64
    };
    (at(35.0) - at(5.0)) / 30.0 * 60.0 / RATE.hz()
}

#[test]
fn the_reverb_decays_in_the_time_that_is_set() {
    for (decay, size) in [("500 ms", "40 %"), ("1.8 s", "60 %"), ("4 s", "100 %"), ("2 s", "0 %")] {
        let values = [("Decay", decay), ("Size", size), ("Damping", "0 %"), ("Mix", "100 %")];
        let mut device = made("reverb", &values);
        let wanted = device.parse(id(&*device, "Decay"), decay).expect("the decay is read");
        let output = render(&mut *device, &stereo(impulse(240_000), impulse(240_000)), &[]);
        for channel in output.channels() {
            let found = decay_seconds(channel);
            assert!((found / wanted - 1.0).abs() < 0.05, "{decay}, size {size}: {found} s");
        }
    }
}

#[test]
fn damping_takes_the_high_end_sooner_and_leaves_the_low_end() {
    let band = |hertz: f64, damping: &str| {
        let values = [("Decay", "2 s"), ("Damping", damping), ("Mix", "100 %")];
        let output = render(&mut *made("reverb", &values), &stereo(impulse(144_000), impulse(144_000)), &[]);
        // The band itself, by an equaliser that passes only its octave.
        let (low, high) = (format!("{} Hz", hertz / 1.4), format!("{} Hz", hertz * 1.4));
        let values = [
            ("Low Cut", low.as_str()),
            ("High Cut", high.as_str()),
            ("Low Cut Slope", "24 dB/oct"),
            ("High Cut Slope", "24 dB/oct"),
        ];
        decay_seconds(render(&mut *made("eq", &values), &output, &[]).channel(0))
    };
    assert!((band(1000.0, "0 %") / 2.0 - 1.0).abs() < 0.08);
    let (low, high) = (band(200.0, "80 %"), band(8000.0, "80 %"));
    assert!((low / 2.0 - 1.0).abs() < 0.1, "{low}");
    // At half the sample rate 0.56 s; the loss grows towards it.
    assert!(high < 0.65 * low, "{high} {low}");
}

#[test]
fn steady_noise_is_as_loud_in_the_room_as_outside() {
    for decay in ["500 ms", "2 s", "8 s"] {
        let values = [("Decay", decay), ("Damping", "0 %"), ("Mix", "100 %")];
        let frames = 20 * 48_000;
        let input = stereo(noise(5, 0.3, frames), noise(6, 0.3, frames));
        let output = render(&mut *made("reverb", &values), &input, &[]);
        let gain = level(&output.channel(0)[frames / 2..]) - level(&input.channel(0)[frames / 2..]);
        assert!(gain.abs() < 1.0, "{decay}: {gain} dB");
    }
}

#[test]
fn both_sides_of_the_reverb_have_little_in_common() {
    let values = [("Decay", "2 s"), ("Mix", "100 %")];
    let mut device = made("reverb", &values);
    device.request_channels(Some(1), Some(2));
    let output = start(&mut *device, 512, RATE).render(&mono(impulse(96_000)), &[]);
    let (left, right) = (output.channel(0), output.channel(1));
    let product: f64 = left.iter().zip(right).map(|(l, r)| f64::from(l * r)).sum();
    let energy = |c: &[f32]| c.iter().map(|s| f64::from(s * s)).sum::<f64>();
    let correlation = product / (energy(left) * energy(right)).sqrt();
    assert!(correlation.abs() < 0.2, "{correlation}");
}

#[test]
fn the_room_is_silent_until_the_pre_delay_has_passed() {
    let values = [("Pre-Delay", "50 ms"), ("Mix", "100 %")];
    let output = render(&mut *made("reverb", &values), &stereo(impulse(9600), impulse(9600)), &[]);
    assert!(output.channels().all(|c| c[..2400].iter().all(|s| *s == 0.0)));
    assert!(output.peak() > 0.0);
}
