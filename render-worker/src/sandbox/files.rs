//! What can be opened, and who can be sent signals: Landlock.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use jobs::sandbox::{Barrier, Grants};
use landlock::{
    ABI, Access, AccessFs, BitFlags, LandlockStatus, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, Scope,
};
use rustix::fs::{Mode, OFlags};

/// The newest kind of right to files that is asked for: ioctl on devices came last.
const FILES: ABI = ABI::V5;

/// Programs, libraries and what comes with them. A system that keeps them elsewhere has links here, or one of the stores.
const PROGRAMS: &[&str] = &["/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/nix/store", "/gnu/store"];

/// Of the system's settings what libraries look into; no keys, no passwords, and nothing of other programs.
const SETTINGS: &[&str] = &[
    "/etc/alternatives",
    "/etc/asound.conf",
    "/etc/ca-certificates",
    "/etc/ca-certificates.conf",
    "/etc/debian_version",
    "/etc/drirc",
    "/etc/fonts",
    "/etc/group",
    "/etc/gtk-2.0",
    "/etc/gtk-3.0",
    "/etc/gtk-4.0",
    "/etc/host.conf",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.preload",
    "/etc/locale.alias",
    "/etc/locale.conf",
    "/etc/localtime",
    "/etc/machine-id",
    "/etc/magic",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/OpenCL",
    "/etc/openal",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/timezone",
    "/etc/vulkan",
    "/etc/xdg",
    "/var/cache/fontconfig",
    "/var/lib/dbus/machine-id",
];

/// Of the kernel's own files what the C library and others ask of the processor and the memory, and what concerns this
/// process. Those of other processes stay closed.
const KERNEL: &[&str] = &[
    "/proc/cpuinfo",
    "/proc/filesystems",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/kernel/random",
    "/proc/sys/vm/max_map_count",
    "/proc/sys/vm/overcommit_memory",
    "/proc/uptime",
    "/proc/version",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/sys/fs/cgroup",
    "/sys/kernel/mm/transparent_hugepage",
];

/// Devices that are no device at all.
const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// Confines this thread and all that it starts. Gives what is missing: the system may be too old for it, or it may be
/// among those that are to be done `without`.
pub(super) fn confine(grants: &Grants, without: &[Barrier]) -> Result<Vec<Barrier>, RulesetError> {
    let has = |barrier| !without.contains(&barrier);
    let mut handled = BitFlags::EMPTY;
    if has(Barrier::Files) {
        handled = AccessFs::from_all(FILES);
        if !has(Barrier::Truncation) {
            handled.remove(AccessFs::Truncate);
        }
    }
    if handled.is_empty() && !has(Barrier::Signals) {
        return Ok(vec![Barrier::Files, Barrier::Truncation, Barrier::Signals]);
    }
    let mut ruleset = Ruleset::default();
    if !handled.is_empty() {
        ruleset = ruleset.handle_access(handled)?;
    }
    if has(Barrier::Signals) {
        ruleset = ruleset.scope(Scope::from_all(ABI::V6))?;
    }
    let mut ruleset = ruleset.create()?;
    if !handled.is_empty() {
        ruleset = open(ruleset, grants, handled)?;
    }
    let known = match ruleset.restrict_self()?.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi,
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => ABI::Unsupported,
    };
    let since = [(Barrier::Files, ABI::V1), (Barrier::Truncation, ABI::V3), (Barrier::Signals, ABI::V6)];
    let is_up = |barrier, abi| has(barrier) && known >= abi && (barrier != Barrier::Truncation || has(Barrier::Files));
    Ok(since.into_iter().filter(|(barrier, abi)| !is_up(*barrier, *abi)).map(|(barrier, _)| barrier).collect())
}

/// Opens what every worker needs, and what is granted.
fn open(
    mut ruleset: RulesetCreated,
    grants: &Grants,
    handled: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let read = AccessFs::from_read(FILES);
    // Nothing that is written is executed, and no device nodes and sockets are made. What is written may be moved.
    let write = AccessFs::from_all(FILES)
        & !(AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::MakeSock | AccessFs::IoctlDev);
    let device = AccessFs::ReadFile | AccessFs::WriteFile;
    let (own, loaded) = (own(), loaded());
    let system = [PROGRAMS, SETTINGS, KERNEL].concat();
    let reads = system.iter().map(Path::new).chain(own.iter().chain(&loaded).chain(&grants.read).map(PathBuf::as_path));
    let rules = reads.map(|path| (path, read));
    let rules = rules.chain(DEVICES.iter().map(|path| (Path::new(*path), device)));
    let rules = rules.chain(grants.write.iter().map(|path| (path.as_path(), write)));
    for (path, access) in rules {
        // What is not there, or may not be opened anyway, needs no rule.
        let Ok(fd) = PathFd::new(path) else { continue };
        let access = if path.is_dir() { access } else { access & AccessFs::from_file(FILES) };
        ruleset = ruleset.add_rule(PathBeneath::new(fd, access & handled))?;
    }
    Ok(ruleset)
}

/// This process among the kernel's files. It is kept open, since the rule is about that very node, and the kernel forgets
/// nodes that nobody holds.
fn own() -> Option<PathBuf> {
    static HELD: OnceLock<OwnedFd> = OnceLock::new();
    let own = PathBuf::from("/proc/self");
    let held = rustix::fs::open(&own, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
    HELD.get_or_init(|| held);
    Some(own)
}

/// The libraries of this very program, with all that lies beside its loader and its C library: one that is built for
/// another system brings its own. And where the loader is told to look.
fn loaded() -> Vec<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mut paths: Vec<PathBuf> = Vec::new();
    for path in maps.lines().filter_map(|line| line.find('/').map(|at| Path::new(&line[at..]))) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_c = ["ld-", "ld.", "libc.", "libc-", "ld64."].iter().any(|start| name.starts_with(start));
        let open = if is_c { path.parent().unwrap_or(path) } else { path };
        if !paths.iter().any(|known| known == open) {
            paths.push(open.to_owned());
        }
    }
    let told = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    paths.extend(std::env::split_paths(&told).filter(|path| path.is_absolute()));
    paths
}
