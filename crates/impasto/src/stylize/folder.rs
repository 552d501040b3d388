//! A whole folder of pictures, one after the other.

use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use impasto_picture::{DecodeError, DecodeLimits, Format, Picture};

use super::{
    output::Output,
    studio::{Painted, Studio},
};
use crate::cli::StylizeArguments;

/// Paints every picture of the content's folder into the output's, and tells in the end which could not be.
pub fn paint_all(studio: &mut Studio<'_>, arguments: &StylizeArguments) -> anyhow::Result<Painted> {
    ensure!(arguments.checkpoint.is_none(), "--checkpoint: is for one picture, and --content is a folder");
    let (from, to) = (&arguments.content, &arguments.output);
    let format = arguments.format.unwrap_or(Format::Png);
    let encoding = studio.encoding(format)?;
    let pictures = pictures_in(from)?;
    ensure!(!pictures.is_empty(), "there is no picture in {}", from.display());
    let made = std::fs::create_dir_all(to).and_then(|()| Ok((from.canonicalize()?, to.canonicalize()?)));
    let (from, to) = made.with_context(|| format!("the folder {} cannot be made", to.display()))?;
    ensure!(from != to, "{} is the folder of the pictures too: give another", arguments.output.display());
    let names = result_names(&pictures, format);
    let mut failures = Vec::new();
    for (number, (picture, name)) in pictures.iter().zip(names).enumerate() {
        eprintln!("{} of {}: {}", number + 1, pictures.len(), picture.display());
        let painted = Output::at(&to.join(name)).and_then(|output| studio.paint(picture, output, encoding));
        match painted {
            Ok(Painted::Finished) => {}
            Ok(ended @ (Painted::Interrupted | Painted::Unheard)) => return Ok(ended),
            Err(error) => {
                eprintln!("{error:#}");
                failures.push(format!("\n  {error:#}"));
            }
        }
    }
    if failures.is_empty() {
        return Ok(Painted::Finished);
    }
    bail!("{} of {} pictures could not be painted:{}", failures.len(), pictures.len(), failures.concat())
}

/// The files that look like pictures, whatever their names, in the order of these. Hidden ones are left alone.
fn pictures_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let cannot = || format!("the folder {} cannot be read", folder.display());
    let mut pictures = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.is_file() && is_picture(&path) {
            pictures.push(path);
        }
    }
    pictures.sort();
    Ok(pictures)
}

/// Whether a file begins as some picture does. One that cannot be read counts: its failure is to be told.
fn is_picture(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = std::fs::File::open(path)
        .and_then(|file| std::io::Read::read_to_end(&mut std::io::Read::take(file, 4096), &mut start));
    let outline = Picture::memory_need(&start, &DecodeLimits::default());
    read.is_err() || !matches!(outline, Err(DecodeError::NotAPicture))
}

/// Each picture's name with the format's ending; with their own endings before it, where two would have one name otherwise.
fn result_names(pictures: &[PathBuf], format: Format) -> Vec<OsString> {
    let named = |name: Option<&OsStr>| {
        let mut name = name.unwrap_or_default().to_owned();
        name.push(".");
        name.push(format.extension());
        name
    };
    let short: Vec<OsString> = pictures.iter().map(|picture| named(picture.file_stem())).collect();
    let all_differ = short.iter().collect::<HashSet<_>>().len() == short.len();
    if all_differ { short } else { pictures.iter().map(|picture| named(picture.file_name())).collect() }
}
