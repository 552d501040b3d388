//! What each option does to a picture, seen on the picture.

mod support;

use std::sync::LazyLock;

use impasto_engine::{
    DeviceName, Engine, EngineSettings, Flow, Observer, Outcome, Snapshot, Style, Subject, vgg::Backbone,
};
use impasto_picture::{Filter, Mask, Picture};
use impasto_recipe::{BackboneChoice, Init, Inputs, Limits, Options, Precision, ProgressEntry, Recipe, Size};
use support::SplitMix64;

const SIZE: Size = Size::new(96, 64);

fn settings() -> EngineSettings {
    EngineSettings { device: DeviceName::Cpu, precision: Precision::F32, threads: Some(2) }
}

fn vgg16() -> Backbone {
    impasto_weights::Store::new(impasto_weights::Settings::default()).load(BackboneChoice::Vgg16, &|| {}).unwrap()
}

/// Real weights: what an option does can be seen with no others.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(vgg16(), &settings()).unwrap());

fn picture(size: Size, colour: impl Fn(f32, f32) -> [f32; 3]) -> Picture {
    let pixels = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x as f32, y as f32)));
    Picture::clamped(size, pixels.flat_map(|(x, y)| colour(x, y)).collect()).unwrap()
}

/// Slopes of light, a dark disc, fine lines.
fn photograph() -> Picture {
    picture(SIZE, |x, y| {
        let disc = if (x - 60.0).hypot(y - 25.0) < 14.0 { 0.35 } else { 0.0 };
        let lines = 0.06 * (x * 1.1 + y * 0.4).sin();
        [0.35 + 0.004 * x - disc + lines, 0.75 - 0.006 * y - disc + lines, 0.5 + 0.002 * (x - y) - disc + lines]
    })
}

/// Broad slanting strokes in warm colours.
fn painting() -> Picture {
    picture(Size::new(80, 80), |x, y| {
        let stroke = ((x + 0.6 * y) / 7.0).sin() + 0.6 * ((x - 1.7 * y) / 11.0).sin();
        [0.7 + 0.25 * stroke, 0.4 + 0.2 * stroke, 0.15 - 0.1 * stroke]
    })
}

struct Nobody;

impl Observer for Nobody {
    fn progress(&mut self, _: &ProgressEntry) {}

    fn epoch(&mut self, _: &Snapshot<'_>) -> Flow {
        Flow::Continue
    }
}

fn recipe(pairs: &[(&str, &str)], styles: usize, initial: Option<Size>) -> Recipe {
    let mut options = Options::default();
    for (name, text) in pairs {
        options.set(name, text).unwrap();
    }
    options.resolve(&Inputs { initial, ..Inputs::new(SIZE, styles) }, &Limits::default()).unwrap()
}

fn paint_with(engine: &Engine, recipe: &Recipe, subject: &Subject) -> Picture {
    match engine.paint(recipe, subject, None, &mut Nobody).unwrap() {
        Outcome::Finished(picture) => picture,
        Outcome::Stopped { .. } => panic!("nobody stopped it"),
    }
}

fn paint_subject(pairs: &[(&str, &str)], content: Picture, styles: Vec<Style>) -> Picture {
    let recipe = recipe(pairs, styles.len(), None);
    let mut subject = Subject::new(&recipe, content);
    styles.into_iter().for_each(|style| subject.add_style(&recipe, style));
    paint_with(&ENGINE, &recipe, &subject)
}

fn paint(pairs: &[(&str, &str)]) -> Picture {
    paint_subject(pairs, photograph(), vec![painting().into()])
}

fn pixels(of: &Picture) -> &[[f32; 3]] {
    of.rgb().as_chunks().0
}

fn luminance(colour: &[f32; 3]) -> f32 {
    0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
}

/// The mean distance of two pictures' values.
fn apart(a: &Picture, b: &Picture) -> f32 {
    assert_eq!(a.size(), b.size());
    a.rgb().iter().zip(b.rgb()).map(|(a, b)| (a - b).abs()).sum::<f32>() / a.rgb().len() as f32
}

