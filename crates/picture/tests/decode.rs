//! What comes out of files, most of them Pillow's (data/make.py).

use image::{
    DynamicImage, ExtendedColorType, ImageEncoder,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
};
use impasto_picture::{DecodeError, DecodeLimits, Format, Notice, Picture};
use impasto_recipe::Size;

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("data/", $name)).as_slice()
    };
}

/// As in data/make.py: upper left, upper right, lower left, lower right.
const COLOURS: [[u8; 3]; 4] = [[200, 30, 40], [20, 160, 60], [40, 60, 210], [240, 220, 80]];

fn decode(bytes: &[u8]) -> Picture {
    let picture = Picture::decode(bytes, &DecodeLimits::default()).unwrap();
    let inspected = Picture::inspect(bytes, &DecodeLimits::default()).unwrap();
    assert_eq!((inspected.size, inspected.transparent), (picture.size(), picture.alpha().is_some()));
    picture
}

fn pixel(picture: &Picture, x: u32, y: u32) -> [f32; 3] {
    let start = 3 * (y * picture.size().width + x) as usize;
    picture.rgb()[start..start + 3].try_into().unwrap()
}

/// The colours in the middle of the quarters.
fn quarters(picture: &Picture) -> [[f32; 3]; 4] {
    let Size { width, height } = picture.size();
    [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| pixel(picture, x * width / 4, y * height / 4))
}

fn assert_near(have: [f32; 3], want: [u8; 3], steps: f32, of: &str) {
    let near = have.iter().zip(want).all(|(have, want)| (have * 255.0 - f32::from(want)).abs() <= steps);
    assert!(near, "{of}: {:?} instead of {want:?}", have.map(|value| value * 255.0));
}

#[test]
fn every_kind_of_jpeg_and_webp_keeps_its_colours() {
    for (name, bytes) in [
        ("baseline.jpg", data!("baseline.jpg")),
        ("progressive.jpg", data!("progressive.jpg")),
        ("rgb.jpg", data!("rgb.jpg")),
        ("cmyk.jpg", data!("cmyk.jpg")),
        ("ycck.jpg", data!("ycck.jpg")),
        ("lossy.webp", data!("lossy.webp")),
        ("animated.webp", data!("animated.webp")),
    ] {
        let picture = decode(bytes);
        assert_eq!(picture.size(), Size::new(32, 32), "{name}");
        for (have, want) in quarters(&picture).into_iter().zip(COLOURS) {
            assert_near(have, want, 4.0, name);
        }
    }
}

