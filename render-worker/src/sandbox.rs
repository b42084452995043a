//! Confining this process before it loads anything: plugins may crash it, and may do no more.
//!
//! Landlock decides which files can be opened and which processes can be sent signals, seccomp refuses system calls that
//! no plugin needs. Both hold for this thread, for all that it starts, and for good.

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod files;

use std::sync::OnceLock;

use jobs::sandbox::{Barrier, Confinement, Level, VARIABLE, WITHOUT, Wanted};

static REACHED: OnceLock<Level> = OnceLock::new();

/// Confines this process as far as the farm asks and the system can. Call while there is one thread. Fails, with words, if
/// that is not far enough.
pub(crate) fn confine() -> Result<(), String> {
    let Some(path) = std::env::var_os(VARIABLE) else { return Ok(()) };
    let shown = path.to_string_lossy().into_owned();
    let text = std::fs::read(&path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let confinement: Confinement = serde_json::from_slice(&text).map_err(|error| format!("{shown}: {error}"))?;
    if confinement.wanted == Wanted::Off {
        return Ok(());
    }
    let without = without(std::env::var(WITHOUT).as_deref().unwrap_or_default())?;
    let mut missing = enforce(&confinement, &without)?;
    missing.sort();
    missing.dedup();
    let level = Level::without(missing);
    if confinement.wanted == Wanted::Strict && level != Level::Full {
        return Err(format!("this process cannot be confined in full ({level}), and nothing less was asked for"));
    }
    REACHED.set(level).expect("a process is confined once");
    Ok(())
}

/// How far this process is confined.
pub(crate) fn level() -> Level {
    REACHED.get().cloned().unwrap_or(Level::Off)
}

/// The barriers that a text names, with commas between them.
fn without(text: &str) -> Result<Vec<Barrier>, String> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let barrier = |word: &str| {
        let known = Barrier::ALL.iter().find(|(_, name)| *name == word);
        known.map(|(barrier, _)| *barrier).ok_or_else(|| {
            let names = Barrier::ALL.map(|(_, name)| name).join(", ");
            format!("{WITHOUT}: there is no barrier \"{word}\"; there are {names}")
        })
    };
    words.map(barrier).collect()
}

/// Puts up all barriers but those `without`; gives those that are missing then.
#[cfg(target_os = "linux")]
fn enforce(confinement: &Confinement, without: &[Barrier]) -> Result<Vec<Barrier>, String> {
    use rustix::process::{Resource, Rlimit, setrlimit};

    // A crash is told by its report; its memory, which may be gigabytes, helps nobody. Where the system refuses, cores are
    // written as it pleases, which confines nothing less.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let mut missing = files::confine(&confinement.grants, without).map_err(|error| format!("Landlock: {error}"))?;
    if without.contains(&Barrier::Calls) || !calls::refuse().map_err(|error| format!("seccomp: {error}"))? {
        missing.push(Barrier::Calls);
    }
    Ok(missing)
}

#[cfg(not(target_os = "linux"))]
fn enforce(_: &Confinement, _: &[Barrier]) -> Result<Vec<Barrier>, String> {
    Ok(Barrier::ALL.map(|(barrier, _)| barrier).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn barriers_are_named_by_their_words() {
        assert_eq!(without("").unwrap(), []);
        assert_eq!(without("calls, files").unwrap(), [Barrier::Calls, Barrier::Files]);
        let told = without("call").unwrap_err();
        assert_eq!(
            told,
            "TONEMILL_SANDBOX_WITHOUT: there is no barrier \"call\"; there are files, truncation, signals, calls"
        );
    }
}
