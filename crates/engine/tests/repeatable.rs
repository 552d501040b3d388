//! With one fingerprint the result is the same byte for byte, interrupted or not, on however many threads.

mod support;

use impasto_engine::{
    Checkpoint, CheckpointError, DeviceName, Engine, EngineError, EngineSettings, Flow, Observer, Outcome, Snapshot,
    Style, Subject, vgg::Architecture,
};
use impasto_picture::{Filter, Format, Mask, Picture};
use impasto_recipe::{Inputs, Limits, Options, Position, Precision, ProgressEntry, Recipe, Size};
use support::{SplitMix64, seeded};

fn picture(seed: u64, size: Size) -> Picture {
    let mut numbers = SplitMix64(seed);
    let rgb = (0..3 * size.pixels()).map(|_| numbers.next_f64() as f32).collect();
    Picture::new(size, rgb).unwrap()
}

fn subject() -> Subject {
    let styles = vec![picture(2, Size::new(40, 33)).into(), picture(3, Size::new(20, 61)).into()];
    Subject { content: picture(1, Size::new(51, 38)), styles, initial: None }
}

fn recipe(pairs: &[(&str, &str)]) -> Recipe {
    let mut options = Options::default();
    for (name, text) in pairs {
        options.set(name, text).unwrap();
    }
    options.resolve(&Inputs::new(Size::new(51, 38), 2), &Limits::default()).unwrap()
}

fn two_stages(objective: &str) -> Recipe {
    two_stages_by("adam", objective)
}

fn two_stages_by(optimiser: &str, objective: &str) -> Recipe {
    recipe(&[
        ("stages", "24x18:4:2,37x29:3"),
        ("optimiser", optimiser),
        ("objective", objective),
        ("learning_rate", "0.05"),
        ("report_every", "2"),
        ("style_weights", "3,1"),
    ])
}

/// Those that a CPU computes in.
const PRECISIONS: [Precision; 2] = [Precision::F32, Precision::Bf16];

fn engine_of(threads: usize, seed: u64, precision: Precision) -> Engine {
    let settings = EngineSettings { device: DeviceName::Cpu, precision, threads: Some(threads) };
    Engine::new(seeded(Architecture::Vgg16, 16, seed), &settings).unwrap()
}

fn engine(threads: usize) -> Engine {
    engine_of(threads, 4, Precision::F32)
}

/// Remembers what it hears, and stops at a position.
#[derive(Default)]
struct Listener {
    heard: Vec<ProgressEntry>,
    stop_at: Option<Position>,
}

impl Observer for Listener {
    fn progress(&mut self, entry: &ProgressEntry) {
        self.heard.push(ProgressEntry { seconds_per_epoch: 0.0, ..*entry });
    }

    fn epoch(&mut self, now: &Snapshot<'_>) -> Flow {
        if self.stop_at == Some(now.position()) { Flow::Stop } else { Flow::Continue }
    }
}

fn bytes_of(picture: &Picture) -> Vec<u8> {
    picture.encode(Format::Png16).unwrap()
}

fn undisturbed(engine: &Engine, recipe: &Recipe) -> (Vec<u8>, Vec<ProgressEntry>) {
    undisturbed_of(engine, recipe, &subject())
}

fn undisturbed_of(engine: &Engine, recipe: &Recipe, subject: &Subject) -> (Vec<u8>, Vec<ProgressEntry>) {
    let mut listener = Listener::default();
    match engine.paint(recipe, subject, None, &mut listener).unwrap() {
        Outcome::Finished(picture) => (bytes_of(&picture), listener.heard),
        Outcome::Stopped { .. } => panic!("nobody stopped it"),
    }
}

fn stopped_at(engine: &Engine, recipe: &Recipe, stage: u32, epoch: u32) -> (Checkpoint, Vec<ProgressEntry>) {
    stopped_of(engine, recipe, &subject(), stage, epoch)
}

