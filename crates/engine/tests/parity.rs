//! The losses of the engine against the reference's: a few epochs of both objectives on both networks, and two stages
//! with a decay. `cargo run --release -p impasto-engine --example parity` does the long runs.

#[path = "support/parity.rs"]
mod runs;
mod support;

use impasto_recipe::Precision;

/// Holds every term against the reference's. So few epochs leave rounding no time to grow; but the content term starts at
/// nothing, as the difference of features that are all but equal, and what rounds these adds to it. So a term is held
/// against `least` of the total if it is less than that.
fn are_those_of_the_reference(precision: Precision, tolerance: f64, least: f64) {
    for run in runs::runs(&support::golden("losses.json")) {
        let ours = run.repeat(precision);
        assert_eq!(ours.len(), run.entries.len(), "{}", run.name(precision));
        for (have, want) in ours.iter().zip(&run.entries) {
            let place = format!("{} at {}:{}", run.name(precision), want.stage, want.epoch);
            assert_eq!((have.stage, have.epoch), (want.stage, want.epoch), "{place}");
            assert!((have.learning_rate / want.learning_rate - 1.0).abs() < 1e-12, "{place}");
            let total = want.total;
            for ((term, have), (_, want)) in have.terms().into_iter().zip(want.terms()) {
                let apart = (have - want).abs() / want.max(least * total);
                assert!(apart < tolerance, "{place}: {term} is {have}, the reference has {want}");
            }
        }
    }
}

#[test]
fn losses_in_f32_are_those_of_the_reference() {
    are_those_of_the_reference(Precision::F32, 1e-3, 0.0);
}

#[test]
fn losses_in_bf16_are_those_of_the_reference() {
    are_those_of_the_reference(Precision::Bf16, 2e-2, 1e-2);
}
