//! `impasto bench`: what an epoch costs here.

use anyhow::Context;
use impasto_engine::{Engine, Flow, Observer, Snapshot, Subject};
use impasto_picture::Picture;
use impasto_recipe::{Inputs, Limits, Options, Preset, ProgressEntry, Recipe, Size, Stage};
use impasto_weights::Store;
use serde::Serialize;

use crate::{cli::BenchArguments, configuration};

/// What was measured at one size.
#[derive(Debug, Serialize)]
struct Measurement {
    size: String,
    epochs: u32,
    seconds_per_epoch: f64,
    /// Of the direct convolutions that the epoch stands for, however they are computed.
    gflop_per_second: f64,
    /// The same, as a part of what the device's threads can multiply and add in registers: Winograd's convolutions need a
    /// quarter of a direct one's products, so that it may be above 1.
    share_of_peak: Option<f64>,
    /// Of this process, weights included, while it worked at this size.
    peak_memory_bytes: Option<u64>,
    backbone: String,
    device: String,
    precision: String,
    kernels: String,
}

pub fn run(arguments: &BenchArguments) -> anyhow::Result<()> {
    let configuration = configuration::load_from(arguments.config.as_deref(), &[])?;
    let backbone = Store::new(configuration.weights).load(arguments.engine.backbone, &|| {})?;
    let architecture = backbone.architecture;
    let engine = Engine::new(backbone, &arguments.engine.settings())?;
    for &size in &arguments.sizes {
        forget_peak_memory();
        let seconds_per_epoch = measure(&engine, size, arguments.epochs)?;
        let operations_per_second = architecture.operations_per_epoch(size) as f64 / seconds_per_epoch;
        let fingerprint = engine.fingerprint().clone();
        let measurement = Measurement {
            size: size.to_string(),
            epochs: arguments.epochs,
            seconds_per_epoch,
            gflop_per_second: operations_per_second / 1e9,
            share_of_peak: engine.peak().map(|peak| operations_per_second / peak),
            peak_memory_bytes: peak_memory(),
            backbone: fingerprint.backbone,
            device: fingerprint.device,
            precision: fingerprint.precision,
            kernels: fingerprint.kernels,
        };
        println!("{}", if arguments.json { serde_json::to_string(&measurement)? } else { describe(&measurement) });
    }
    Ok(())
}

fn describe(of: &Measurement) -> String {
    let memory = of.peak_memory_bytes.map_or_else(|| "?".to_owned(), |bytes| format!("{}", bytes >> 20));
    let share = of.share_of_peak.map_or_else(String::new, |share| format!(", {share:.2} of the peak"));
    format!(
        "{:>10}  {:.4} s/epoch  {:>7.1} GFLOP/s{share}  at most {memory} MiB  ({} on {} in {} by {})",
        of.size, of.seconds_per_epoch, of.gflop_per_second, of.backbone, of.device, of.precision, of.kernels
    )
}

/// The seconds an epoch takes at this size, warm.
fn measure(engine: &Engine, size: Size, epochs: u32) -> anyhow::Result<f64> {
    let subject =
        Subject { content: test_picture(size, 1)?, styles: vec![test_picture(size, 2)?.into()], initial: None };
    let mut listener = LastEntry(None);
    engine.paint(&recipe(size, epochs)?, &subject, None, &mut listener)?;
    Ok(listener.0.context("the engine reported nothing")?.seconds_per_epoch)
}

fn recipe(size: Size, epochs: u32) -> anyhow::Result<Recipe> {
    let options = Options {
        preset: Some(Preset::Classic),
        stages: Some(vec![Stage { size, epochs, decay: None }]),
        report_every: Some(epochs),
        ..Options::default()
    };
    Ok(options.resolve(&Inputs::new(size, 1), &Limits { stage_pixels: u64::MAX, ..Limits::default() })?)
}

/// A picture with something in it at every scale, the same each time.
fn test_picture(size: Size, seed: u32) -> anyhow::Result<Picture> {
    let Size { width, height } = size;
    let mut rgb = Vec::with_capacity(3 * size.pixels() as usize);
    for y in 0..height {
        for x in 0..width {
            for channel in 1..=3 {
                let phase = f64::from(seed * 7 + channel);
                let wave = |length: f64| ((f64::from(x) + phase * f64::from(y)) / length).sin();
                rgb.push((0.5 + 0.15 * (wave(3.0) + wave(17.0) + wave(101.0))) as f32);
            }
        }
    }
    Ok(Picture::clamped(size, rgb)?)
}

struct LastEntry(Option<ProgressEntry>);

impl Observer for LastEntry {
    fn progress(&mut self, entry: &ProgressEntry) {
        self.0 = Some(*entry);
    }

    fn epoch(&mut self, _: &Snapshot<'_>) -> Flow {
        Flow::Continue
    }
}

/// Has the system measure the most memory from now on, where it can; elsewhere it is that of the whole process.
fn forget_peak_memory() {
    const PEAK: &str = "5";
    drop(std::fs::write("/proc/self/clear_refs", PEAK));
}

/// The most memory this process has held, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}
