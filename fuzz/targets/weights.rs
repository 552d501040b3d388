//! A file that is to hold a backbone's weights: it does, or is refused in words.
#![no_main]

use std::{fs::File, io::Write, sync::LazyLock};

use impasto_weights::{WeightsError, check};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use tempfile::TempDir;

#[derive(Debug, Arbitrary)]
enum Weights<'a> {
    /// Every byte of it.
    Whole(&'a [u8]),
    /// A header, after which come so many zeros: weights take megabytes, which nobody would come upon byte by byte.
    Header { zeros: u32, header: &'a [u8] },
    /// The same with as many zeros as there is room for in the longest file of a network.
    Fitting(&'a str),
}

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

/// The most zeros: VGG-19 in single precision takes 52 MB.
const MOST: u64 = 64 << 20;

fuzz_target!(|weights: Weights| {
    let path = FOLDER.path().join("weights.safetensors");
    let mut file = File::create(&path).unwrap();
    match weights {
        Weights::Whole(bytes) => file.write_all(bytes).unwrap(),
        Weights::Header { zeros, header } => write(&mut file, header, u64::from(zeros) % MOST),
        Weights::Fitting(header) => write(&mut file, header.as_bytes(), last_end(header).min(MOST)),
    }
    drop(file);
    match check(&path) {
        Ok(report) => assert!(!report.tensors.is_empty()),
        Err(WeightsError::File { flaw, .. }) => assert!(flaw.to_string().len() < 4096, "{flaw}"),
        Err(other) => panic!("{other}"),
    }
});

fn write(file: &mut File, header: &[u8], zeros: u64) {
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header).unwrap();
    file.set_len(8 + header.len() as u64 + zeros).unwrap();
}

/// Where the last tensor ends, as the header has it.
fn last_end(header: &str) -> u64 {
    let ends = header.split("\"data_offsets\":[").skip(1);
    let number = |text: &str| text.split([',', ']']).nth(1).and_then(|end| end.trim().parse().ok());
    ends.filter_map(number).max().unwrap_or(0)
}
