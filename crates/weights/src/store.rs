//! Which backbone is taken from where.

use std::io::Cursor;

use impasto_engine::vgg::{Architecture, Backbone};
use impasto_recipe::BackboneChoice;

use crate::{
    Flaw, Hub, Settings, Source, WeightsError,
    file::{Report, read, read_path},
};

static VGG16: &[u8] = include_bytes!("../../../assets/vgg16.safetensors");

/// The backbones that this machine has, or can fetch.
#[derive(Debug, Clone)]
pub struct Store {
    settings: Settings,
    hub: Hub,
}

/// One backbone, as `impasto weights list` tells of it.
#[derive(Debug)]
pub struct BackboneInfo {
    /// Which one.
    pub architecture: Architecture,
    /// Where it is, or would come from.
    pub source: Source,
    /// What it was found to be, or why it cannot be used.
    pub report: Result<Report, WeightsError>,
}

impl Store {
    /// The hub is the one that the environment names ([`Hub::from_env`]).
    pub fn new(settings: Settings) -> Self {
        Self::with_hub(settings, Hub::from_env())
    }

    /// The same with a hub of one's own.
    pub fn with_hub(settings: Settings, hub: Hub) -> Self {
        Self { settings, hub }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Which backbone a choice comes to, and where it will be taken from. `auto` is VGG-19 where a path or the cache holds
    /// it, and else VGG-16. Nothing is read or fetched.
    ///
    /// # Errors
    /// Where VGG-19 is asked for, is not here, and may not be fetched.
    pub fn resolve(&self, choice: BackboneChoice) -> Result<(Architecture, Source), WeightsError> {
        let architecture = match choice {
            BackboneChoice::Vgg16 => Architecture::Vgg16,
            BackboneChoice::Vgg19 => Architecture::Vgg19,
            BackboneChoice::Auto if self.source(Architecture::Vgg19) == Source::Hub => Architecture::Vgg16,
            BackboneChoice::Auto => Architecture::Vgg19,
        };
        match self.source(architecture) {
            Source::Hub if !self.settings.download => Err(WeightsError::NotHere(architecture)),
            source => Ok((architecture, source)),
        }
    }

    /// The backbone that a choice comes to, checked; fetched first where it has to be and may be. That may take minutes:
    /// `alive` is called at every piece of it that is fetched or read.
    ///
    /// # Errors
    /// As for [`Store::resolve`] and [`Store::fetch`], and where the file is of no use.
    pub fn load(&self, choice: BackboneChoice, alive: &dyn Fn()) -> Result<Backbone, WeightsError> {
        let (architecture, mut source) = self.resolve(choice)?;
        if source == Source::Hub {
            source = Source::Cache(self.fetch_alive(architecture, (), alive)?);
        }
        let (_, backbone) = self.read(architecture, &source, alive)?;
        tracing::info!(backbone = %architecture, %source, hash = backbone.hash, "loaded weights");
        Ok(backbone)
    }

    /// Every backbone, each read and checked.
    pub fn list(&self) -> Vec<BackboneInfo> {
        let info = |architecture| {
            let source = self.source(architecture);
            let report = self.read(architecture, &source, &|| {}).map(|(report, _)| report);
            BackboneInfo { architecture, source, report }
        };
        Architecture::ALL.into_iter().map(info).collect()
    }

    fn source(&self, architecture: Architecture) -> Source {
        let cached = self.settings.cached(architecture);
        match (self.settings.path(architecture), architecture) {
            (Some(path), _) => Source::Path(path.clone()),
            (None, Architecture::Vgg16) => Source::BuiltIn,
            (None, Architecture::Vgg19) if cached.exists() => Source::Cache(cached),
            (None, Architecture::Vgg19) => Source::Hub,
        }
    }

    fn read(
        &self,
        architecture: Architecture,
        source: &Source,
        alive: &dyn Fn(),
    ) -> Result<(Report, Backbone), WeightsError> {
        match source {
            Source::BuiltIn => {
                read(Cursor::new(VGG16), VGG16.len() as u64, Some(architecture), alive).map_err(WeightsError::BuiltIn)
            }
            Source::Path(path) | Source::Cache(path) => read_path(path, Some(architecture), alive)
                .map_err(|flaw: Flaw| WeightsError::File { path: path.clone(), flaw }),
            Source::Hub => Err(WeightsError::NotHere(architecture)),
        }
    }
}
