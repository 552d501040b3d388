//! From options to recipes, by the public door.

use impasto_recipe::{
    Init, Inputs, LayerWeight, Limits, LossWeights, Objective, OptimiserChoice, Options, PoolingChoice, Position,
    Preset, Recipe, Size, SizeOption, Stage, StyleFit,
};
use proptest::prelude::*;

const PHOTOGRAPH: Size = Size::new(4000, 3000);

fn options(pairs: &[(&str, &str)]) -> Options {
    let mut options = Options::default();
    for (name, text) in pairs {
        options.set(name, text).unwrap();
    }
    options
}

fn resolve(pairs: &[(&str, &str)]) -> Recipe {
    options(pairs).resolve(&Inputs::new(PHOTOGRAPH, 1), &Limits::default()).unwrap()
}

fn refusal(pairs: &[(&str, &str)]) -> (String, String) {
    let mut options = Options::default();
    let set = pairs.iter().try_for_each(|(name, text)| options.set(name, text));
    let error =
        set.and_then(|()| options.resolve(&Inputs::new(PHOTOGRAPH, 2), &Limits::default()).map(drop)).unwrap_err();
    (error.option, error.reason)
}

fn stages(recipe: &Recipe) -> Vec<String> {
    recipe.stages.iter().map(Stage::to_string).collect()
}

#[test]
fn paint_is_the_default_and_keeps_the_pictures_shapes() {
    let recipe = resolve(&[]);
    assert_eq!(recipe.preset, Preset::Paint);
    assert_eq!(recipe.objective, Objective::Relative);
    assert_eq!(recipe.style_fit, StyleFit::Keep);
    assert_eq!(stages(&recipe), ["128x96:64", "181x136:32", "256x192:24", "362x272:20", "512x384:18"]);
    assert_eq!(recipe.weights, LossWeights { content: 1.0, style: 2.5, tv: 0.03 });
    assert_eq!(recipe.optimiser, OptimiserChoice::Lbfgs);
    assert_eq!((recipe.learning_rate, recipe.report_every), (0.05, 10));
}

#[test]
fn paint_grows_from_one_coarse_size_to_every_final_size() {
    let sizes = |size: &str| stages(&resolve(&[("size", size)]));
    assert_eq!(sizes("64"), ["64x48:64"]);
    assert_eq!(sizes("200"), ["141x106:64", "200x150:32"]);
    assert_eq!(sizes("1024")[..5], ["128x96:64", "181x136:32", "256x192:24", "362x272:20", "512x384:18"]);
    assert_eq!(sizes("1024")[5..], ["724x543:18", "1024x768:18"]);
    // Of a panorama the stages that would be lower than 16 pixels are left out.
    assert_eq!(sizes("820x60"), ["290x21:64", "410x30:32", "580x42:24", "820x60:20"]);
}

#[test]
fn strength_goes_from_a_tinted_photograph_to_a_free_painting() {
    let style = |pairs: &[(&str, &str)]| resolve(pairs).weights.style;
    assert_eq!(style(&[("strength", "0.5")]), 2.5);
    assert_eq!(style(&[("strength", "0")]), 2.5 / 20.0);
    assert_eq!(style(&[("strength", "1")]), 2.5 * 20.0);
    assert_eq!(style(&[("strength", "1"), ("preset", "classic")]), 1e3 * 20.0);
}

/// A job store keeps it as JSON, and a worker paints by what it reads there.
#[test]
fn a_recipe_is_read_back_to_the_last_bit() {
    for strength in ["0.1", "0.3", "0.45", "0.7", "0.9"] {
        let recipe = resolve(&[("strength", strength), ("learning_rate", "0.0123456789012345678")]);
        let kept = serde_json::to_string(&recipe).unwrap();
        assert_eq!(serde_json::from_str::<Recipe>(&kept).unwrap(), recipe, "{kept}");
    }
}

#[test]
fn classic_is_the_published_recipe_to_the_letter() {
    let recipe = resolve(&[("preset", "classic")]);
    assert_eq!(stages(&recipe), ["300x200:500:200", "1200x800:300:100"]);
    assert_eq!(recipe.style_fit, StyleFit::Stretch);
    assert_eq!(recipe.weights, LossWeights { content: 1.0, style: 1e3, tv: 10.0 });
    assert_eq!((recipe.learning_rate, recipe.report_every), (0.01, 50));
}

