//! Weights files: what is read of them, and what they are refused for.

mod common;

use std::{fs, io::Write, path::PathBuf};

use common::{Tensor, VGG19, WeightsFile};
use half::{bf16, f16};
use impasto_engine::vgg::Architecture;
use impasto_recipe::BackboneChoice;
use impasto_weights::{Flaw, Hub, Report, Settings, Store, WeightsError, check};
use safetensors::Dtype;
use tempfile::TempDir;

fn in_folder(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn checked(bytes: &[u8]) -> Result<Report, Flaw> {
    let (_folder, path) = in_folder(bytes);
    check(&path).map_err(|error| match error {
        WeightsError::File { flaw, .. } => flaw,
        other => panic!("{other}"),
    })
}

fn refusal(bytes: &[u8]) -> String {
    checked(bytes).unwrap_err().to_string()
}

#[test]
fn a_good_file_is_told_of() {
    let report = checked(&VGG19).unwrap();
    assert_eq!(report.architecture, Architecture::Vgg19);
    assert_eq!(report.dtype(), "f16");
    assert_eq!(report.bytes, VGG19.len() as u64);
    assert_eq!(report.tensors.len(), 26);
    assert_eq!(report.tensors[24].name, "features.28.weight");
    assert_eq!(report.tensors[24].shape, [512, 512, 3, 3]);
    assert_eq!(report.hash.len(), 64);
}

#[test]
fn all_three_types_are_read() {
    let numbers = [0.5_f32, -1.25, 3.0];
    for (dtype, name) in [(Dtype::F32, "f32"), (Dtype::F16, "f16"), (Dtype::BF16, "bf16")] {
        let mut file = WeightsFile::of(Architecture::Vgg16, dtype);
        let stored: Vec<u8> = match dtype {
            Dtype::F32 => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
            Dtype::F16 => numbers.iter().flat_map(|&number| f16::from_f32(number).to_le_bytes()).collect(),
            _ => numbers.iter().flat_map(|&number| bf16::from_f32(number).to_le_bytes()).collect(),
        };
        file.tensor("features.24.bias").data[..stored.len()].copy_from_slice(&stored);
        let (folder, path) = in_folder(&file.bytes());
        assert_eq!(check(&path).unwrap().dtype(), name);
        let settings = Settings { cache: folder.path().to_owned(), vgg16: Some(path), vgg19: None, download: false };
        let backbone =
            Store::with_hub(settings, Hub::at("http://127.0.0.1:9")).load(BackboneChoice::Vgg16, &|| {}).unwrap();
        assert_eq!(backbone.convolutions[10].bias[..3], numbers);
    }
}

#[test]
fn the_hash_is_of_the_used_tensors_alone() {
    let mut file = WeightsFile::of(Architecture::Vgg16, Dtype::F16);
    let plain = checked(&file.bytes()).unwrap().hash;

    let classifier =
        Tensor { name: "classifier.0.bias".to_owned(), dtype: Dtype::F32, shape: vec![4], data: vec![0xff; 16] };
    file.tensors.push(classifier);
    assert_eq!(checked(&file.bytes()).unwrap().hash, plain);

    file.tensor("features.7.bias").data[0] ^= 1;
    assert_ne!(checked(&file.bytes()).unwrap().hash, plain);
}

#[test]
fn a_file_cut_off_says_how_much_is_missing() {
    for missing in [1, 1000, 25_000_000] {
        let said = refusal(&VGG19[..VGG19.len() - missing]);
        assert_eq!(said, format!("it was cut off: {missing} bytes are missing at its end"));
    }
    let in_the_header = refusal(&VGG19[..100]);
    assert!(in_the_header.starts_with("it is no safetensors file: its header would end at byte "), "{in_the_header}");
    let longer = [&VGG19[..], b"and more"].concat();
    assert_eq!(refusal(&longer), "it is 8 bytes longer than its header says");
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let good = WeightsFile::of(Architecture::Vgg19, Dtype::BF16);

    let missing = good.clone().without("features.16.weight");
    assert_eq!(refusal(&missing.bytes()), "vgg19 needs the tensor features.16.weight, which is missing");

    let mut turned = good.clone();
    turned.tensor("features.5.weight").shape = vec![64, 128, 3, 3];
    assert_eq!(
        refusal(&turned.bytes()),
        "the tensor features.5.weight has the shape [64, 128, 3, 3] instead of [128, 64, 3, 3]"
    );

    let mut whole = good.clone();
    whole.tensor("features.0.bias").dtype = Dtype::I16;
    assert_eq!(refusal(&whole.bytes()), "the tensor features.0.bias is of the type I16: f32, f16 and bf16 can be read");

    for (value, said) in [(bf16::NAN, "NaN"), (bf16::NEG_INFINITY, "-inf")] {
        let mut spoilt = good.clone();
        let data = &mut spoilt.tensor("features.23.weight").data;
        let end = data.len();
        data[end - 2..].copy_from_slice(&value.to_le_bytes());
        let want = format!("the tensor features.23.weight holds {said}, which is no number to compute with");
        assert_eq!(refusal(&spoilt.bytes()), want);
    }
}

#[test]
fn what_holds_no_vgg_is_refused() {
    let other = Tensor { name: "embedding.weight".to_owned(), dtype: Dtype::F32, shape: vec![1], data: vec![0; 4] };
    let other = WeightsFile { tensors: vec![other] };
    assert!(refusal(&other.bytes()).starts_with("it holds no VGG"), "{}", refusal(&other.bytes()));
    assert!(matches!(checked(b""), Err(Flaw::NotSafetensors(_))));
    assert!(matches!(checked(b"PK\x03\x04 a zip, by its looks"), Err(Flaw::NotSafetensors(_))));
    assert!(matches!(checked(b"\x10\0\0\0\0\0\0\0{\"no end\": [[[[[["), Err(Flaw::NotSafetensors(_))));
    let huge = refusal(&[&u64::MAX.to_le_bytes()[..], b"{}"].concat());
    assert_eq!(huge, "it is no safetensors file: its header would be 18446744073709551615 bytes long");
    // Offsets that overlap, and a shape whose product overflows.
    for header in [
        r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#,
        r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,4]}}"#,
        r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#,
    ] {
        let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 6]].concat();
        assert!(matches!(checked(&file), Err(Flaw::NotSafetensors(_))), "{header}");
    }
}

