//! `impasto stylize`, as a person in a shell sees it.

#[path = "common/pictures.rs"]
mod pictures;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
};

use image::{DynamicImage, GrayImage, ImageFormat, RgbaImage};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

fn command(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_impasto"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("IMPASTO__")) {
        command.env_remove(name);
    }
    let arguments = arguments.split_whitespace();
    command.args(["stylize", "--threads", "1", "--style", "painting.png"]).args(arguments).current_dir(folder);
    command
}

fn stylize(folder: &TempDir, arguments: &str) -> Output {
    command(folder.path(), arguments).output().expect("the program runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn succeeds(folder: &TempDir, arguments: &str) -> String {
    let output = stylize(folder, arguments);
    assert!(output.status.success(), "{arguments}: {}", said(&output));
    said(&output)
}

#[track_caller]
fn fails(folder: &TempDir, arguments: &str) -> String {
    let output = stylize(folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments}: {}", said(&output));
    said(&output)
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("there is room");
    write(&folder, "photo.png", &pictures::photograph(60, 40));
    write(&folder, "painting.png", &pictures::painting(40, 50));
    folder
}

fn write(folder: &TempDir, name: &str, bytes: &[u8]) {
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().expect("it lies in the folder")).expect("there is room");
    std::fs::write(path, bytes).expect("it can be written");
}

fn open(folder: &TempDir, name: &str) -> DynamicImage {
    image::open(folder.path().join(name)).expect("it is a picture")
}

