//! What is done to a painted image before it is shown: what is to stay of the photograph is put back.

use impasto_picture::{Mask, Picture};
use impasto_recipe::{Colours, Recipe};

use crate::{Subject, colours};

/// What is to stay of the photograph, at one size; nothing by default.
#[derive(Default)]
pub(crate) struct Finish {
    /// The photograph, where something of it is to be seen.
    photograph: Option<Picture>,
    keeps_colours: bool,
    /// How much of each pixel is painted, where not everything is.
    cover: Option<Mask>,
    alpha: Option<Mask>,
}

impl Finish {
    /// For pictures of the size of `photograph`.
    pub fn new(recipe: &Recipe, subject: &Subject, photograph: &Picture) -> Self {
        let keeps_colours = recipe.colours == Colours::Content;
        let cover = subject.cover(recipe, photograph.size());
        Self {
            photograph: (keeps_colours || cover.is_some()).then(|| photograph.clone()),
            keeps_colours,
            cover,
            alpha: photograph.alpha().cloned(),
        }
    }

    /// How much of each pixel is painted, where not everything is.
    pub fn cover(&self) -> Option<&Mask> {
        self.cover.as_ref()
    }

    /// The picture as it is to be shown.
    pub fn applied_to(&self, mut painted: Picture) -> Picture {
        if let Some(photograph) = &self.photograph {
            if self.keeps_colours {
                painted = colours::with_colours_of(&painted, photograph);
            }
            if let Some(cover) = &self.cover {
                painted = blended(&painted, photograph, cover);
            }
        }
        match &self.alpha {
            Some(alpha) => painted.with_alpha(alpha.clone()),
            None => painted,
        }
    }
}

/// The painted picture where the cover is 1, the photograph where it is 0.
fn blended(painted: &Picture, photograph: &Picture, cover: &Mask) -> Picture {
    let pixels = painted.rgb().as_chunks::<3>().0.iter().zip(photograph.rgb().as_chunks::<3>().0).zip(cover.values());
    let rgb = pixels.flat_map(|((painted, photograph), &cover)| -> [f32; 3] {
        std::array::from_fn(|channel| cover * painted[channel] + (1.0 - cover) * photograph[channel])
    });
    // Between two numbers that are within [0, 1].
    Picture::clamped(painted.size(), rgb.collect()).expect("pictures and a mask of one size")
}
