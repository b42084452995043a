//! The C library's generator of random numbers, which plugins share.

/// Has the generator begin anew, before an instance is made and before one is used again: plugins that draw from it without
/// seeding it then draw the same every time. No other thread may draw from it meanwhile.
pub fn begin_anew() {
    // SAFETY: `srand` has no requirement but that nobody else relies on the generator, and nothing here does.
    unsafe { libc::srand(1) };
}