#[test]
fn fast_is_paint_with_fewer_epochs() {
    let (fast, paint) = (resolve(&[("preset", "fast")]), resolve(&[]));
    assert_eq!(stages(&fast), ["128x96:28", "181x136:14", "256x192:10", "362x272:8", "512x384:7"]);
    assert_eq!((fast.objective, fast.optimiser, fast.weights), (paint.objective, paint.optimiser, paint.weights));
    assert_eq!(fast.report_every, 5);
}

#[test]
fn a_style_is_stretched_only_where_the_published_objective_has_an_exact_size() {
    let fit = |pairs: &[(&str, &str)]| resolve(pairs).style_fit;
    assert_eq!(fit(&[("preset", "classic")]), StyleFit::Stretch);
    assert_eq!(fit(&[("preset", "classic"), ("size", "300")]), StyleFit::Keep);
    assert_eq!(fit(&[("size", "300x200")]), StyleFit::Keep);
}

#[test]
fn an_explicit_option_overrides_its_preset() {
    let recipe = resolve(&[
        ("preset", "classic"),
        ("objective", "relative"),
        ("style_weight", "0.5"),
        ("optimiser", "lbfgs"),
        ("learning_rate", "0.02"),
        ("report_every", "7"),
        ("size", "600"),
        ("epochs", "400"),
    ]);
    assert_eq!(recipe.weights, LossWeights { content: 1.0, style: 0.5, tv: 0.03 });
    assert_eq!(recipe.optimiser, OptimiserChoice::Lbfgs);
    assert_eq!((recipe.learning_rate, recipe.report_every), (0.02, 7));
    assert_eq!(stages(&recipe), ["150x112:250:100", "600x450:150:50"]);
}

#[test]
fn explicit_stages_are_taken_as_they_stand() {
    let recipe = resolve(&[("stages", "48x32:4:2,72x48:3")]);
    assert_eq!(stages(&recipe), ["48x32:4:2", "72x48:3"]);
    assert_eq!(recipe.result_size(), Size::new(72, 48));
}

#[test]
fn style_weights_are_brought_to_a_sum_of_one() {
    let options = options(&[("style_weights", "1, 3")]);
    assert_eq!(options.resolve(&Inputs::new(PHOTOGRAPH, 2), &Limits::default()).unwrap().style_weights, [0.25, 0.75]);
    assert_eq!(
        Options::default().resolve(&Inputs::new(PHOTOGRAPH, 4), &Limits::default()).unwrap().style_weights,
        [0.25; 4]
    );
}

#[test]
fn a_refusal_names_the_option_and_what_would_be_right() {
    for (pairs, option, says) in [
        (&[("preset", "oil")][..], "preset", "paint, classic, fast"),
        (&[("size", "0")], "size", "whole pixels"),
        (&[("size", "12x")], "size", "whole pixels"),
        (&[("size", "-5")], "size", "whole pixels"),
        (&[("size", "+5")], "size", "whole pixels"),
        (&[("size", "20")], "size", "under 16x16"),
        (&[("stages", "15x300:2")], "size", "stage 1 would be 15x300"),
        (&[("size", "99999x99999")], "size", "above the limit"),
        (&[("size", "4294967295x4294967295")], "size", "above the limit"),
        (&[("stages", "900000x16:1")], "size", "with its margin above the limit"),
        (&[("stages", "300x200")], "stages", "WIDTHxHEIGHT:EPOCHS"),
        (&[("stages", "300x200:0")], "stages", "WIDTHxHEIGHT:EPOCHS"),
        (&[("stages", "300x200:5:0")], "stages", "WIDTHxHEIGHT:EPOCHS"),
        (&[("stages", ",")], "stages", "WIDTHxHEIGHT:EPOCHS"),
        (&[("stages", "300x200:5"), ("size", "300")], "stages", "leave out size"),
        (&[("stages", "300x200:5"), ("epochs", "3")], "stages", "leave out epochs"),
        (&[("epochs", "0")], "epochs", "above 0"),
        (&[("epochs", "4000000000")], "epochs", "above the limit"),
        (&[("stages", "32x32:4000000000,32x32:4000000000")], "epochs", "above the limit"),
        (&[("learning_rate", "0")], "learning_rate", "above 0"),
        (&[("learning_rate", "NaN")], "learning_rate", "above 0"),
        (&[("tv_weight", "-1")], "tv_weight", "from 0 up"),
        (&[("tv_weight", "inf")], "tv_weight", "from 0 up"),
        (&[("content_weight", "0"), ("style_weight", "0"), ("tv_weight", "0")], "style_weight", "weigh nothing"),
        (&[("strength", "1.1")], "strength", "from 0 to 1"),
        (&[("strength", "NaN")], "strength", "from 0 to 1"),
        (&[("strength", "0.5"), ("style_weight", "1")], "strength", "leave out style_weight"),
        (&[("style_weights", "1")], "style_weights", "one for each"),
        (&[("style_weights", "0,0")], "style_weights", "above 0"),
        (&[("style_weights", "1,x")], "style_weights", "no number"),
        (&[("size", "300"), ("size", "400")], "size", "twice"),
        (&[("colour", "red")], "colour", "no such option"),
        (&[("style_layers", "conv6_1")], "style_layers", "there are conv1_1, conv1_2, conv2_1"),
        (&[("style_layers", "conv3_4"), ("backbone", "vgg16")], "style_layers", "not a convolution of vgg16"),
        (&[("style_layers", "conv1_1,conv1_1:2")], "style_layers", "given twice"),
        (&[("style_layers", "conv1_1:x")], "style_layers", "no number"),
        (&[("content_layers", "conv1_1:-1")], "content_layers", "from 0 up"),
        (&[("content_layers", "conv1_1:0")], "content_layers", "weigh nothing"),
        (&[("pooling", "mean")], "pooling", "max, average, l2"),
        (&[("init", "picture")], "init", "give one as initial"),
        (&[("seed", "-1")], "seed", "whole number"),
        (&[("style_scale", "0.2")], "style_scale", "from 0.25 to 4"),
        (&[("style_scale", "4"), ("size", "2000")], "style_scale", "give a smaller number"),
        (&[("colours", "photo")], "colours", "style, content, matched"),
        (&[("alpha", "black")], "alpha", "keep, white"),
    ] {
        let (named, reason) = refusal(pairs);
        assert_eq!(named, option, "{pairs:?}: {reason}");
        assert!(reason.contains(says), "{pairs:?}: {reason}");
    }
}

