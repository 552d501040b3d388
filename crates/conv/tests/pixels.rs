//! What masks ask for, against the same written out on planes.

mod support;

use impasto_conv::{Activations, Halves, Lanes, Line, PixelWeights, Shape};
use support::{SIZES, noise};

/// Multiples of 1/4 and 1/8 of small numbers, which bf16 holds, and their products too.
fn coarse(seed: u64, count: usize, steps: f32) -> Vec<f32> {
    noise(seed, count).iter().map(|value| (value * steps).round() / steps).collect()
}

fn check<L: Line>() {
    for (height, width) in SIZES {
        for channels in [3, 16, 36, 70] {
            let shape = Shape { channels, height, width };
            let (a, b) = (coarse(1, channels * shape.pixels(), 4.0), coarse(2, channels * shape.pixels(), 4.0));
            let mask: Vec<f32> = coarse(3, shape.pixels(), 4.0).iter().map(|weight| weight.abs()).collect();
            let weights = PixelWeights::new::<L>(height, width, &mask);
            let at = |index: usize| mask[index % shape.pixels()];
            let activations = |planes: &[f32]| Activations::<L>::from_planes(shape, planes);
            let clean = |of: &Activations<L>| assert_eq!(of.lines(), activations(&of.to_planes()).lines(), "{shape:?}");
            let of_each = |value: &dyn Fn(usize) -> f32| (0..a.len()).map(value).collect::<Vec<f32>>();

            let mut weighed = activations(&a);
            weighed.weigh(&weights);
            assert_eq!(weighed.to_planes(), of_each(&|index| a[index] * at(index)));
            clean(&weighed);

            let mut set = Activations::zeros(Shape { channels: channels + 20, ..shape });
            let sums = set.set_weighed(&activations(&b), &weights);
            assert_eq!(set.to_planes(), of_each(&|index| b[index] * at(index)));
            clean(&set);
            assert_eq!(sums.len(), channels);
            for (channel, (sum, squares)) in sums.into_iter().enumerate() {
                let plane = b[channel * shape.pixels()..].iter().zip(&mask);
                let plane = plane.map(|(b, weight)| (f64::from(*b), f64::from(weight * weight)));
                let want = plane.fold((0.0, 0.0), |(sum, squares), (b, w)| (sum + w * b, squares + w * b * b));
                assert!((sum - want.0).abs() < 1e-3 && (squares - want.1).abs() < 1e-3, "{shape:?}: {sum} {squares}");
            }

            let other: Vec<f32> = mask.iter().map(|weight| 1.0 - weight).collect();
            let others = PixelWeights::new::<L>(height, width, &other);
            let one = |_: usize| 1.0;
            let of_other = |index: usize| other[index % shape.pixels()];
            type Factor<'a> = (Option<&'a PixelWeights>, &'a dyn Fn(usize) -> f32);
            let (ones, weighed, otherwise): (Factor, Factor, Factor) =
                ((None, &one), (Some(&weights), &at), (Some(&others), &of_other));
            let cases = [(ones, ones), (ones, weighed), (weighed, ones), (otherwise, weighed)];
            for ((own, own_at), (more, more_at)) in cases {
                let mut sum = activations(&a);
                sum.blend(own, &activations(&b), more);
                assert_eq!(sum.to_planes(), of_each(&|index| a[index] * own_at(index) + b[index] * more_at(index)));
                clean(&sum);
            }

            let mut gradient = activations(&a);
            gradient.carry_through_relu(&activations(&b));
            assert_eq!(gradient.to_planes(), of_each(&|index| if b[index] > 0.0 { a[index] } else { 0.0 }));
            clean(&gradient);
        }
    }
}

#[test]
fn pixels_are_weighed_as_planes_would_be() {
    check::<Lanes>();
    check::<Halves>();
}

#[test]
#[should_panic(expected = "the size of the weights")]
fn weights_of_another_size_are_refused() {
    let weights = PixelWeights::new::<Lanes>(4, 5, &[1.0; 20]);
    Activations::<Lanes>::zeros(Shape { channels: 16, height: 5, width: 4 }).weigh(&weights);
}
