//! System calls that no plugin needs: seccomp refuses them with EPERM.
//!
//! A list of what is refused, not of what is allowed: plugins are anybody's code, and what a C library calls changes with
//! its version. It is there for what Landlock does not know: sockets, other processes' memory, the system itself.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

/// Refused whatever they are given.
const REFUSED: &[c_long] = &[
    // Nobody is to be spoken with. A socket pair leads nowhere but here.
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    // Does what the others do on a thread of the kernel's, which no filter sees.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    // The view of the file system, and ways to files beside their paths.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_quotactl,
    // The kernel, its keys, its clocks, and the machine.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    libc::SYS_nfsservctl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_kexec_file_load,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
];

/// The bit that marks calls of x32 programs, which share the architecture's name with all others.
#[cfg(target_arch = "x86_64")]
const X32: c_long = 0x4000_0000;

/// Calls that x32 counts apart; arch/x86/entry/syscalls/syscall_64.tbl: ptrace, process_vm_readv, process_vm_writev,
/// kexec_load, move_pages.
#[cfg(target_arch = "x86_64")]
const X32_ALONE: [c_long; 5] = [521, 539, 540, 528, 533];

/// What a new process would have of its own: any of it is a way round what is refused.
const NAMESPACES: [libc::c_int; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// Asks for a personality without changing it.
const PERSONALITY_AS_IT_IS: u64 = 0xffff_ffff;

/// Refuses from here on, for this thread and all that it starts. Gives whether the system does that.
pub(super) fn refuse() -> Result<bool, Error> {
    let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else { return Ok(false) };
    let (refused, unknown) = filters(arch)?;
    for filter in [refused, unknown] {
        match apply_filter(&filter) {
            Ok(()) => {}
            // A kernel without it.
            Err(Error::Prctl(error) | Error::Seccomp(error))
                if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS | libc::EPERM | libc::EACCES)) =>
            {
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

fn filters(arch: TargetArch) -> Result<(BpfProgram, BpfProgram), Error> {
    // An empty chain of conditions always holds.
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    // The flags of clone3 lie in memory, where no filter looks. A C library that hears that there is none uses clone.
    let mut unknown = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let flag = |flag: libc::c_int| condition(0, SeccompCmpOp::MaskedEq(flag as u64), flag as u64);
    let namespaces = NAMESPACES.into_iter().map(flag).collect::<Result<_, _>>()?;
    rules.insert(libc::SYS_clone, namespaces);
    rules.insert(libc::SYS_personality, vec![condition(0, SeccompCmpOp::Ne, PERSONALITY_AS_IT_IS)?]);
    #[cfg(target_arch = "x86_64")]
    for rules in [&mut rules, &mut unknown] {
        let twins: Vec<_> = rules.iter().map(|(call, rule)| (call | X32, rule.clone())).collect();
        rules.extend(twins);
    }
    #[cfg(target_arch = "x86_64")]
    rules.extend(X32_ALONE.map(|call| (call | X32, Vec::new())));
    let filter = |rules, errno: libc::c_int| -> Result<BpfProgram, Error> {
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno as u32), arch)?;
        Ok(filter.try_into()?)
    };
    Ok((filter(rules, libc::EPERM)?, filter(unknown, libc::ENOSYS)?))
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, Error> {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)?;
    Ok(SeccompRule::new(vec![condition])?)
}