fn layers(layers: &[LayerWeight]) -> Vec<String> {
    layers.iter().map(|LayerWeight { layer, weight }| format!("{layer}:{weight}")).collect()
}

#[test]
fn every_objective_has_its_own_layers() {
    let own = |pairs: &[(&str, &str)]| {
        let recipe = resolve(pairs);
        (layers(&recipe.content_layers).join(","), layers(&recipe.style_layers).join(","), recipe.pooling)
    };
    let (content, style, pooling) = own(&[]);
    assert_eq!(
        (&*content, &*style, pooling),
        ("conv4_2:1", "conv1_1:2.5,conv2_1:1.25,conv3_1:0.6,conv4_1:0.3,conv5_1:0.08", PoolingChoice::L2)
    );
    let (content, style, pooling) = own(&[("objective", "published")]);
    assert_eq!(
        (&*content, &*style, pooling),
        ("conv4_3:1", "conv1_1:1,conv2_1:1,conv3_1:1,conv4_1:1,conv5_1:1", PoolingChoice::Maximum)
    );
    assert_eq!(own(&[("objective", "published"), ("backbone", "vgg19")]).0, "conv4_4:1");
}

#[test]
fn layers_that_are_asked_for_come_in_the_networks_order_and_count_what_they_do_by_default() {
    let recipe = resolve(&[
        ("style_layers", "conv5_1, conv1_1,conv2_1:4"),
        ("content_layers", "conv3_1:0.5,conv4_2"),
        ("pooling", "average"),
    ]);
    assert_eq!(layers(&recipe.style_layers), ["conv1_1:2.5", "conv2_1:4", "conv5_1:0.08"]);
    assert_eq!(layers(&recipe.content_layers), ["conv3_1:0.5", "conv4_2:1"]);
    assert_eq!(recipe.pooling, PoolingChoice::Average);
}

#[test]
fn blank_text_counts_as_not_given() {
    let pairs: Vec<(&str, &str)> = Options::NAMES.iter().map(|&name| (name, " ")).collect();
    assert_eq!(options(&pairs), Options::default());
}

#[test]
fn the_original_size_is_the_photographs() {
    let size = Size::new(1003, 701);
    let recipe = options(&[("size", "original")]).resolve(&Inputs::new(size, 1), &Limits::default()).unwrap();
    assert_eq!((recipe.result_size(), recipe.style_fit), (size, StyleFit::Keep));
}

