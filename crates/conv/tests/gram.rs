//! Gram matrices, and products with symmetric ones, against sums written out.

mod support;

use impasto_conv::{Activations, Shape, Symmetric, mix};
use support::{apart, forms, noise};

fn shapes() -> impl Iterator<Item = Shape> {
    let sizes = [(1, 1), (3, 5), (17, 31), (40, 41)];
    [1, 3, 16, 40, 64]
        .into_iter()
        .flat_map(move |channels| sizes.map(|(height, width)| Shape { channels, height, width }))
}

#[test]
fn gram_matrices_are_the_products_of_all_pairs() {
    for form in forms() {
        for shape in shapes() {
            let planes = noise(1, shape.channels * shape.pixels());
            let rows: Vec<_> = planes.chunks_exact(shape.pixels()).collect();
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
            let want: Vec<f64> = rows.iter().flat_map(|a| rows.iter().map(|b| dot(a, b))).collect();
            let have = Symmetric::gram(form, &Activations::from_planes(shape, &planes));
            assert!(apart(&have.to_rows(), &want) < 1e-5, "{form:?} {shape:?}");
        }
    }
}

#[test]
fn mixing_is_the_product_with_the_matrix() {
    for form in forms() {
        for shape in shapes() {
            let (channels, pixels) = (shape.channels, shape.pixels());
            let planes = noise(1, channels * pixels);
            // A Gram matrix is a symmetric one.
            let symmetric = Symmetric::gram(form, &Activations::from_planes(shape, &noise(2, channels * pixels)));
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
            let mut output = Activations::zeros(shape);
            mix(form, &symmetric, &Activations::from_planes(shape, &planes), &mut output);
            assert!(apart(&output.to_planes(), &want) < 1e-5, "{form:?} {shape:?}");
        }
    }
}

#[test]
fn sums_are_the_same_on_any_number_of_threads() {
    let shape = Shape { channels: 40, height: 61, width: 53 };
    let features = Activations::from_planes(shape, &noise(1, 40 * shape.pixels()));
    for form in forms() {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Symmetric::gram(form, &features))
        };
        assert_eq!(on(1), on(3), "{form:?}");
    }
}
