//! Lanes of 32-bit floats, and of 64-bit ones in [`Doubles`], from one source for every kind of machine: a [`Task`] is written
//! once over [`Simd`] and [`Path::run`] compiles it for each instruction set and picks one at run time.
//!
//! Everything that a task calls must be `#[inline(always)]`, else it is compiled without the instructions it is meant for. That
//! goes for closures that touch registers, too, which cannot be marked so: write a function or a macro.

mod function;
mod path;

pub(crate) use function::polynomial;
pub use function::{fast_tanh, sigmoid, tanh};
pub use path::Path;

/// The arithmetic of one instruction set. A value of the type proves that the machine at hand has it.
pub trait Simd: Doubles {
    /// One register full of floats.
    type V: Copy;

    /// Floats in a register.
    const LANES: usize;

    /// Registers that a kernel may plan with.
    const REGISTERS: usize;

    /// `x` in every lane.
    fn splat(self, x: f32) -> Self::V;

    /// The first [`LANES`](Self::LANES) floats of a slice, at any alignment. Panics if it is shorter.
    fn load(self, from: &[f32]) -> Self::V;

    /// Writes the first [`LANES`](Self::LANES) floats of a slice. Panics if it is shorter.
    fn store(self, v: Self::V, to: &mut [f32]);

    /// `a + b`
    fn add(self, a: Self::V, b: Self::V) -> Self::V;

    /// `a - b`
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;

    /// `a * b`
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;

    /// `a / b`, rounded correctly.
    fn div(self, a: Self::V, b: Self::V) -> Self::V;

    /// `a * b + c`, rounded once where the machine can.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;

    /// The lesser of each two lanes. Which of the two where one is NaN is the machine's choice.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;

    /// The greater of each two lanes. Which of the two where one is NaN is the machine's choice.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;

    /// The magnitude of each lane.
    fn abs(self, a: Self::V) -> Self::V;

    /// Each lane of `yes` where `a < b`, of `no` elsewhere.
    fn select_less(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V;
}

/// Eight 64-bit floats side by side, in as many registers as the machine needs for them. For recursive filters, whose memory
/// takes more than 32 bits: a filter waits for itself, so a few of them are all that there is to do at once.
pub trait Doubles: Copy {
    /// Eight floats.
    type D: Copy;

    /// The numbers of an array.
    fn load_doubles(self, from: &[f64; 8]) -> Self::D;

    /// Writes the numbers to an array.
    fn store_doubles(self, d: Self::D, to: &mut [f64; 8]);

    /// `a + b`
    fn add_doubles(self, a: Self::D, b: Self::D) -> Self::D;

    /// `a - b`
    fn sub_doubles(self, a: Self::D, b: Self::D) -> Self::D;

    /// `a * b`
    fn mul_doubles(self, a: Self::D, b: Self::D) -> Self::D;

    /// `pair`, then all of `d` but its last two.
    fn push_pair(self, pair: [f64; 2], d: Self::D) -> Self::D;

    /// The last two.
    fn last_pair(self, d: Self::D) -> [f64; 2];
}

/// Work that is compiled once for each instruction set.
pub trait Task {
    /// What the work gives.
    type Output;

    /// Does the work. Implementations are `#[inline(always)]`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}