/// The names of all that is in a folder, in order.
fn listed(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("it is there").flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

const QUICK: &str = "--stages 24x16:2";

#[test]
fn a_result_is_written_in_every_format_and_tagged_as_srgb() {
    let folder = folder();
    for (name, flags, format) in [
        ("a.png", "", ImageFormat::Png),
        ("b.png", "--format png16", ImageFormat::Png),
        ("c.jpg", "--quality 40", ImageFormat::Jpeg),
        ("d.webp", "", ImageFormat::WebP),
        ("e.tif", "", ImageFormat::Tiff),
        ("no-ending", "--format jpeg", ImageFormat::Jpeg),
    ] {
        succeeds(&folder, &format!("--content photo.png {QUICK} -o {name} {flags}"));
        let bytes = std::fs::read(folder.path().join(name)).expect("it was written");
        assert_eq!(image::guess_format(&bytes).expect("it is a picture"), format, "{name}");
        // PNG's own chunk, or the signature of an embedded profile.
        let tagged = bytes.windows(4).any(|window| [b"sRGB", b"acsp"].contains(&window.try_into().expect("four")));
        assert!(tagged, "{name} says that its colours are sRGB");
    }
    assert!(matches!(open(&folder, "a.png"), DynamicImage::ImageRgb8(_)));
    assert!(matches!(open(&folder, "b.png"), DynamicImage::ImageRgb16(_)));
    let said = fails(&folder, &format!("--content photo.png {QUICK} -o x.png --quality 40"));
    assert!(said.contains("--quality: a png loses nothing"), "{said}");
    let said = fails(&folder, &format!("--content photo.png {QUICK} -o x.png --format jpeg"));
    assert!(said.contains("x.png: its name says png, and --format jpeg"), "{said}");
}

#[test]
fn a_black_mask_leaves_the_photograph_and_a_white_one_the_painting() {
    let folder = folder();
    for (name, grey) in [("black.png", 0), ("white.png", 255)] {
        GrayImage::from_pixel(7, 5, [grey].into()).save(folder.path().join(name)).expect("it can be written");
    }
    let size = "--size original --epochs 4";
    succeeds(&folder, &format!("--content photo.png {size} -o plain.png"));
    succeeds(&folder, &format!("--content photo.png {size} -o black-out.png --mask black.png"));
    succeeds(&folder, &format!("--content photo.png {size} -o white-out.png --mask white.png"));
    let pixels = |name: &str| open(&folder, name).to_rgb8();
    assert_eq!(pixels("black-out.png"), pixels("photo.png"));
    assert_ne!(pixels("plain.png"), pixels("photo.png"));
    // Sums that are weighed by ones are rounded otherwise.
    let apart = pixels("white-out.png").iter().zip(pixels("plain.png").iter()).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(apart <= Some(3), "{apart:?}");
    let said = fails(&folder, &format!("--content photo.png {size} -o x.png --mask black.png --mask white.png"));
    assert!(said.contains("--mask: 2 of them for 1 style pictures"), "{said}");
}

#[test]
fn a_transparent_photograph_comes_out_transparent() {
    let folder = folder();
    let logo = RgbaImage::from_fn(40, 30, |x, y| [200, 60, 30, if x < 20 { 0 } else { (y * 8) as u8 }].into());
    logo.save(folder.path().join("logo.png")).expect("it can be written");
    succeeds(&folder, "--content logo.png --size original --epochs 2 -o kept.png");
    succeeds(&folder, "--content logo.png --size original --epochs 2 -o white.png --alpha white");
    let kept = open(&folder, "kept.png").to_rgba8();
    assert!(kept.pixels().zip(logo.pixels()).all(|(kept, logo)| kept[3] == logo[3]));
    assert!(matches!(open(&folder, "white.png"), DynamicImage::ImageRgb8(_)));
}

#[test]
fn an_earlier_result_is_the_start_of_a_larger_one() {
    let folder = folder();
    succeeds(&folder, "--content photo.png --size 32 --epochs 4 -o small.png");
    let larger = |flags: &str, name: &str| {
        succeeds(&folder, &format!("--content photo.png --size 48 --epochs 2 {flags} -o {name}"));
        open(&folder, name).to_rgb8()
    };
    let (from_small, from_photo) = (larger("--initial small.png", "large.png"), larger("", "other.png"));
    assert_eq!(from_small.dimensions(), (48, 32));
    let small = open(&folder, "small.png").resize_exact(48, 32, image::imageops::CatmullRom).to_rgb8();
    let apart = |other: &image::RgbImage| -> u32 {
        other.iter().zip(small.iter()).map(|(a, b)| u32::from(a.abs_diff(*b))).sum()
    };
    assert!(apart(&from_small) < apart(&from_photo), "{} {}", apart(&from_small), apart(&from_photo));
    let said = fails(&folder, "--content photo.png --size 48 --initial small.png --init noise -o x.png");
    assert!(said.contains("--init: says noise, and a picture to start from is given"), "{said}");
}

#[test]
fn every_picture_of_a_folder_is_painted_and_failures_are_listed_at_the_end() {
    let folder = folder();
    let photo = pictures::photograph(40, 30);
    write(&folder, "in/one.png", &photo);
    write(&folder, "in/two.png", &photo);
    // A PNG under another name, and one name for two results.
    write(&folder, "in/two.jpeg", &photo);
    write(&folder, "in/cut.png", &photo[..photo.len() / 2]);
    write(&folder, "in/phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic");
    write(&folder, "in/notes.txt", b"to be painted by Friday");
    write(&folder, "in/.hidden.png", &photo);
    let said = fails(&folder, &format!("--content in {QUICK} -o out/deep"));
    assert_eq!(listed(&folder.path().join("out/deep")), ["one.png.png", "two.jpeg.png", "two.png.png"]);
    let end = said.split("impasto: ").last().expect("the last word");
    assert!(end.starts_with("2 of 5 pictures could not be painted:"), "{said}");
    assert!(end.contains("in/cut.png") && end.contains("in/phone.heic"), "{said}");
    assert!(end.contains("HEIC"), "{said}");

    succeeds(&folder, &format!("--content out/deep {QUICK} -o jpegs --format jpeg"));
    assert_eq!(listed(&folder.path().join("jpegs")).len(), 3);
    for (flags, says) in [
        ("--content in -o in", "in is the folder of the pictures too"),
        ("--content in -o out --checkpoint c", "--checkpoint: is for one picture"),
        ("--content in -o photo.png", "photo.png cannot be made"),
    ] {
        let said = fails(&folder, &format!("{flags} {QUICK}"));
        assert!(said.contains(says), "{flags}: {said}");
    }
}

#[test]
fn the_place_for_the_result_is_tried_before_anything_is_painted() {
    let folder = folder();
    write(&folder, "kept.png", b"what was there before");
    std::os::unix::fs::symlink("gone.png", folder.path().join("nowhere.png")).expect("links can be made");
    for (output, says) in [
        ("-o .", "is a folder: give the name of a file"),
        ("-o out.png/", "names a folder: give the name of a file"),
        ("-o nowhere.png", "is a link that leads nowhere"),
        ("-o photo.png", "photo.png is one of the pictures to paint with"),
        ("-o out.png --checkpoint out.png", "--checkpoint: it is the place of the result too"),
        ("-o /dev/null --format png", "/dev/null is not a file"),
        ("-o /proc/out.png", "cannot be written"),
        ("-o nowhere/out.png", "there is no folder nowhere"),
    ] {
        let said = fails(&folder, &format!("--content photo.png {QUICK} {output}"));
        assert!(said.contains(says), "{output}: {said}");
        assert!(!said.contains("vgg16"), "{output}: nothing was begun: {said}");
    }
    let too_wide = fails(&folder, "--content photo.png --stages 16400x16:2 -o out.webp");
    assert!(too_wide.contains("at most 16384 pixels a side") && !too_wide.contains("vgg16"), "{too_wide}");
    // As on a disk that is full: no file may be larger than 20 blocks of 512 bytes.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 20; exec \"$0\" \"$@\""]).arg(env!("CARGO_BIN_EXE_impasto"));
    limited.args("stylize --content photo.png --style painting.png --stages 24x16:2 -o kept.png".split(' '));
    let output = limited.current_dir(folder.path()).output().expect("a shell is there");
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("kept.png cannot be written: there is no room"), "{}", said(&output));
    assert_eq!(std::fs::read(folder.path().join("kept.png")).unwrap(), b"what was there before");
    assert_eq!(
        listed(folder.path()),
        ["kept.png", "nowhere.png", "painting.png", "photo.png"],
        "and nothing is left lying about"
    );
}

