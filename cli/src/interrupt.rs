//! What becomes of SIGINT and SIGTERM outside of a render, which waits for them itself.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use tokio::signal::unix::{SignalKind, signal};

use crate::Status;

/// What the command is about, as far as interruptions are concerned.
static NOW: AtomicU8 = AtomicU8::new(AT_ONCE);
/// It can be ended anywhere.
const AT_ONCE: u8 = 0;
/// It ends by itself soon after it is asked to.
const GENTLY: u8 = 1;
/// The farm listens for itself.
const FARM: u8 = 2;

/// Somebody asked for the end of what ends gently.
static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on an interruption ends this process with its own status and a word, after what ends [`gently`] has ended.
/// Fails where the system has no threads or signals to spare; then signals do what they always do.
pub(crate) fn watch() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate, mut time_almost_up) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::user_defined1())?)
    };
    let listen = async move {
        loop {
            tokio::select! {
                Some(()) = interrupt.recv() => {}
                Some(()) = terminate.recv() => {}
                Some(()) = time_almost_up.recv() => {}
            }
            match NOW.load(Ordering::SeqCst) {
                FARM => {}
                GENTLY if !ASKED.swap(true, Ordering::SeqCst) => {
                    eprintln!("stopping: {}; interrupt again to end at once", WORDS.lock().map_or("", |words| *words));
                }
                // Worker processes end with this one; what is left of its folders the next command removes.
                _ => {
                    eprintln!("interrupted");
                    std::process::exit(Status::Interrupted.code().into());
                }
            }
        }
    };
    std::thread::Builder::new().name("interruptions".into()).spawn(move || runtime.block_on(listen))?;
    Ok(())
}

/// What may still happen once a gentle end is asked for.
static WORDS: std::sync::Mutex<&str> = std::sync::Mutex::new("");

/// While this lives, the first interruption only asks for the end.
pub(crate) struct Gently(());

/// Has the first interruption ask for the end, and tells whoever asks what may still happen.
pub(crate) fn gently(words: &'static str) -> Gently {
    if let Ok(mut now) = WORDS.lock() {
        *now = words;
    }
    NOW.store(GENTLY, Ordering::SeqCst);
    Gently(())
}

impl Gently {
    /// Whether the end was asked for.
    pub(crate) fn is_asked(&self) -> bool {
        ASKED.load(Ordering::SeqCst)
    }
}

impl Drop for Gently {
    fn drop(&mut self) {
        NOW.store(AT_ONCE, Ordering::SeqCst);
    }
}

/// Leaves interruptions to the farm from now on: it listens for them itself.
pub(crate) fn leave_to_the_farm() {
    NOW.store(FARM, Ordering::SeqCst);
}

/// From now on an interruption ends this process at once again: the farm has ended.
pub(crate) fn end_at_once() {
    NOW.store(AT_ONCE, Ordering::SeqCst);
}
