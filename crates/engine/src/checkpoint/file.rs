//! A checkpoint as a file, in the format safetensors: a header that is JSON, and the tensors' memory as it lies.
//!
//! The metadata's `format` is counted up when the tensors come to mean something else, so that a checkpoint of another version
//! is refused and never misread:
//! 1. (not written down) L-BFGS's image, the image and gradient at its step's start, its direction, and pairs in f32
//! 2. L-BFGS's image and gradient at its step's start, and pairs in bf16

use std::collections::HashMap;

use bytemuck::Pod;
use bytes::Bytes;
use impasto_recipe::{Canvas, Size};
use safetensors::{
    Dtype, SafeTensors,
    tensor::{Metadata, TensorInfo, TensorView},
};

use super::{Checkpoint, CheckpointError, Numbers};
use crate::optimiser::Memory;

/// The number of the format, see above.
const FORMAT: (&str, &str) = ("format", "2");
const IMAGE: &str = "image";
/// The tensors of the optimiser's memory are numbered from 0.
const MEMORY: &str = "memory.";
const SCALARS: &str = "scalars";
const OPTIMISER: &str = "optimiser";
/// The size of the picture within the image.
const PICTURE: &str = "picture";
const POSITION: &str = "position";
const LABEL: &str = "label";
const FINGERPRINT: &str = "fingerprint";

/// The header's length is a multiple of this, and is itself given in so many bytes.
const ALIGNMENT: usize = 8;

// The format puts the little end first.
const _: () = assert!(cfg!(target_endian = "little"));

impl Checkpoint {
    /// The bytes of a safetensors file, in pieces that are to follow each other: the header, then the memory of each tensor,
    /// which is not copied.
    ///
    /// # Errors
    /// When the format refuses it, which would be a mistake in this program.
    pub fn into_pieces(self) -> Result<Vec<Bytes>, CheckpointError> {
        let Memory { optimiser, image, tensors, scalars } = self.memory;
        let mut metadata = HashMap::from([
            (FORMAT.0.to_owned(), FORMAT.1.to_owned()),
            (PICTURE.to_owned(), self.canvas.picture.to_string()),
            (POSITION.to_owned(), serde_json::to_string(&self.position).map_err(unreadable)?),
            (FINGERPRINT.to_owned(), serde_json::to_string(&self.fingerprint).map_err(unreadable)?),
            (OPTIMISER.to_owned(), optimiser.to_string()),
        ]);
        metadata.extend(self.label.map(|label| (LABEL.to_owned(), label)));
        let Size { width, height } = self.canvas.image;
        let image_shape = [3, height as usize, width as usize];

        // The widest numbers first, so that every tensor begins at a multiple of its numbers' size.
        let mut parts = vec![(SCALARS.to_owned(), Dtype::F64, vec![scalars.len()], as_bytes(scalars))];
        let names = (0..).map(|number| format!("{MEMORY}{number}"));
        let images = std::iter::once((IMAGE.to_owned(), image)).chain(names.zip(tensors));
        let images = images.map(|(name, numbers)| {
            let (dtype, bytes) = numbers.into_bytes();
            (name, dtype, image_shape.to_vec(), bytes)
        });
        parts.extend(images);
        parts.sort_by_key(|(_, dtype, ..)| std::cmp::Reverse(dtype.bitsize()));

        let mut pieces = vec![Bytes::new()];
        let mut infos = Vec::with_capacity(parts.len());
        let mut start = 0;
        for (name, dtype, shape, bytes) in parts {
            let end = start + bytes.len();
            infos.push((name, TensorInfo { dtype, shape, data_offsets: (start, end) }));
            pieces.push(bytes);
            start = end;
        }
        let header = Metadata::new(Some(metadata), infos).map_err(unreadable)?;
        pieces[0] = framed(serde_json::to_vec(&header).map_err(unreadable)?);
        Ok(pieces)
    }