fn mean_colour(of: &Picture) -> [f32; 3] {
    let count = pixels(of).len() as f32;
    std::array::from_fn(|channel| pixels(of).iter().map(|pixel| pixel[channel]).sum::<f32>() / count)
}

/// How alike two pictures' edges are, from 0 to 1: the correlation of their luminances' differences from pixel to pixel.
fn edges_alike(a: &Picture, b: &Picture) -> f32 {
    let width = a.size().width as usize;
    let edges = |of: &Picture| -> Vec<f32> {
        let light: Vec<f32> = pixels(of).iter().map(luminance).collect();
        light
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .chain(light.windows(width + 1).map(|two| two[width] - two[0]))
            .collect()
    };
    let (a, b) = (edges(a), edges(b));
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
}

const QUICK: [(&str, &str); 2] = [("stages", "96x64:15"), ("report_every", "100")];

fn with<'a>(pairs: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    QUICK.iter().chain(pairs).copied().collect()
}

#[test]
fn the_photographs_colours_are_kept_to_the_last_step() {
    let (kept, usual) = (paint(&with(&[("colours", "content")])), paint(&QUICK));
    let photograph = photograph();
    let mut lighter = 0.0;
    for ((kept, usual), photograph) in pixels(&kept).iter().zip(pixels(&usual)).zip(pixels(&photograph)) {
        for channel in 0..3 {
            let chroma = |colour: &[f32; 3]| colour[channel] - luminance(colour);
            assert!((chroma(kept) - chroma(photograph)).abs() < 0.5 / 255.0);
        }
        lighter += (luminance(kept) - luminance(photograph)).abs();
        // The luminance is the painted one, wherever that makes a colour that can be shown.
        let shown = kept.iter().all(|value| (0.01..0.99).contains(value));
        assert!(!shown || (luminance(kept) - luminance(usual)).abs() < 1e-3);
    }
    assert!(lighter / pixels(&photograph).len() as f32 > 0.02, "{lighter}");
}

#[test]
fn a_painting_with_matched_colours_leaves_the_photographs_mean_alone() {
    let (usual, matched) = (paint(&QUICK), paint(&with(&[("colours", "matched")])));
    let want = mean_colour(&photograph());
    let off = |picture: &Picture| mean_colour(picture).iter().zip(want).map(|(a, b)| (a - b).abs()).sum::<f32>();
    assert!(off(&matched) < 0.25 * off(&usual), "{} and {}", off(&matched), off(&usual));
}

#[test]
fn what_no_mask_covers_stays_the_photograph() {
    // Soft from column 40 to 56.
    let soft = |x: f32| ((x - 40.0) / 16.0).clamp(0.0, 1.0);
    let values = (0..SIZE.height).flat_map(|_| (0..SIZE.width).map(|x| soft(x as f32)));
    let mask = Mask::new(SIZE, values.collect()).unwrap();
    for start in ["content", "noise"] {
        let style = Style { picture: painting(), mask: Some(mask.clone()), style_mask: None };
        let masked = paint_subject(&with(&[("init", start)]), photograph(), vec![style]);
        let photograph = photograph();
        let differs = |from: u32, to: u32| {
            let columns = pixels(&masked).iter().zip(pixels(&photograph)).enumerate();
            let columns = columns.filter(|(place, _)| (from..to).contains(&(*place as u32 % SIZE.width)));
            let apart: Vec<f32> = columns.flat_map(|(_, (a, b))| [0, 1, 2].map(|c| (a[c] - b[c]).abs())).collect();
            apart.iter().sum::<f32>() / apart.len() as f32
        };
        assert_eq!(differs(0, 41), 0.0, "{start}: outside of the mask");
        assert!(differs(60, 96) > 0.05, "{start}: within it");
        assert!(differs(44, 52) < differs(60, 96), "{start}: between the two");
    }
}