fn stopped_of(
    engine: &Engine,
    recipe: &Recipe,
    subject: &Subject,
    stage: u32,
    epoch: u32,
) -> (Checkpoint, Vec<ProgressEntry>) {
    let mut listener = Listener { stop_at: Some(Position { stage, epoch }), ..Listener::default() };
    match engine.paint(recipe, subject, None, &mut listener).unwrap() {
        Outcome::Stopped { checkpoint, .. } => (*checkpoint, listener.heard),
        Outcome::Finished(_) => panic!("it did not stop"),
    }
}

fn file_of(checkpoint: Checkpoint) -> Vec<u8> {
    checkpoint.into_pieces().unwrap().concat()
}

/// Everything that can be asked for, at once.
fn elaborate(optimiser: &str, objective: &str) -> Recipe {
    let pooling = if objective == "published" { "l2" } else { "average" };
    recipe(&[
        ("stages", "24x18:4:2,37x29:3"),
        ("optimiser", optimiser),
        ("objective", objective),
        ("learning_rate", "0.05"),
        ("report_every", "2"),
        ("style_weights", "3,1"),
        ("init", "noise"),
        ("seed", "5"),
        ("style_scale", "0.7"),
        ("colours", "matched"),
        ("pooling", pooling),
        ("content_layers", "conv2_2,conv3_1:0.5"),
        ("style_layers", "conv1_2,conv2_1:2"),
    ])
}

/// With masks of every kind, and transparent in places.
fn elaborate_subject(recipe: &Recipe) -> Subject {
    let drawn = |seed: u64, size: Size| {
        let mut numbers = SplitMix64(seed);
        Mask::new(size, (0..size.pixels()).map(|_| (numbers.next_f64() * 2.0 - 0.5).clamp(0.0, 1.0) as f32).collect())
    };
    let content = picture(1, Size::new(51, 38)).with_alpha(drawn(6, Size::new(9, 9)).unwrap());
    let mut subject = Subject::new(recipe, content);
    let (first, second) = (picture(2, Size::new(40, 33)), picture(3, Size::new(20, 61)));
    let (mask, style_mask) = (drawn(7, Size::new(7, 5)).ok(), drawn(8, Size::new(30, 30)).ok());
    subject.add_style(recipe, Style { picture: first, mask, style_mask });
    subject.add_style(recipe, Style { picture: second, mask: drawn(9, Size::new(60, 50)).ok(), style_mask: None });
    subject
}

#[test]
fn a_run_goes_on_from_any_epoch_as_if_nothing_had_been() {
    for (precision, optimiser, objective) in [
        (Precision::F32, "adam", "published"),
        (Precision::F32, "lbfgs", "relative"),
        (Precision::Bf16, "adam", "relative"),
        (Precision::Bf16, "lbfgs", "published"),
    ] {
        for elaborately in [false, true] {
            let engine = engine_of(2, 4, precision);
            let recipe =
                if elaborately { elaborate(optimiser, objective) } else { two_stages_by(optimiser, objective) };
            let subject = if elaborately { elaborate_subject(&recipe) } else { subject() };
            goes_on_from_any_epoch(&engine, &recipe, &subject);
        }
    }
}

fn goes_on_from_any_epoch(engine: &Engine, recipe: &Recipe, subject: &Subject) {
    let name = format!("{} {} {}", engine.fingerprint(), recipe.optimiser, recipe.objective);
    let (picture, entries) = undisturbed_of(engine, recipe, subject);
    for (stage, epoch) in [(1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 3)] {
        let (checkpoint, before) = stopped_of(engine, recipe, subject, stage, epoch);
        let checkpoint = Checkpoint::decode(&file_of(checkpoint)).unwrap();
        assert_eq!(checkpoint.position(), Position { stage, epoch });
        let mut listener = Listener::default();
        let Outcome::Finished(resumed) = engine.paint(recipe, subject, Some(checkpoint), &mut listener).unwrap() else {
            panic!("nobody stopped it")
        };
        assert!(bytes_of(&resumed) == picture, "{name} from {stage}:{epoch}");
        let mut heard = before;
        for entry in listener.heard {
            heard.retain(|earlier| earlier.position() != entry.position());
            heard.push(entry);
        }
        assert_eq!(heard, entries, "{name} from {stage}:{epoch}");
    }
}

