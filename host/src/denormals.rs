//! Denormal numbers off while a plugin processes.
//!
//! Reverb tails and filters that fade out would otherwise run up to a hundred times slower, and a plugin that sets
//! the mode itself without putting it back would change the sound of those after it.

/// Flushes denormal numbers to zero until it is dropped, then puts back what was set before.
pub(crate) struct Denormals {
    before: Control,
}

impl Denormals {
    /// Starts flushing.
    pub(crate) fn off() -> Denormals {
        let before = read();
        write(before | FLUSH);
        Denormals { before }
    }
}

impl Drop for Denormals {
    fn drop(&mut self) {
        write(self.before);
    }
}

#[cfg(target_arch = "x86_64")]
use x86_64::*;

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    pub(super) type Control = u32;

    /// Flush to zero (bit 15) and denormals are zero (bit 6) of MXCSR; Intel SDM volume 1, 10.2.3.
    pub(super) const FLUSH: Control = 1 << 15 | 1 << 6;

    pub(super) fn read() -> Control {
        let mut value = 0;
        // SAFETY: `stmxcsr` stores four bytes, and `value` has four that nothing else refers to meanwhile.
        unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &mut value, options(nostack, preserves_flags)) };
        value
    }

    pub(super) fn write(value: Control) {
        // SAFETY: `ldmxcsr` reads four bytes of `value`. Only modes that were in force before, and the two flush bits
        // which every x86-64 processor has, are ever written, so no reserved bit faults. All exceptions stay masked.
        unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &value, options(nostack, preserves_flags, readonly)) };
    }
}

#[cfg(target_arch = "aarch64")]
use aarch64::*;

#[cfg(target_arch = "aarch64")]
mod aarch64 {
    pub(super) type Control = u64;

    /// FZ, bit 24 of FPCR; Arm ARM, C5.2.8.
    pub(super) const FLUSH: Control = 1 << 24;

    pub(super) fn read() -> Control {
        let value: Control;
        // SAFETY: reading FPCR is allowed in user mode and changes nothing.
        unsafe { std::arch::asm!("mrs {}, fpcr", out(reg) value, options(nomem, nostack, preserves_flags)) };
        value
    }

    pub(super) fn write(value: Control) {
        // SAFETY: only modes that were in force before, and FZ, are ever written; no trap is enabled.
        unsafe { std::arch::asm!("msr fpcr, {}", in(reg) value, options(nomem, nostack, preserves_flags)) };
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use other::*;

/// Processors without a known switch keep their denormals.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod other {
    pub(super) type Control = u32;
    pub(super) const FLUSH: Control = 0;
    pub(super) fn read() -> Control {
        0
    }
    pub(super) fn write(_: Control) {}
}

#[cfg(all(test, any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use std::hint::black_box;

    use super::*;

    /// Half the smallest normal number.
    fn halve_the_smallest() -> f32 {
        black_box(f32::MIN_POSITIVE) * black_box(0.5)
    }

    #[test]
    fn denormals_vanish_while_the_guard_lives_and_come_back_afterwards() {
        assert!(halve_the_smallest() > 0.0);
        let guard = Denormals::off();
        assert_eq!(halve_the_smallest(), 0.0);
        drop(guard);
        assert!(halve_the_smallest() > 0.0);
    }
}
