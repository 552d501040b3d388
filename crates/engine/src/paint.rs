//! A run: the stages of a recipe, one after the other.

use candle_core::{DType, Device, Tensor};
use impasto_conv::Tiles;
use impasto_picture::Picture;
use impasto_recipe::{Canvas, Fingerprint, Init, Position, Precision, Recipe, Size, Stage};

use crate::{
    Checkpoint, CheckpointError, EngineError, Flow, Observer, Snapshot, Style, Subject,
    device::DeviceName,
    finish::Finish,
    free::Free,
    image,
    network::{Aim, Backend, FusedNetwork, PlainNetwork, TermWeights, WeighedStyle},
    optimiser::Optimiser,
    stage::{Clock, StageRun},
    subject::{filter_of, on_canvas},
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

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// With its result.
    Finished(Picture),
    /// Before its end, as its observer wished.
    Stopped {
        /// All that is needed to go on.
        checkpoint: Box<Checkpoint>,
        /// The picture so far.
        picture: Picture,
    },
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
        from: Option<Checkpoint>,
        observer: &mut dyn Observer,
    ) -> Result<Outcome, EngineError> {
        if let Some(checkpoint) = &from {
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
    fn to_the_end(&self, from: Option<Checkpoint>, observer: &mut dyn Observer) -> Result<Outcome, EngineError> {
        let first_stage = from.as_ref().map_or(Position::START, Checkpoint::position).stage;
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
                    let now = self.snapshot(&run);
                    return Ok(Outcome::Stopped { checkpoint: Box::new(now.checkpoint()?), picture: now.picture()? });
                }
            }
            observer.progress(&run.finish()?);
            let picture = image::to_picture(&run.image, run.canvas)?;
            if number as usize == self.recipe.stages.len() {
                return Ok(Outcome::Finished(run.finish.applied_to(picture)));
            }
            painted = Some(picture);
        }
        Err(CheckpointError::Unreadable("it lies behind the last stage".to_owned()).into())
    }

    /// A stage at its start, or where the checkpoint left it.
    fn start(
        &self,
        number: u32,
        stage: Stage,
        painted: Option<Picture>,
        from: Option<Checkpoint>,
    ) -> Result<StageRun<'_>, EngineError> {
        let device = &self.engine.device;
        let canvas = Canvas::new(stage.size, self.recipe.objective);
        let photograph = self.subject.content.resized(stage.size, filter_of(self.recipe));
        let finish = Finish::new(self.recipe, self.subject, &photograph);
        let content = image::normalised(&photograph, canvas, device)?;
        let look = |style: &Style, weight: f64| self.style_for(stage.size, style, weight);
        let regions = self.subject.regions(self.recipe, canvas, look)?;
        let weights = self.recipe.weights;
        let network = self.engine.network.aim(&Aim {
            objective: self.recipe.objective,
            content_layers: &self.recipe.content_layers,
            style_layers: &self.recipe.style_layers,
            pooling: self.recipe.pooling,
            content: &content,
            regions: &regions,
            weights: TermWeights { content: weights.content, style: weights.style },
        })?;
        let free = finish.cover().map(|cover| Free::new(&on_canvas(cover, canvas), device)).transpose()?;
        let (image, optimiser, epoch) = match from {
            Some(checkpoint) => {
                let (image, optimiser) = checkpoint.restore(device)?;
                (image, optimiser, checkpoint.position().epoch)
            }
            None => {
                let start = match painted.or_else(|| self.first_picture(stage.size)) {
                    Some(picture) => self.image_of(&picture, canvas)?,
                    None => content.clone(),
                };
                let image = free.as_ref().map_or(Ok(start.clone()), |free| free.choose(&start, &content))?;
                let optimiser = Optimiser::new(self.recipe.optimiser, &image)?;
                (image, optimiser, 0)
            }
        };
        let clock = Clock::new(epoch, stage.epochs);
        Ok(StageRun {
            number,
            stage,
            canvas,
            finish,
            free,
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

    /// What the first stage starts from, where that is not the photograph.
    fn first_picture(&self, size: Size) -> Option<Picture> {
        match self.recipe.init {
            Init::Content => None,
            Init::Noise => Some(image::noise(size, self.recipe.seed)),
            Init::Picture => self.subject.initial.clone(),
        }
    }

    fn image_of(&self, picture: &Picture, canvas: Canvas) -> Result<Tensor, EngineError> {
        let picture = picture.resized(canvas.picture, filter_of(self.recipe));
        Ok(image::normalised(&picture, canvas, &self.engine.device)?)
    }

    fn style_for(&self, stage: Size, style: &Style, weight: f64) -> Result<WeighedStyle, EngineError> {
        let canvas = Canvas::without_margin(self.recipe.style_size(style.picture.size(), stage));
        let image = self.image_of(&style.picture, canvas)?;
        Ok(WeighedStyle { image, style_mask: style.style_mask.as_ref().map(|mask| on_canvas(mask, canvas)), weight })
    }

    fn snapshot<'b>(&'b self, run: &'b StageRun<'_>) -> Snapshot<'b> {
        Snapshot {
            position: run.position(),
            image: &run.image,
            canvas: run.canvas,
            finish: &run.finish,
            optimiser: &run.optimiser,
            fingerprint: &self.engine.fingerprint,
        }
    }
}