    /// From the bytes that [`Checkpoint::into_pieces`] made, one after the other.
    ///
    /// # Errors
    /// When the bytes are damaged or no checkpoint's, or one of another version.
    pub fn decode(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let tensors = SafeTensors::deserialize(bytes).map_err(unreadable)?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
        let told = header.metadata().as_ref();
        let field = |name: &str| {
            let text = told.and_then(|told| told.get(name));
            text.ok_or_else(|| CheckpointError::Unreadable(format!("it has no {name}")))
        };
        if told.and_then(|told| told.get(FORMAT.0)).map(String::as_str) != Some(FORMAT.1) {
            return Err(CheckpointError::Unreadable("another version of this program wrote it".to_owned()));
        }
        let position = serde_json::from_str(field(POSITION)?).map_err(unreadable)?;
        let fingerprint = serde_json::from_str(field(FINGERPRINT)?).map_err(unreadable)?;
        let optimiser = field(OPTIMISER)?.parse().map_err(unreadable)?;
        let image = tensors.tensor(IMAGE).map_err(unreadable)?;
        let &[3, height, width] = image.shape() else {
            return Err(CheckpointError::Unreadable(format!("its image has the shape {:?}", image.shape())));
        };
        let numbers = |name: &str, tensor: &TensorView<'_>| {
            let numbers = Numbers::from_bytes(tensor).filter(|_| tensor.shape() == image.shape());
            numbers.ok_or_else(|| CheckpointError::Unreadable(format!("its {name} is no {width}x{height} image")))
        };
        let scalars = tensors.tensor(SCALARS).map_err(unreadable)?;
        if scalars.dtype() != Dtype::F64 {
            return Err(CheckpointError::Unreadable("its scalars are no f64 numbers".to_owned()));
        }
        let stored = (0..).map_while(|number| {
            let name = format!("{MEMORY}{number}");
            tensors.tensor(&name).ok().map(|tensor| numbers(&name, &tensor))
        });
        let memory = Memory {
            optimiser,
            image: numbers(IMAGE, &image)?,
            tensors: stored.collect::<Result<_, _>>()?,
            scalars: bytemuck::pod_collect_to_vec(scalars.data()),
        };
        let side = |pixels: usize| u32::try_from(pixels).map_err(unreadable);
        let canvas = Canvas {
            picture: field(PICTURE)?.parse().map_err(unreadable)?,
            image: Size::new(side(width)?, side(height)?),
        };
        if canvas.picture.width > canvas.image.width || canvas.picture.height > canvas.image.height {
            let reason = format!("its picture of {} is larger than its image", canvas.picture);
            return Err(CheckpointError::Unreadable(reason));
        }
        let label = told.and_then(|told| told.get(LABEL)).cloned();
        Ok(Self { position, fingerprint, canvas, label, memory })
    }
}

impl Numbers {
    fn into_bytes(self) -> (Dtype, Bytes) {
        match self {
            Self::F32(numbers) => (Dtype::F32, as_bytes(numbers)),
            Self::Bf16(numbers) => (Dtype::BF16, as_bytes(numbers)),
        }
    }

    fn from_bytes(tensor: &TensorView<'_>) -> Option<Self> {
        match tensor.dtype() {
            Dtype::F32 => Some(Self::F32(bytemuck::pod_collect_to_vec(tensor.data()))),
            Dtype::BF16 => Some(Self::Bf16(bytemuck::pod_collect_to_vec(tensor.data()))),
            _ => None,
        }
    }
}

/// The numbers' memory, seen as bytes.
fn as_bytes<T: Pod + Send + Sync>(numbers: Vec<T>) -> Bytes {
    struct Memory<T>(Vec<T>);
    impl<T: Pod> AsRef<[u8]> for Memory<T> {
        fn as_ref(&self) -> &[u8] {
            bytemuck::cast_slice(&self.0)
        }
    }
    Bytes::from_owner(Memory(numbers))
}

/// The header as it stands in the file: after its length, and filled up with blanks.
fn framed(mut json: Vec<u8>) -> Bytes {
    json.resize(json.len().next_multiple_of(ALIGNMENT), b' ');
    Bytes::from([(json.len() as u64).to_le_bytes().as_slice(), &json].concat())
}

fn unreadable(error: impl std::fmt::Display) -> CheckpointError {
    CheckpointError::Unreadable(error.to_string())
}
