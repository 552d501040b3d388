//! Files that were cut off, changed or made up: refused, never a panic and never a picture that is partly grey.

use impasto_picture::{DecodeError, DecodeLimits, Picture};
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

#[test]
fn a_file_cut_off_anywhere_says_so() {
    for (name, bytes) in FILES {
        for end in 0..bytes.len() {
            let refusal = decode(&bytes[..end]).map(|picture| picture.size()).unwrap_err();
            // Until its first bytes tell the format.
            let unknown = end < 12 && refusal == DecodeError::NotAPicture;
            assert!(unknown || matches!(refusal, DecodeError::Truncated(_)), "{name} cut off at {end}: {refusal}");
        }
        decode(bytes).unwrap();
    }
    let text = decode(&FILES[1].1[..300]).unwrap_err().to_string();
    assert_eq!(text, "the JPEG file was cut off: it ends before its picture does. Send it again in full");
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
                Err(DecodeError::Broken { .. }) => {}
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn changed_bytes_never_panic(
        file in 0..FILES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = FILES[file].1.to_vec();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let _ = decode(&bytes);
    }

    #[test]
    fn made_up_bytes_never_panic(file in 0..FILES.len(), keep in 0_usize..64, tail in prop::collection::vec(any::<u8>(), 0..256)) {
        let head = &FILES[file].1[..keep.min(FILES[file].1.len())];
        let _ = decode(&[head, &tail].concat());
    }
}
