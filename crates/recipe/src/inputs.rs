//! What comes with the options, as far as they depend on it.

use crate::{OptionError, Size, vgg::Architecture};

/// The pictures that a recipe is resolved for, and what `auto` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inputs {
    /// The content picture's size.
    pub content: Size,
    /// Style pictures.
    pub styles: usize,
    /// Masks that say where a style applies; at most one a style, in their order.
    pub masks: usize,
    /// Masks that say which part of a style picture counts; at most one a style, in their order.
    pub style_masks: usize,
    /// The size of the picture to start from, if one is given.
    pub initial: Option<Size>,
    /// The network that is meant by `auto`.
    pub automatic: Architecture,
}

impl Inputs {
    /// A content picture of this size and so many style pictures, nothing else; `auto` is VGG-16.
    pub fn new(content: Size, styles: usize) -> Self {
        Self { content, styles, masks: 0, style_masks: 0, initial: None, automatic: Architecture::Vgg16 }
    }

    pub(crate) fn check_masks(&self) -> Result<(), OptionError> {
        for (name, count) in [("mask", self.masks), ("style_mask", self.style_masks)] {
            if count > self.styles {
                let reason =
                    format!("{count} of them for {} style pictures: give one for each at the most", self.styles);
                return Err(OptionError::new(name, reason));
            }
        }
        Ok(())
    }
}
