//! `.nam` files: against the reference implementation's output, against a slow one of our own, and damaged in every way.

mod damage;
mod features;
mod own;
mod reference;
mod shared;
mod wav;

/// Aborts a test in which processing allocates.
#[global_allocator]
static ALLOCATOR: assert_no_alloc::AllocDisabler = assert_no_alloc::AllocDisabler;
