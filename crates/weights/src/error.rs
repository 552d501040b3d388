//! What can be wrong with weights, in words for the one who has to put it right.

use std::{io, path::PathBuf};

use impasto_engine::vgg::Architecture;

/// What is wrong with a weights file.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    /// The system did not let it be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// Its header makes no sense.
    #[error("it is no safetensors file: {0}")]
    NotSafetensors(String),
    /// It ends before its header says.
    #[error("it was cut off: {missing} bytes are missing at its end")]
    Truncated {
        /// How many bytes too few there are.
        missing: u64,
    },
    /// It goes on after its header says it ends.
    #[error("it is {extra} bytes longer than its header says")]
    TooLong {
        /// How many bytes too many there are.
        extra: u64,
    },
    /// It holds something else.
    #[error("it holds no VGG: none of its tensors is named as torchvision names them (features.0.weight)")]
    NoVgg,
    /// It holds the other backbone.
    #[error("it holds {have}, not {want}")]
    OtherArchitecture {
        /// What it holds.
        have: Architecture,
        /// What it was to hold.
        want: Architecture,
    },
    /// A tensor is not there.
    #[error("{architecture} needs the tensor {name}, which is missing")]
    MissingTensor {
        /// The backbone that its other tensors are of.
        architecture: Architecture,
        /// The tensor's name.
        name: String,
    },
    /// A tensor has another shape.
    #[error("the tensor {name} has the shape {have:?} instead of {want:?}")]
    WrongShape {
        /// The tensor's name.
        name: String,
        /// Its shape in the file.
        have: Vec<usize>,
        /// Its shape in the network.
        want: Vec<usize>,
    },
    /// A tensor is of numbers that are not read.
    #[error("the tensor {name} is of the type {dtype}: f32, f16 and bf16 can be read")]
    WrongType {
        /// The tensor's name.
        name: String,
        /// Its type in the file.
        dtype: String,
    },
    /// A tensor holds a number that is none.
    #[error("the tensor {name} holds {value}, which is no number to compute with")]
    NotFinite {
        /// The tensor's name.
        name: String,
        /// NaN or an infinity.
        value: f32,
    },
    /// Its bytes are not those that were sent.
    #[error("its SHA-256 is {have}, and the hub promised {want}")]
    WrongChecksum {
        /// The checksum of what arrived.
        have: String,
        /// The checksum by the hub's word.
        want: String,
    },
}

/// A backbone that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The built-in weights are broken.
    #[error("the weights built into this binary are of no use: {0}")]
    BuiltIn(#[source] Flaw),
    /// A file is of no use.
    #[error("the weights in {} are of no use: {flaw}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        flaw: Flaw,
    },
    /// Not on this machine, and not to be fetched unasked.
    #[error(
        "the weights of {0} are not on this machine: run `impasto weights fetch`, let them be fetched with \
         weights.download = true, or name a file of torchvision's weights with weights.{0} = PATH"
    )]
    NotHere(Architecture),
    /// The hub is not asked for this one.
    #[error("{0} is built in: there is nothing to fetch")]
    NothingToFetch(Architecture),
    /// The hub did not give it.
    #[error(
        "the weights of {architecture} could not be fetched from {url}: {reason}. Try again, or name a file with \
         weights.{architecture} = PATH"
    )]
    Fetch {
        /// What was asked for.
        architecture: Architecture,
        /// Where.
        url: String,
        /// What came instead.
        reason: String,
    },
    /// The hub gave something else.
    #[error("what came from {url} was thrown away: {flaw}")]
    Fetched {
        /// Where it came from.
        url: String,
        /// What is wrong with it.
        #[source]
        flaw: Flaw,
    },
    /// The cache cannot be written.
    #[error("the weights cannot be kept in {}: {error}. The folder is the setting weights.cache", path.display())]
    Cache {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
}
