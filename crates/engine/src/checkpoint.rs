//! All that is needed to go on from an epoch.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use impasto_picture::Picture;
use impasto_recipe::{Canvas, Fingerprint, Position, Recipe, Size};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{
    EngineError, image,
    optimiser::{Memory, Optimiser},
};

/// The composite image, the optimiser's memory and the position, with the fingerprint of what computed them.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    position: Position,
    fingerprint: Fingerprint,
    canvas: Canvas,
    /// (3, height, width) of the canvas, normalised.
    image: Vec<f32>,
    memory: Memory<Vec<f32>>,
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
        /// The size of its picture.
        size: Size,
    },
}

const IMAGE: &str = "image";
/// The tensors of the optimiser's memory are numbered from 0.
const MEMORY: &str = "memory.";
const SCALARS: &str = "scalars";
const OPTIMISER: &str = "optimiser";
/// The size of the picture within the image.
const PICTURE: &str = "picture";
const POSITION: &str = "position";
const FINGERPRINT: &str = "fingerprint";

impl Checkpoint {
    pub(crate) fn take(
        position: Position,
        image: &Tensor,
        canvas: Canvas,
        optimiser: &Optimiser,
        fingerprint: Fingerprint,
    ) -> candle_core::Result<Self> {
        let numbers = |tensor: &Tensor| tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>();
        let memory = optimiser.memory();
        Ok(Self {
            position,
            fingerprint,
            canvas,
            image: numbers(image)?,
            memory: Memory {
                optimiser: memory.optimiser,
                tensors: memory.tensors.into_iter().map(numbers).collect::<Result<_, _>>()?,
                scalars: memory.scalars,
            },
        })
    }

    /// The image and the optimiser as they were.
    pub(crate) fn restore(&self, device: &Device) -> Result<(Tensor, Optimiser), EngineError> {
        let Memory { optimiser, tensors, scalars } = &self.memory;
        let memory = Memory {
            optimiser: *optimiser,
            tensors: tensors.iter().map(|numbers| self.tensor(numbers, device)).collect::<Result<_, _>>()?,
            scalars: scalars.clone(),
        };
        let optimiser = Optimiser::resumed(self.position.epoch, memory)?
            .ok_or_else(|| CheckpointError::Unreadable(format!("its memory is not that of {optimiser}")))?;
        Ok((self.tensor(&self.image, device)?, optimiser))
    }

    fn tensor(&self, numbers: &[f32], device: &Device) -> candle_core::Result<Tensor> {
        let Size { width, height } = self.canvas.image;
        Tensor::from_slice(numbers, (1, 3, height as usize, width as usize), device)
    }

    /// The composite image, clipped to what can be shown.
    ///
    /// # Errors
    /// When a pixel is no number.
    pub fn picture(&self) -> Result<Picture, EngineError> {
        Ok(image::to_picture(&self.tensor(&self.image, &Device::Cpu)?, self.canvas)?)
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
            Some(stage)
                if self.canvas == Canvas::new(stage.size, recipe.objective)
                    && self.position.epoch <= stage.epochs
                    && self.memory.optimiser == recipe.optimiser =>
            {
                Ok(())
            }
            _ => Err(CheckpointError::OtherRecipe { position: self.position, size: self.canvas.picture }),
        }
    }

    /// As bytes: a safetensors file.
    ///
    /// # Errors
    /// When the format refuses it, which would be a mistake in this program.
    pub fn encode(&self) -> Result<Vec<u8>, CheckpointError> {
        let Size { width, height } = self.canvas.image;
        let shape = [3, height as usize, width as usize];
        let names = (0..).map(|number| format!("{MEMORY}{number}"));
        let mut parts = vec![(IMAGE.to_owned(), Dtype::F32, shape.to_vec(), bytes_of(&self.image))];
        for (name, numbers) in names.zip(&self.memory.tensors) {
            parts.push((name, Dtype::F32, shape.to_vec(), bytes_of(numbers)));
        }
        let scalars: Vec<u8> = self.memory.scalars.iter().flat_map(|number| number.to_le_bytes()).collect();
        parts.push((SCALARS.to_owned(), Dtype::F64, vec![self.memory.scalars.len()], scalars));
        let tensors = parts
            .iter()
            .map(|(name, dtype, shape, bytes)| Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(unreadable)?;
        let metadata = HashMap::from([
            (PICTURE.to_owned(), self.canvas.picture.to_string()),
            (POSITION.to_owned(), serde_json::to_string(&self.position).map_err(unreadable)?),
            (FINGERPRINT.to_owned(), serde_json::to_string(&self.fingerprint).map_err(unreadable)?),
            (OPTIMISER.to_owned(), self.memory.optimiser.to_string()),
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
        let optimiser = field(OPTIMISER)?.parse().map_err(unreadable)?;
        let image = tensors.tensor(IMAGE).map_err(unreadable)?;
        let &[3, height, width] = image.shape() else {
            return Err(CheckpointError::Unreadable(format!("its image has the shape {:?}", image.shape())));
        };
        let numbers = |name: &str| {
            let tensor = tensors.tensor(name).map_err(unreadable)?;
            if tensor.dtype() != Dtype::F32 || tensor.shape() != image.shape() {
                return Err(CheckpointError::Unreadable(format!("its {name} is no {width}x{height} f32 image")));
            }
            Ok(tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
        };
        let scalars = tensors.tensor(SCALARS).map_err(unreadable)?;
        if scalars.dtype() != Dtype::F64 {
            return Err(CheckpointError::Unreadable("its scalars are no f64 numbers".to_owned()));
        }
        let names = (0..).map(|number| format!("{MEMORY}{number}"));
        let memory = Memory {
            optimiser,
            tensors: names
                .take_while(|name| tensors.tensor(name).is_ok())
                .map(|name| numbers(&name))
                .collect::<Result<_, _>>()?,
            scalars: scalars.data().as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect(),
        };
        let side = |pixels: usize| u32::try_from(pixels).map_err(unreadable);
        let canvas = Canvas {
            picture: field(PICTURE)?.parse().map_err(unreadable)?,
            image: Size::new(side(width)?, side(height)?),
        };
        if canvas.picture.width > canvas.image.width || canvas.picture.height > canvas.image.height {
            return Err(CheckpointError::Unreadable(format!(
                "its picture of {} is larger than its image",
                canvas.picture
            )));
        }
        Ok(Self { position, fingerprint, canvas, image: numbers(IMAGE)?, memory })
    }
}

fn bytes_of(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn unreadable(error: impl std::fmt::Display) -> CheckpointError {
    CheckpointError::Unreadable(error.to_string())
}
