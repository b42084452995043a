//! Gain and pan.

use crate::rig::*;

#[test]
fn gain_multiplies_exactly() {
    let input = stereo(noise(1, 0.5, 1000), noise(2, 0.5, 1000));
    let output = render(&mut *made("gain", &[("Gain", "-6 dB")]), &input, &[]);
    let factor = 10f64.powf(-6.0 / 20.0);
    for (to, from) in output.channels().zip(input.channels()) {
        for (to, from) in to.iter().zip(from) {
            assert_eq!(*to, (f64::from(*from) * factor) as f32);
        }
    }
    assert_eq!(render(&mut *create("gain"), &input, &[]), input);
}

#[test]
fn the_lowest_gain_is_silence() {
    let mut gain = made("gain", &[("Gain", "-inf dB")]);
    assert_eq!(gain.value(id(&*gain, "Gain")), Ok(-120.0));
    assert_eq!(render(&mut *gain, &mono(noise(1, 1.0, 500)), &[]).peak(), 0.0);
}

#[test]
fn a_gain_change_begins_at_its_frame_and_ends_five_milliseconds_later() {
    let mut gain = create("gain");
    let events = [(700, change(&*gain, "Gain", "-12 dB"))];
    let output = render(&mut *gain, &mono(vec![1.0; 2000]), &events);
    let samples = output.channel(0);
    assert!(samples[..700].iter().all(|s| *s == 1.0));
    assert!(samples[700] < 1.0 && samples[938] > samples[939]);
    assert!(samples[939..].iter().all(|s| *s == 10f64.powf(-0.6) as f32));
    let steepest = samples.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
    assert!(steepest < 0.0035, "{steepest}");
}

#[test]
fn a_mono_signal_keeps_its_power_wherever_it_is_panned() {
    for (pan, left, right) in [("-100", 1.0, 0.0), ("0", 0.5f32.sqrt(), 0.5f32.sqrt()), ("100", 0.0, 1.0)] {
        let output = render(&mut *made("pan", &[("Pan", pan)]), &mono([1.0; 10]), &[]);
        assert_eq!((output.channel(0)[9], output.channel(1)[9]), (left, right), "pan {pan}");
    }
    for pan in -10..=10 {
        let pan = (pan * 10).to_string();
        let output = render(&mut *made("pan", &[("Pan", pan.as_str())]), &mono([1.0]), &[]);
        let power = output.channel(0)[0].powi(2) + output.channel(1)[0].powi(2);
        assert!((power - 1.0).abs() < 1e-6);
    }
}

#[test]
fn a_stereo_signal_is_balanced_and_untouched_in_the_centre() {
    let input = stereo(noise(1, 0.5, 100), noise(2, 0.5, 100));
    assert_eq!(render(&mut *create("pan"), &input, &[]), input);
    let right = render(&mut *made("pan", &[("Pan", "100")]), &input, &[]);
    assert!(right.channel(0).iter().all(|s| *s == 0.0));
    assert_eq!(right.channel(1), input.channel(1));
    let half_left = render(&mut *made("pan", &[("Pan", "50 L")]), &input, &[]);
    assert_eq!(half_left.channel(0), input.channel(0));
    assert!((half_left.channel(1)[7] / input.channel(1)[7] - 0.5f32.sqrt()).abs() < 1e-6);
}
