//! A run: the stages of a recipe, one after the other.

use candle_core::{DType, Device, Tensor};
use impasto_conv::Tiles;
use impasto_picture::{Filter, Picture};
use impasto_recipe::{Canvas, Fingerprint, Objective, Position, Precision, Recipe, Size, Stage};

use crate::{
    Checkpoint, EngineError, Flow, Observer, Snapshot,
    device::DeviceName,
    image,
    network::{Aim, Backend, FusedNetwork, PlainNetwork, TermWeights, WeighedStyle},
    optimiser::Optimiser,
    stage::{Clock, StageRun},
    tv::TotalVariation,
    vgg::Backbone,
};

/// Where and how an engine computes.
#[derive(Debug, Clone, Copy)]
pub struct EngineSettings {
    /// The device.
    pub device: DeviceName,
    /// The number format of the convolutions.
    pub precision: Precision,
    /// Threads of a CPU; all the cores there are if left out. The result does not depend on it.
    pub threads: Option<usize>,
}

/// A backbone on a device.
pub struct Engine {
    network: Box<dyn Backend>,
    device: Device,
    fingerprint: Fingerprint,
    /// On a CPU, the threads that compute; a GPU is driven from the calling thread, to which its stream belongs.
    threads: Option<rayon::ThreadPool>,
}

/// The pictures of a run.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What is to be seen on the result.
    pub content: Picture,
    /// In whose manner; as many as the recipe has style weights.
    pub styles: Vec<Picture>,
}

impl Subject {
    /// With a content and no style yet. Each picture is brought to the largest size that a stage needs as it comes, so that
    /// large ones need not be held together.
    pub fn new(recipe: &Recipe, content: Picture) -> Self {
        let size = recipe.largest_content_size(content.size());
        Self { content: brought_to(size, content, recipe), styles: Vec::new() }
    }

    /// One more style.
    pub fn add_style(&mut self, recipe: &Recipe, style: Picture) {
        let size = recipe.largest_style_size(style.size());
        self.styles.push(brought_to(size, style, recipe));
    }
}

fn brought_to(size: Size, picture: Picture, recipe: &Recipe) -> Picture {
    if size == picture.size() { picture } else { picture.resized(size, filter_of(recipe)) }
}

/// How pictures are brought to a stage's size.
fn filter_of(recipe: &Recipe) -> Filter {
    match recipe.objective {
        Objective::Published => Filter::Bilinear,
        Objective::Relative => Filter::Bicubic,
    }
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// With its result.
    Finished(Picture),
    /// Before its end, as its observer wished.
    Stopped(Box<Checkpoint>),
}

/// On a GPU this many epochs at the most are queued ahead of the computation, so that a stop takes effect soon.
const EPOCHS_AHEAD: u32 = 4;

impl Engine {
    /// An engine that looks through `backbone`.
    ///
    /// # Errors
    /// When the device is not there or does not compute in this precision.
    pub fn new(backbone: Backbone, settings: &EngineSettings) -> Result<Self, EngineError> {
        let precision = choose_precision(settings)?;
        let device = settings.device.open()?;
        let (threads, network): (_, Box<dyn Backend>) = match settings.device {
            DeviceName::Cpu => {
                let threads = thread_pool(settings)?;
                let network: Box<dyn Backend> = threads.install(|| match precision {
                    Precision::Bf16 => Box::new(FusedNetwork::bf16(&backbone)) as _,
                    _ => Box::new(FusedNetwork::f32(&backbone)) as _,
                });
                (Some(threads), network)
            }
            DeviceName::Cuda(_) => (None, Box::new(PlainNetwork::new(&backbone, DType::F32, &device)?)),
        };
        let fingerprint = Fingerprint {
            backbone: backbone.architecture.to_string(),
            weights: backbone.hash,
            device: settings.device.kind().to_owned(),
            precision: precision.to_string(),
            kernels: network.kernels(),
        };
        Ok(Self { network, device, fingerprint, threads })
    }

    /// What decides the bytes of this engine's results.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// The floating-point operations a second that the device and its threads could do at the most, measured now; `None`
    /// where that cannot be measured.
    pub fn peak(&self) -> Option<f64> {
        self.on_threads(|| self.network.peak())
    }

    /// Follows the recipe from its start, or from a checkpoint of the same recipe and fingerprint.
    ///
    /// # Errors
    /// When the checkpoint does not fit, the losses stop being numbers, or the device fails.
    pub fn paint(
        &self,
        recipe: &Recipe,
        subject: &Subject,
        from: Option<&Checkpoint>,
        observer: &mut dyn Observer,
    ) -> Result<Outcome, EngineError> {
        if let Some(checkpoint) = from {
            checkpoint.fits(recipe, &self.fingerprint)?;
        }
        self.on_threads(|| Run { engine: self, recipe, subject }.to_the_end(from, observer))
    }

    fn on_threads<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.threads {
            Some(threads) => threads.install(work),
            None => work(),
        }
    }
}

/// The number formats that `device` computes in, besides `auto`.
pub fn precisions(device: DeviceName) -> &'static [Precision] {
    match device {
        DeviceName::Cpu => &[Precision::F32, Precision::Bf16],
        // cuDNN's default mathematics rounds the factors of f32 convolutions to TF32 where the GPU can, unless told not to.
        DeviceName::Cuda(_) if std::env::var("NVIDIA_TF32_OVERRIDE").as_deref() == Ok("0") => {
            &[Precision::Tf32, Precision::F32]
        }
        DeviceName::Cuda(_) => &[Precision::Tf32],
    }
}

