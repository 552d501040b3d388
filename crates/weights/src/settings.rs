//! What can be configured, under `weights` in the configuration file.

use std::path::PathBuf;

use impasto_engine::vgg::Architecture;
use serde::{Deserialize, Serialize};

/// Where weights lie, and whether they may be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The folder that fetched weights are kept in.
    pub cache: PathBuf,
    /// A safetensors file to use for `vgg16` instead of the built-in weights.
    pub vgg16: Option<PathBuf>,
    /// A safetensors file to use for `vgg19` instead of the cache.
    pub vgg19: Option<PathBuf>,
    /// Whether `vgg19` is fetched from the hub when a job asks for it and it is not there.
    pub download: bool,
}

/// `impasto` in the user's cache folder, no paths, no downloads.
impl Default for Settings {
    fn default() -> Self {
        let cache = dirs::cache_dir().unwrap_or_else(|| PathBuf::from("cache")).join("impasto");
        Self { cache, vgg16: None, vgg19: None, download: false }
    }
}

impl Settings {
    /// The path that was configured for this backbone.
    pub(crate) fn path(&self, architecture: Architecture) -> Option<&PathBuf> {
        match architecture {
            Architecture::Vgg16 => self.vgg16.as_ref(),
            Architecture::Vgg19 => self.vgg19.as_ref(),
        }
    }

    /// Where the cache keeps this backbone, or would.
    pub(crate) fn cached(&self, architecture: Architecture) -> PathBuf {
        self.cache.join(format!("{architecture}.safetensors"))
    }
}
