//! All that is needed to go on from an epoch.

mod file;

use candle_core::{DType, Device, Tensor};
use half::bf16;
use impasto_recipe::{Canvas, Fingerprint, Position, Recipe, Size};

use crate::{
    EngineError,
    optimiser::{Memory, Optimiser},
};

/// The composite image, the optimiser's memory and the position, with the fingerprint of what computed them.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    position: Position,
    fingerprint: Fingerprint,
    canvas: Canvas,
    label: Option<String>,
    /// Its image is (3, height, width) of the canvas, normalised; and so are its tensors.
    memory: Memory<Numbers>,
}

/// A tensor's numbers, in the format that it has in memory.
#[derive(Debug, Clone, PartialEq)]
enum Numbers {
    F32(Vec<f32>),
    Bf16(Vec<bf16>),
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

impl Checkpoint {
    pub(crate) fn take(
        position: Position,
        image: &Tensor,
        canvas: Canvas,
        optimiser: &Optimiser,
        fingerprint: Fingerprint,
    ) -> candle_core::Result<Self> {
        let Memory { optimiser, image, tensors, scalars } = optimiser.memory(image);
        let memory = Memory {
            optimiser,
            image: Numbers::of(image)?,
            tensors: tensors.into_iter().map(Numbers::of).collect::<Result<_, _>>()?,
            scalars,
        };
        Ok(Self { position, fingerprint, canvas, label: None, memory })
    }

    /// The image and the optimiser as they were.
    pub(crate) fn restore(&self, device: &Device) -> Result<(Tensor, Optimiser), EngineError> {
        let Memory { optimiser, image, tensors, scalars } = &self.memory;
        let memory = Memory {
            optimiser: *optimiser,
            image: self.tensor(image, device)?,
            tensors: tensors.iter().map(|numbers| self.tensor(numbers, device)).collect::<Result<_, _>>()?,
            scalars: scalars.clone(),
        };
        let (optimiser, image) = Optimiser::resumed(self.position.epoch, memory)?
            .ok_or_else(|| CheckpointError::Unreadable(format!("its memory is not that of {optimiser}")))?;
        Ok((image, optimiser))
    }

    fn tensor(&self, numbers: &Numbers, device: &Device) -> candle_core::Result<Tensor> {
        let Size { width, height } = self.canvas.image;
        let shape = (1, 3, height as usize, width as usize);
        match numbers {
            Numbers::F32(numbers) => Tensor::from_slice(numbers, shape, device),
            Numbers::Bf16(numbers) => Tensor::from_slice(numbers, shape, device),
        }
    }

    /// The same with a label, by which whoever takes it up again knows what it is of.
    pub fn labelled(self, label: String) -> Self {
        Self { label: Some(label), ..self }
    }

    /// The label, if it was given one.
    pub fn label(&self) -> Option<&String> {
        self.label.as_ref()
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
}

impl Numbers {
    /// One copy of them.
    fn of(tensor: &Tensor) -> candle_core::Result<Self> {
        let flat = tensor.flatten_all()?;
        Ok(match flat.dtype() {
            DType::BF16 => Self::Bf16(flat.to_vec1()?),
            _ => Self::F32(flat.to_dtype(DType::F32)?.to_vec1()?),
        })
    }
}
