//! The losses of the engine against the reference's: a few epochs of both objectives on both networks, and two stages
//! with a decay. `cargo run --release -p impasto-engine --example parity` does the long runs.

#[path = "support/parity.rs"]
mod runs;
mod support;

#[test]
fn losses_are_those_of_the_reference() {
    for run in runs::runs(&support::golden("losses.json")) {
        let ours = run.repeat();
        assert_eq!(ours.len(), run.entries.len(), "{}", run.name());
        for (have, want) in ours.iter().zip(&run.entries) {
            let place = format!("{} at {}:{}", run.name(), want.stage, want.epoch);
            assert_eq!((have.stage, have.epoch), (want.stage, want.epoch), "{place}");
            assert!((have.learning_rate / want.learning_rate - 1.0).abs() < 1e-12, "{place}");
            for ((term, have), (_, want)) in have.terms().into_iter().zip(want.terms()) {
                // So few epochs leave rounding no time to grow.
                assert!((have / want - 1.0).abs() < 1e-3, "{place}: {term} is {have}, the reference has {want}");
            }
        }
    }
}
