//! What is said of files that are not read, and of those that are read in another way than their senders might expect.

use impasto_picture::{DecodeError, DecodeLimits, Notice, Picture, READABLE_MIME};

fn refusal(bytes: &[u8]) -> String {
    Picture::decode(bytes, &DecodeLimits::default()).unwrap_err().to_string()
}

fn sheet(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/data/sheet/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn stored(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn notices(bytes: &[u8]) -> Vec<String> {
    let inspected = Picture::inspect(bytes, &DecodeLimits::default()).unwrap();
    inspected.notices.iter().map(Notice::to_string).collect()
}

#[test]
fn a_file_that_is_not_a_picture_is_refused() {
    let text = "this is not a picture: give a PNG, JPEG, WebP, GIF, BMP or TIFF file";
    for bytes in
        [b"".as_slice(), b"<html>no svg</html>", b"\0\0\0\x18ftypisom\0\0\0\0isommp42", b"BM, we thought", b"<!-- svg"]
    {
        assert_eq!(refusal(bytes), text);
    }
}

#[test]
fn formats_that_are_not_read_are_refused_by_name() {
    let iso = |brand: &str| format!("\0\0\0\x1cftyp{brand}\0\0\0\0mif1miaf{brand}").into_bytes();
    let mut files = vec![
        (b"\xff\x0a\xfa\x7f".to_vec(), "JPEG XL"),
        (b"\0\0\0\x0cJXL \x0d\x0a\x87\x0a".to_vec(), "JPEG XL"),
        (b"\0\0\0\x0cjP  \x0d\x0a\x87\x0a\0\0\0\x14ftypjp2 ".to_vec(), "JPEG 2000"),
        (b"\0\0\0\x0cjP  \x0d\x0a\x87\x0a\0\0\0\x14ftypjpx ".to_vec(), "JPEG 2000"),
        (b"\xff\x4f\xff\x51\0\x2f".to_vec(), "JPEG 2000"),
        (b"8BPS\0\x01\0\0".to_vec(), "PSD (Photoshop)"),
        (b"8BPS\0\x02\0\0".to_vec(), "PSD (Photoshop)"),
        (b"%PDF-1.7".to_vec(), "PDF"),
        (b"<svg xmlns='x'/>".to_vec(), "SVG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- <html> -->\n<!DOCTYPE svg PUBLIC 'x' 'y'>\n<svg>".to_vec(), "SVG"),
        (b"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY x 'y'>]><svg:svg>".to_vec(), "SVG"),
        (b"II*\0\x10\0\0\0CR\x02\0".to_vec(), "CR2 (Canon raw)"),
        (iso("crx "), "CR3 (Canon raw)"),
        (b"IIRO\x08\0\0\0".to_vec(), "ORF (Olympus raw)"),
        (b"FUJIFILMCCD-RAW 0201".to_vec(), "RAF (Fujifilm raw)"),
        (b"IIU\0\x18\0\0\0".to_vec(), "RW2 (Panasonic raw)"),
        (iso("avif"), "AVIF"),
        (iso("avis"), "AVIF"),
        // The general brand first, the particular one after it.
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif".to_vec(), "AVIF"),
    ];
    for brand in ["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"] {
        files.push((iso(brand), "HEIC"));
    }
    for (bytes, name) in files {
        let text = format!("this is a picture in the format {name}, which cannot be read here: save it as JPEG or PNG");
        assert_eq!(refusal(&bytes), text);
    }
}

#[test]
fn what_can_be_read_is_told_to_file_pickers() {
    for kind in ["png", "jpeg", "webp", "gif", "bmp", "tiff"] {
        assert!(READABLE_MIME.contains(&format!("image/{kind}").as_str()));
    }
}

#[test]
fn kinds_of_tiff_that_are_not_read_are_refused_in_words() {
    let refused = |why: &str| format!("this TIFF file cannot be read here: {why}. Save it anew as JPEG or PNG");
    assert_eq!(refusal(b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0"), refused("it is a BigTIFF"));
    let raw = b"II*\0\x08\0\0\0\x01\0\x12\xc6\x01\0\x04\0\0\0\x01\x04\0\0\0\0\0\0";
    assert_eq!(refusal(raw), refused("it holds a camera's raw data (DNG, NEF or the like)"));
    // Compressed by JPEG.
    let mut file = sheet("tiff_uncompressed.tif");
    let at = file.windows(8).position(|field| field == b"\x03\x01\x03\0\x01\0\0\0").unwrap();
    file[at + 8] = 7;
    assert_eq!(refusal(&file), refused("it is compressed in a way that is rare"));
}

/// One scan a component, with the colours at half the resolution: as libjpeg has it or not at all.
#[test]
fn kinds_of_jpeg_that_the_decoder_garbles_are_refused_in_words() {
    for name in ["scans_420.jpg", "scans_440.jpg", "small_luma.jpg"] {
        assert_eq!(
            refusal(&stored(name)),
            "this JPEG file cannot be read here: its light and its colours are stored in sizes that rarely go together. \
             Save it anew as JPEG or PNG",
            "{name}"
        );
    }
    for name in ["scans_422.jpg", "scans_444.jpg"] {
        assert!(Picture::decode(&stored(name), &DecodeLimits::default()).is_ok(), "{name}");
    }
    let frame = |marker: u8, bits: u8, components: u8| {
        let mut file = stored("baseline.jpg");
        let at = file.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
        (file[at + 1], file[at + 4], file[at + 9]) = (marker, bits, components);
        refusal(&file)
    };
    let refused = |why: &str| format!("this JPEG file cannot be read here: {why}. Save it anew as JPEG or PNG");
    assert_eq!(frame(0xc3, 8, 3), refused("it is a lossless JPEG"));
    assert_eq!(frame(0xc9, 8, 3), refused("it is compressed arithmetically"));
    assert_eq!(frame(0xc5, 8, 3), refused("it is a hierarchical JPEG"));
    assert_eq!(frame(0xc1, 12, 3), refused("it has 12 bits a channel, not 8"));
    assert_eq!(frame(0xc0, 8, 2), refused("it has 2 colour components"));
}

#[test]
fn damage_is_told_in_words() {
    let mut file = sheet("alpha.png");
    let data = file.windows(4).position(|name| name == b"IDAT").unwrap();
    let length = u32::from_be_bytes(*file[data - 4..].first_chunk().unwrap()) as usize;
    file[data + 4 + length] ^= 0x55;
    assert_eq!(
        refusal(&file),
        "the PNG file is broken: a checksum does not fit its data, so that they were changed on their way"
    );
    let mut file = stored("baseline.jpg");
    let scan = file.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap() + 14;
    file.splice(scan..scan, [0xff, 0x00].repeat(8));
    assert_eq!(refusal(&file), "the JPEG file is broken: its data are damaged");
    let mut file = sheet("tiff_strips_lzw.tif");
    let at =
        file.windows(8).position(|field| field == b"\x01\x01\x04\0\x01\0\0\0" || field == b"\x01\x01\x03\0\x01\0\0\0");
    file[at.unwrap() + 8] = 200;
    assert!(refusal(&file).starts_with("the TIFF file is broken: its "), "{}", refusal(&file));
}

/// Everything is there but the last chunk, which says nothing.
#[test]
fn a_png_without_its_last_chunk_is_read() {
    let file = sheet("alpha.png");
    let limits = DecodeLimits::default();
    let whole = Picture::decode(&file, &limits).unwrap();
    assert_eq!(Picture::decode(&file[..file.len() - 12], &limits), Ok(whole));
    assert!(matches!(Picture::decode(&file[..file.len() - 13], &limits), Err(DecodeError::Truncated(_))));
}

#[test]
fn senders_are_told_what_was_done() {
    let converted = |from: &str| format!("its colours were converted from {from} to sRGB");
    for (file, told) in [
        ("p3.png", converted("Display P3")),
        ("p3.jpg", converted("Display P3")),
        ("p3.webp", converted("Display P3")),
        ("p3.tif", converted("Display P3")),
        ("lut_v4.png", converted("A table of version 4")),
        ("grey.jpg", converted("Grey of gamma 1.8")),
        ("cmyk8.jpg", converted("Inks of bytes")),
        ("tiff_cmyk.tif", converted("CMYK")),
        ("cicp_p3.png", converted("Display P3")),
        ("cicp_2020.png", converted("Rec. 2020")),
        ("gama_chrm.png", converted("the gamma and primaries that it states")),
        ("animated.gif", "of its animation, the first frame alone was taken".to_owned()),
        ("tiff_pages.tif", "of its pages, the first alone was taken".to_owned()),
    ] {
        assert_eq!(notices(&sheet(file)), [told], "{file}");
    }
    for file in
        ["srgb.png", "srgb.jpg", "srgb_table.tif", "srgb_over_gama.png", "gama_usual.png", "plain.gif", "alpha.png"]
    {
        assert!(notices(&sheet(file)).is_empty(), "{file}");
    }
    assert_eq!(notices(&stored("lying.jpg")), ["it was turned upright, as its EXIF data say"]);
    assert_eq!(notices(&stored("animated.webp")), ["of its animation, the first frame alone was taken"]);
    let two = [stored("baseline.jpg"), stored("baseline.jpg")].concat();
    assert_eq!(notices(&two), ["of the pictures in it, the first alone was taken"]);
}

#[test]
fn a_profile_that_cannot_be_used_is_passed_over_and_said() {
    let passed_over = |why: &str| format!("its colour profile was passed over: {why}");
    let file = sheet("p3.jpg");
    let at = file.windows(12).position(|name| name == b"ICC_PROFILE\0").unwrap();
    let as_it_is = Picture::decode(&sheet("srgb.jpg"), &DecodeLimits::default()).unwrap();
    let changed = |change: &dyn Fn(&mut [u8])| {
        let mut file = file.clone();
        change(&mut file[at..]);
        let picture = Picture::decode(&file, &DecodeLimits::default()).unwrap();
        (notices(&file), picture == as_it_is)
    };
    const PROFILE: usize = 14;
    assert_eq!(changed(&|segment| segment[PROFILE + 36] = b'x'), (vec![passed_over("it is broken")], true));
    assert_eq!(
        changed(&|segment| segment[PROFILE + 16..PROFILE + 20].copy_from_slice(b"GRAY")),
        (vec![passed_over("it is of another kind of colours than the picture")], true)
    );
    assert_eq!(
        changed(&|segment| segment[PROFILE + 12..PROFILE + 16].copy_from_slice(b"link")),
        (vec![passed_over("it is not a profile for pictures")], true)
    );
    assert_eq!(
        changed(&|segment| segment[12..14].copy_from_slice(&[2, 3])),
        (vec!["its colours were converted from Display P3 to sRGB".to_owned()], false),
        "one part, counted oddly"
    );

    let parts = sheet("parts.jpg");
    let second = parts.windows(12).rposition(|name| name == b"ICC_PROFILE\0").unwrap();
    let mut missing = parts.clone();
    missing[second] = b'X';
    assert_eq!(notices(&missing), [passed_over("parts of it are missing")]);
    let hdr = notices(&sheet("cicp_pq_then_iccp.png"));
    assert_eq!(hdr.len(), 2, "{hdr:?}");
    assert!(hdr[0].contains("HDR"), "{hdr:?}");
}

/// As libjpeg has it: what counts is what comes before the first frame.
#[test]
fn a_jpeg_with_marks_before_its_first_picture_is_read() {
    let limits = DecodeLimits::default();
    let file = stored("baseline.jpg");
    let picture = Picture::decode(&file, &limits).unwrap();
    for before in [b"\xff\xd8".as_slice(), b"\xff\xd8\xff\xd9"] {
        assert_eq!(Picture::decode(&[before, &file].concat(), &limits).as_ref(), Ok(&picture));
    }
}
