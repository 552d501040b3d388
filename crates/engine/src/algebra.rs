//! Operations on whole images, of which optimisers are made. On CPUs each is one pass over memory on the engine's threads; by
//! tensor operations they would take several passes each, and wake threads of candle's own for every one of them.

use candle_core::{CpuStorage, DType, Result, Storage, Tensor};
use half::bf16;
use rayon::prelude::*;

/// Numbers that are summed up together: the sum is that of the chunks in order, whatever number of threads adds them up.
pub(crate) const CHUNK: usize = 1 << 14;
/// Sums that grow side by side, so that a CPU can add several at once.
const LANES: usize = 16;

/// A number of which sums are made in f32.
trait Number: Copy + Sync {
    fn wide(self) -> f32;
}

impl Number for f32 {
    fn wide(self) -> f32 {
        self
    }
}

impl Number for bf16 {
    fn wide(self) -> f32 {
        // Not by the crate's own conversion, whose look at NaN compilers make no vectors of.
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }
}

/// A tensor's numbers in a CPU's memory.
enum Slice<'a> {
    F32(&'a [f32]),
    Bf16(&'a [bf16]),
}

impl<'a> Slice<'a> {
    fn f32(self) -> Option<&'a [f32]> {
        match self {
            Self::F32(numbers) => Some(numbers),
            Self::Bf16(_) => None,
        }
    }
}

/// a . b, where either may be of bf16.
pub(crate) fn dot(a: &Tensor, b: &Tensor) -> Result<f64> {
    let on_cpu = on_cpu([a, b], |slices| {
        Some(match slices {
            [Slice::F32(a), Slice::F32(b)] => dot_of(a, b),
            [Slice::F32(a), Slice::Bf16(b)] | [Slice::Bf16(b), Slice::F32(a)] => dot_of(a, b),
            [Slice::Bf16(a), Slice::Bf16(b)] => dot_of(a, b),
        })
    });
    match on_cpu? {
        Some(product) => Ok(product),
        None => (widened(a)? * widened(b)?)?.sum_all()?.to_dtype(DType::F64)?.to_scalar(),
    }
}

/// a + factor b, where b may be of bf16.
pub(crate) fn add_scaled(a: &Tensor, factor: f64, b: &Tensor) -> Result<Tensor> {
    let on_cpu = on_cpu([a, b], |[a, b]| {
        let a = a.f32()?;
        Some(match b {
            Slice::F32(b) => sum_of(a, factor as f32, b),
            Slice::Bf16(b) => sum_of(a, factor as f32, b),
        })
    });
    match on_cpu? {
        Some(sum) => Tensor::from_vec(sum, a.shape(), a.device()),
        None => a + (widened(b)? * factor)?,
    }
}

/// factor a
pub(crate) fn scaled(a: &Tensor, factor: f64) -> Result<Tensor> {
    let on_cpu = with_slices([a], |[a]| {
        let factor = factor as f32;
        let mut scaled = vec![0f32; a.len()];
        scaled.par_chunks_mut(CHUNK).zip(a.par_chunks(CHUNK)).for_each(|(scaled, a)| {
            for (scaled, a) in scaled.iter_mut().zip(a) {
                *scaled = factor * a;
            }
        });
        scaled
    });
    match on_cpu? {
        Some(numbers) => Tensor::from_vec(numbers, a.shape(), a.device()),
        None => a * factor,
    }
}

fn dot_of<A: Number, B: Number>(a: &[A], b: &[B]) -> f64 {
    let sums: Vec<f64> = a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK)).map(|(a, b)| dot_of_chunk(a, b)).collect();
    sums.iter().sum()
}

fn dot_of_chunk<A: Number, B: Number>(a: &[A], b: &[B]) -> f64 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane].wide() * b[lane].wide();
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(a, b)| a.wide() * b.wide());
    sums.into_iter().chain(rest).map(f64::from).sum()
}

fn sum_of<B: Number>(a: &[f32], factor: f32, b: &[B]) -> Vec<f32> {
    let mut sum = vec![0f32; a.len()];
    let chunks = sum.par_chunks_mut(CHUNK).zip(a.par_chunks(CHUNK)).zip(b.par_chunks(CHUNK));
    chunks.for_each(|((sum, a), b)| {
        for ((sum, a), b) in sum.iter_mut().zip(a).zip(b) {
            *sum = a + factor * b.wide();
        }
    });
    sum
}

