//! The command line.

mod engine;
mod recipe;
mod stylize;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
pub use engine::EngineArguments;
use impasto_engine::{DeviceChoice, vgg::Architecture};
use impasto_jobs::Scope;
use impasto_recipe::Size;
pub use recipe::RecipeArguments;
pub use stylize::{LimitArguments, LossFormat, StylizeArguments};

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
    /// Paint a picture, or every picture of a folder, without a service.
    Stylize(Box<StylizeArguments>),
    /// Measure the seconds an epoch takes.
    Bench(BenchArguments),
    /// Copy the jobs and their pictures to another folder, while the service runs.
    Backup(BackupArguments),
    /// See to the backbones' weights.
    Weights(WeightsArguments),
    /// See to the keys that the API is used with.
    Keys(KeysArguments),
    /// Ask a running service whether it is ready; exit with 0 if it is.
    Health(HealthArguments),
    /// Print the API's description (OpenAPI 3.1, YAML).
    Openapi,
}

/// Where the settings come from.
#[derive(Debug, Clone, Args)]
pub struct ConfigurationArguments {
    /// The configuration file [default: config/impasto.toml, where it is there].
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// The folder of the job database and the pictures (store.data).
    #[arg(long, value_name = "DIR", global = true)]
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
    #[arg(long, value_enum, default_value_t = Role::All, env = ROLE)]
    pub role: Role,
}

/// Says what a container is for, to the service in it and to its health check.
const ROLE: &str = "IMPASTO_ROLE";

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
pub struct BackupArguments {
    #[command(flatten)]
    pub configuration: ConfigurationArguments,
    /// The folder of the copy, which can be a data folder itself. A copy that is there is brought up to date.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
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
    /// Where the service is [default: where the configuration says that it listens].
    #[arg(long)]
    pub url: Option<String>,
    /// What it runs: workers alone have no API, and are asked at metrics.addr whether they live.
    #[arg(long, value_enum, default_value_t = Role::All, env = ROLE)]
    pub role: Role,
    /// The configuration file [default: config/impasto.toml, where it is there].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct KeysArguments {
    #[command(subcommand)]
    pub action: KeysAction,
    #[command(flatten)]
    pub configuration: ConfigurationArguments,
}

#[derive(Debug, Subcommand)]
pub enum KeysAction {
    /// Make a key, and print it: it is shown this once. From the first one on, the API takes no request without a key.
    Create {
        /// What people call it.
        name: String,
        /// What it allows: submit, read, priority, admin.
        #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', default_value = "submit,read")]
        scopes: Vec<Scope>,
    },
    /// List the keys, revoked ones too.
    List,
    /// Revoke a key: it opens nothing any more, within a second.
    Revoke {
        /// What people call it, or its id.
        #[arg(value_name = "NAME-OR-ID")]
        name: String,
    },
}
