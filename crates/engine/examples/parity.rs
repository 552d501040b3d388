//! Prints how far the engine's losses are from the reference's in the long runs of tools/make_golden.py, epochs 50 and
//! 100 at 300x200, in f32 and in bf16: `cargo run --release -p impasto-engine --example parity`.

#[path = "../tests/support/parity.rs"]
mod runs;
#[path = "../tests/support/mod.rs"]
mod support;

use impasto_recipe::Precision;

fn main() {
    println!("{:<44} {:>5}  {:>9} {:>9} {:>9} {:>9}", "run", "epoch", "content", "style", "tv", "total");
    for precision in [Precision::F32, Precision::Bf16] {
        for run in runs::runs(&support::golden("losses_long.json")) {
            for (have, want) in run.repeat(precision).iter().zip(&run.entries) {
                let pairs = have.terms().into_iter().zip(want.terms());
                let apart = pairs.map(|((_, have), (_, want))| (have / want - 1.0) * 100.0);
                let columns: Vec<_> = apart.map(|percent| format!("{percent:>7.3} %")).collect();
                println!("{:<44} {:>5}  {}", run.name(precision), want.epoch, columns.join(" "));
            }
        }
    }
}