#[test]
fn limits_are_the_services_and_can_be_changed_by_flags() {
    let folder = folder();
    write(&folder, "small.toml", b"[server]\nmax_pixels = 1000\nmax_stage_pixels = 2000\nmax_epochs = 3\n");
    let painting = "--content photo.png -o out.png";
    for (flags, says) in [
        ("--stages 24x16:2 --config small.toml", "and the limit is 1000"),
        ("--stages 24x16:2 --config small.toml --max-pixels 3000", "above the limit of 2000 pixels"),
        ("--stages 24x16:4 --config small.toml --max-pixels 3000 --max-stage-pixels 9000", "above the limit of 3"),
        ("--stages 24x16:2 --max-file-bytes 100", "above the limit of 100"),
        ("--stages 24x16:2 --max-styles 0", "above the limit of 0"),
        ("--stages 20000x20000:1", "above the limit of 16000000 pixels"),
    ] {
        let said = fails(&folder, &format!("{painting} {flags}"));
        assert!(said.contains(says), "{flags}: {said}");
    }
    succeeds(
        &folder,
        &format!(
            "{painting} --stages 24x16:4 --config small.toml --max-pixels 3000 --max-stage-pixels 9000 --max-epochs 4"
        ),
    );
}

#[test]
fn an_interrupted_run_goes_on_from_its_checkpoint_byte_for_byte() {
    let folder = folder();
    let painting = "--content photo.png --stages 24x16:8,48x32:80 --init noise --report-every 1";
    let interrupted = |flags: &str| {
        let mut child = command(folder.path(), &format!("{painting} {flags}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let in_second_stage =
            |line: &std::io::Result<String>| line.as_ref().is_ok_and(|line| line.starts_with("stage 2 epoch    3"));
        assert!(lines.any(|line| in_second_stage(&line)), "it comes to its second stage");
        kill_process(Pid::from_child(&child), Signal::INT).expect("it is there");
        // What it prints until it stops is taken off its hands.
        lines.for_each(drop);
        child.wait_with_output().expect("it ends")
    };
    let output = interrupted("-o out.png --checkpoint saved");
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(said(&output).contains("the same command goes on from saved"), "{}", said(&output));
    assert_eq!(listed(folder.path()), ["painting.png", "photo.png", "saved"]);

    let said_of_others = fails(&folder, &format!("{painting} -o out.png --checkpoint saved --seed 4"));
    assert!(said_of_others.contains("saved is a checkpoint of other pictures or options"), "{said_of_others}");
    let went_on = succeeds(&folder, &format!("{painting} -o out.png --checkpoint saved"));
    assert!(went_on.contains("going on from saved: stage 2 epoch"), "{went_on}");
    assert_eq!(listed(folder.path()), ["out.png", "painting.png", "photo.png"], "the checkpoint has served");
    succeeds(&folder, &format!("{painting} -o undisturbed.png"));
    let bytes = |name: &str| std::fs::read(folder.path().join(name)).expect("it was written");
    assert!(bytes("out.png") == bytes("undisturbed.png"));

    let output = interrupted("-o gone.png");
    assert_eq!(output.status.code(), Some(130));
    assert!(said(&output).contains("nothing of it is kept"), "{}", said(&output));
    assert!(!folder.path().join("gone.png").exists());
}
