//! The instruction sets, and the choice among them. The only unsafe code of the crate.
//!
//! Two kinds of unsafe block stand here, each with the one reason that holds for all of its kind: intrinsics are called through
//! a token that exists only where the machine has been asked for the instruction set, and loads and stores go through
//! references to arrays of exactly what is moved.
#![allow(unsafe_code)]

use std::fmt;

use super::{Doubles, Simd, Task};

/// An instruction set that this machine has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Path(Kind);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

impl Path {
    /// Every path of this machine, the fastest first. The portable one is always there.
    pub fn available() -> Vec<Path> {
        let mut paths = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if avx2 && is_x86_feature_detected!("avx512f") {
                paths.push(Path(Kind::Avx512));
            }
            if avx2 {
                paths.push(Path(Kind::Avx2));
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            paths.push(Path(Kind::Neon));
        }
        paths.push(Path(Kind::Portable));
        paths
    }

    /// The fastest path of this machine.
    pub fn best() -> Path {
        Path::available()[0]
    }

    /// Does a task with this path's instructions.
    #[inline]
    pub fn run<T: Task>(self, task: T) -> T::Output {
        match self.0 {
            // SAFETY: a path of this kind is made only by `available`, after the machine has said that it has avx512f, avx2 and
            // fma.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { x86::on_avx512(task) },
            // SAFETY: a path of this kind is made only by `available`, after the machine has said that it has avx2 and fma.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { x86::on_avx2(task) },
            // SAFETY: a path of this kind is made only by `available`, after the machine has said that it has NEON.
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => unsafe { arm::on_neon(task) },
            Kind::Portable => task.run(Portable),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
            Kind::Portable => "portable",
        })
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Implements [`Simd`] for a token by intrinsics. The token is private to its module and made in its `on_…` function alone.
#[allow(unused_macros)]
macro_rules! simd {
    ($token:ident, $vector:ty, $lanes:literal lanes, $registers:literal registers,
     load $load:path, store $store:path, $($method:ident($($operand:ident: $type:ty),*) = $value:expr;)*) => {
        impl Simd for $token {
            type V = $vector;
            const LANES: usize = $lanes;
            const REGISTERS: usize = $registers;

            #[inline(always)]
            fn load(self, from: &[f32]) -> Self::V {
                let from: &[f32; $lanes] = from.first_chunk().expect("a register full of floats");
                // SAFETY: the token proves the instruction set, and the array holds exactly what is read.
                unsafe { $load(from.as_ptr()) }
            }

            #[inline(always)]
            fn store(self, v: Self::V, to: &mut [f32]) {
                let to: &mut [f32; $lanes] = to.first_chunk_mut().expect("room for a register of floats");
                // SAFETY: the token proves the instruction set, and the array holds exactly what is written.
                unsafe { $store(to.as_mut_ptr(), v) }
            }

            $(
                #[inline(always)]
                fn $method(self, $($operand: $type),*) -> Self::V {
                    // SAFETY: these intrinsics touch registers alone, and the token proves the instruction set.
                    unsafe { $value }
                }
            )*
        }
    };
}

/// Implements [`Doubles`] for a token by intrinsics.
#[allow(unused_macros)]
macro_rules! doubles {
    ($token:ident, $eight:ty,
     $($method:ident($($operand:ident: $type:ty),*) -> $result:ty = $value:expr;)*) => {
        impl Doubles for $token {
            type D = $eight;

            $(
                #[inline(always)]
                fn $method(self, $($operand: $type),*) -> $result {
                    // SAFETY: these intrinsics touch registers and as much of the given arrays as there is, and the token
                    // proves the instruction set.
                    unsafe { $value }
                }
            )*
        }
    };
}

/// Implements [`Doubles`] for a token by arrays. The registers of these machines hold two of the numbers, and whatever the
/// compiler makes of arrays is as good as can be.
macro_rules! doubles_in_arrays {
    ($token:ident) => {
        impl Doubles for $token {
            type D = [f64; 8];

            #[inline(always)]
            fn load_doubles(self, from: &[f64; 8]) -> Self::D {
                *from
            }

            #[inline(always)]
            fn store_doubles(self, d: Self::D, to: &mut [f64; 8]) {
                *to = d;
            }

            #[inline(always)]
            fn add_doubles(self, a: Self::D, b: Self::D) -> Self::D {
                std::array::from_fn(|i| a[i] + b[i])
            }

            #[inline(always)]
            fn sub_doubles(self, a: Self::D, b: Self::D) -> Self::D {
                std::array::from_fn(|i| a[i] - b[i])
            }

            #[inline(always)]
            fn mul_doubles(self, a: Self::D, b: Self::D) -> Self::D {
                std::array::from_fn(|i| a[i] * b[i])
            }

            #[inline(always)]
            fn push_pair(self, [first, second]: [f64; 2], [a, b, c, d, e, f, _, _]: Self::D) -> Self::D {
                [first, second, a, b, c, d, e, f]
            }

            #[inline(always)]
            fn last_pair(self, [.., first, second]: Self::D) -> [f64; 2] {
                [first, second]
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Doubles, Simd, Task};

    #[derive(Clone, Copy)]
    pub struct Avx512(());

    #[derive(Clone, Copy)]
    pub struct Avx2(());

    #[target_feature(enable = "avx512f,avx2,fma")]
    pub fn on_avx512<T: Task>(task: T) -> T::Output {
        task.run(Avx512(()))
    }

    #[target_feature(enable = "avx2,fma")]
    pub fn on_avx2<T: Task>(task: T) -> T::Output {
        task.run(Avx2(()))
    }

    simd! {
        Avx512, __m512, 16 lanes, 32 registers, load _mm512_loadu_ps, store _mm512_storeu_ps,
        splat(x: f32) = _mm512_set1_ps(x);
        add(a: Self::V, b: Self::V) = _mm512_add_ps(a, b);
        sub(a: Self::V, b: Self::V) = _mm512_sub_ps(a, b);
        mul(a: Self::V, b: Self::V) = _mm512_mul_ps(a, b);
        div(a: Self::V, b: Self::V) = _mm512_div_ps(a, b);
        mul_add(a: Self::V, b: Self::V, c: Self::V) = _mm512_fmadd_ps(a, b, c);
        min(a: Self::V, b: Self::V) = _mm512_min_ps(a, b);
        max(a: Self::V, b: Self::V) = _mm512_max_ps(a, b);
        abs(a: Self::V) = _mm512_abs_ps(a);
        select_less(a: Self::V, b: Self::V, yes: Self::V, no: Self::V) =
            _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b), no, yes);
    }

    simd! {
        Avx2, __m256, 8 lanes, 16 registers, load _mm256_loadu_ps, store _mm256_storeu_ps,
        splat(x: f32) = _mm256_set1_ps(x);
        add(a: Self::V, b: Self::V) = _mm256_add_ps(a, b);
        sub(a: Self::V, b: Self::V) = _mm256_sub_ps(a, b);
        mul(a: Self::V, b: Self::V) = _mm256_mul_ps(a, b);
        div(a: Self::V, b: Self::V) = _mm256_div_ps(a, b);
        mul_add(a: Self::V, b: Self::V, c: Self::V) = _mm256_fmadd_ps(a, b, c);
        min(a: Self::V, b: Self::V) = _mm256_min_ps(a, b);
        max(a: Self::V, b: Self::V) = _mm256_max_ps(a, b);
        abs(a: Self::V) = _mm256_andnot_ps(_mm256_set1_ps(-0.0), a);
        select_less(a: Self::V, b: Self::V, yes: Self::V, no: Self::V) =
            _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_LT_OQ>(a, b));
    }

