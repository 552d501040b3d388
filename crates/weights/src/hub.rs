//! The Hugging Face hub, or what stands in for it.

use std::path::{Path, PathBuf};

use hf_hub::{
    Cache,
    api::{
        Progress,
        sync::{ApiBuilder, ApiError},
    },
};

const VGG19: &str = "timm/vgg19.tv_in1k";
const FILE: &str = "model.safetensors";

/// Where VGG-19 is fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hub {
    endpoint: String,
    retries: usize,
}

impl Hub {
    /// The hub at `endpoint`, such as `https://huggingface.co`.
    pub fn at(endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), retries: 3 }
    }

    /// The hub at the environment's `HF_ENDPOINT`, which mirrors are named by, or else `https://huggingface.co`.
    pub fn from_env() -> Self {
        let endpoint = std::env::var("HF_ENDPOINT").ok().filter(|endpoint| !endpoint.is_empty());
        Self::at(endpoint.unwrap_or_else(|| "https://huggingface.co".to_owned()))
    }

    /// How often a broken download is taken up again where it broke (3 unless told), with a pause of up to a second.
    pub fn with_retries(self, retries: usize) -> Self {
        Self { retries, ..self }
    }

    /// The address of VGG-19's weights.
    pub fn url(&self) -> String {
        format!("{}/{VGG19}/resolve/main/{FILE}", self.endpoint)
    }

    /// Fetches VGG-19's weights into a file somewhere in `folder`, which is named by the checksum that the hub gives.
    pub(crate) fn download(&self, folder: &Path, progress: impl Progress) -> Result<PathBuf, ApiError> {
        // Not `ApiBuilder::from_env`, which panics where the user has no home, as in a container. No token is sent: the
        // repository is open to everyone, and one that has expired would close it.
        let api = ApiBuilder::from_cache(Cache::new(folder.to_owned()))
            .with_endpoint(self.endpoint.clone())
            .with_token(None)
            .with_retries(self.retries)
            .with_progress(false)
            .build()?;
        let pointer = api.model(VGG19.to_owned()).download_with_progress(FILE, progress)?;
        Ok(pointer.canonicalize()?)
    }
}
