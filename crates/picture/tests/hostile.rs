//! Files that were cut off, changed or made up: refused, never a panic and never a picture that is partly grey.

mod made;

use std::{fs, io::Write as _, sync::LazyLock};

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
        Picture::memory_need(bytes, &limits).unwrap();
    }
    decoded
}

fn refusal(bytes: &[u8]) -> String {
    decode(bytes).unwrap_err().to_string()
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

#[test]
fn another_frame_after_a_scan_is_not_part_of_the_picture() {
    let file = made::jpeg_of_two_frames();
    // The first is all there, but lacks what a decoder takes its coefficients by.
    assert_eq!(refusal(&file), "the JPEG file is broken: its data are damaged");
    assert_eq!(Picture::memory_need(&file, &DecodeLimits::default()).unwrap().inspecting >> 20, 1);
    // In place of the first scan's end, a frame of the same size, and of a kind that is not read.
    let whole = FILES.into_iter().find(|(name, _)| *name == "progressive.jpg").unwrap().1;
    let frame = whole.windows(2).position(|marker| marker == [0xff, 0xc2]).unwrap();
    let frame = &whole[frame..frame + 19];
    let second_scan = whole.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap() + 2;
    let second_scan = second_scan + whole[second_scan..].windows(2).position(|at| at == [0xff, 0xc4]).unwrap();
    for marker in [0xc2, 0xc5] {
        let mut file = [&whole[..second_scan], frame, &whole[second_scan..]].concat();
        file[second_scan + 1] = marker;
        assert_eq!(decode(&file), Err(DecodeError::Truncated(FileKind::Jpeg)));
    }
}

#[test]
fn a_jpeg_has_the_components_that_it_declares() {
    let size = decode(&made::jpeg_without_end(1, 0)).map(|picture| picture.size().pixels());
    assert_eq!(size, Ok(1 << 20));
    assert!(decode(&made::jpeg_without_end(255, 0)).is_err());
}

#[test]
fn a_jpeg_has_no_more_scans_than_its_decoder_goes_through() {
    let why = "the JPEG file is broken: it comes in more than 100 scans";
    let file = made::jpeg_without_end(1, 99);
    assert_eq!(refusal(&file), why);
    assert_eq!(refusal(&[file.as_slice(), b"\xff\xd9"].concat()), why);
}

#[test]
fn parts_of_a_tiff_that_are_the_same_bytes_are_refused() {
    assert_eq!(refusal(&made::overlapping_tiff()), "the TIFF file is broken: its parts overlap");
}

#[test]
fn parts_of_a_tiff_are_as_many_as_its_size_explains() {
    let page = made::Page { side: 8, samples: 1, bits: 8, format: 1, photometric: 1, compression: 1 };
    let file = |rows: u32, count: usize| {
        let mut fields = made::fields(page, rows);
        fields.extend([made::Field(273, vec![0; count]), made::Field(279, vec![8; count])]);
        fields.sort_by_key(|field| field.0);
        made::tiff(&fields, &[0; 128])
    };
    assert!(decode(&file(1, 8)).is_ok());
    for (rows, count) in [(1, 9), (2, 5), (8, 2), (0, 9), (u32::MAX, 2)] {
        assert_eq!(refusal(&file(rows, count)), "the TIFF file is broken: it is in more parts than its size explains");
    }
    let long = [(256, 1), (257, 1 << 20), (258, 8), (259, 1), (262, 1), (278, 1)];
    let mut fields = long.map(|(tag, value)| made::Field(tag, vec![value])).to_vec();
    let count = (1 << 18) + 1;
    fields.extend([made::Field(273, vec![0; count]), made::Field(279, vec![0; count])]);
    let why = "it is in 262145 parts, and 262144 are the most";
    let text = format!("this TIFF file cannot be read here: {why}. Save it anew as JPEG or PNG");
    assert_eq!(refusal(&made::tiff(&fields, &[])), text);
    let empty = made::Page { side: 0, ..page };
    let mut fields = made::fields(empty, 1);
    fields.extend([made::Field(273, vec![0]), made::Field(279, vec![0])]);
    assert_eq!(refusal(&made::tiff(&fields, &[])), "the picture is 0x0: it has no pixels");
    // More samples are told of than there can be, for which a decoder would make room.
    let mut fields = made::fields(page, 8);
    fields.extend([made::Field(273, vec![0]), made::Field(279, vec![64]), made::Field(338, vec![0; 1000])]);
    fields.sort_by_key(|field| field.0);
    assert_eq!(
        refusal(&made::tiff(&fields, &[0; 64])),
        "the TIFF file is broken: it tells of more samples than a pixel can have"
    );
}

/// What a decoder makes of codes is told, though what says how many there are is a picture itself.
#[test]
fn codes_of_a_webp_are_counted_one_by_one() {
    let need = |groups: usize| {
        let file = made::webp_of_many_codes(groups);
        assert!(decode(&file).is_err());
        Picture::memory_need(&file, &DecodeLimits::default()).unwrap().inspecting
    };
    // Five tables by ten bits, and the decoder's list of them.
    assert_eq!(need(200) - need(100), 100 * 5 * (4 << 10) + 100 * 3 * 5 * 56);
}

/// As wide as samples come, with more than a decoder may take by default.
#[test]
fn pixels_of_floats_may_be_wide() {
    let side = 1700;
    let page = made::Page { side, samples: 4, bits: 64, format: 3, photometric: 2, compression: 8 };
    let mut data = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    data.write_all(&vec![0; (side * side * 32) as usize]).unwrap();
    let file = made::page(page, side, &data.finish().unwrap());
    let inspected = Picture::inspect(&file, &DecodeLimits::default()).map(|inspected| inspected.transparent);
    assert_eq!(inspected, Ok(true));
}

#[test]
fn a_palette_may_have_opacity_beside_it() {
    let page = made::Page { side: 2, samples: 2, bits: 8, format: 1, photometric: 3, compression: 1 };
    let picture = decode(&made::page(page, 1, &[1, 255, 2, 51, 0, 0, 255, 255])).unwrap();
    assert_eq!(picture.alpha().unwrap().values(), [1.0, 0.2, 0.0, 1.0]);
    let word = |place: u32| (place * 77 % 65536) as f32 / 65535.0;
    assert_eq!(picture.rgb()[3..6], [word(2), word(258), word(514)]);
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
