//! The form of a new job, as OpenAPI describes it. `upload.rs` reads it.

use impasto_jobs::Priority;
use impasto_recipe::{
    Alpha, BackboneChoice, Colours, Init, Objective, OptimiserChoice, PoolingChoice, Precision, Preset,
};
use utoipa::ToSchema;

/// The pictures, and the options: each a field of its own, and each option given once at the most. What is left out, or
/// left blank, is for the preset to say.
///
/// Pictures are PNG, JPEG, WebP, GIF, BMP or TIFF files. They are turned upright as their EXIF data say and brought to sRGB; what
/// was done to one stands in the job's `notices`.
#[derive(ToSchema)]
#[schema(example = json!({
    "content": "@photograph.jpg", "style": ["@painting.jpg"], "preset": "paint", "size": "512",
}))]
#[expect(dead_code, reason = "describes the form to OpenAPI")]
pub(crate) struct JobForm {
    /// The photograph to repaint. `alpha` says what becomes of its transparency.
    #[schema(value_type = String, format = Binary)]
    content: Vec<u8>,
    /// The pictures to take the style of: the field once for each file, 8 at the most unless the operator sets another number.
    /// They are laid on white where they are transparent.
    #[schema(value_type = Vec<String>, format = Binary, min_items = 1)]
    style: Vec<Vec<u8>>,
    /// Where in the result each style applies: a picture in grey for each style at the most, in their order. White is in full,
    /// black not at all, and what no style covers stays as it is in the photograph. It may be of any size, and is brought to the
    /// photograph's shape. Those of the last styles may be left out or blank, one before a mask may not: give a white picture
    /// where a style applies everywhere.
    #[schema(value_type = Option<Vec<String>>, format = Binary, nullable = false)]
    mask: Option<Vec<Vec<u8>>>,
    /// Which part of each style picture counts: a picture in grey for each style at the most, in their order. White counts in
    /// full, black not at all; it may be of any size, and is brought to the style picture's shape. Those of the last styles may be
    /// left out or blank, one before a mask may not: give a white picture where all of a style picture counts.
    #[schema(value_type = Option<Vec<String>>, format = Binary, nullable = false)]
    style_mask: Option<Vec<Vec<u8>>>,
    /// A picture to start from, in place of the photograph: `init=picture`. Those of the preset's stages that are
    /// no larger than it are left out, but for the last.
    #[schema(value_type = Option<String>, format = Binary, nullable = false)]
    initial: Option<Vec<u8>>,
    /// The same, taken from a job of this service that has succeeded: its id. The result is copied, so that the other job may
    /// be deleted at once; the copy counts as uploaded. It takes a key that may read as well. Excludes `initial`.
    #[schema(nullable = false, format = Uuid)]
    initial_job: Option<String>,
    /// The recipe to start from; `paint` if left out.
    #[schema(nullable = false)]
    preset: Option<Preset>,
    /// What is compared.
    #[schema(nullable = false)]
    objective: Option<Objective>,
    /// How large the result is to be, in pixels: its longest side, or its width and height, or `original` for the photograph's
    /// own size.
    #[schema(nullable = false, pattern = "^([0-9]+(x[0-9]+)?|original)$", example = "512")]
    size: Option<String>,
    /// Every stage, spelled out as `WIDTHxHEIGHT:EPOCHS[:DECAY]` and separated by commas; excludes `size` and `epochs`.
    /// The learning rate is multiplied by 0.1 every DECAY epochs.
    #[schema(nullable = false, example = "300x200:500:200,1200x800:300:100")]
    stages: Option<String>,
    /// The epochs of all stages together, shared out in the preset's proportions.
    #[schema(nullable = false, minimum = 1)]
    epochs: Option<u32>,
    /// Whose features are compared; `auto` if left out.
    #[schema(nullable = false)]
    backbone: Option<BackboneChoice>,
    /// The convolutions where the content is compared, as `NAME[:WEIGHT]` and separated by commas; the objective's own if left
    /// out. Early ones hold on to the photograph's detail, late ones to its things alone.
    #[schema(nullable = false, example = "conv4_2")]
    content_layers: Option<String>,
    /// The convolutions where the style is compared, as `NAME[:WEIGHT]` and separated by commas; the objective's own if left out.
    /// Early ones bring tones and strokes, late ones motifs. One without a weight counts what it does in the objective's choice.
    #[schema(nullable = false, example = "conv1_1,conv2_1,conv3_1:0.5")]
    style_layers: Option<String>,
    /// How features are pooled from one block of the network to the next; the objective's own way if left out.
    #[schema(nullable = false)]
    pooling: Option<PoolingChoice>,
    /// What the first stage starts from: the picture that is given for it, else the photograph, if left out.
    #[schema(nullable = false)]
    init: Option<Init>,
    /// What `init=noise` is made of: another number makes another picture, the same number the same one; 0 if left out.
    #[schema(nullable = false, minimum = 0)]
    seed: Option<u32>,
    /// How large the strokes come out: the size of the paintings beside the picture's; 1 if left out.
    #[schema(nullable = false, minimum = 0.25, maximum = 4)]
    style_scale: Option<f64>,
    /// Whose colours the result has; the painting's (`style`) if left out.
    #[schema(nullable = false)]
    colours: Option<Colours>,
    /// What becomes of the photograph's transparency; it is kept if left out.
    #[schema(nullable = false)]
    alpha: Option<Alpha>,
    /// How far the result goes from the photograph: from 0, its forms in the painting's tones, to 1, a free painting; 0.5 if
    /// left out. Excludes `style_weight`.
    #[schema(nullable = false, minimum = 0, maximum = 1)]
    strength: Option<f64>,
    /// The weight of the content loss.
    #[schema(nullable = false, minimum = 0)]
    content_weight: Option<f64>,
    /// The weight of the style loss, in place of `strength`.
    #[schema(nullable = false, minimum = 0)]
    style_weight: Option<f64>,
    /// The weight of the total-variation loss.
    #[schema(nullable = false, minimum = 0)]
    tv_weight: Option<f64>,
    /// How much each style counts, in the order of the style pictures, separated by commas; equal if left out.
    #[schema(nullable = false, example = "2,1")]
    style_weights: Option<String>,
    /// What moves the pixels; the preset's if left out.
    #[schema(nullable = false)]
    optimiser: Option<OptimiserChoice>,
    /// Adam's rate at the start of each stage, or the size of L-BFGS's first step.
    #[schema(nullable = false, exclusive_minimum = 0)]
    learning_rate: Option<f64>,
    /// Epochs from one progress entry to the next.
    #[schema(nullable = false, minimum = 1)]
    report_every: Option<u32>,
    /// The number format of the convolutions; `auto` if left out.
    #[schema(nullable = false)]
    precision: Option<Precision>,
    /// Before and after whose jobs it is done: `low`, `normal` or `high`, which takes a key with the scope `priority` where there
    /// are keys; `normal` if left out. Among jobs of one priority the clients take turns.
    #[schema(nullable = false)]
    priority: Option<Priority>,
    /// Seconds within which a worker has to begin the job, or it fails; it waits for as long as it takes if left out.
    #[schema(nullable = false, minimum = 1, maximum = 31536000)]
    start_within: Option<u32>,
    /// An address of yours that is told when the job has ended: a POST of JSON, signed as Standard Webhooks says, and sent again
    /// for a day until it is taken. It has to be https and public unless the operator allows others.
    #[schema(nullable = false, max_length = 2048, example = "https://example.com/painted")]
    webhook: Option<String>,
}