#[test]
fn two_styles_share_a_picture_as_their_masks_say() {
    let half = |left: bool| {
        let values = (0..SIZE.pixels()).map(|place| f32::from(u8::from((place % 96 < 48) == left)));
        Some(Mask::new(SIZE, values.collect()).unwrap())
    };
    let blue = picture(Size::new(64, 64), |x, y| {
        let stroke = ((x - y) / 5.0).sin();
        [0.15 + 0.1 * stroke, 0.3 + 0.1 * stroke, 0.7 + 0.25 * stroke]
    });
    let styles = || {
        vec![
            Style { picture: painting(), mask: half(true), style_mask: None },
            Style { picture: blue.clone(), mask: half(false), style_mask: None },
        ]
    };
    let both = paint_subject(&with(&[("strength", "0.8")]), photograph(), styles());
    let mean = |left: bool| {
        let side = pixels(&both).iter().enumerate().filter(|(place, _)| (place % 96 < 48) == left);
        let warmth: Vec<f32> = side.map(|(_, pixel)| pixel[0] - pixel[2]).collect();
        warmth.iter().sum::<f32>() / warmth.len() as f32
    };
    assert!(mean(true) > 0.2 && mean(false) < -0.2, "{} {}", mean(true), mean(false));
}

#[test]
fn only_the_masked_part_of_a_painting_counts() {
    // A painting that is red above and green below.
    let two = picture(Size::new(64, 64), |x, y| {
        let stroke = 0.15 * ((x + y) / 4.0).sin();
        if y < 32.0 { [0.7 + stroke, 0.1, 0.1] } else { [0.1, 0.7 + stroke, 0.1] }
    });
    let half = |above: bool| {
        let values = (0..64 * 64).map(|place| f32::from(u8::from((place < 32 * 64) == above)));
        Some(Mask::new(Size::new(64, 64), values.collect()).unwrap())
    };
    let redness = |part| {
        let style = Style { picture: two.clone(), mask: None, style_mask: part };
        let [red, green, _] = mean_colour(&paint_subject(&with(&[("strength", "0.8")]), photograph(), vec![style]));
        red - green
    };
    let (above, all, below) = (redness(half(true)), redness(None), redness(half(false)));
    assert!(above > all + 0.1 && all > below + 0.1, "{above} {all} {below}");
}

#[test]
fn the_first_layer_alone_changes_colours_and_leaves_forms() {
    let (first, usual) = (paint(&with(&[("style_layers", "conv1_1")])), paint(&QUICK));
    let (photograph, style) = (photograph(), mean_colour(&painting()));
    // Forms: what is to be seen at a quarter of the size. The grain is the painting's.
    let forms = |picture: &Picture| picture.resized(Size::new(24, 16), Filter::Bilinear);
    let alike = |picture: &Picture| edges_alike(&forms(picture), &forms(&photograph));
    assert!(alike(&first) > 0.8 && alike(&usual) < alike(&first) - 0.04, "{} {}", alike(&first), alike(&usual));
    let off = |picture: &Picture| mean_colour(picture).iter().zip(style).map(|(a, b)| (a - b).abs()).sum::<f32>();
    assert!(off(&first) < 0.5 * off(&photograph), "{} {}", off(&first), off(&photograph));
}

#[test]
fn layers_behind_the_last_one_asked_for_are_not_computed() {
    let mut backbone = vgg16();
    for convolution in &mut backbone.convolutions[3..] {
        convolution.kernel.fill(f32::NAN);
    }
    let engine = Engine::new(backbone, &settings()).unwrap();
    let recipe = recipe(&with(&[("style_layers", "conv1_1,conv1_2"), ("content_layers", "conv2_1")]), 1, None);
    let mut subject = Subject::new(&recipe, photograph());
    subject.add_style(&recipe, painting().into());
    assert!(apart(&paint_with(&engine, &recipe, &subject), &photograph()) > 0.02);
}

#[test]
fn every_pooling_paints_another_picture() {
    let [max, average, l2] = ["max", "average", "l2"].map(|pooling| paint(&with(&[("pooling", pooling)])));
    for (a, b) in [(&max, &average), (&average, &l2), (&l2, &max)] {
        assert!((0.002..0.2).contains(&apart(a, b)), "{}", apart(a, b));
    }
    assert!(l2 == paint(&QUICK), "the objective's own");
}

