//! What plugins log (`log:log`), as lines where their other messages go.

use std::ffi::{CStr, c_char, c_int, c_void};

use super::urid::KNOWN;

/// Longest message; what is beyond is cut off.
const LONGEST: usize = 4096;

unsafe extern "C" {
    /// The C library's. Its last argument is a `va_list`, which is passed as a pointer.
    fn vsnprintf(buffer: *mut c_char, size: usize, format: *const c_char, arguments: *mut c_void) -> c_int;
}

fn write(handle: *mut c_void, kind: u32, message: &CStr) {
    let known = &*KNOWN;
    let severity = match kind {
        kind if kind == known.log_error => "error",
        kind if kind == known.log_warning => "warning",
        kind if kind == known.log_trace => "debug",
        _ => "info",
    };
    // SAFETY: the handle of this feature is the plugin's name, which lives as long as the features do.
    let name = unsafe { &*handle.cast::<String>() };
    crate::note::note(name, severity, &message.to_string_lossy());
}

/// `LV2_Log_Log::vprintf`.
pub(super) unsafe extern "C" fn vprintf(
    handle: *mut c_void,
    kind: u32,
    format: *const c_char,
    arguments: *mut c_void,
) -> c_int {
    if format.is_null() {
        return 0;
    }
    let mut buffer = [0 as c_char; LONGEST];
    // SAFETY: the buffer has the size that is stated, and the plugin passes a format with the values that it asks for.
    let length = unsafe { vsnprintf(buffer.as_mut_ptr(), LONGEST, format, arguments) };
    if length >= 0 {
        // SAFETY: `vsnprintf` ends what it writes with a NUL within the buffer.
        write(handle, kind, unsafe { CStr::from_ptr(buffer.as_ptr()) });
    }
    length
}

/// `LV2_Log_Log::printf`. Rust cannot define variadic functions, so the values are gathered into a `va_list` by hand,
/// as the System V ABI (AMD64 supplement, 3.5.7) has callees do it: three of six integer registers are taken.
#[cfg(all(target_arch = "x86_64", not(windows)))]
#[unsafe(naked)]
pub(super) unsafe extern "C" fn printf(handle: *mut c_void, kind: u32, format: *const c_char) -> c_int {
    core::arch::naked_asm!(
        "sub rsp, 0xd8",
        // The register save area begins at 0x20.
        "mov [rsp + 0x38], rcx",
        "mov [rsp + 0x40], r8",
        "mov [rsp + 0x48], r9",
        "test al, al",
        "je 2f",
        "movaps [rsp + 0x50], xmm0",
        "movaps [rsp + 0x60], xmm1",
        "movaps [rsp + 0x70], xmm2",
        "movaps [rsp + 0x80], xmm3",
        "movaps [rsp + 0x90], xmm4",
        "movaps [rsp + 0xa0], xmm5",
        "movaps [rsp + 0xb0], xmm6",
        "movaps [rsp + 0xc0], xmm7",
        "2:",
        // gp_offset, fp_offset, overflow_arg_area, reg_save_area
        "mov dword ptr [rsp], 24",
        "mov dword ptr [rsp + 4], 48",
        "lea rax, [rsp + 0xe0]",
        "mov [rsp + 8], rax",
        "lea rax, [rsp + 0x20]",
        "mov [rsp + 16], rax",
        "mov rcx, rsp",
        "call {vprintf}",
        "add rsp, 0xd8",
        "ret",
        vprintf = sym vprintf,
    )
}

/// `LV2_Log_Log::printf`, likewise after the AAPCS64 (6.4.1, appendix B): three of eight general registers are taken,
/// and `vprintf` gets the address of the `va_list`, since a struct of that size is passed by reference.
#[cfg(all(target_arch = "aarch64", not(windows), not(target_vendor = "apple")))]
#[unsafe(naked)]
pub(super) unsafe extern "C" fn printf(handle: *mut c_void, kind: u32, format: *const c_char) -> c_int {
    core::arch::naked_asm!(
        // Frame and return address at 0, the list at 16, eight general registers at 48, eight vector ones at 112.
        "stp x29, x30, [sp, #-240]!",
        "mov x29, sp",
        "str x3, [sp, #72]",
        "stp x4, x5, [sp, #80]",
        "stp x6, x7, [sp, #96]",
        "stp q0, q1, [sp, #112]",
        "stp q2, q3, [sp, #144]",
        "stp q4, q5, [sp, #176]",
        "stp q6, q7, [sp, #208]",
        // stack, gr_top, vr_top, gr_offs, vr_offs
        "add x8, sp, #240",
        "str x8, [sp, #16]",
        "add x9, sp, #112",
        "str x9, [sp, #24]",
        "str x8, [sp, #32]",
        "mov w8, #-40",
        "str w8, [sp, #40]",
        "mov w8, #-128",
        "str w8, [sp, #44]",
        "add x3, sp, #16",
        "bl {vprintf}",
        "ldp x29, x30, [sp], #240",
        "ret",
        vprintf = sym vprintf,
    )
}

/// `LV2_Log_Log::printf`, where nobody has written how to gather its values: the format is shown as it is.
#[cfg(not(all(
    any(target_arch = "x86_64", all(target_arch = "aarch64", not(target_vendor = "apple"))),
    not(windows)
)))]
pub(super) unsafe extern "C" fn printf(handle: *mut c_void, kind: u32, format: *const c_char) -> c_int {
    if !format.is_null() {
        // SAFETY: the plugin passes a C string, and it is not null.
        write(handle, kind, unsafe { CStr::from_ptr(format) });
    }
    0
}

#[cfg(all(
    test,
    any(target_arch = "x86_64", all(target_arch = "aarch64", not(target_vendor = "apple"))),
    not(windows)
))]
mod tests {
    use super::*;

    #[test]
    fn values_reach_a_message_from_registers_and_from_the_stack() {
        type Printf = unsafe extern "C" fn(*mut c_void, u32, *const c_char, ...) -> c_int;
        let name = "test".to_owned();
        let handle = std::ptr::from_ref(&name).cast_mut().cast();
        let format = c"%s %d %d %d %d %d %d %.1f %.1f %.1f %.1f %.1f %.1f %.1f %.1f %.1f %s";
        let expected = "one 2 3 4 5 -6 7 0.5 1.5 2.5 3.5 4.5 5.5 6.5 7.5 8.5 end".len();
        // SAFETY: in C the function is variadic; the values fit the format. The name outlives the call.
        let length = unsafe {
            let printf =
                std::mem::transmute::<unsafe extern "C" fn(*mut c_void, u32, *const c_char) -> c_int, Printf>(printf);
            printf(
                handle,
                0,
                format.as_ptr(),
                c"one".as_ptr(),
                2,
                3,
                4,
                5,
                -6,
                7,
                0.5f64,
                1.5f64,
                2.5f64,
                3.5f64,
                4.5f64,
                5.5f64,
                6.5f64,
                7.5f64,
                8.5f64,
                c"end".as_ptr(),
            )
        };
        assert_eq!(length as usize, expected);
        // SAFETY: as above, without values.
        assert_eq!(unsafe { printf(handle, 0, c"plain".as_ptr()) }, 5);
    }
}
