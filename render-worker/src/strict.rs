//! Making this process like every other, so that plugins sound the same in each.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::io;
use std::sync::OnceLock;

use jobs::strict::{Measure, Strict, VARIABLE};

/// Says that this program was executed anew for its addresses, so that nobody tries it for ever.
const AGAIN: &str = "TONEMILL_EXECUTED_AGAIN";

/// glibc's variable, and what has it fill fresh memory with zeros; the farm sets it before the process begins.
const TUNABLES: &str = "GLIBC_TUNABLES";
const ZEROS: &str = "glibc.malloc.perturb=255";

/// The bit of a personality that says that addresses are fixed; `linux/personality.h`.
#[cfg(target_os = "linux")]
const ADDR_NO_RANDOMIZE: u32 = 0x004_0000;

fn is_off() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|value| value == "off")
}

/// Executes this program anew, once, where that gives it fixed addresses. Call before anything else: what was opened is
/// inherited. Returns where there is nothing to gain.
pub(crate) fn execute_again_with_fixed_addresses() {
    if is_off() || has_fixed_addresses() || std::env::var_os(AGAIN).is_some() {
        return;
    }
    if !host::process::fix_addresses_from_exec() {
        return;
    }
    // The level that is told says that it did not work; a worker that runs is better than none.
    let Err(error) = execute_again();
    eprintln!("this program cannot be executed again for fixed addresses: {error}");
}

#[cfg(unix)]
fn execute_again() -> io::Result<Infallible> {
    use std::os::unix::process::CommandExt;

    let mut arguments = std::env::args_os();
    let name = arguments.next();
    let mut command = std::process::Command::new(std::env::current_exe()?);
    if let Some(name) = name {
        command.arg0(name);
    }
    Err(command.args(arguments).env(AGAIN, "1").exec())
}

#[cfg(not(unix))]
fn execute_again() -> io::Result<Infallible> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
fn has_fixed_addresses() -> bool {
    let personality = std::fs::read_to_string("/proc/self/personality").unwrap_or_default();
    u32::from_str_radix(personality.trim(), 16).is_ok_and(|bits| bits & ADDR_NO_RANDOMIZE != 0)
}

#[cfg(not(target_os = "linux"))]
fn has_fixed_addresses() -> bool {
    false
}

/// The level that this process has reached. It was decided when the process began, and is looked at once.
pub(crate) fn level() -> Strict {
    static LEVEL: OnceLock<Strict> = OnceLock::new();
    let look = || match is_off() {
        true => Strict::Off,
        false => reached(std::env::var_os(TUNABLES).as_deref(), has_fixed_addresses()),
    };
    LEVEL.get_or_init(look).clone()
}

fn reached(tunables: Option<&OsStr>, fixed_addresses: bool) -> Strict {
    let tunables = tunables.and_then(OsStr::to_str).unwrap_or_default();
    let zeroed = cfg!(target_env = "gnu") && tunables.split(':').any(|tunable| tunable == ZEROS);
    let flushed = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));
    let measures =
        [(zeroed, Measure::ZeroedMemory), (fixed_addresses, Measure::FixedAddresses), (flushed, Measure::Denormals)];
    Strict::without(measures.into_iter().filter(|(taken, _)| !taken).map(|(_, measure)| measure).collect())
}

#[cfg(all(test, target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn the_level_names_what_is_missing() {
        let farm = Some(OsStr::new("glibc.malloc.perturb=255:glibc.malloc.tcache_count=0"));
        assert_eq!(reached(farm, true), Strict::Full);
        let missing = vec![Measure::ZeroedMemory];
        assert_eq!(reached(Some(OsStr::new("glibc.malloc.perturb=25")), true), Strict::Partial { missing });
        let missing = vec![Measure::ZeroedMemory, Measure::FixedAddresses];
        assert_eq!(reached(None, false), Strict::Partial { missing });
    }
}