/// The wave's length in pixels along the rows that a picture has most of, by the discrete Fourier transform of its luminance.
fn longest_wave(of: &Picture) -> f32 {
    let Size { width, height } = of.size();
    let power = |waves: u32| -> f32 {
        let rows = pixels(of).chunks_exact(width as usize);
        let of_row = rows.map(|row| {
            let (mut cosine, mut sine) = (0f32, 0f32);
            for (x, pixel) in row.iter().enumerate() {
                let phase = std::f32::consts::TAU * waves as f32 * x as f32 / width as f32;
                cosine += luminance(pixel) * phase.cos();
                sine += luminance(pixel) * phase.sin();
            }
            cosine * cosine + sine * sine
        });
        of_row.sum::<f32>() / height as f32
    };
    let waves = (2..width / 2).max_by(|&a, &b| power(a).total_cmp(&power(b))).unwrap();
    width as f32 / waves as f32
}

#[test]
fn twice_the_scale_makes_strokes_twice_as_long() {
    // Stripes of 8 pixels on a painting as large as the picture.
    let stripes = picture(Size::new(96, 96), |x, _| [0.5 + 0.4 * (std::f32::consts::TAU * x / 8.0).sin(); 3]);
    let grey = picture(SIZE, |_, _| [0.5; 3]);
    let wave = |scale: &str| {
        let options = [("init", "noise"), ("content_weight", "0"), ("style_scale", scale)];
        longest_wave(&paint_subject(
            &[("stages", "96x64:60"), ("report_every", "100")].iter().chain(&options).copied().collect::<Vec<_>>(),
            grey.clone(),
            vec![stripes.clone().into()],
        ))
    };
    let [half, one, two] = ["0.5", "1", "2"].map(wave);
    for (have, want) in [(one, 8.0), (two / one, 2.0), (half / one, 0.5)] {
        assert!((have / want - 1.0).abs() < 0.15, "{half} {one} {two}");
    }
}

#[test]
fn noise_is_repeated_by_its_seed() {
    let from = |seed: &str| paint(&[("stages", "48x32:4"), ("init", "noise"), ("seed", seed)]);
    let (a, again, b) = (from("7"), from("7"), from("8"));
    assert!(a == again);
    assert!(apart(&a, &b) > 0.02, "{}", apart(&a, &b));
}

#[test]
fn a_run_starts_from_the_picture_it_is_given() {
    let start = painting().resized(Size::new(48, 32), Filter::Bicubic);
    // A step of all but no length.
    let pairs = [("stages", "96x64:1"), ("optimiser", "adam"), ("learning_rate", "1e-9")];
    let recipe = recipe(&pairs, 1, Some(start.size()));
    assert_eq!(recipe.init, Init::Picture);
    let mut subject = Subject::new(&recipe, photograph());
    subject.add_style(&recipe, painting().into());
    subject.start_from(&recipe, start.clone());
    assert!(apart(&paint_with(&ENGINE, &recipe, &subject), &start.resized(SIZE, Filter::Bicubic)) < 1e-5);
}

#[test]
fn a_transparent_photograph_comes_out_transparent_unless_it_is_laid_on_white() {
    let mut numbers = SplitMix64(1);
    let alpha = (0..SIZE.pixels()).map(|place| if place % 96 < 30 { 0.0 } else { numbers.next_f64() as f32 });
    let alpha = Mask::new(SIZE, alpha.collect()).unwrap();
    let content = photograph().with_alpha(alpha.clone());
    let short = [("stages", "96x64:4")];
    let kept = paint_subject(&short, content.clone(), vec![painting().into()]);
    assert_eq!(kept.alpha(), Some(&alpha));
    let white = paint_subject(&[short[0], ("alpha", "white")], content.clone(), vec![painting().into()]);
    assert_eq!(white.alpha(), None);
    let on_white = paint_subject(&short, content.laid_on_white(), vec![painting().into()]);
    assert!(white == on_white);
}