    doubles! {
        Avx512, __m512d,
        load_doubles(from: &[f64; 8]) -> Self::D = _mm512_loadu_pd(from.as_ptr());
        store_doubles(d: Self::D, to: &mut [f64; 8]) -> () = _mm512_storeu_pd(to.as_mut_ptr(), d);
        add_doubles(a: Self::D, b: Self::D) -> Self::D = _mm512_add_pd(a, b);
        sub_doubles(a: Self::D, b: Self::D) -> Self::D = _mm512_sub_pd(a, b);
        mul_doubles(a: Self::D, b: Self::D) -> Self::D = _mm512_mul_pd(a, b);
        push_pair(pair: [f64; 2], d: Self::D) -> Self::D = {
            let whole = _mm512_castpd_si512(d);
            let moved = _mm512_castsi512_pd(_mm512_alignr_epi64::<6>(whole, whole));
            _mm512_mask_blend_pd(0b11, moved, _mm512_castpd128_pd512(_mm_loadu_pd(pair.as_ptr())))
        };
        last_pair(d: Self::D) -> [f64; 2] = {
            let pair = _mm_castps_pd(_mm512_extractf32x4_ps::<3>(_mm512_castpd_ps(d)));
            [_mm_cvtsd_f64(pair), _mm_cvtsd_f64(_mm_unpackhi_pd(pair, pair))]
        };
    }