#[test]
fn a_checkpoint_of_another_optimiser_is_refused() {
    let engine = engine(2);
    let (checkpoint, _) = stopped_at(&engine, &two_stages_by("lbfgs", "relative"), 1, 2);
    let refused = engine.paint(&two_stages("relative"), &subject(), Some(checkpoint), &mut Listener::default());
    assert!(matches!(refused, Err(EngineError::Checkpoint(CheckpointError::OtherRecipe { .. }))));
}

#[test]
fn lbfgs_never_ends_above_the_losses_it_has_seen() {
    let recipe = recipe(&[
        ("stages", "37x29:25"),
        ("optimiser", "lbfgs"),
        ("objective", "published"),
        ("learning_rate", "3"),
        ("report_every", "1"),
    ]);
    let (_, entries) = undisturbed(&engine(2), &recipe);
    let least = entries.iter().map(|entry| entry.total).fold(f64::INFINITY, f64::min);
    let last = entries.last().unwrap();
    // The finished picture is looked at once more, by the forward pass alone: the same sums.
    assert_eq!(last.total, least, "{entries:?}");
}

#[test]
fn threads_do_not_change_the_result() {
    let recipe = two_stages("relative");
    for precision in PRECISIONS {
        let on = |threads| undisturbed(&engine_of(threads, 4, precision), &recipe);
        assert!(on(1) == on(3), "{precision}");
    }
}

#[test]
fn losses_are_reported_when_due_and_once_more_at_the_end_of_each_stage() {
    let (_, entries) = undisturbed(&engine(2), &two_stages("published"));
    let told: Vec<_> = entries.iter().map(|entry| (entry.stage, entry.epoch)).collect();
    assert_eq!(told, [(1, 2), (1, 4), (2, 2), (2, 3)]);
    let rates: Vec<_> = entries.iter().map(|entry| entry.learning_rate).collect();
    assert_eq!(rates, [0.05, 0.05 * 0.1, 0.05, 0.05]);
    for entry in entries {
        assert_eq!(entry.total, entry.content + entry.style + entry.tv);
    }
}

#[test]
fn a_checkpoint_of_another_backbone_or_recipe_is_refused() {
    let recipe = two_stages("relative");
    let (checkpoint, _) = stopped_at(&engine(2), &recipe, 1, 2);
    let refused = |engine: &Engine, recipe: &Recipe| {
        engine.paint(recipe, &subject(), Some(checkpoint.clone()), &mut Listener::default()).unwrap_err()
    };
    let other = refused(&engine_of(2, 5, Precision::F32), &recipe);
    assert!(matches!(other, EngineError::Checkpoint(CheckpointError::OtherFingerprint { .. })), "{other}");
    let other = refused(&engine_of(2, 4, Precision::Bf16), &recipe);
    assert!(matches!(other, EngineError::Checkpoint(CheckpointError::OtherFingerprint { .. })), "{other}");
    let other = refused(&engine(2), &recipe_of_other_size());
    assert!(matches!(other, EngineError::Checkpoint(CheckpointError::OtherRecipe { .. })), "{other}");
}

fn recipe_of_other_size() -> Recipe {
    recipe(&[("stages", "25x18:4")])
}

#[test]
fn a_checkpoint_of_lbfgs_takes_84_bytes_a_pixel() {
    let recipe = recipe(&[("stages", "48x32:12"), ("optimiser", "lbfgs"), ("objective", "published")]);
    let (checkpoint, _) = stopped_at(&engine(2), &recipe, 1, 11);
    let pieces = checkpoint.into_pieces().unwrap();
    let lengths: Vec<usize> = pieces[1..].iter().map(|piece| piece.len() * 10 / (48 * 32)).collect();
    // The scalars; image and gradient in f32; five pairs in bf16.
    assert_eq!(lengths, [[0].as_slice(), &[120; 2], &[60; 10]].concat());
    assert!(pieces[0].len().is_multiple_of(8));
}

