//! What a run is about: its pictures and masks.

use impasto_picture::{Filter, Mask, Picture};
use impasto_recipe::{Alpha, Canvas, Colours, Objective, Recipe, Size};

use crate::{
    colours,
    network::{PixelMask, Region, WeighedStyle},
};

/// The pictures of a run.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What is to be seen on the result.
    pub content: Picture,
    /// In whose manner; as many as the recipe has style weights.
    pub styles: Vec<Style>,
    /// What the first stage starts from, where the recipe says that it is a picture.
    pub initial: Option<Picture>,
}

/// A picture in whose manner to paint, and where.
#[derive(Debug, Clone)]
pub struct Style {
    /// The picture.
    pub picture: Picture,
    /// Where on the result it applies, if not everywhere; of any size.
    pub mask: Option<Mask>,
    /// Which part of it counts, if not all of it; of any size.
    pub style_mask: Option<Mask>,
}

impl From<Picture> for Style {
    fn from(picture: Picture) -> Self {
        Self { picture, mask: None, style_mask: None }
    }
}

impl Subject {
    /// With a content and no style yet. Each picture is brought to the largest size that a stage needs as it comes, so that
    /// large ones need not be held together.
    pub fn new(recipe: &Recipe, content: Picture) -> Self {
        let size = recipe.largest_content_size(content.size());
        let content = match recipe.alpha {
            Alpha::Keep => content,
            Alpha::White => content.laid_on_white(),
        };
        Self { content: brought_to(size, content, recipe), styles: Vec::new(), initial: None }
    }

    /// One more style, in the order of the recipe's style weights.
    pub fn add_style(&mut self, recipe: &Recipe, style: Style) {
        let size = recipe.largest_style_size(style.picture.size());
        let picture = brought_to(size, style.picture.laid_on_white(), recipe);
        let style_mask = style.style_mask.map(|mask| mask.resized(picture.size()));
        let mask = style.mask.map(|mask| {
            let size = recipe.largest_content_size(mask.size());
            if size == mask.size() { mask } else { mask.resized(size) }
        });
        let picture = match recipe.colours {
            Colours::Matched => {
                let mask = mask.as_ref().map(|mask| mask.resized(self.content.size()));
                colours::matched(&picture, style_mask.as_ref(), &self.content, mask.as_ref())
            }
            Colours::Style | Colours::Content => picture,
        };
        self.styles.push(Style { picture, mask, style_mask });
    }

    /// The picture to start from.
    pub fn start_from(&mut self, recipe: &Recipe, initial: Picture) {
        let first = recipe.stages.first().map_or(initial.size(), |stage| stage.size);
        self.initial = Some(brought_to(first, initial, recipe));
    }

    /// The styles that count, with what they count.
    fn counting<'a>(&'a self, recipe: &'a Recipe) -> impl Iterator<Item = (&'a Style, f64)> {
        let styles = self.styles.iter().zip(recipe.style_weights.iter().copied());
        styles.filter(|(_, weight)| *weight > 0.0)
    }

    /// How much of each pixel of a stage is painted, where not everything is: what the masks of all styles make together.
    pub(crate) fn cover(&self, recipe: &Recipe, size: Size) -> Option<Mask> {
        let mut sum: Option<Vec<f32>> = None;
        for (style, _) in self.counting(recipe) {
            // A style without a mask covers everything.
            let mask = style.mask.as_ref()?.resized(size);
            sum = Some(match sum {
                None => mask.values().to_vec(),
                Some(sum) => sum.iter().zip(mask.values()).map(|(sum, more)| (sum + more).min(1.0)).collect(),
            });
        }
        let mask = Mask::new(size, sum?);
        // Sums of values from 0 to 1, and no more than 1.
        Some(mask.expect("as many values from 0 to 1 as pixels"))
    }

    /// The parts of a canvas that are to have a style, and those styles as a network takes them, by `look`.
    ///
    /// A part counts as much as it is large, so that a style is as strong in a small one as in a large one; and as much as its
    /// styles' weights are above or below the usual ones.
    pub(crate) fn regions<E>(
        &self,
        recipe: &Recipe,
        canvas: Canvas,
        mut look: impl FnMut(&Style, f64) -> Result<WeighedStyle, E>,
    ) -> Result<Vec<Region>, E> {
        let (masked, everywhere): (Vec<_>, Vec<_>) = self.counting(recipe).partition(|(style, _)| style.mask.is_some());
        if masked.is_empty() {
            let styles = everywhere.into_iter().map(|(style, weight)| look(style, weight)).collect::<Result<_, _>>()?;
            return Ok(vec![Region { mask: None, weight: 1.0, styles }]);
        }
        let usual = 1.0 / self.styles.len() as f64;
        let mut regions = Vec::new();
        if !everywhere.is_empty() {
            let sum: f64 = everywhere.iter().map(|(_, weight)| weight).sum();
            let weight = sum / (usual * everywhere.len() as f64);
            let styles = everywhere.into_iter().map(|(style, weight)| look(style, weight / sum));
            regions.push(Region { mask: None, weight, styles: styles.collect::<Result<_, _>>()? });
        }
        for (style, weight) in masked {
            let mask = style.mask.as_ref().map(|mask| on_canvas(mask, canvas));
            let area = mask.as_ref().map_or(1.0, PixelMask::mean);
            regions.push(Region { mask, weight: area * weight / usual, styles: vec![look(style, 1.0)?] });
        }
        Ok(regions)
    }
}

/// A mask as it lies on a canvas: its margin mirrors it, as it does the picture.
pub(crate) fn on_canvas(mask: &Mask, canvas: Canvas) -> PixelMask {
    let mask = mask.resized(canvas.picture);
    let across = mask.size().width as usize;
    let (rows, columns) = (canvas.rows(), canvas.columns());
    let pixels = rows.iter().flat_map(|row| columns.iter().map(move |column| (row, column)));
    let values = pixels.map(|(row, column)| mask.values()[row * across + column]).collect();
    PixelMask { height: rows.len(), width: columns.len(), values }
}

fn brought_to(size: Size, picture: Picture, recipe: &Recipe) -> Picture {
    if size == picture.size() { picture } else { picture.resized(size, filter_of(recipe)) }
}

/// How pictures are brought to a stage's size.
pub(crate) fn filter_of(recipe: &Recipe) -> Filter {
    match recipe.objective {
        Objective::Published => Filter::Bilinear,
        Objective::Relative => Filter::Bicubic,
    }
}
