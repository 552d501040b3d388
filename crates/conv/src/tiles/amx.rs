//! Intel's Advanced Matrix Extensions: registers of 16 rows of 64 bytes, and their product.
//!
//! By assembly, for the intrinsics are not stable. The eight tiles t0 to t7 are C (t0 to t3), A (t4, t5) and B (t6, t7): so
//! every tile that is loaded serves two products, and four sums grow independently of one another.

use std::{
    arch::{asm, x86_64::__cpuid_count},
    sync::LazyLock,
};

use super::product::{Product, STEP, Start};
use crate::{Halves, LANES, Lanes};

/// AMX with bf16, allowed to this process.
#[derive(Clone, Copy)]
pub struct Amx(());

impl Amx {
    pub fn detect() -> Option<Self> {
        // One question per process, for the kernel's answer holds.
        static ALLOWED: LazyLock<bool> = LazyLock::new(|| cpu_has_it() && kernel_allows_it());
        ALLOWED.then_some(Self(()))
    }

    /// Does work that uses tiles; not within other such work.
    pub fn with_tiles<T>(self, work: impl FnOnce() -> T) -> T {
        struct Release;
        impl Drop for Release {
            fn drop(&mut self) {
                // SAFETY: `Amx` proves the instruction; no tile is in use any more.
                unsafe {
                    asm!(
                        "tilerelease",
                        out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                        out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                        options(nostack, preserves_flags),
                    );
                }
            }
        }
        let _release = Release;
        // SAFETY: `Amx` proves the instruction; the configuration is 64 bytes, and valid.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &CONFIGURATION, options(nostack, preserves_flags, readonly)) };
        work()
    }

    /// [`Product::run`] by tiles.
    ///
    /// # Safety
    /// That of [`Product::run`], within [`Amx::with_tiles`].
    #[inline(always)]
    pub unsafe fn product(self, product: &Product<'_>) {
        let Product { a, steps, b, start, c, c_jump } = *product;
        let row = size_of::<Lanes>();
        let (from, from_jump, from_row) = match start {
            Start::Row(columns) => (columns.as_ptr(), row, 0),
            Start::Itself => (c.cast_const(), c_jump * row, row),
        };
        // SAFETY: `Amx` and the caller prove the instructions; every address is one that the caller vouches for. Tiles are
        // used by no other code of this program.
        unsafe {
            asm!(
                // C, whose second tiles are 16 rows further on.
                "tileloadd tmm0, [{from} + {row}*1]",
                "tileloadd tmm1, [{from_second} + {row}*1]",
                "lea {at}, [{from} + {row}*8]",
                "lea {at}, [{at} + {row}*8]",
                "tileloadd tmm2, [{at} + {row}*1]",
                "lea {at}, [{from_second} + {row}*8]",
                "lea {at}, [{at} + {row}*8]",
                "tileloadd tmm3, [{at} + {row}*1]",
                "mov {row:e}, 64",
                "2:",
                "cmp {steps}, {end}",
                "je 3f",
                "mov {at}, [{steps}]",
                "add {steps}, 8",
                "add {at}, {a}",
                "tileloadd tmm6, [{b} + {row}*1]",
                "tileloadd tmm4, [{at} + {row}*1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{b} + {row}*1 + 1024]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "add {at}, {a_jump}",
                "tileloadd tmm5, [{at} + {row}*1]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {b}, {step}",
                "jmp 2b",
                "3:",
                "tilestored [{c} + {row}*1], tmm0",
                "tilestored [{c} + {row}*1 + 1024], tmm2",
                "add {c}, {c_jump}",
                "tilestored [{c} + {row}*1], tmm1",
                "tilestored [{c} + {row}*1 + 1024], tmm3",
                from = in(reg) from,
                from_second = in(reg) from.byte_add(from_jump),
                row = inout(reg) from_row => _,
                at = out(reg) _,
                steps = inout(reg) steps.as_ptr() => _,
                end = in(reg) steps.as_ptr_range().end,
                a = in(reg) a[0],
                a_jump = in(reg) a[1].byte_offset_from(a[0]),
                b = inout(reg) b => _,
                c = inout(reg) c => _,
                c_jump = in(reg) c_jump * row,
                step = const STEP * size_of::<Halves>(),
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }

    /// Multiplies tiles of zeros this many times four, in registers.
    pub fn busy(self, rounds: usize) {
        self.with_tiles(|| {
            // SAFETY: `Amx` proves the instructions. Tiles are used by no other code of this program.
            unsafe {
                asm!(
                    "2:",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    "dec {rounds}",
                    "jnz 2b",
                    rounds = inout(reg) rounds.max(1) => _,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack, nomem),
                );
            }
        });
    }
}

/// Floating-point operations in a round of [`Amx::busy`].
pub const OPERATIONS: usize = 4 * LANES * LANES * 2 * LANES * 2;

fn cpu_has_it() -> bool {
    const TILES: u32 = 1 << 24;
    const BF16: u32 = 1 << 22;
    let features = __cpuid_count(7, 0).edx;
    is_x86_feature_detected!("avx512f") && features & TILES != 0 && features & BF16 != 0
}

/// Linux lends the tiles' memory in a thread's state only to those who ask.
fn kernel_allows_it() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_long = 18;
    // SAFETY: the call takes two numbers and touches no memory of ours.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
}

/// What LDTILECFG reads: palette 1, and all eight tiles with 16 rows of 64 bytes.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

static CONFIGURATION: Configuration = Configuration {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

#[cfg(test)]
mod tests;
