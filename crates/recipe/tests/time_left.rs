//! Whether what is said of the time left comes true, by runs that were recorded.

use impasto_recipe::{Inputs, Limits, Options, ProgressEntry, Recipe, Size};

/// A stage as it went, in seconds.
struct Recorded {
    /// From the end of the one before to its own.
    whole: f64,
    /// An epoch, as the report after the second one said.
    first: f64,
    /// An epoch, as the last report said.
    last: f64,
}

const fn stage(whole: f64, first: f64, last: f64) -> Recorded {
    Recorded { whole, first, last }
}

/// `impasto stylize --report-every 2 --losses json --backbone vgg16` with a photograph of 979x734 and one style, in f32 on two
/// cores of an AMD EPYC with AVX-512, 2026-11-25.
const FAST: [Recorded; 5] = [
    stage(2.68, 0.0698, 0.0750),
    stage(1.95, 0.1248, 0.1266),
    stage(1.93, 0.1655, 0.1681),
    stage(2.85, 0.2937, 0.2976),
    stage(4.55, 0.5341, 0.5195),
];
const PAINT_512: [Recorded; 5] = [
    stage(5.14, 0.0734, 0.0711),
    stage(3.75, 0.1127, 0.1122),
    stage(3.87, 0.1517, 0.1520),
    stage(6.61, 0.2939, 0.3072),
    stage(10.46, 0.5624, 0.5279),
];
const PAINT_1024: [Recorded; 7] = [
    stage(5.55, 0.0804, 0.0771),
    stage(3.81, 0.1157, 0.1134),
    stage(3.87, 0.1567, 0.1517),
    stage(6.39, 0.2950, 0.2959),
    stage(10.52, 0.5456, 0.5346),
    stage(21.05, 1.1040, 1.0699),
    stage(37.99, 1.9494, 1.9104),
];
const CLASSIC: [Recorded; 2] = [stage(5.13, 0.1421, 0.1471), stage(16.82, 2.1766, 2.1485)];
/// The same as `PAINT_1024` while the machine had other work, too.
const BUSY: [Recorded; 7] = [
    stage(10.21, 0.1366, 0.1454),
    stage(8.29, 0.2307, 0.2505),
    stage(8.39, 0.3824, 0.3259),
    stage(13.00, 0.5996, 0.6079),
    stage(21.55, 1.0532, 1.1153),
    stage(40.50, 2.0757, 2.0743),
    stage(61.84, 3.6702, 2.8810),
];

fn recipe(options: &[(&str, &str)]) -> Recipe {
    let mut resolved = Options::default();
    for (name, text) in options {
        resolved.set(name, text).unwrap();
    }
    resolved.resolve(&Inputs::new(Size::new(979, 734), 1), &Limits::default()).unwrap()
}

fn entry(stage: usize, epoch: u32, seconds_per_epoch: f64) -> ProgressEntry {
    let stage = stage as u32 + 1;
    ProgressEntry { stage, epoch, content: 1.0, style: 1.0, tv: 1.0, total: 3.0, learning_rate: 0.1, seconds_per_epoch }
}

#[test]
fn what_is_said_comes_true_within_a_factor_of_two_from_the_first_report_on() {
    for (recipe, recorded) in [
        (recipe(&[("preset", "fast")]), FAST.as_slice()),
        (recipe(&[("preset", "paint")]), &PAINT_512),
        (recipe(&[("preset", "paint"), ("size", "1024")]), &PAINT_1024),
        (recipe(&[("preset", "paint"), ("size", "1024")]), &BUSY),
        (recipe(&[("preset", "classic"), ("stages", "300x200:30:20,1200x800:6:4")]), &CLASSIC),
    ] {
        assert_eq!(recipe.stages.len(), recorded.len());
        let mut entries = Vec::new();
        let mut was: f64 = recorded.iter().map(|stage| stage.whole).sum();
        for (number, (stage, recorded)) in recipe.stages.iter().zip(recorded).enumerate() {
            let Recorded { whole, first, last } = *recorded;
            was -= whole;
            let epochs = stage.epochs;
            for (epoch, seconds, was) in [(2, first, was + last * f64::from(epochs - 2)), (epochs, last, was)] {
                entries.push(entry(number, epoch, seconds));
                let said = recipe.seconds_left(&entries).unwrap();
                // At the very end nothing is left.
                let true_enough = (was / 2.0..=was * 2.0).contains(&said) || was < 1e-9 && said == 0.0;
                assert!(
                    true_enough,
                    "{} at {}: epoch {epoch}: {said} s were said, {was} s it was",
                    stage.size,
                    number + 1
                );
            }
        }
    }
}

#[test]
fn a_machine_that_has_overhead_alone_shows_it_from_the_second_stage_on() {
    let recipe = recipe(&[("stages", "100x100:10,200x200:10,400x400:10"), ("objective", "published")]);
    let said = recipe.seconds_left(&[entry(0, 10, 0.1), entry(1, 10, 0.1)]).unwrap();
    assert!((1.0..3.0).contains(&said), "ten epochs of a second in all, and some looks: {said}");
}

#[test]
fn nothing_is_said_before_an_epoch_was_measured() {
    let recipe = recipe(&[]);
    assert_eq!(recipe.seconds_left(&[]), None);
    // Of a run that goes on from the end of a stage.
    assert_eq!(recipe.seconds_left(&[entry(0, 64, 0.0)]), None);
    assert_eq!(recipe.seconds_left(&[entry(9, 1, 1.0)]), None, "the recipe has no such stage");
}
