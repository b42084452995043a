//! Curves against their closed forms, however the music is cut.

use audio::EventBody;
use audio::device::ParameterId;
use proptest::prelude::*;
use tonemill_score::{Curve, CurveError, CurvePoint, Shape, TimedEvent};

fn point(frame: u64, value: f64, shape: Shape) -> CurvePoint {
    CurvePoint { frame, value, shape }
}

fn curve(points: &[(u64, f64, Shape)]) -> Curve {
    Curve::new(points.iter().map(|&(frame, value, shape)| point(frame, value, shape)).collect()).unwrap()
}

fn changes(events: &[TimedEvent]) -> Vec<(u64, f64)> {
    let change = |event: &TimedEvent| match event.body {
        EventBody::Parameter { id: ParameterId(7), value } => (event.frame, value),
        ref other => panic!("a curve changes its parameter alone: {other:?}"),
    };
    events.iter().map(change).collect()
}

/// Every frame on its own.
fn one_by_one(curve: &Curve, start: i64, frames: usize) -> Vec<f32> {
    (start..start + frames as i64).map(|frame| curve.at(frame) as f32).collect()
}

/// As a caller gets it who cuts the range into blocks.
fn in_blocks(curve: &Curve, start: i64, frames: usize, block: usize) -> Vec<f32> {
    let mut all = vec![f32::NAN; frames];
    let mut at = start;
    for out in all.chunks_mut(block) {
        if let Some(value) = curve.fill(at, out) {
            assert!(out.iter().all(|v| v.is_nan()), "nothing is written where the value is constant");
            out.fill(value);
        }
        at += out.len() as i64;
    }
    all
}

#[test]
fn a_curve_holds_rises_in_a_line_and_by_a_factor() {
    let curve = curve(&[
        (100, 2.0, Shape::Hold),
        (200, 3.0, Shape::Linear),
        (300, -1.0, Shape::Hold),
        (300, 1.0, Shape::Exponential),
        (400, 8.0, Shape::Linear),
    ]);
    for (frame, value) in [
        (i64::MIN, 2.0),
        (-1, 2.0),
        (0, 2.0),
        (100, 2.0),
        (199, 2.0),
        (200, 3.0),
        (225, 2.0),
        (250, 1.0),
        (300, 1.0),
        (400, 8.0),
        (401, 8.0),
        (i64::MAX, 8.0),
    ] {
        assert_eq!(curve.at(frame), value, "at {frame}");
    }
    for frame in 300..400 {
        let expected = 8f64.powf((frame - 300) as f64 / 100.0);
        assert!((curve.at(frame) / expected - 1.0).abs() < 1e-14);
    }
    assert!((curve.at(299) - (3.0 - 4.0 * 0.99)).abs() < 1e-12, "the ramp runs up to the step");
}

#[test]
fn a_constant_curve_says_so_and_is_never_written_out() {
    let constant = Curve::constant(0.7);
    assert_eq!(constant.constant_value(), Some(0.7));
    assert_eq!(constant.fill(-5, &mut [0.0; 9]), Some(0.7));
    let same = curve(&[(5, 0.5, Shape::Linear), (10, 0.5, Shape::Exponential), (20, 0.5, Shape::Hold)]);
    assert_eq!(same.constant_value(), Some(0.5));
    assert_eq!(same.fill(0, &mut [0.0; 64]), Some(0.5));
    let step = curve(&[(5, 0.5, Shape::Hold), (10, 0.25, Shape::Hold)]);
    assert_eq!(step.constant_value(), None);
    assert_eq!(step.fill(0, &mut [0.0; 10]), Some(0.5));
    assert_eq!(step.fill(10, &mut [0.0; 10]), Some(0.25));
    let mut across = [0.0; 3];
    assert_eq!(step.fill(8, &mut across), None);
    assert_eq!(across, [0.5, 0.5, 0.25]);
    assert_eq!(step.fill(9, &mut []), Some(0.5));
}

#[test]
fn events_stand_at_points_and_on_the_grid_of_the_music() {
    let curve = curve(&[
        (10, 1.0, Shape::Hold),
        (20, 1.0, Shape::Linear),
        (36, 0.0, Shape::Hold),
        (50, 0.0, Shape::Hold),
        (51, 2.0, Shape::Hold),
        (51, 4.0, Shape::Exponential),
        (58, 1.0, Shape::Hold),
    ]);
    let events = changes(&curve.events(ParameterId(7), 8));
    let at = |frame: i64| (frame as u64, curve.at(frame));
    assert_eq!(events, [(0, 1.0), at(24), at(32), (36, 0.0), (51, 4.0), at(56), (58, 1.0)]);
    assert_eq!(at(24).1, 0.75);
    assert_eq!(changes(&Curve::constant(3.0).events(ParameterId(7), 0)), [(0, 3.0)]);
}

