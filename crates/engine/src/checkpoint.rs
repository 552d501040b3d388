//! All that is needed to go on from an epoch.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use impasto_picture::Picture;
use impasto_recipe::{Fingerprint, Position, Recipe, Size};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{EngineError, adam::Adam, image};

/// The composite image, the optimiser's moments and the position, with the fingerprint of what computed them.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    position: Position,
    fingerprint: Fingerprint,
    size: Size,
    /// (3, height, width), normalised.
    image: Vec<f32>,
    first_moment: Vec<f32>,
    second_moment: Vec<f32>,
}

/// Why a checkpoint is of no use.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Its bytes are damaged or no checkpoint's.
    #[error("the checkpoint cannot be read: {0}")]
    Unreadable(String),
    /// Something else computed it.
    #[error("the checkpoint was made by {theirs}, and this is {ours}")]
    OtherFingerprint {
        /// The checkpoint's.
        theirs: Box<Fingerprint>,
        /// The engine's.
        ours: Box<Fingerprint>,
    },
    /// It is of another recipe.
    #[error("the checkpoint is at stage {}, epoch {}, of {size}, which the recipe does not have", position.stage, position.epoch)]
    OtherRecipe {
        /// Where it stands.
        position: Position,
        /// The size of its image.
        size: Size,
    },
}

const IMAGE: &str = "image";
const FIRST_MOMENT: &str = "first_moment";
const SECOND_MOMENT: &str = "second_moment";
const POSITION: &str = "position";
const FINGERPRINT: &str = "fingerprint";

impl Checkpoint {
    pub(crate) fn take(
        position: Position,
        image: &Tensor,
        adam: &Adam,
        fingerprint: Fingerprint,
    ) -> candle_core::Result<Self> {
        let (_, _, height, width) = image.dims4()?;
        let numbers = |tensor: &Tensor| tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>();
        Ok(Self {
            position,
            fingerprint,
            size: Size::new(width as u32, height as u32),
            image: numbers(image)?,
            first_moment: numbers(&adam.first_moment)?,
            second_moment: numbers(&adam.second_moment)?,
        })
    }

    /// The image and the optimiser as they were.
    pub(crate) fn restore(&self, device: &Device) -> candle_core::Result<(Tensor, Adam)> {
        let shape = (1, 3, self.size.height as usize, self.size.width as usize);
        let tensor = |numbers: &[f32]| Tensor::from_slice(numbers, shape, device);
        let adam = Adam::resumed(self.position.epoch, tensor(&self.first_moment)?, tensor(&self.second_moment)?);
        Ok((tensor(&self.image)?, adam))
    }

    /// The composite image, clipped to what can be shown.
    ///
    /// # Errors
    /// When a pixel is no number.
    pub fn picture(&self) -> Result<Picture, EngineError> {
        let (image, _) = self.restore(&Device::Cpu)?;
        Ok(image::to_picture(&image)?)
    }

    /// How far the run had come.
    pub fn position(&self) -> Position {
        self.position
    }

    /// What computed it.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Whether a run of `recipe` by what `fingerprint` says can go on from here.
    ///
    /// # Errors
    /// When something else computed it, or it is of another recipe.
    pub fn fits(&self, recipe: &Recipe, fingerprint: &Fingerprint) -> Result<(), CheckpointError> {
        if self.fingerprint != *fingerprint {
            let (theirs, ours) = (Box::new(self.fingerprint.clone()), Box::new(fingerprint.clone()));
            return Err(CheckpointError::OtherFingerprint { theirs, ours });
        }
        let stage = self.position.stage.checked_sub(1).and_then(|index| recipe.stages.get(index as usize));
        match stage {
            Some(stage) if stage.size == self.size && self.position.epoch <= stage.epochs => Ok(()),
            _ => Err(CheckpointError::OtherRecipe { position: self.position, size: self.size }),
        }
    }

    /// As bytes: a safetensors file.
    ///
    /// # Errors
    /// When the format refuses it, which would be a mistake in this program.
    pub fn encode(&self) -> Result<Vec<u8>, CheckpointError> {
        let shape = [3, self.size.height as usize, self.size.width as usize];
        let parts = [(IMAGE, &self.image), (FIRST_MOMENT, &self.first_moment), (SECOND_MOMENT, &self.second_moment)]
            .map(|(name, numbers)| (name, numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>()));
        let tensors = parts
            .iter()
            .map(|(name, bytes)| Ok((*name, TensorView::new(Dtype::F32, shape.to_vec(), bytes)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(unreadable)?;
        let metadata = HashMap::from([
            (POSITION.to_owned(), serde_json::to_string(&self.position).map_err(unreadable)?),
            (FINGERPRINT.to_owned(), serde_json::to_string(&self.fingerprint).map_err(unreadable)?),
        ]);
        safetensors::serialize(tensors, Some(metadata)).map_err(unreadable)
    }

    /// From bytes that [`Checkpoint::encode`] made.
    ///
    /// # Errors
    /// When the bytes are damaged or no checkpoint's.
    pub fn decode(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let tensors = SafeTensors::deserialize(bytes).map_err(unreadable)?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
        let told = header.metadata().as_ref();
        let field = |name: &str| {
            let text = told.and_then(|told| told.get(name));
            text.ok_or_else(|| CheckpointError::Unreadable(format!("it has no {name}")))
        };
        let position = serde_json::from_str(field(POSITION)?).map_err(unreadable)?;
        let fingerprint = serde_json::from_str(field(FINGERPRINT)?).map_err(unreadable)?;
        let image = tensors.tensor(IMAGE).map_err(unreadable)?;
        let &[3, height, width] = image.shape() else {
            return Err(CheckpointError::Unreadable(format!("its image has the shape {:?}", image.shape())));
        };
        let numbers = |name: &str| {
            let tensor = tensors.tensor(name).map_err(unreadable)?;
            if tensor.dtype() != Dtype::F32 || tensor.shape() != image.shape() {
                return Err(CheckpointError::Unreadable(format!("its {name} is no {width}x{height} f32 image")));
            }
            // chunks_exact gives four bytes each, so the conversion cannot fail.
            let number = |four: &[u8]| f32::from_le_bytes([four[0], four[1], four[2], four[3]]);
            Ok(tensor.data().chunks_exact(4).map(number).collect())
        };
        Ok(Self {
            position,
            fingerprint,
            size: Size::new(width as u32, height as u32),
            image: numbers(IMAGE)?,
            first_moment: numbers(FIRST_MOMENT)?,
            second_moment: numbers(SECOND_MOMENT)?,
        })
    }
}

fn unreadable(error: impl std::fmt::Display) -> CheckpointError {
    CheckpointError::Unreadable(error.to_string())
}
