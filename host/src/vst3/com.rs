//! References to objects of the other side.

use vst3::{ComPtr, ComRef, Interface};

/// A reference of our own to an object that a plugin passed for the time of a call; `None` for null.
pub(super) fn owned<I: Interface>(object: *mut I) -> Option<ComPtr<I>> {
    // SAFETY: VST3 has every object passed to a function be valid until the function returns, and null mean none. The
    // reference that is added here keeps it longer.
    unsafe { ComRef::from_raw(object) }.map(|object| object.to_com_ptr())
}

/// Takes over the one reference that a plugin gives with an object that it made; `None` for null.
pub(super) fn adopted<I: Interface>(object: *mut I) -> Option<ComPtr<I>> {
    // SAFETY: functions that make an object add a reference for the caller, who takes it over here.
    unsafe { ComPtr::from_raw(object) }
}