#[test]
fn points_that_make_no_curve_are_refused_with_their_number() {
    let refused = |points: &[(u64, f64, Shape)]| {
        Curve::new(points.iter().map(|&(f, v, s)| point(f, v, s)).collect()).expect_err("it is refused").to_string()
    };
    assert_eq!(refused(&[]), "a curve needs at least one point");
    assert_eq!(
        refused(&[(0, 1.0, Shape::Hold), (3, f64::NAN, Shape::Hold)]),
        "point 1 has the value NaN, which is not a finite number that a sample could hold"
    );
    assert!(refused(&[(0, 1e39, Shape::Hold)]).contains("point 0"));
    assert_eq!(
        refused(&[(9, 1.0, Shape::Hold), (8, 1.0, Shape::Hold)]),
        "point 1 at frame 8 stands in front of the point before it, at frame 9. Sort the points"
    );
    for (from, to) in [(1.0, 0.0), (0.0, 1.0), (-1.0, 1.0), (1.0, 1e-40)] {
        let points = vec![point(0, from, Shape::Exponential), point(1, to, Shape::Hold)];
        assert_eq!(Curve::new(points), Err(CurveError::Exponential { point: 0, from, to }));
    }
    // What no frame lies on, and what follows the last point, is no part of the curve.
    let idle = [(0, 0.0, Shape::Exponential), (0, -1.0, Shape::Exponential), (9, -2.0, Shape::Exponential)];
    assert_eq!(curve(&idle).at(9), -2.0);
}

#[test]
fn a_curve_travels_as_its_points_and_is_checked_on_arrival() {
    let curve = curve(&[(0, 0.1, Shape::Exponential), (96_000, 1.0, Shape::Hold)]);
    let text = serde_json::to_string(&curve).unwrap();
    assert_eq!(text, r#"[{"frame":0,"value":0.1,"shape":"exponential"},{"frame":96000,"value":1.0,"shape":"hold"}]"#);
    assert_eq!(serde_json::from_str::<Curve>(&text).unwrap(), curve);
    assert!(serde_json::from_str::<Curve>("[]").unwrap_err().to_string().contains("at least one point"));
}

fn shapes() -> impl Strategy<Value = Shape> {
    prop_oneof![Just(Shape::Hold), Just(Shape::Linear), Just(Shape::Exponential)]
}

fn curves() -> impl Strategy<Value = Curve> {
    let value = prop_oneof![3 => 1e-3..4.0f64, 1 => Just(1.0), 1 => 1e-30..1e30f64];
    let points = prop::collection::vec((prop_oneof![Just(0u64), 0..700u64], value, shapes()), 1..8);
    (points, any::<bool>()).prop_map(|(points, negative)| {
        let mut frame = 0;
        let points = points.into_iter().map(|(gap, value, shape)| {
            frame += gap;
            point(frame, if negative { -value } else { value }, shape)
        });
        Curve::new(points.collect()).unwrap()
    })
}

proptest! {
    #[test]
    fn a_frames_value_does_not_depend_on_how_the_range_is_cut(
        curve in curves(), start in -100..3_000i64, frames in 1..3_000usize, block in 1..700usize,
    ) {
        let expected = one_by_one(&curve, start, frames);
        prop_assert_eq!(&in_blocks(&curve, start, frames, block), &expected);
        prop_assert_eq!(&in_blocks(&curve, start, frames, frames), &expected);
    }

    #[test]
    fn a_curve_meets_its_points_and_stays_between_them(curve in curves()) {
        let points = curve.points();
        for (n, from) in points.iter().enumerate() {
            let Some(to) = points.get(n + 1) else {
                prop_assert_eq!(curve.at(from.frame as i64), from.value);
                continue;
            };
            for frame in from.frame..to.frame {
                let value = curve.at(frame as i64);
                let part = (frame - from.frame) as f64 / (to.frame - from.frame) as f64;
                let expected = match from.shape {
                    Shape::Hold => from.value,
                    Shape::Linear => from.value + (to.value - from.value) * part,
                    Shape::Exponential => from.value * (to.value / from.value).powf(part),
                };
                prop_assert!((value - expected).abs() <= 1e-12 * expected.abs().max(1e-30), "{} {}", value, expected);
                prop_assert!(from.shape != Shape::Exponential
                    || (from.value.min(to.value)..=from.value.max(to.value)).contains(&value));
                if frame == from.frame {
                    prop_assert_eq!(value, from.value);
                }
            }
        }
    }

    #[test]
    fn events_never_repeat_and_agree_with_the_curve(curve in curves(), grid in 1..400u64) {
        let events = changes(&curve.events(ParameterId(7), grid));
        prop_assert!(events.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 != pair[1].1));
        let mut held = events.iter().copied().peekable();
        let mut value = f64::NAN;
        for frame in 0..=curve.points().last().unwrap().frame {
            if let Some((_, now)) = held.next_if(|&(at, _)| at == frame) {
                value = now;
            }
            let due = frame.is_multiple_of(grid) || curve.points().iter().any(|point| point.frame == frame);
            prop_assert!(!due || value == curve.at(frame as i64));
        }
        prop_assert_eq!(held.next(), None);
    }
}

/// `cargo test --release -p tonemill-score --test curve -- --ignored --nocapture` prints what a frame costs.
#[test]
#[ignore = "measures; nothing is asserted of the time"]
fn what_a_frame_of_a_ramp_costs() {
    let mut out = vec![0.0f32; 512];
    for shape in [Shape::Linear, Shape::Exponential] {
        let curve = curve(&[(0, 0.001, shape), (1 << 26, 1.0, Shape::Hold)]);
        let begin = std::time::Instant::now();
        let mut sum = 0.0;
        for block in 0..100_000 {
            assert_eq!(curve.fill(block * 512, &mut out), None);
            sum += out[(block % 512) as usize];
        }
        println!("{shape:?}: {:.2} ns a frame ({sum})", begin.elapsed().as_secs_f64() * 1e9 / (512.0 * 1e5));
    }
}
