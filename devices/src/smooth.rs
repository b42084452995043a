//! Values that change without a click.

/// How long a changed value takes to arrive.
const RAMP_SECONDS: f64 = 0.005;

/// A value that moves to a new one in a straight line over 5 ms. Before the first frame, and after a reset, it jumps:
/// what is set at the start of a render holds from its frame 0. Counts frames only, so blocks leave no trace in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Smoothed {
    value: f64,
    target: f64,
    step: f64,
    left: u32,
    length: u32,
    fresh: bool,
}

impl Smoothed {
    pub fn new(value: f64, sample_rate: f64) -> Smoothed {
        let length = (RAMP_SECONDS * sample_rate).round().max(1.0) as u32;
        Smoothed { value, target: value, step: 0.0, left: 0, length, fresh: true }
    }

    /// Where it shall go from the next frame on.
    pub fn set(&mut self, target: f64) {
        self.target = target;
        if self.fresh {
            self.value = target;
        } else if target == self.value {
            self.left = 0;
        } else {
            self.left = self.length;
            self.step = (target - self.value) / f64::from(self.length);
        }
    }

    /// The next frame's value.
    #[inline]
    pub fn next(&mut self) -> f64 {
        self.fresh = false;
        if self.left > 0 {
            self.left -= 1;
            // The last step lands exactly.
            self.value = if self.left == 0 { self.target } else { self.value + self.step };
        }
        self.value
    }

    /// The value of the frame before, without moving.
    pub fn current(&self) -> f64 {
        self.value
    }

    /// Marks frames as passed where a still value is used without [`next`](Smoothed::next).
    pub fn touch(&mut self) {
        self.fresh = false;
    }

    pub fn is_still(&self) -> bool {
        self.left == 0
    }

    /// Jumps to where it is going, as if nothing had sounded yet.
    pub fn reset(&mut self) {
        self.value = self.target;
        self.left = 0;
        self.fresh = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_set_before_the_first_frame_holds_from_that_frame() {
        let mut value = Smoothed::new(1.0, 48_000.0);
        value.set(0.25);
        assert_eq!(value.next(), 0.25);
    }

    #[test]
    fn a_later_change_arrives_after_five_milliseconds_exactly() {
        let mut value = Smoothed::new(1.0, 48_000.0);
        value.next();
        value.set(0.3);
        let way: Vec<f64> = (0..241).map(|_| value.next()).collect();
        assert!(way[0] < 1.0 && way[238] > 0.3);
        assert_eq!(way[239], 0.3);
        assert_eq!(way[240], 0.3);
    }
}