fn choose_precision(settings: &EngineSettings) -> Result<Precision, EngineError> {
    let EngineSettings { device, precision, .. } = *settings;
    match (device, precision) {
        (DeviceName::Cpu, Precision::Auto) if Tiles::accelerated() => Ok(Precision::Bf16),
        (DeviceName::Cpu, Precision::Auto) => Ok(Precision::F32),
        (DeviceName::Cuda(_), Precision::Auto) => Ok(Precision::Tf32),
        (_, asked) if precisions(device).contains(&asked) => Ok(asked),
        _ => {
            let mut known = precisions(device).iter().map(|known| known.name()).collect::<Vec<_>>().join(", ");
            if let (DeviceName::Cuda(_), Precision::F32) = (device, precision) {
                known += ", f32 (with NVIDIA_TF32_OVERRIDE=0 in the environment)";
            }
            Err(EngineError::Precision { device, precision, known })
        }
    }
}

fn thread_pool(settings: &EngineSettings) -> Result<rayon::ThreadPool, EngineError> {
    // 0 lets rayon take the cores there are.
    let threads = rayon::ThreadPoolBuilder::new().num_threads(settings.threads.unwrap_or(0));
    let named = threads.thread_name(|number| format!("engine-{number}"));
    named.build().map_err(|error| EngineError::Device { device: settings.device, reason: error.to_string() })
}

/// One recipe on one subject.
struct Run<'a> {
    engine: &'a Engine,
    recipe: &'a Recipe,
    subject: &'a Subject,
}

impl Run<'_> {
    fn to_the_end(&self, from: Option<&Checkpoint>, observer: &mut dyn Observer) -> Result<Outcome, EngineError> {
        let first_stage = from.map_or(Position::START, Checkpoint::position).stage;
        let mut from = from;
        let mut painted: Option<Picture> = None;
        for (number, stage) in (1..).zip(&self.recipe.stages).filter(|&(number, _)| number >= first_stage) {
            let mut run = self.start(number, *stage, painted.take(), from.take())?;
            while !run.is_finished() {
                if let Some(entry) = run.advance(self.recipe.report_every)? {
                    observer.progress(&entry);
                }
                if run.epoch.is_multiple_of(EPOCHS_AHEAD) {
                    self.engine.device.synchronize()?;
                }
                if observer.epoch(&self.snapshot(&run)) == Flow::Stop {
                    return Ok(Outcome::Stopped(Box::new(self.snapshot(&run).checkpoint()?)));
                }
            }
            observer.progress(&run.finish()?);
            painted = Some(image::to_picture(&run.image, run.canvas)?);
        }
        let content = || self.subject.content.resized(self.recipe.result_size(), self.filter());
        Ok(Outcome::Finished(painted.unwrap_or_else(content)))
    }

    /// A stage at its start, or where the checkpoint left it.
    fn start(
        &self,
        number: u32,
        stage: Stage,
        painted: Option<Picture>,
        from: Option<&Checkpoint>,
    ) -> Result<StageRun<'_>, EngineError> {
        let device = &self.engine.device;
        let canvas = Canvas::new(stage.size, self.recipe.objective);
        let content = self.image_of(&self.subject.content, canvas)?;
        let styles = self.styles_for(stage.size)?;
        let weights = self.recipe.weights;
        let network = self.engine.network.aim(&Aim {
            objective: self.recipe.objective,
            content: &content,
            styles: &styles,
            weights: TermWeights { content: weights.content, style: weights.style },
        })?;
        let (image, optimiser, epoch) = match from {
            Some(checkpoint) => {
                let (image, optimiser) = checkpoint.restore(device)?;
                (image, optimiser, checkpoint.position().epoch)
            }
            None => {
                let image = painted.map_or(Ok(content), |picture| self.image_of(&picture, canvas))?;
                let optimiser = Optimiser::new(self.recipe.optimiser, &image)?;
                (image, optimiser, 0)
            }
        };
        let clock = Clock::new(epoch, stage.epochs);
        Ok(StageRun {
            number,
            stage,
            canvas,
            smoothness: TotalVariation::of(self.recipe.objective),
            weights,
            base_rate: self.recipe.learning_rate,
            network,
            image,
            optimiser,
            epoch,
            clock,
        })
    }

    fn filter(&self) -> Filter {
        filter_of(self.recipe)
    }

    fn image_of(&self, picture: &Picture, canvas: Canvas) -> Result<Tensor, EngineError> {
        Ok(image::normalised(&picture.resized(canvas.picture, self.filter()), canvas, &self.engine.device)?)
    }

    fn styles_for(&self, stage: Size) -> Result<Vec<WeighedStyle>, EngineError> {
        let weighed = self.subject.styles.iter().zip(&self.recipe.style_weights);
        weighed
            .map(|(picture, &weight)| {
                let size = self.recipe.style_size(picture.size(), stage);
                let image = self.image_of(picture, Canvas::without_margin(size))?;
                Ok(WeighedStyle { image, weight })
            })
            .collect()
    }

    fn snapshot<'b>(&'b self, run: &'b StageRun<'_>) -> Snapshot<'b> {
        Snapshot {
            position: run.position(),
            image: &run.image,
            canvas: run.canvas,
            optimiser: &run.optimiser,
            fingerprint: &self.engine.fingerprint,
        }
    }
}