    doubles! {
        Avx2, [__m256d; 2],
        load_doubles(from: &[f64; 8]) -> Self::D =
            [_mm256_loadu_pd(from[..4].as_ptr()), _mm256_loadu_pd(from[4..].as_ptr())];
        store_doubles(d: Self::D, to: &mut [f64; 8]) -> () = {
            _mm256_storeu_pd(to[..4].as_mut_ptr(), d[0]);
            _mm256_storeu_pd(to[4..].as_mut_ptr(), d[1]);
        };
        add_doubles(a: Self::D, b: Self::D) -> Self::D = [_mm256_add_pd(a[0], b[0]), _mm256_add_pd(a[1], b[1])];
        sub_doubles(a: Self::D, b: Self::D) -> Self::D = [_mm256_sub_pd(a[0], b[0]), _mm256_sub_pd(a[1], b[1])];
        mul_doubles(a: Self::D, b: Self::D) -> Self::D = [_mm256_mul_pd(a[0], b[0]), _mm256_mul_pd(a[1], b[1])];
        push_pair(pair: [f64; 2], d: Self::D) -> Self::D = {
            let pair = _mm256_castpd128_pd256(_mm_loadu_pd(pair.as_ptr()));
            [_mm256_permute2f128_pd::<0x20>(pair, d[0]), _mm256_permute2f128_pd::<0x21>(d[0], d[1])]
        };
        last_pair(d: Self::D) -> [f64; 2] = {
            let pair = _mm256_extractf128_pd::<1>(d[1]);
            [_mm_cvtsd_f64(pair), _mm_cvtsd_f64(_mm_unpackhi_pd(pair, pair))]
        };
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use std::arch::aarch64::*;

    use super::{Doubles, Simd, Task};

    #[derive(Clone, Copy)]
    pub struct Neon(());

    #[target_feature(enable = "neon")]
    pub fn on_neon<T: Task>(task: T) -> T::Output {
        task.run(Neon(()))
    }

    simd! {
        Neon, float32x4_t, 4 lanes, 32 registers, load vld1q_f32, store vst1q_f32,
        splat(x: f32) = vdupq_n_f32(x);
        add(a: Self::V, b: Self::V) = vaddq_f32(a, b);
        sub(a: Self::V, b: Self::V) = vsubq_f32(a, b);
        mul(a: Self::V, b: Self::V) = vmulq_f32(a, b);
        div(a: Self::V, b: Self::V) = vdivq_f32(a, b);
        mul_add(a: Self::V, b: Self::V, c: Self::V) = vfmaq_f32(c, a, b);
        min(a: Self::V, b: Self::V) = vminq_f32(a, b);
        max(a: Self::V, b: Self::V) = vmaxq_f32(a, b);
        abs(a: Self::V) = vabsq_f32(a);
        select_less(a: Self::V, b: Self::V, yes: Self::V, no: Self::V) = vbslq_f32(vcltq_f32(a, b), yes, no);
    }

    doubles_in_arrays!(Neon);
}

/// Plain arrays, which the compiler lays into whatever registers every machine of the architecture has. Multiplying and adding
/// round separately here: a fused operation would be a call into the C library.
#[derive(Clone, Copy)]
struct Portable;

impl Portable {
    #[inline(always)]
    fn each(f: impl Fn(usize) -> f32) -> [f32; 4] {
        [f(0), f(1), f(2), f(3)]
    }
}

doubles_in_arrays!(Portable);

impl Simd for Portable {
    type V = [f32; 4];
    const LANES: usize = 4;
    const REGISTERS: usize = 16;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        [x; 4]
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> Self::V {
        *from.first_chunk().expect("a register full of floats")
    }

    #[inline(always)]
    fn store(self, v: Self::V, to: &mut [f32]) {
        *to.first_chunk_mut().expect("room for a register of floats") = v;
    }

    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        Self::each(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        Self::each(|i| a[i] - b[i])
    }

    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        Self::each(|i| a[i] * b[i])
    }

    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        Self::each(|i| a[i] / b[i])
    }

    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        Self::each(|i| a[i] * b[i] + c[i])
    }

    #[inline(always)]
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        Self::each(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        Self::each(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn abs(self, a: Self::V) -> Self::V {
        Self::each(|i| a[i].abs())
    }

    #[inline(always)]
    fn select_less(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V {
        Self::each(|i| if a[i] < b[i] { yes[i] } else { no[i] })
    }
}