#[test]
fn only_what_is_needed_is_read() {
    // The classifier's 2 GB are a hole in the file: reading them would take its time, and the memory.
    let mut file = WeightsFile::of(Architecture::Vgg16, Dtype::F16);
    let plain = checked(&file.bytes()).unwrap();
    file.tensors.push(Tensor { name: "zzz".to_owned(), dtype: Dtype::U8, shape: vec![0], data: Vec::new() });
    let bytes = file.bytes();
    let header_length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&bytes[8..8 + header_length]).unwrap();
    let data = bytes.len() - 8 - header_length;
    const HOLE: usize = 2 << 30;
    let (was, becomes) = (
        format!(r#""shape":[0],"data_offsets":[{data},{data}]"#),
        format!(r#""shape":[{HOLE}],"data_offsets":[{data},{}]"#, data + HOLE),
    );
    assert!(header.contains(&was), "{header}");
    let header = header.replace(&was, &becomes);

    let (_folder, path) = in_folder(&(header.len() as u64).to_le_bytes());
    let mut grown = fs::OpenOptions::new().append(true).open(&path).unwrap();
    grown.write_all(header.as_bytes()).unwrap();
    grown.write_all(&bytes[8 + header_length..]).unwrap();
    grown.set_len((8 + header.len() + data + HOLE) as u64).unwrap();
    let report = check(&path).unwrap();
    assert_eq!(report.hash, plain.hash);
    assert_eq!(report.bytes, (8 + header.len() + data + HOLE) as u64);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = check("no/such/file".as_ref()).unwrap_err().to_string();
    assert!(error.starts_with("the weights in no/such/file are of no use: it cannot be read: No such file"), "{error}");
}
