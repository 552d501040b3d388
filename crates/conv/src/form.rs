//! The same arithmetic, compiled for several kinds of CPU.

use std::fmt;

#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};
use crate::simd::{Portable, Simd};

/// A piece of work written over [`Simd`].
///
/// `run` is to be `#[inline(always)]`, with all that it calls: only then is it compiled for the CPU it runs on.
pub(crate) trait Work {
    fn run<S: Simd>(self, simd: S);
}

/// What the work is compiled for. A value can only be had where the CPU has what it names.
#[derive(Clone, Copy)]
pub struct Form(Kind);

#[derive(Clone, Copy)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    Portable(Portable),
}

impl Form {
    /// All forms that this CPU can run, the fastest first.
    pub fn available() -> Vec<Self> {
        let mut forms = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            forms.extend(Avx512::detect().map(|simd| Self(Kind::Avx512(simd))));
            forms.extend(Avx2::detect().map(|simd| Self(Kind::Avx2(simd))));
        }
        forms.push(Self(Kind::Portable(Portable)));
        forms
    }

    /// The fastest form that this CPU can run.
    pub fn best() -> Self {
        // There is always one: the portable one.
        Self::available()[0]
    }

    /// The names of all forms there are, on whatever CPU.
    pub const NAMES: [&str; 3] = ["avx512", "avx2", "portable"];

    /// One of [`Form::NAMES`].
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(_) => "avx2",
            Kind::Portable(_) => "portable",
        }
    }

    /// Rows of a panel: [`Simd::ROWS`].
    pub(crate) fn rows(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => Avx512::ROWS,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(_) => Avx2::ROWS,
            Kind::Portable(_) => Portable::ROWS,
        }
    }

    pub(crate) fn run(self, work: impl Work) {
        match self.0 {
            // SAFETY: a value of this type exists only where the CPU has these features.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(simd) => unsafe { with_avx512(simd, work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(simd) => unsafe { with_avx2(simd, work) },
            Kind::Portable(simd) => work.run(simd),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn with_avx512(simd: Avx512, work: impl Work) {
    work.run(simd);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2(simd: Avx2, work: impl Work) {
    work.run(simd);
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
