//! The Hugging Face hub, or what stands in for it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use hf_hub::{
    Cache, Repo,
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

    /// Fetches VGG-19's weights into a file somewhere in `folder`, which is named by the checksum that the hub gives. It goes
    /// on with the [part](Self::part_in) that is there.
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

    /// The unfinished file in `folder`, where an earlier download has left one with something in it.
    pub(crate) fn part_in(&self, folder: &Path) -> Option<PathBuf> {
        let blob = Cache::new(folder.to_owned()).repo(Repo::model(VGG19.to_owned())).blob_path(FILE);
        let files = fs::read_dir(blob.parent()?).ok()?.filter_map(Result::ok);
        let mut parts = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "part"));
        let has_bytes = |file: &fs::DirEntry| file.metadata().is_ok_and(|metadata| metadata.len() > 0);
        parts.find(has_bytes).map(|file| file.path())
    }

    /// Whether a download failed because there is nothing to go on with: the part is as long as the file, or longer.
    pub(crate) fn part_was_refused(error: &ApiError) -> bool {
        const RANGE_NOT_SATISFIABLE: u16 = 416;
        match error {
            ApiError::InvalidResume => true,
            ApiError::RequestError(error) => matches!(**error, ureq::Error::StatusCode(RANGE_NOT_SATISFIABLE)),
            ApiError::TooManyRetries(error) => Self::part_was_refused(error),
            _ => false,
        }
    }
}
