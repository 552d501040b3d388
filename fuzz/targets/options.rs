//! Options as a form gives them, in whatever words: they make a recipe within the limits, or are refused by name.
#![no_main]

use impasto_recipe::{Inputs, Limits, Options, Recipe, Size, vgg::Architecture};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};

/// What comes with a form.
#[derive(Debug, Arbitrary)]
struct Form<'a> {
    content: (u32, u32),
    initial: Option<(u32, u32)>,
    counts: [u8; 3],
    is_vgg19: bool,
    /// A name and a value a line.
    options: &'a str,
}

fuzz_target!(|form: Form| {
    let mut options = Options::default();
    for line in form.options.lines() {
        let (name, text) = line.split_once('=').unwrap_or((line, ""));
        if let Err(error) = options.set(name, text) {
            assert!(!error.reason.is_empty());
            assert_eq!(error.option, name);
        }
    }
    let size = |(width, height)| Size::new(width, height);
    let [styles, masks, style_masks] = form.counts.map(usize::from);
    let automatic = if form.is_vgg19 { Architecture::Vgg19 } else { Architecture::Vgg16 };
    let initial = form.initial.map(size);
    let inputs = Inputs { content: size(form.content), styles, masks, style_masks, initial, automatic };
    // Nobody hands in a picture without pixels: it is refused where it is decoded.
    if inputs.content.pixels() == 0 || inputs.initial.is_some_and(|size| size.pixels() == 0) || styles == 0 {
        return;
    }
    let limits = Limits::default();
    let Ok(recipe) = options.resolve(&inputs, &limits) else { return };
    assert!((1..=limits.stages).contains(&recipe.stages.len()), "{recipe:?}");
    assert!(
        recipe.stages.iter().map(|stage| u64::from(stage.epochs)).sum::<u64>() <= u64::from(limits.epochs),
        "{recipe:?}"
    );
    assert!(
        recipe.stages.iter().all(|stage| stage.size.pixels() <= limits.stage_pixels && stage.epochs > 0),
        "{recipe:?}"
    );
    assert_eq!(recipe.style_weights.len(), styles);
    // It is kept as JSON, where there is no infinity.
    let kept = serde_json::to_string(&recipe).unwrap();
    let read: Recipe = serde_json::from_str(&kept).unwrap_or_else(|error| panic!("{error}: {kept}"));
    assert_eq!(serde_json::to_string(&read).unwrap(), kept);
});
