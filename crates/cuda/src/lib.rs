//! The NVIDIA GPUs of this machine. Without the feature `cuda` there are none.
#![cfg_attr(not(feature = "cuda"), forbid(unsafe_code))]

/// How many GPUs the driver offers: 0 where there is none, or no driver.
#[cfg(feature = "cuda")]
pub fn device_count() -> usize {
    cudarc::driver::CudaContext::device_count().ok().and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
}

/// How many GPUs there are for this program: none, it was built without CUDA.
#[cfg(not(feature = "cuda"))]
pub fn device_count() -> usize {
    0
}
