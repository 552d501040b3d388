//! Operations on whole images, of which optimisers are made. On CPUs each is one pass over memory on the engine's threads; by
//! tensor operations they would take several passes each, and wake threads of candle's own for every one of them.

use candle_core::{DType, Result, Storage, Tensor};
use rayon::prelude::*;

/// Numbers that are summed up together: the sum is that of the chunks in order, whatever number of threads adds them up.
pub(crate) const CHUNK: usize = 1 << 14;
/// Sums that grow side by side, so that a CPU can add several at once.
const LANES: usize = 16;

/// a . b
pub(crate) fn dot(a: &Tensor, b: &Tensor) -> Result<f64> {
    let on_cpu = with_slices([a, b], |[a, b]| {
        let sums: Vec<f64> = a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK)).map(|(a, b)| dot_of_chunk(a, b)).collect();
        sums.iter().sum()
    });
    match on_cpu? {
        Some(product) => Ok(product),
        None => (a * b)?.sum_all()?.to_dtype(DType::F64)?.to_scalar(),
    }
}

/// a + factor b
pub(crate) fn add_scaled(a: &Tensor, factor: f64, b: &Tensor) -> Result<Tensor> {
    let on_cpu = with_slices([a, b], |[a, b]| {
        let factor = factor as f32;
        let mut sum = vec![0f32; a.len()];
        let chunks = sum.par_chunks_mut(CHUNK).zip(a.par_chunks(CHUNK)).zip(b.par_chunks(CHUNK));
        chunks.for_each(|((sum, a), b)| {
            for ((sum, a), b) in sum.iter_mut().zip(a).zip(b) {
                *sum = a + factor * b;
            }
        });
        sum
    });
    match on_cpu? {
        Some(sum) => Tensor::from_vec(sum, a.shape(), a.device()),
        None => a + (b * factor)?,
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

fn dot_of_chunk(a: &[f32], b: &[f32]) -> f64 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(a, b)| a * b);
    sums.into_iter().chain(rest).map(f64::from).sum()
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
    let stored = tensors.map(Tensor::storage_and_layout);
    let mut slices: [&[f32]; N] = [&[]; N];
    for (slice, (storage, layout)) in slices.iter_mut().zip(&stored) {
        let (Storage::Cpu(storage), Some((start, end))) = (&**storage, layout.contiguous_offsets()) else {
            return Ok(None);
        };
        let Ok(numbers) = storage.as_slice::<f32>() else { return Ok(None) };
        *slice = &numbers[start..end];
    }
    Ok(Some(work(slices)))
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
}
