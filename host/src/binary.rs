//! A plugin's shared object, checked before the loader sees it.
//!
//! The loader's own words for a file of another machine are "wrong ELF class" or "invalid ELF header", and a file
//! that was cut short can end the process with SIGBUS. So the header is read by hand first.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Fails unless the file is a library that this process can load, as far as its header tells.
pub(crate) fn check(path: &Path) -> Result<(), String> {
    let unreadable = |e: std::io::Error| format!("it cannot be read: {e}");
    let mut file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    let mut header = Vec::new();
    // The program headers follow the header at once wherever a linker made the file; 4 KiB hold 70 of them.
    file.by_ref().take(4096).read_to_end(&mut header).map_err(unreadable)?;
    if cfg!(target_os = "linux") { check_elf(&header, length) } else { Ok(()) }
}

/// Opens a library that was checked. Fails with what went wrong and what to do.
pub(crate) fn open(path: &Path) -> Result<libloading::Library, String> {
    // All symbols now: a missing one is an error here, while lazily bound it would end the process in mid-render.
    // SAFETY: opening a library runs its initialisers, which may do anything; there is no way to use a plugin without.
    // Its file is what the user named as a plugin, and only worker processes, which may die, come here.
    #[cfg(unix)]
    let opened = unsafe {
        use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
        Library::open(Some(path), RTLD_NOW | RTLD_LOCAL)
    };
    // The libraries that a plugin brings lie beside it, hence the altered search path.
    // SAFETY: as above.
    #[cfg(windows)]
    let opened = unsafe {
        use libloading::os::windows::{LOAD_WITH_ALTERED_SEARCH_PATH, Library};
        Library::load_with_flags(path, LOAD_WITH_ALTERED_SEARCH_PATH)
    };
    opened.map(libloading::Library::from).map_err(|error| unopened(&error))
}

/// Why the system cannot open a library, and what to do.
pub(crate) fn unopened(error: &libloading::Error) -> String {
    let mut words = error.to_string();
    if let Some(cause) = std::error::Error::source(error) {
        words = format!("{words}: {cause}");
    }
    match words.split_once("undefined symbol: ") {
        Some((_, symbol)) => format!(
            "the file needs the symbol {symbol}, which neither it nor any library that it names has. The plugin was \
             built or packaged wrongly; install another build"
        ),
        None => format!("the system cannot open it: {words}. Install what is missing, or another build"),
    }
}

/// Names of the machines that plugins are built for; values of `e_machine` in the ELF specification.
const MACHINES: [(u16, &str); 9] = [
    (3, "x86"),
    (8, "mips"),
    (20, "powerpc"),
    (21, "powerpc64"),
    (22, "s390x"),
    (40, "arm"),
    (62, "x86_64"),
    (183, "aarch64"),
    (243, "riscv64"),
];

fn check_elf(header: &[u8], length: u64) -> Result<(), String> {
    let here = std::env::consts::ARCH;
    if header.is_empty() {
        return Err("the file is empty. Install the plugin again".into());
    }
    if header.starts_with(b"MZ") {
        return Err("the file is built for Windows, this machine runs Linux. Install the Linux build".into());
    }
    const MACH_O: [[u8; 4]; 3] = [[0xcf, 0xfa, 0xed, 0xfe], [0xce, 0xfa, 0xed, 0xfe], [0xca, 0xfe, 0xba, 0xbe]];
    if MACH_O.iter().any(|magic| header.starts_with(magic)) {
        return Err("the file is built for macOS, this machine runs Linux. Install the Linux build".into());
    }
    if !header.starts_with(b"\x7fELF") {
        return Err("the file is not a plugin: it is no shared library at all".into());
    }
    let truncated = || "the file is cut short. Install the plugin again".to_string();
    let byte = |at: usize| header.get(at).copied().ok_or_else(truncated);
    let little = byte(5)? != 2;
    let number = |at: usize, size: usize| -> Result<u64, String> {
        let bytes = header.get(at..at + size).ok_or_else(truncated)?;
        let digit = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Ok(if little { bytes.iter().rev().fold(0, digit) } else { bytes.iter().fold(0, digit) })
    };
    let machine = number(18, 2)? as u16;
    let name = MACHINES.iter().find(|(value, _)| *value == machine).map(|(_, name)| *name);
    if name != Some(here) {
        let built_for = name.map_or_else(|| format!("a machine of type {machine}"), str::to_string);
        return Err(format!("the file is built for {built_for}, this machine is {here}. Install the {here} build"));
    }
    if byte(4)? != 2 {
        return Err(format!("the file is built for 32 bits, this machine is {here}. Install the {here} build"));
    }
    if number(16, 2)? != 3 {
        return Err("the file is not a plugin: it is a program or an object file, not a shared library".into());
    }
    // The section headers commonly are the last thing in the file, so that any cut shows here.
    if number(40, 8)?.saturating_add(number(58, 2)? * number(60, 2)?) > length {
        return Err(truncated());
    }
    let (table, size, count) = (number(32, 8)? as usize, number(54, 2)? as usize, number(56, 2)? as usize);
    for at in (0..count).map(|n| table.saturating_add(n * size)) {
        // Headers further away than what was read are left to the loader.
        if at.saturating_add(56) > header.len() {
            if at as u64 >= length {
                return Err(truncated());
            }
            break;
        }
        const LOAD: u64 = 1;
        if number(at, 4)? == LOAD && number(at + 8, 8)?.saturating_add(number(at + 32, 8)?) > length {
            return Err(truncated());
        }
    }
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// The program that runs this test, as some real ELF file of this machine.
    fn own_header() -> (Vec<u8>, u64) {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        (bytes[..4096].to_vec(), bytes.len() as u64)
    }

    #[test]
    fn a_real_position_independent_file_passes_and_its_first_page_does_not() {
        let (header, length) = own_header();
        assert_eq!(check_elf(&header, length), Ok(()));
        let reason = check_elf(&header, header.len() as u64).unwrap_err();
        assert_eq!(reason, "the file is cut short. Install the plugin again");
        for cut in [4, 5, 17, 19, 20, 57, 63] {
            assert_eq!(check_elf(&header[..cut], cut as u64).unwrap_err(), reason, "after {cut} bytes");
        }
    }

    #[test]
    fn another_machine_is_named_beside_this_one() {
        let (mut header, length) = own_header();
        let here = std::env::consts::ARCH;
        header[18..20].copy_from_slice(&22u16.to_le_bytes());
        let reason = check_elf(&header, length).unwrap_err();
        assert_eq!(reason, format!("the file is built for s390x, this machine is {here}. Install the {here} build"));
        header[5] = 2;
        header[18..20].copy_from_slice(&21u16.to_be_bytes());
        assert!(check_elf(&header, length).unwrap_err().contains("built for powerpc64"));
        header[18..20].copy_from_slice(&4321u16.to_be_bytes());
        assert!(check_elf(&header, length).unwrap_err().contains("a machine of type 4321"));
    }

    #[test]
    fn other_systems_and_other_files_are_told_apart() {
        assert!(check_elf(b"MZ\x90\0", 4).unwrap_err().contains("built for Windows"));
        assert!(check_elf(&[0xcf, 0xfa, 0xed, 0xfe], 4).unwrap_err().contains("built for macOS"));
        assert!(check_elf(b"RIFF", 4).unwrap_err().contains("not a plugin"));
        assert!(check_elf(b"", 0).unwrap_err().contains("empty"));
        let (mut header, length) = own_header();
        header[16] = 1;
        assert!(check_elf(&header, length).unwrap_err().contains("not a shared library"));
    }
}
