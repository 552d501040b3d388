//! What computed a result.

use std::fmt;

use serde::{Deserialize, Serialize};

/// All that decides the bytes of a result besides the recipe and the pictures: two runs with one fingerprint on a CPU give
/// the same picture byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Fingerprint {
    /// The network: `vgg16` or `vgg19`.
    pub backbone: String,
    /// The SHA-256 of its weights as they were loaded, in hexadecimal.
    pub weights: String,
    /// The kind of device: `cpu` or `cuda`.
    pub device: String,
    /// The number format of the convolutions: `f32`, `tf32` or `bf16`.
    pub precision: String,
    /// The implementation of the feature network and the instruction set it chose, such as `candle`.
    pub kernels: String,
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { backbone, weights, device, precision, kernels } = self;
        let short = weights.get(..12).unwrap_or(weights);
        write!(f, "{backbone}@{short} on {device} in {precision} by {kernels}")
    }
}
