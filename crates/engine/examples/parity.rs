//! Prints how far the engine's losses are from the reference's in the long runs of tools/make_golden.py, epochs 50 and
//! 100 at 300x200: `cargo run --release -p impasto-engine --example parity`.

#[path = "../tests/support/parity.rs"]
mod runs;
#[path = "../tests/support/mod.rs"]
mod support;

fn main() {
    println!("{:<44} {:>5}  {:>9} {:>9} {:>9} {:>9}", "run", "epoch", "content", "style", "tv", "total");
    for run in runs::runs(&support::golden("losses_long.json")) {
        for (have, want) in run.repeat().iter().zip(&run.entries) {
            let apart =
                have.terms().into_iter().zip(want.terms()).map(|((_, have), (_, want))| (have / want - 1.0) * 100.0);
            let columns: Vec<_> = apart.map(|percent| format!("{percent:>7.3} %")).collect();
            println!("{:<44} {:>5}  {}", run.name(), want.epoch, columns.join(" "));
        }
    }
}
