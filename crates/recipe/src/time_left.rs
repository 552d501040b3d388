//! How long a run will still take, by how long it has taken.

use crate::{ProgressEntry, Recipe, Stage};

/// What an epoch costs besides its pixels, in pixels: threads that are woken, weights that are read. This much is assumed until
/// two stages have shown it.
const OVERHEAD: f64 = 10_000.0;
/// The most that is believed of it. A machine that is busier at one time than at another makes it seem anything.
const MOST_OVERHEAD: f64 = 60_000.0;
/// A look at an image without the way back, in epochs. A stage begins with one at its content and one at each style, and ends
/// with one at its finished picture: with one style, that was measured to take 1.4 to 1.9 epochs.
const LOOK: f64 = 0.5;

impl Recipe {
    /// Seconds still to go, by what was reported so far; `None` where that tells nothing. The entries come in the order of the
    /// run; the last one of the first stage and the latest are looked at.
    pub fn seconds_left(&self, entries: &[ProgressEntry]) -> Option<f64> {
        let latest = entries.last()?;
        // A run that goes on from a stage's end has not measured an epoch there.
        let measured = entries.iter().rev().find(|entry| entry.seconds_per_epoch > 0.0)?;
        let overhead = self.overhead(entries, measured);
        let epoch_of = |stage: &Stage| self.computed_pixels(stage) + overhead;
        let around = LOOK * (2 + self.style_weights.len()) as f64;
        let work = |(number, stage): (u32, &Stage)| {
            let epochs = f64::from(stage.epochs);
            let left = match number.cmp(&latest.stage) {
                std::cmp::Ordering::Less => 0.0,
                std::cmp::Ordering::Equal if latest.epoch >= stage.epochs => 0.0,
                std::cmp::Ordering::Equal => epochs - f64::from(latest.epoch) + LOOK,
                std::cmp::Ordering::Greater => epochs + around,
            };
            left * epoch_of(stage)
        };
        let left: f64 = (1..).zip(&self.stages).map(work).sum();
        Some(left * measured.seconds_per_epoch / epoch_of(self.stage(measured)?))
    }

    fn stage(&self, of: &ProgressEntry) -> Option<&Stage> {
        self.stages.get(of.stage.checked_sub(1)? as usize)
    }

    /// The overhead of an epoch as the first stage and the latest one show it: epochs take a + b pixels, and this is a / b.
    fn overhead(&self, entries: &[ProgressEntry], latest: &ProgressEntry) -> f64 {
        let of_first = entries.partition_point(|entry| entry.stage == entries[0].stage);
        let first = &entries[of_first - 1];
        let (Some(small), Some(large)) = (self.stage(first), self.stage(latest)) else { return OVERHEAD };
        let [small, large] = [small, large].map(|stage| self.computed_pixels(stage));
        if large <= small || first.seconds_per_epoch <= 0.0 {
            return OVERHEAD;
        }
        let rise = latest.seconds_per_epoch / first.seconds_per_epoch;
        // Where the larger epoch is no slower, all of it is overhead.
        let shown = if rise > 1.0 { (large - rise * small) / (rise - 1.0) } else { MOST_OVERHEAD };
        shown.clamp(0.0, MOST_OVERHEAD)
    }
}