#[test]
fn a_picture_of_any_shape_finds_a_default() {
    let result = |width, height| {
        let inputs = Inputs::new(Size::new(width, height), 1);
        Options::default().resolve(&inputs, &Limits::default()).unwrap().result_size()
    };
    assert_eq!(result(820, 60), Size::new(512, 37));
    assert_eq!(result(8000, 60), Size::new(2133, 16));
    assert_eq!(result(1, 1), Size::new(512, 512));
    assert_eq!(result(10, 100_000), Size::new(16, 16_000));
    assert_eq!(result(50_000_000, 1), Size::new(16_000, 16));
}

#[test]
fn a_picture_to_start_from_makes_smaller_stages_needless() {
    let resolve = |longest: u32, pairs: &[(&str, &str)]| {
        let inputs = Inputs { initial: Some(PHOTOGRAPH.with_longest_side(longest)), ..Inputs::new(PHOTOGRAPH, 1) };
        let recipe = options(pairs).resolve(&inputs, &Limits::default()).unwrap();
        assert_eq!(recipe.init, Init::Picture);
        stages(&recipe)
    };
    assert_eq!(resolve(512, &[("size", "1024")]), ["724x543:18", "1024x768:18"]);
    assert_eq!(resolve(4000, &[]), ["512x384:18"]);
    assert_eq!(resolve(512, &[("stages", "48x32:4")]), ["48x32:4"]);
    let inputs = Inputs { initial: Some(PHOTOGRAPH), ..Inputs::new(PHOTOGRAPH, 1) };
    let refusal = options(&[("init", "noise")]).resolve(&inputs, &Limits::default()).unwrap_err();
    assert_eq!(refusal.option, "init");
}

#[test]
fn there_are_no_more_masks_than_styles() {
    let masks = |masks, style_masks| {
        let inputs = Inputs { masks, style_masks, ..Inputs::new(PHOTOGRAPH, 2) };
        Options::default().resolve(&inputs, &Limits::default()).map_err(|error| error.option)
    };
    assert!(masks(2, 1).is_ok());
    assert_eq!(masks(3, 0).unwrap_err(), "mask");
    assert_eq!(masks(0, 3).unwrap_err(), "style_mask");
}

#[test]
fn a_recipe_survives_json() {
    let recipe = resolve(&[("preset", "classic")]);
    let json = serde_json::to_string(&recipe).unwrap();
    assert!(json.contains(r#"{"width":300,"height":200,"epochs":500,"decay":200}"#), "{json}");
    assert_eq!(serde_json::from_str::<Recipe>(&json).unwrap(), recipe);
}

#[test]
fn the_fraction_weighs_epochs_by_pixels() {
    let recipe = resolve(&[("stages", "100x100:10,200x200:10"), ("objective", "published")]);
    let at = |stage, epoch| recipe.fraction_done(Position { stage, epoch });
    assert_eq!(at(1, 0), 0.0);
    assert_eq!(at(1, 10), 0.2);
    assert_eq!(at(2, 5), 0.6);
    assert_eq!(at(2, 10), 1.0);
}

#[test]
fn the_fraction_counts_the_margin_too() {
    let recipe = resolve(&[("stages", "100x100:10,300x300:10")]);
    let (small, large) = (160.0 * 160.0, 336.0 * 336.0);
    let done = recipe.fraction_done(Position { stage: 1, epoch: 10 });
    assert!((done - small / (small + large)).abs() < 1e-9, "{done}");
}

proptest! {
    #[test]
    fn no_text_makes_an_option_panic(name in prop::sample::select(Options::NAMES.to_vec()), text in ".{0,24}") {
        let mut options = Options::default();
        if options.set(name, &text).is_ok() {
            drop(options.resolve(&Inputs::new(PHOTOGRAPH, 1), &Limits::default()));
        }
    }

    #[test]
    fn a_longest_side_keeps_the_shape(width in 64u32..5000, height in 64u32..5000, side in 64u32..3000) {
        let size = Size::new(width, height).with_longest_side(side);
        prop_assert_eq!(size.longest_side(), side);
        let drift = f64::from(size.width) * f64::from(height) - f64::from(size.height) * f64::from(width);
        prop_assert!(drift.abs() <= f64::from(width.max(height)) * 0.5 + 1e-6);
    }

    #[test]
    fn sizes_are_read_back_as_written(width in 1u32.., height in 1u32..) {
        let exact = SizeOption::Exact(Size::new(width, height));
        prop_assert_eq!(exact.to_string().parse(), Ok(exact));
    }
}
