//! From options to recipes, by the public door.

use impasto_recipe::{
    Limits, LossWeights, Objective, OptimiserChoice, Options, Position, Preset, Recipe, Size, SizeOption, Stage,
    StyleFit,
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
    options(pairs).resolve(PHOTOGRAPH, 1, &Limits::default()).unwrap()
}

fn refusal(pairs: &[(&str, &str)]) -> (String, String) {
    let mut options = Options::default();
    let set = pairs.iter().try_for_each(|(name, text)| options.set(name, text));
    let error = set.and_then(|()| options.resolve(PHOTOGRAPH, 2, &Limits::default()).map(drop)).unwrap_err();
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
    assert_eq!(options.resolve(PHOTOGRAPH, 2, &Limits::default()).unwrap().style_weights, [0.25, 0.75]);
    assert_eq!(Options::default().resolve(PHOTOGRAPH, 4, &Limits::default()).unwrap().style_weights, [0.25; 4]);
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
        (&[("stages", "")], "stages", "WIDTHxHEIGHT:EPOCHS"),
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
    ] {
        let (named, reason) = refusal(pairs);
        assert_eq!(named, option, "{pairs:?}: {reason}");
        assert!(reason.contains(says), "{pairs:?}: {reason}");
    }
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
            drop(options.resolve(PHOTOGRAPH, 1, &Limits::default()));
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