#[test]
fn grey_becomes_rgb() {
    let picture = decode(data!("grey.jpg"));
    assert_near(pixel(&picture, 8, 8), [82; 3], 1.0, "grey.jpg");
    let bits = decode(data!("bits.png"));
    assert_eq!(bits.rgb(), [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
}

#[test]
fn transparency_is_laid_on_white() {
    let half = |value: u8| (f32::from(value) * 128.0 + 255.0 * 127.0) / 255.0;
    let picture = decode(data!("palette.png")).laid_on_white();
    assert_near(pixel(&picture, 0, 0), [200, 30, 40], 0.001, "opaque");
    let mixed = [200, 30, 40].map(half);
    for (have, want) in pixel(&picture, 1, 0).into_iter().zip(mixed) {
        assert!((have * 255.0 - want).abs() < 0.001, "half transparent: {have} instead of {want}");
    }
    assert_eq!(pixel(&picture, 2, 0), [1.0; 3]);

    let [opaque, mixed, clear, _] = quarters(&decode(data!("lossy_alpha.webp")).laid_on_white());
    assert_near(opaque, COLOURS[0], 4.0, "opaque");
    assert_near(mixed, COLOURS[1].map(|value| half(value).round() as u8), 4.0, "half transparent");
    assert_eq!(clear, [1.0; 3]);
}

#[test]
fn sixteen_bits_are_kept() {
    let samples: Vec<u16> = vec![1, 256, 257, 65_535, 32_768, 12_345];
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_ne_bytes()).collect();
    let mut file = Vec::new();
    PngEncoder::new(&mut file).write_image(&bytes, 2, 1, ExtendedColorType::Rgb16).unwrap();
    let want: Vec<f32> = samples.iter().map(|&sample| f32::from(sample) / 65_535.0).collect();
    assert_eq!(decode(&file).rgb(), want);

    let grey_on_nothing: Vec<u8> =
        [12_345_u16, 0, 12_345, 65_535].iter().flat_map(|sample| sample.to_ne_bytes()).collect();
    let mut file = Vec::new();
    PngEncoder::new(&mut file).write_image(&grey_on_nothing, 2, 1, ExtendedColorType::La16).unwrap();
    let grey = 12_345.0 / 65_535.0;
    assert_eq!(decode(&file).laid_on_white().rgb(), [1.0, 1.0, 1.0, grey, grey, grey]);
}

/// The picture AB/CD/EF as each of the orientations makes it, from EXIF's words on where row 0 and column 0 are.
#[test]
fn all_eight_orientations_are_followed_in_every_format() {
    let upright = [["AB", "CD", "EF"].as_slice(), &["BA", "DC", "FE"], &["FE", "DC", "BA"], &["EF", "CD", "AB"]];
    let turned = [["ACE", "BDF"].as_slice(), &["ECA", "FDB"], &["FDB", "ECA"], &["BDF", "ACE"]];
    for (orientation, want) in (1_u8..).zip(upright.into_iter().chain(turned)) {
        let exif =
            [b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".as_slice(), &[orientation, 0, 0, 0, 0, 0, 0, 0]].concat();
        for format in [Format::Png, Format::Jpeg, Format::WebP] {
            let file = with_exif(&lettered(&["AB", "CD", "EF"]), format, exif.clone());
            let picture = decode(&file);
            let size = Size::new(8 * want[0].len() as u32, 8 * want.len() as u32);
            assert_eq!(picture.size(), size, "orientation {orientation} in {format}");
            for (row, letters) in (0..).zip(want) {
                for (column, letter) in (0..).zip(letters.bytes()) {
                    let have = pixel(&picture, 8 * column + 4, 8 * row + 4);
                    assert_near(have, colour(letter), 4.0, &format!("orientation {orientation} in {format}"));
                }
            }
        }
    }
}

#[test]
fn orientations_written_by_others_are_followed() {
    for (name, bytes) in
        [("lying.jpg", data!("lying.jpg")), ("lying.png", data!("lying.png")), ("lying.webp", data!("lying.webp"))]
    {
        let picture = decode(bytes);
        assert_eq!(picture.size(), Size::new(32, 24), "{name}");
        assert_near(pixel(&picture, 8, 8), COLOURS[0], 4.0, name);
        assert_near(pixel(&picture, 24, 8), COLOURS[1], 4.0, name);
        assert_near(pixel(&picture, 8, 20), COLOURS[2], 4.0, name);
    }
}

/// EXIF data that ask for a turn to the right, as others write them: with a number of 32 bits, and the directory at the end.
fn odd_exif() -> Vec<u8> {
    let filler = vec![0x55; 90];
    [
        b"MM\0*\0\0\0\x62".as_slice(),
        &filler,
        b"\0\x02\x01\x0f\0\x02\0\0\0\x04abc\0\x01\x12\0\x04\0\0\0\x01\0\0\0\x06\0\0\0\0",
    ]
    .concat()
}

#[test]
fn orientations_in_odd_places_are_followed() {
    let cells = lettered(&["AB", "CD", "EF"]);
    let exif = odd_exif();
    let mut files = Vec::new();
    for format in [Format::Png, Format::Jpeg, Format::WebP] {
        files.push((format!("{format}"), with_exif(&cells, format, exif.clone())));
    }
    let prefixed = [b"Exif\0\0".as_slice(), &exif].concat();
    files.push(("a WebP with JPEG's prefix".to_owned(), with_exif(&cells, Format::WebP, prefixed.clone())));

    // After other segments, one of the same kind among them.
    let jpeg = with_exif(&cells, Format::Jpeg, Vec::new());
    let segment =
        |marker: u8, data: &[u8]| [&[0xff, marker], &(data.len() as u16 + 2).to_be_bytes()[..], data].concat();
    let others = [segment(0xfe, b"a comment"), segment(0xe1, b"http://ns.adobe.com/xap/1.0/\0<x/>")].concat();
    let late = [&jpeg[..2], &others, &segment(0xe1, &prefixed), &jpeg[2..]].concat();
    files.push(("a JPEG with its EXIF later".to_owned(), late));

    let png = with_exif(&cells, Format::Png, Vec::new());
    let digits = hex::encode(&prefixed);
    let text = format!("\nexif\n    {}\n{}\n{}\n", prefixed.len(), &digits[..72], &digits[72..]).into_bytes();
    let compressed = {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, &text).unwrap();
        encoder.finish().unwrap()
    };
    let keyword = b"Raw profile type exif\0".as_slice();
    for (name, data) in [
        (b"tEXt", [keyword, &text].concat()),
        (b"zTXt", [keyword, b"\0", &compressed].concat()),
        (b"iTXt", [keyword, b"\0\0\0\0", &text].concat()),
        (b"iTXt", [keyword, b"\x01\0en\0x\0", &compressed].concat()),
        (b"tEXt", [b"Raw profile type APP1\0", text.as_slice()].concat()),
        (b"eXIf", exif.clone()),
    ] {
        let chunk = chunk(name, &data);
        let end = png.len() - 12;
        for at in [33, end] {
            let file = [&png[..at], &chunk, &png[at..]].concat();
            files.push((format!("{} at {at}", String::from_utf8_lossy(name)), file));
        }
    }
    for (name, file) in files {
        let picture = decode(&file);
        assert_eq!(picture.size(), Size::new(24, 16), "{name}");
        for (x, letter) in [(4, b'E'), (12, b'C'), (20, b'A')] {
            assert_near(pixel(&picture, x, 4), colour(letter), 4.0, &name);
        }
        let inspected = Picture::inspect(&file, &DecodeLimits::default()).unwrap();
        assert_eq!(inspected.notices, [Notice::TurnedUpright], "{name}");
    }
}

/// TIFF has the field among its own.
#[test]
fn a_tiff_is_turned_upright() {
    let size = Size::new(16, 24);
    let rgb = lettered(&["AB", "CD", "EF"]).into_rgb8().into_raw().into_iter().map(|value| f32::from(value) / 255.0);
    let mut file = Picture::new(size, rgb.collect()).unwrap().encode(Format::Tiff).unwrap();
    // The field of the resolution's unit, which nobody needs, makes room for it.
    let unit = file.windows(8).position(|field| field == b"\x28\x01\x03\0\x01\0\0\0").unwrap();
    file[unit..unit + 2].copy_from_slice(&274_u16.to_le_bytes());
    file[unit + 8] = 6;
    let picture = decode(&file);
    assert_eq!(picture.size(), Size::new(24, 16));
    assert_near(pixel(&picture, 20, 4), colour(b'A'), 0.1, "upper right");
    assert_near(pixel(&picture, 4, 12), colour(b'F'), 0.1, "lower left");
}

#[test]
fn an_orientation_that_makes_no_sense_is_passed_over() {
    let exif = b"II*\0\xff\xff\xff\xff".to_vec();
    for format in [Format::Png, Format::Jpeg, Format::WebP] {
        assert_eq!(decode(&with_exif(&lettered(&["AB"]), format, exif.clone())).size(), Size::new(16, 8));
    }
}

#[test]
fn too_many_pixels_are_refused_from_the_header() {
    // 60000x60000 of one bit each: 20 KB of file, 10 GB of picture as floats.
    let bomb = png_of_zeros(60_000, 60_000);
    assert!(bomb.len() < 600_000, "{} bytes", bomb.len());
    let limits = DecodeLimits::default();
    let refusal = DecodeError::TooManyPixels { size: Size::new(60_000, 60_000), limit: 50_000_000 };
    assert_eq!(Picture::decode(&bomb, &limits).unwrap_err(), refusal);
    assert_eq!(
        refusal.to_string(),
        "the picture is 60000x60000, 3600000000 pixels, and the limit is 50000000: make it smaller"
    );

    let limits = DecodeLimits { max_pixels: 32 * 32 - 1 };
    for bytes in [data!("baseline.jpg"), data!("lossy.webp"), data!("animated.webp")] {
        let size = Size::new(32, 32);
        assert_eq!(Picture::decode(bytes, &limits).unwrap_err(), DecodeError::TooManyPixels { size, limit: 1023 });
        assert!(Picture::decode(bytes, &DecodeLimits { max_pixels: 1024 }).is_ok());
    }
}

#[test]
fn a_frame_larger_than_its_canvas_is_refused() {
    let mut file = data!("lossy_alpha.webp").to_vec();
    let frame = file.windows(4).position(|name| name == b"VP8 ").unwrap() + 8;
    file[frame + 6..frame + 10].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]);
    let refusal = Picture::decode(&file, &DecodeLimits::default()).unwrap_err();
    assert_eq!(refusal.to_string(), "the WebP file is broken: a frame is larger than its canvas");
}

