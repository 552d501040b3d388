//! A convolution's gradient with respect to its input is again such a convolution, with the [`turned`] kernel.

use crate::kernels::TAPS;

/// The kernel (out, in, 3, 3), its taps turned by half a turn and its channels swapped: (in, out, 3, 3). Convolving the
/// gradient at the output with it gives the gradient at the input.
///
/// # Panics
/// When `kernel` has not `out_channels * in_channels * 9` numbers.
pub fn turned(kernel: &[f32], out_channels: usize, in_channels: usize) -> Vec<f32> {
    assert_eq!(kernel.len(), out_channels * in_channels * TAPS, "a kernel of (out, in, 3, 3) numbers");
    let mut turned = Vec::with_capacity(kernel.len());
    for input in 0..in_channels {
        for output in 0..out_channels {
            let taps = &kernel[(output * in_channels + input) * TAPS..][..TAPS];
            turned.extend(taps.iter().rev());
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::turned;

    #[test]
    fn turning_twice_changes_nothing() {
        let kernel: Vec<f32> = (0..2 * 3 * 9).map(|n| n as f32).collect();
        assert_eq!(turned(&turned(&kernel, 2, 3), 3, 2), kernel);
    }

    #[test]
    fn taps_turn_and_channels_swap() {
        let kernel: Vec<f32> = (0..2 * 9).map(|n| n as f32).collect();
        let turned = turned(&kernel, 1, 2);
        assert_eq!(turned[..9], [8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0]);
        assert_eq!(turned[9], 17.0);
    }
}
