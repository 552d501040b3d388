//! Flags that say what computes.

use clap::Args;
use impasto_engine::{DeviceChoice, EngineSettings};
use impasto_recipe::{BackboneChoice, Precision};

/// Which engine.
#[derive(Debug, Args)]
pub struct EngineArguments {
    /// vgg16 (built in), vgg19, or auto: vgg19 where its weights are at hand.
    #[arg(long, default_value = "auto")]
    pub backbone: BackboneChoice,
    /// What to compute on.
    #[arg(long, value_name = "auto|cpu|cuda:0", default_value = "auto")]
    pub device: DeviceChoice,
    /// auto, f32, tf32 or bf16.
    #[arg(long, default_value = "auto")]
    pub precision: Precision,
    /// Threads on a CPU [default: the cores there are].
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

impl EngineArguments {
    /// As the engine takes it.
    pub fn settings(&self) -> EngineSettings {
        EngineSettings { device: self.device.resolve(), precision: self.precision, threads: self.threads }
    }
}
