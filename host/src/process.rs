//! What a worker process does to itself that no safe function offers.

/// Has the programs that this process executes from now on see their memory at the same addresses each time. Changes
/// nothing for the program that runs already. Gives whether the system does that; it may refuse, as Docker's default
/// profile does.
#[cfg(target_os = "linux")]
pub fn fix_addresses_from_exec() -> bool {
    /// Asks for the current personality instead of setting one; personality(2).
    const QUERY: libc::c_ulong = 0xffff_ffff;
    // SAFETY: `personality` takes a number and touches no memory.
    let now = unsafe { libc::personality(QUERY) };
    let Ok(now) = libc::c_ulong::try_from(now) else { return false };
    let wanted = now | libc::ADDR_NO_RANDOMIZE as libc::c_ulong;
    // SAFETY: as above. The flag concerns memory layouts made from now on, and none that is in use.
    unsafe { libc::personality(wanted) != -1 }
}

/// Other systems have no such switch for a process of its own.
#[cfg(not(target_os = "linux"))]
pub fn fix_addresses_from_exec() -> bool {
    false
}

/// Writes out what C code in this process has printed and the C library still holds back, on all its streams.
pub fn flush_printed() {
    // SAFETY: a null pointer stands for all open streams; fflush(3).
    unsafe { libc::fflush(std::ptr::null_mut()) };
}

/// Gives memory that nobody uses back to the system, as far as its allocator can, so that what is left is in use.
pub fn give_back_memory() {
    // SAFETY: `malloc_trim` gives back only what is free; malloc_trim(3).
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Command;

    use super::*;

    /// Where the stack of a fresh program lies.
    fn stack() -> String {
        let maps = Command::new("cat").arg("/proc/self/maps").output().unwrap().stdout;
        let maps = String::from_utf8(maps).unwrap();
        maps.lines().find(|line| line.ends_with("[stack]")).unwrap().split_once(' ').unwrap().0.to_owned()
    }

    #[test]
    fn programs_lie_at_the_same_addresses_once_they_are_fixed() {
        // The personality belongs to a thread; this one is the test's own.
        assert!((0..8).map(|_| stack()).any(|one| one != stack()), "this machine never moves addresses");
        if !fix_addresses_from_exec() {
            eprintln!("skipped: the system refuses it here");
            return;
        }
        let first = stack();
        assert!((0..8).all(|_| stack() == first));
    }
}
