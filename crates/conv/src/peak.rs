//! What the CPU could do at the most: the yardstick of every speed.

use std::time::{Duration, Instant};

use crate::{Form, LANES, Lanes, form::Work, simd::Simd};

/// Sums that grow independently of one another: more than any CPU needs to keep its multipliers busy.
const SUMS: usize = 24;
/// Products and sums between two looks at the clock.
const ROUNDS: usize = 20_000;
const LONG_ENOUGH: Duration = Duration::from_millis(200);

/// The floating-point operations that all threads of the current pool do in a second, when they do nothing but multiply
/// and add in registers.
pub(crate) fn peak(form: Form) -> f64 {
    rate(ROUNDS * SUMS * LANES * 2, || form.run(Multiplications))
}

/// The operations that all threads of the current pool do in a second, when they do nothing but this work.
pub(crate) fn rate(operations: usize, work: impl Fn() + Sync) -> f64 {
    let started = Instant::now();
    let times: usize = rayon::broadcast(|_| {
        let mut times = 0;
        while started.elapsed() < LONG_ENOUGH {
            work();
            times += 1;
        }
        times
    })
    .into_iter()
    .sum();
    (times * operations) as f64 / started.elapsed().as_secs_f64()
}

struct Multiplications;

impl Work for Multiplications {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut sums = [simd.splat(1.0); SUMS];
        for _ in 0..ROUNDS {
            // Unknown to the compiler, lest it work the sums out itself.
            let factor = simd.splat(std::hint::black_box(0.5));
            for sum in &mut sums {
                *sum = simd.mul_add(*sum, factor, factor);
            }
        }
        let mut total = Lanes::ZERO;
        simd.store(sums.into_iter().fold(simd.splat(0.0), |total, sum| simd.add(total, sum)), &mut total);
        std::hint::black_box(total);
    }
}
