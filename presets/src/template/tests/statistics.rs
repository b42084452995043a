//! Whether draws are spread as they should be, over items and draw numbers, and apart from each other.

use super::*;

/// Numbers that a parameter comes to for so many items.
fn numbers(template: &ToneTemplate, parameter: &str, items: usize) -> Vec<f64> {
    (0..items).map(|item| number(&at(template, &format!("take {item}"), (item % 8) as u64), parameter)).collect()
}

#[test]
fn means_over_items_are_those_of_theory() {
    let template = chain(
        "- clap: X\n  params: { U: { uniform: [-6, 3] }, L: { log_uniform: [1, 100] }, N: { normal: { mean: 5, sd: 1, low: 3, high: 9 } }, C: { choice: { 0: 3, 1: 1 } } }",
    );
    let items = 20_000;
    let mean = |parameter| numbers(&template, parameter, items).iter().sum::<f64>() / items as f64;
    // Deviation of a mean of 20000: 2.6 / 141.
    assert!((mean("U") + 1.5).abs() < 0.08, "{}", mean("U"));
    // 99 / ln 100, with a deviation of 25 / 141.
    assert!((mean("L") - 21.4976).abs() < 0.8, "{}", mean("L"));
    // 5 + (density(-2) - density(4)) / mass = 5.05524, with a deviation of 0.94 / 141.
    assert!((mean("N") - 5.05524).abs() < 0.03, "{}", mean("N"));
    assert!((mean("C") - 0.25).abs() < 0.015, "{}", mean("C"));
}

#[test]
fn parameters_items_and_draws_are_apart() {
    let template = chain(
        "- { clap: X, params: { A: { uniform: [0, 1] }, B: { uniform: [0, 1] } } }\n- { clap: Y, params: { A: { uniform: [0, 1] } } }",
    );
    let count = 10_000;
    let (mut one, mut other, mut next) = (Vec::new(), Vec::new(), Vec::new());
    for draw in 0..count {
        let resolved = at(&template, "x", draw);
        let drawn = |at: usize| match resolved.outcomes[at].1 {
            Outcome::Number(number) => number - 0.5,
            _ => panic!("numbers alone are drawn here"),
        };
        one.push(drawn(0));
        other.push(drawn(1));
        next.push(drawn(2));
    }
    let correlation = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() * 12.0 / count as f64;
    // Deviation 0.01; of a sequence with itself it is 1.
    assert!(correlation(&one, &other).abs() < 0.045 && correlation(&one, &next).abs() < 0.045);
    assert!(correlation(&one[1..], &one[..one.len() - 1]).abs() < 0.045, "one draw and the next");
    assert!((correlation(&one, &one) - 1.0).abs() < 0.05);
}

#[test]
fn some_of_takes_each_as_often_and_each_order_comes() {
    let template = chain("- { some_of: [delay, reverb, eq, drive], count: 2, shuffle: true }");
    let mut pairs = std::collections::BTreeMap::<Vec<String>, usize>::new();
    for draw in 0..6000 {
        *pairs.entry(words(&at(&template, "x", draw))).or_default() += 1;
    }
    assert_eq!(pairs.len(), 12);
    // 500 expected, with a deviation of 21.
    assert!(pairs.values().all(|count| (400..600).contains(count)), "{pairs:?}");
}
