//! Files that were cut off, changed or made up: refused, never a panic and never a picture that is partly grey.

use std::{fs, sync::LazyLock};

use impasto_picture::{DecodeError, DecodeLimits, FileKind, Picture};
use proptest::prelude::*;

macro_rules! files {
    ($($name:literal),+ $(,)?) => { [$(($name, include_bytes!(concat!("data/", $name)).as_slice())),+] };
}

const FILES: [(&str, &[u8]); 14] = files![
    "animated.webp",
    "baseline.jpg",
    "bits.png",
    "cmyk.jpg",
    "grey.jpg",
    "lossy.webp",
    "lossy_alpha.webp",
    "lying.jpg",
    "lying.png",
    "lying.webp",
    "palette.png",
    "progressive.jpg",
    "rgb.jpg",
    "ycck.jpg",
];

/// Files of every format and kind of colours (data/sheet.py).
static SHEET: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sheet");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    let mut files: Vec<_> =
        files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect();
    files.sort();
    files
});

fn all_files() -> Vec<(&'static str, &'static [u8])> {
    let sheet = SHEET.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    FILES.into_iter().chain(sheet).collect()
}

/// What `decode` says, after `inspect` has said the same.
fn decode(bytes: &[u8]) -> Result<Picture, DecodeError> {
    let limits = DecodeLimits { max_pixels: 1 << 20 };
    let decoded = Picture::decode(bytes, &limits);
    let inspected = Picture::inspect(bytes, &limits).map(|inspected| (inspected.size, inspected.transparent));
    let told = decoded.as_ref().map(|picture| (picture.size(), picture.alpha().is_some()));
    assert_eq!(inspected, told.map_err(Clone::clone));
    if decoded.is_ok() {
        Picture::memory_need(bytes).unwrap();
    }
    decoded
}

/// What is still a picture after the end was cut off is the whole picture: only a mark of the end, or what comes after the
/// first of several pictures, may be missing.
#[test]
fn a_file_cut_off_anywhere_says_so() {
    for (name, bytes) in all_files() {
        let whole = decode(bytes).unwrap();
        // The longer ones in fewer places, since they are many.
        let step = if bytes.len() < 700 { 1 } else { 13 };
        for end in (0..bytes.len()).rev().step_by(step) {
            match decode(&bytes[..end]) {
                Ok(picture) => assert_eq!(picture, whole, "{name} cut off at {end}"),
                // Until its first bytes tell the format.
                Err(DecodeError::NotAPicture) => assert!(end < 26, "{name} cut off at {end}"),
                Err(refusal) => assert!(
                    matches!(refusal, DecodeError::Truncated(_)),
                    "{name} of {} bytes cut off at {end}: {refusal}",
                    bytes.len()
                ),
            }
        }
    }
    let text = decode(&FILES[1].1[..300]).unwrap_err().to_string();
    assert_eq!(text, "the JPEG file was cut off: it ends before its picture does. Send it again in full");
}

#[test]
fn a_jpeg_without_its_end_mark_is_read_where_every_pixel_is_there() {
    for (name, bytes) in all_files().into_iter().filter(|(name, _)| name.ends_with(".jpg")) {
        let whole = decode(bytes).unwrap();
        let bare = bytes.strip_suffix(&[0xff, 0xd9]).unwrap();
        let trailers: [&[u8]; 4] = [b"", b"\0\0\x01\x0aImage_UTC_Data\xff\xe1\xff", &[0; 600], &bytes[..200]];
        for trailer in trailers {
            assert_eq!(decode(&[bare, trailer].concat()), Ok(whole.clone()), "{name} with {} bytes", trailer.len());
        }
        // Nothing, or zeros, as a download leaves them that was to be of a certain length.
        for trailer in [0, 600].map(|count| vec![0; count]) {
            for missing in [1, 2, 5, 40] {
                let cut = [&bare[..bare.len() - missing], &trailer].concat();
                let refusal = decode(&cut).map(|picture| picture.size());
                assert_eq!(refusal, Err(DecodeError::Truncated(FileKind::Jpeg)), "{name} without {missing} bytes");
            }
        }
    }
}

