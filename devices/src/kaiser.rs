//! The window of J. F. Kaiser, by which endless filters are cut to length.

/// A Kaiser window at `along` from -1 to 1, but for a factor: who sums up a filter's taps divides by the sum anyway.
pub(crate) fn kaiser(along: f64, beta: f64) -> f64 {
    bessel(beta * (1.0 - along * along).max(0.0).sqrt())
}

/// The modified Bessel function of the first kind and order 0, by its power series.
fn bessel(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut term, mut sum, mut n) = (1.0, 1.0, 1.0);
    while term > sum * 1e-17 {
        term *= quarter / (n * n);
        sum += term;
        n += 1.0;
    }
    sum
}