#[test]
fn a_checkpoint_of_another_version_is_refused() {
    let (checkpoint, _) = stopped_at(&engine(2), &two_stages("relative"), 1, 2);
    let bytes = file_of(checkpoint);
    let place = bytes.windows(12).position(|window| window == br#""format":"2""#).unwrap();
    for (from, to) in [(10, b'1'), (10, b'3'), (1, b'F')] {
        let mut other = bytes.clone();
        other[place + from] = to;
        let error = Checkpoint::decode(&other).unwrap_err();
        assert_eq!(error.to_string(), "the checkpoint cannot be read: another version of this program wrote it");
    }
}

#[test]
fn damaged_checkpoints_are_refused_and_never_panic() {
    let (checkpoint, _) = stopped_at(&engine(2), &two_stages("relative"), 1, 2);
    let bytes = file_of(checkpoint);
    for length in [0, 1, 7, 8, 9, 100, bytes.len() / 2, bytes.len() - 1] {
        assert!(Checkpoint::decode(&bytes[..length]).is_err(), "{length} bytes of {}", bytes.len());
    }
    assert!(Checkpoint::decode(&[0xff; 64]).is_err());
    let mut numbers = SplitMix64(9);
    for _ in 0..500 {
        let mut bent = bytes.clone();
        let place = numbers.next_u64() as usize % bytes.len().min(600);
        bent[place] ^= 1 << (numbers.next_u64() % 8);
        drop(Checkpoint::decode(&bent));
    }
}

#[test]
fn a_checkpoint_whose_picture_does_not_fit_its_image_is_refused() {
    let (checkpoint, _) = stopped_at(&engine(2), &two_stages("relative"), 1, 2);
    let bytes = file_of(checkpoint);
    let place = bytes.windows(5).position(|window| window == b"24x18").unwrap();
    for size in [b"00x18", b"99x18", b"24x99", b"24-18"] {
        let mut bent = bytes.clone();
        bent[place..][..5].copy_from_slice(size);
        assert!(Checkpoint::decode(&bent).is_err(), "{}", String::from_utf8_lossy(size));
    }
    let mut smaller = bytes.clone();
    smaller[place..][..5].copy_from_slice(b"23x18");
    let smaller = Checkpoint::decode(&smaller).unwrap();
    let refused = engine(2).paint(&two_stages("relative"), &subject(), Some(smaller), &mut Listener::default());
    assert!(matches!(refused, Err(EngineError::Checkpoint(CheckpointError::OtherRecipe { .. }))));
}

#[test]
fn the_margin_is_cut_off_where_it_was_put_on() {
    // Steps of all but no length, at sizes whose margins are not the same on both sides.
    let recipe = recipe(&[
        ("stages", "37x29:1"),
        ("objective", "relative"),
        ("optimiser", "adam"),
        ("learning_rate", "1e-9"),
        ("style_weights", "1,1"),
    ]);
    let Outcome::Finished(have) = engine(2).paint(&recipe, &subject(), None, &mut Listener::default()).unwrap() else {
        panic!("nobody stopped it")
    };
    let want = subject().content.resized(Size::new(37, 29), Filter::Bicubic);
    assert_eq!(have.size(), want.size());
    for (have, want) in have.rgb().iter().zip(want.rgb()) {
        assert!((have - want).abs() < 1e-5, "{have} for {want}");
    }
}

#[test]
fn losses_that_are_no_numbers_end_the_run() {
    let by_adam = recipe(&[
        ("stages", "24x18:40"),
        ("optimiser", "adam"),
        ("learning_rate", "1e30"),
        ("report_every", "1"),
        ("style_weights", "1,1"),
    ]);
    // L-BFGS has no earlier image to go back to.
    let from_the_first = recipe(&[("stages", "24x18:40"), ("optimiser", "lbfgs"), ("style_weight", "1e308")]);
    for precision in PRECISIONS {
        let engine = engine_of(2, 4, precision);
        for recipe in [&by_adam, &from_the_first] {
            let error = engine.paint(recipe, &subject(), None, &mut Listener::default()).unwrap_err();
            assert!(matches!(error, EngineError::Diverged(_)), "{error}");
        }
    }
}

#[test]
fn lbfgs_takes_steps_back_that_lead_to_no_numbers_whenever_losses_are_reported() {
    // A first step so far off that the first stage is over before it has been halved enough, and most of the second one.
    let reporting = |every: &str| {
        recipe(&[
            ("stages", "24x18:10,37x29:60"),
            ("optimiser", "lbfgs"),
            ("learning_rate", "1e12"),
            ("report_every", every),
        ])
    };
    for precision in PRECISIONS {
        let engine = engine_of(2, 4, precision);
        let (picture, entries) = undisturbed(&engine, &reporting("1"));
        assert_eq!(entries.len(), 70);
        let (first, ninth) = (entries[0], entries[8]);
        assert_eq!(first.total, ninth.total, "nothing but steps taken back in the first stage");
        assert_eq!(entries[9].total, first.total, "so that it ends where it began");
        assert!(entries.last().unwrap().total < entries[10].total, "but not in the second");
        for every in ["3", "1000"] {
            assert!(undisturbed(&engine, &reporting(every)).0 == picture, "{precision}, every {every}");
        }
    }
}

#[test]
fn a_picture_that_cannot_be_improved_is_the_result() {
    let flat = |size: Size| Picture::new(size, [0.3, 0.5, 0.8].repeat(size.pixels() as usize)).unwrap();
    let styles = vec![flat(Size::new(51, 38)).into(); 2];
    let sky = Subject { content: flat(Size::new(51, 38)), styles, initial: None };
    let content_alone = [("style_weight", "0"), ("tv_weight", "0")];
    for precision in PRECISIONS {
        let engine = engine_of(2, 4, precision);
        for (objective, subject, options) in [
            ("published", &sky, [].as_slice()),
            ("published", &subject(), content_alone.as_slice()),
            ("relative", &subject(), content_alone.as_slice()),
        ] {
            let stages =
                [("stages", "51x38:9"), ("optimiser", "lbfgs"), ("objective", objective), ("report_every", "1")];
            let recipe = recipe(&[stages.as_slice(), options].concat());
            let outcome = engine.paint(&recipe, subject, None, &mut Listener::default()).unwrap();
            let Outcome::Finished(picture) = outcome else { panic!("nobody stopped it") };
            for (have, want) in picture.rgb().iter().zip(subject.content.rgb()) {
                assert!((have - want).abs() < 1e-6, "{precision} {objective}: {have} for {want}");
            }
        }
    }
}

#[test]
fn a_cpu_refuses_what_it_does_not_compute_in() {
    let settings = EngineSettings { device: DeviceName::Cpu, precision: Precision::Tf32, threads: None };
    let error = Engine::new(seeded(Architecture::Vgg16, 16, 4), &settings).err().unwrap().to_string();
    assert!(error.contains("cpu does not compute in tf32") && error.contains("f32"), "{error}");
}

#[test]
fn pictures_are_kept_no_larger_than_a_stage_needs() {
    let recipe = recipe(&[("stages", "16x30:1,24x18:1"), ("style_weights", "1,1")]);
    let mut kept = Subject::new(&recipe, picture(1, Size::new(102, 20)));
    kept.add_style(&recipe, picture(2, Size::new(400, 400)).into());
    kept.add_style(&recipe, picture(3, Size::new(20, 15)).into());
    // The widest of one stage and the highest of another, but no more than there is.
    assert_eq!(kept.content.size(), Size::new(24, 20));
    let sizes: Vec<Size> = kept.styles.iter().map(|style| style.picture.size()).collect();
    assert_eq!(sizes, [Size::new(30, 30), Size::new(20, 15)]);
    assert_eq!(kept.styles[1].picture, picture(3, Size::new(20, 15)), "what is small enough stays as it is");
}
