//! The command `tonemill`.
fn main() {}