#[test]
fn a_jpeg_with_nonsense_in_its_scan_is_refused() {
    for (name, bytes) in FILES.into_iter().filter(|(name, _)| name.ends_with(".jpg")) {
        let start_of_scan = bytes.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap();
        let scan = start_of_scan + 2 + usize::from(bytes[start_of_scan + 3]);
        // Ones without end, which no Huffman code is; and a marker that has no business there.
        for nonsense in [[0xff, 0x00].repeat(8), vec![0xff, 0xd8]] {
            let mut changed = bytes.to_vec();
            changed.splice(scan + 2..scan + 2, nonsense);
            match decode(&changed) {
                Err(DecodeError::Broken { .. } | DecodeError::Truncated(_)) => {}
                Err(other) => panic!("{name}: {other}"),
                Ok(_) => panic!("{name} was decoded"),
            }
        }
    }
}

#[test]
fn zeros_instead_of_the_end_are_a_file_cut_off() {
    for (name, bytes) in FILES.into_iter().filter(|(name, _)| !name.ends_with(".webp")) {
        let mut zeroed = bytes.to_vec();
        zeroed[bytes.len() / 2..].fill(0);
        assert!(decode(&zeroed).is_err(), "{name}");
    }
}

/// What walks down into it would run out of stack.
#[test]
fn frames_within_frames_are_not_walked_into() {
    let depth = 200_000_u32;
    let mut chunks = Vec::new();
    for inner in (0..depth).rev() {
        chunks.extend(b"ANMF");
        chunks.extend((16 + 24 * inner).to_le_bytes());
        chunks.extend([0; 16]);
    }
    let mut file = b"RIFF".to_vec();
    let header = [b"WEBPVP8X\x0a\0\0\0\x02\0\0\0".as_slice(), &[0; 6]].concat();
    file.extend(((header.len() + chunks.len()) as u32).to_le_bytes());
    file.extend(header);
    file.extend(chunks);
    assert!(decode(&file).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn changed_bytes_never_panic(
        file in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = file.get(&all_files()).1.to_vec();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let _ = decode(&bytes);
    }

    /// Profiles are programs of a kind, and the worst of what strangers send.
    #[test]
    fn changed_profiles_never_panic(
        file in prop::sample::select(vec!["cmyk8.jpg", "cmyk16.tif", "lut16.webp", "lut_v4.tif", "p3.jpg", "dot_gain.tif"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(vec![0, 1, 0x7f, 0x80, 0xff]), 0..5_u32), 1..6),
    ) {
        let (_, mut bytes) = SHEET.iter().find(|(name, _)| name == file).unwrap().clone();
        let signature = bytes.windows(4).position(|name| name == b"acsp").unwrap();
        for (place, byte, nearer) in changes {
            // The tables of contents more often than what they point to.
            let place = signature - 36 + place.index((bytes.len() - signature).min(300 << (2 * nearer)));
            bytes[place] = byte;
        }
let _ = decode(&bytes);
    }

    /// Where headers are, which is where the worst lies can be told.
    #[test]
    fn changed_headers_never_panic(
        file in any::<prop::sample::Index>(),
        changes in prop::collection::vec((0_usize..300, prop::sample::select(vec![0_u32, 1, 0xffff, 0x1_0000, 0x7fff_ffff, u32::MAX]), any::<bool>()), 1..4),
    ) {
        let mut bytes = file.get(&all_files()).1.to_vec();
        for (place, number, is_big_end_first) in changes {
            let number = if is_big_end_first { number.to_be_bytes() } else { number.to_le_bytes() };
            if let Some(place) = bytes.get_mut(place..place + 4) {
                place.copy_from_slice(&number);
            }
        }
        let _ = decode(&bytes);
    }

    #[test]
    fn made_up_bytes_never_panic(file in any::<prop::sample::Index>(), keep in 0_usize..64, tail in prop::collection::vec(any::<u8>(), 0..256)) {
        let file = file.get(&all_files()).1;
        let head = &file[..keep.min(file.len())];
        let _ = decode(&[head, &tail].concat());
    }
}
