//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use impasto_engine::{DeviceChoice, DeviceName, vgg::Architecture};
use impasto_recipe::{BackboneChoice, OptionError, Options, Precision, Size};

/// Repaints a photograph in the manner of a painting: as a service, or right here.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the API and a worker for each device.
    Serve(ServeArguments),
    /// Run one worker on the jobs of a data folder.
    Worker(WorkerArguments),
    /// Paint one picture, without a service.
    Stylize(Box<StylizeArguments>),
    /// Measure the seconds an epoch takes.
    Bench(BenchArguments),
    /// See to the backbones' weights.
    Weights(WeightsArguments),
    /// Ask a running service whether it is ready; exit with 0 if it is.
    Health(HealthArguments),
    /// Print the API's description (OpenAPI 3.1, YAML).
    Openapi,
}

/// Where the settings come from.
#[derive(Debug, Clone, Args)]
pub struct ConfigurationArguments {
    /// The configuration file [default: config/impasto.toml, where it is there].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The folder of the job database and the pictures (store.data).
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ServeArguments {
    #[command(flatten)]
    pub configuration: ConfigurationArguments,
    /// Where to listen (server.addr).
    #[arg(long, value_name = "HOST:PORT")]
    pub addr: Option<String>,
    /// What to run here.
    #[arg(long, value_enum, default_value_t = Role::All)]
    pub role: Role,
}

/// Which parts of the service a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// The API and the workers.
    All,
    /// The API alone.
    Api,
    /// The workers alone.
    Worker,
}

#[derive(Debug, Args)]
pub struct WorkerArguments {
    #[command(flatten)]
    pub configuration: ConfigurationArguments,
    /// What to compute on.
    #[arg(long, value_name = "auto|cpu|cuda:0", default_value = "auto")]
    pub device: DeviceChoice,
    /// What its claims stand under; no two workers may have the same.
    #[arg(long, hide = true)]
    pub name: Option<String>,
    /// End when standard input does, which a supervisor holds open as long as it lives.
    #[arg(long, hide = true)]
    pub supervised: bool,
}

#[derive(Debug, Args)]
pub struct StylizeArguments {
    /// The picture to repaint.
    #[arg(long, value_name = "FILE")]
    pub content: PathBuf,
    /// A picture in whose manner; may be given several times.
    #[arg(long, value_name = "FILE", required = true)]
    pub style: Vec<PathBuf>,
    /// Where the result goes: a .png, .jpg or .webp file.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    #[command(flatten)]
    pub recipe: RecipeArguments,
    #[command(flatten)]
    pub engine: EngineArguments,
    /// How the losses are printed.
    #[arg(long, value_enum, default_value_t = LossFormat::Text)]
    pub losses: LossFormat,
    /// The configuration file, for the weights' places [default: config/impasto.toml, where it is there].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// How losses are printed on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LossFormat {
    /// A line for people.
    Text,
    /// A JSON object a line, key for key the reference script's.
    Json,
}

/// What overrides a preset.
#[derive(Debug, Args)]
pub struct RecipeArguments {
    /// paint, classic or fast [default: paint].
    #[arg(long)]
    preset: Option<String>,
    /// published or relative.
    #[arg(long)]
    objective: Option<String>,
    /// The result's longest side, or its size to the pixel.
    #[arg(long, value_name = "N|WxH")]
    size: Option<String>,
    /// Every stage, spelled out.
    #[arg(long, value_name = "WxH:EPOCHS[:DECAY],…")]
    stages: Option<String>,
    /// The epochs of all stages together, in the preset's proportions.
    #[arg(long)]
    epochs: Option<String>,
    /// How far to go from the photograph, from 0, its forms in the painting's tones, to 1, a free painting [default: 0.5].
    #[arg(long, value_name = "0..1")]
    strength: Option<String>,
    /// The weight of the content loss.
    #[arg(long)]
    content_weight: Option<String>,
    /// The weight of the style loss, in place of strength.
    #[arg(long)]
    style_weight: Option<String>,
    /// The weight of the total-variation loss.
    #[arg(long)]
    tv_weight: Option<String>,
    /// What each style counts, in their order.
    #[arg(long, value_name = "A,B,…")]
    style_weights: Option<String>,
    /// What moves the pixels: adam or lbfgs.
    #[arg(long)]
    optimiser: Option<String>,
    /// Adam's rate at the start of each stage, or the size of L-BFGS's first step.
    #[arg(long)]
    learning_rate: Option<String>,
    /// Epochs from one line of losses to the next.
    #[arg(long, value_name = "N")]
    report_every: Option<String>,
}

impl RecipeArguments {
    /// The options as a request would give them.
    pub fn options(&self) -> Result<Options, OptionError> {
        let mut options = Options::default();
        for (name, text) in [
            ("preset", &self.preset),
            ("objective", &self.objective),
            ("size", &self.size),
            ("stages", &self.stages),
            ("epochs", &self.epochs),
            ("strength", &self.strength),
            ("content_weight", &self.content_weight),
            ("style_weight", &self.style_weight),
            ("tv_weight", &self.tv_weight),
            ("style_weights", &self.style_weights),
            ("optimiser", &self.optimiser),
            ("learning_rate", &self.learning_rate),
            ("report_every", &self.report_every),
        ] {
            if let Some(text) = text {
                options.set(name, text)?;
            }
        }
        Ok(options)
    }
}

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
    pub fn settings(&self) -> impasto_engine::EngineSettings {
        let device: DeviceName = self.device.resolve();
        impasto_engine::EngineSettings { device, precision: self.precision, threads: self.threads }
    }
}

#[derive(Debug, Args)]
pub struct BenchArguments {
    /// Print a JSON object for each size.
    #[arg(long)]
    pub json: bool,
    /// The sizes to measure at.
    #[arg(long, value_delimiter = ',', default_value = "300x200,1200x800")]
    pub sizes: Vec<Size>,
    /// Epochs at each size; the first two warm up and are left out.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(3..))]
    pub epochs: u32,
    #[command(flatten)]
    pub engine: EngineArguments,
    /// The configuration file, for the weights' places [default: config/impasto.toml, where it is there].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct WeightsArguments {
    #[command(subcommand)]
    pub action: WeightsAction,
    /// The configuration file, for the weights' places [default: config/impasto.toml, where it is there].
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum WeightsAction {
    /// Say which backbones are at hand, and from where.
    List,
    /// Download a backbone's weights into the cache.
    Fetch {
        /// Which.
        #[arg(default_value = "vgg19")]
        backbone: Architecture,
    },
    /// Say whether a file holds weights that can be used.
    Check {
        /// A safetensors file.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct HealthArguments {
    /// Where the service listens.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub url: String,
}
