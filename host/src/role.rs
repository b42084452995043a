//! Which of CLAP's two roles a thread plays right now.
//!
//! CLAP knows a main thread and audio threads, and plugins ask which one they are on. Here one operating-system thread
//! commonly plays both roles, but never at once: it is the audio thread exactly while a call on the processing half is
//! under way.

use std::cell::Cell;

thread_local! {
    static PLAYS_AUDIO: Cell<bool> = const { Cell::new(false) };
}

/// The calling thread is an audio thread until this is dropped.
pub(crate) struct AudioRole {
    before: bool,
}

impl AudioRole {
    /// Takes the role.
    pub(crate) fn take() -> AudioRole {
        AudioRole { before: PLAYS_AUDIO.replace(true) }
    }
}

impl Drop for AudioRole {
    fn drop(&mut self) {
        PLAYS_AUDIO.set(self.before);
    }
}

/// Whether the calling thread is an audio thread now.
pub(crate) fn is_audio() -> bool {
    PLAYS_AUDIO.get()
}
