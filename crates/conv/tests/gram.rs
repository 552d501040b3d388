//! Gram matrices, and products with symmetric ones, against sums written out.

mod support;

use impasto_conv::{Activations, Form, Kernels, Shape, Winograd};
use support::{apart, noise};

fn shapes() -> impl Iterator<Item = Shape> {
    let sizes = [(1, 1), (3, 5), (17, 31), (40, 41)];
    [1, 3, 16, 40, 64]
        .into_iter()
        .flat_map(move |channels| sizes.map(|(height, width)| Shape { channels, height, width }))
}

#[test]
fn gram_matrices_are_the_products_of_all_pairs() {
    fn check<K: Kernels>(kernels: &K, tolerance: f64) {
        for shape in shapes() {
            let features = Activations::<K::Line>::from_planes(shape, &noise(1, shape.channels * shape.pixels()));
            let planes = features.to_planes();
            let rows: Vec<_> = planes.chunks_exact(shape.pixels()).collect();
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
            let want: Vec<f64> = rows.iter().flat_map(|a| rows.iter().map(|b| dot(a, b))).collect();
            // The features themselves are exact, whatever they are kept in.
            let apart = apart(&kernels.gram(&features).to_rows(), &want);
            assert!(apart < tolerance.min(1e-5), "{} {shape:?}: {apart} apart", kernels.name());
        }
    }
    with_all_kernels!(check);
}

#[test]
fn mixing_is_the_product_with_the_matrix() {
    fn check<K: Kernels>(kernels: &K, tolerance: f64) {
        for shape in shapes() {
            let (channels, pixels) = (shape.channels, shape.pixels());
            let planes = noise(1, channels * pixels);
            // A Gram matrix is a symmetric one; with the features it was made of, sums do not cancel.
            let symmetric = kernels.gram(&Activations::from_planes(shape, &planes));
            let matrix = symmetric.to_rows();
            let mut want = vec![0f64; channels * pixels];
            for row in 0..channels {
                for column in 0..channels {
                    for pixel in 0..pixels {
                        let factor = f64::from(matrix[row * channels + column]);
                        want[row * pixels + pixel] += factor * f64::from(planes[column * pixels + pixel]);
                    }
                }
            }
            let features = Activations::from_planes(shape, &planes);
            let mut output = Activations::zeros(shape);
            kernels.mix(&symmetric, None, &features, &mut output);
            let without = apart(&output.to_planes(), &want);
            assert!(without < tolerance, "{} {shape:?}: {without} apart", kernels.name());
            let bias: Vec<f32> = noise(2, channels).iter().map(|number| number * 10.0).collect();
            kernels.mix(&symmetric, Some(&bias), &features, &mut output);
            for (channel, want) in want.chunks_exact_mut(pixels).enumerate() {
                want.iter_mut().for_each(|number| *number += f64::from(bias[channel]));
            }
            let with = apart(&output.to_planes(), &want);
            assert!(with < tolerance, "{} {shape:?} with a bias: {with} apart", kernels.name());
        }
    }
    with_all_kernels!(check);
}

#[test]
fn the_diagonal_is_that_of_the_rows() {
    let shape = Shape { channels: 37, height: 5, width: 7 };
    let features = Activations::from_planes(shape, &noise(1, 37 * shape.pixels()));
    let mut gram = Winograd::new(Form::best()).gram(&features);
    let of_rows = |rows: Vec<f32>| rows.into_iter().step_by(37 + 1).collect::<Vec<f32>>();
    let before = gram.to_rows();
    assert_eq!(gram.diagonal(), of_rows(before.clone()));
    let more = noise(2, 37);
    gram.add_to_diagonal(&more);
    for (index, (have, before)) in gram.to_rows().into_iter().zip(before).enumerate() {
        let added = if index % 38 == 0 { more[index / 38] } else { 0.0 };
        assert_eq!(have, before + added);
    }
}

#[test]
fn channels_are_summed_up() {
    fn check<K: Kernels>(_: &K, tolerance: f64) {
        for shape in shapes() {
            let planes = noise(1, shape.channels * shape.pixels());
            let sums = Activations::<K::Line>::from_planes(shape, &planes).channel_sums();
            assert_eq!(sums.len(), shape.channels);
            for ((sum, squares), plane) in sums.into_iter().zip(planes.chunks_exact(shape.pixels())) {
                let numbers = || plane.iter().map(|number| f64::from(*number));
                let (want, size, want_squares) = (
                    numbers().sum::<f64>(),
                    numbers().map(f64::abs).sum::<f64>(),
                    numbers().map(|n| n * n).sum::<f64>(),
                );
                assert!((sum - want).abs() < tolerance * size, "{shape:?}: {sum} for {want}");
                assert!((squares - want_squares).abs() < 2.0 * tolerance * want_squares, "{shape:?}: {squares}");
            }
        }
    }
    with_all_kernels!(check);
}

#[test]
fn sums_are_the_same_on_any_number_of_threads() {
    fn check<K: Kernels>(kernels: &K, _: f64) {
        let shape = Shape { channels: 40, height: 61, width: 53 };
        let features = Activations::from_planes(shape, &noise(1, 40 * shape.pixels()));
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| kernels.gram(&features))
        };
        assert_eq!(on(1), on(3), "{}", kernels.name());
    }
    with_all_kernels!(check);
}