#[test]
fn pictures_without_pixels_are_refused() {
    let mut file = data!("baseline.jpg").to_vec();
    let frame = file.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    file[frame + 5..frame + 7].copy_from_slice(&[0, 0]);
    assert_eq!(Picture::decode(&file, &DecodeLimits::default()).unwrap_err(), DecodeError::NoPixels(Size::new(32, 0)));
    assert_eq!(
        Picture::decode(&png_of_zeros(0, 5), &DecodeLimits::default()).unwrap_err(),
        DecodeError::NoPixels(Size::new(0, 5))
    );
}

/// Cells of eight pixels a side, each letter a colour.
fn lettered(rows: &[&str]) -> DynamicImage {
    let (width, height) = (8 * rows[0].len() as u32, 8 * rows.len() as u32);
    let cell = |x: u32, y: u32| image::Rgb(colour(rows[y as usize / 8].as_bytes()[x as usize / 8]));
    DynamicImage::ImageRgb8(image::RgbImage::from_fn(width, height, cell))
}

fn colour(letter: u8) -> [u8; 3] {
    let number = letter - b'A';
    [40 * number, 200 - 30 * number, if number.is_multiple_of(2) { 60 } else { 180 }]
}

fn with_exif(image: &DynamicImage, format: Format, exif: Vec<u8>) -> Vec<u8> {
    fn write(mut encoder: impl ImageEncoder, image: &DynamicImage, exif: Vec<u8>) {
        encoder.set_exif_metadata(exif).unwrap();
        encoder.write_image(image.as_bytes(), image.width(), image.height(), ExtendedColorType::Rgb8).unwrap();
    }
    let mut file = Vec::new();
    match format {
        Format::Png => write(PngEncoder::new(&mut file), image, exif),
        Format::Jpeg => write(JpegEncoder::new_with_quality(&mut file, 95), image, exif),
        Format::WebP => write(WebPEncoder::new_lossless(&mut file), image, exif),
        other => panic!("{other} is not written here"),
    }
    file
}

/// Of one bit a pixel, as small as such a file gets.
fn png_of_zeros(width: u32, height: u32) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[1, 0, 0, 0, 0]].concat();
    // A stream that no decoder is meant to reach.
    for (name, data) in [(b"IHDR", header), (b"IDAT", vec![0; 50_000]), (b"IEND", Vec::new())] {
        file.extend(chunk(name, &data));
    }
    file
}

/// A chunk of a PNG.
fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [name.as_slice(), data].concat();
    let checksum = !named.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    });
    [&(data.len() as u32).to_be_bytes()[..], &named, &checksum.to_be_bytes()].concat()
}