fn widened(tensor: &Tensor) -> Result<Tensor> {
    if tensor.dtype() == DType::BF16 { tensor.to_dtype(DType::F32) } else { Ok(tensor.clone()) }
}

/// What `work` makes of the tensor's numbers, which are copied only if they do not lie in a CPU's memory as they should.
pub(crate) fn with_numbers<T>(tensor: &Tensor, mut work: impl FnMut(&[f32]) -> T) -> Result<T> {
    match with_slices([tensor], |[numbers]| work(numbers))? {
        Some(result) => Ok(result),
        None => Ok(work(&tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?)),
    }
}

/// What `work` makes of the tensors' numbers, where all of them lie in a CPU's memory as f32, without gaps.
pub(crate) fn with_slices<const N: usize, T>(
    tensors: [&Tensor; N],
    work: impl FnOnce([&[f32]; N]) -> T,
) -> Result<Option<T>> {
    on_cpu(tensors, |slices| {
        let slices = slices.map(Slice::f32);
        let all = slices.iter().all(Option::is_some);
        all.then(|| work(slices.map(Option::unwrap_or_default)))
    })
}

/// What `work` makes of the tensors' numbers, where all of them lie in a CPU's memory as f32 or bf16, without gaps.
fn on_cpu<const N: usize, T>(
    tensors: [&Tensor; N],
    work: impl FnOnce([Slice<'_>; N]) -> Option<T>,
) -> Result<Option<T>> {
    let stored = tensors.map(Tensor::storage_and_layout);
    let mut slices = [const { Slice::F32(&[]) }; N];
    for (slice, (storage, layout)) in slices.iter_mut().zip(&stored) {
        let (Storage::Cpu(storage), Some((start, end))) = (&**storage, layout.contiguous_offsets()) else {
            return Ok(None);
        };
        *slice = match storage {
            CpuStorage::F32(numbers) => Slice::F32(&numbers[start..end]),
            CpuStorage::BF16(numbers) => Slice::Bf16(&numbers[start..end]),
            _ => return Ok(None),
        };
    }
    Ok(work(slices))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn numbers(seed: usize) -> Tensor {
        let numbers: Vec<f32> = (0..100_003).map(|n| ((n + seed) * 7919 % 1000) as f32 / 1000.0 - 0.5).collect();
        Tensor::new(numbers, &Device::Cpu).unwrap()
    }

    #[test]
    fn slices_give_what_tensors_give() {
        let (a, b) = (numbers(1), numbers(2));
        let (a64, b64) = (a.to_dtype(DType::F64).unwrap(), b.to_dtype(DType::F64).unwrap());
        // f64 tensors take the way of a GPU's.
        let (have, want) = (dot(&a, &b).unwrap(), dot(&a64, &b64).unwrap());
        assert!((have - want).abs() < 1e-5 * want.abs(), "{have} and {want}");
        let (have, want) = (add_scaled(&a, 0.3, &b).unwrap(), add_scaled(&a64, 0.3, &b64).unwrap());
        let apart = (have.to_dtype(DType::F64).unwrap() - want).unwrap().abs().unwrap().max(0).unwrap();
        assert!(apart.to_scalar::<f64>().unwrap() < 1e-6);
    }

    #[test]
    fn bf16_counts_as_the_f32_it_stands_for() {
        let [a, b] = [numbers(1), numbers(2)].map(|tensor| tensor.to_dtype(DType::BF16).unwrap());
        let [wide_a, wide_b] = [&a, &b].map(|tensor| tensor.to_dtype(DType::F32).unwrap());
        let want = dot(&wide_a, &wide_b).unwrap();
        for (a, b) in [(&a, &b), (&a, &wide_b), (&wide_a, &b)] {
            assert_eq!(dot(a, b).unwrap(), want);
        }
        let sum = |b: &Tensor| add_scaled(&wide_a, 0.3, b).unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(sum(&b), sum(&wide_b));
    }
}
