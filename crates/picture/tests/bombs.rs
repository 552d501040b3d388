//! Small files that would take much, and files that are full of what is no picture: each is refused by its headers, or takes no
//! more memory than was told of it. The one test counts what this process allocates, so that there can be no second one.

mod made;

use std::io::Write as _;

use flate2::{Compression, Crc, write::ZlibEncoder};
use impasto_picture::{DecodeLimits, Picture};
use made::Field;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The pixels that a file may have here.
const LIMITS: DecodeLimits = DecodeLimits { max_pixels: 1 << 20 };
/// A side of as many as that, and one of more.
const SIDE: u32 = 1 << 10;
const HUGE: u32 = 16_000;
/// What a file may take that is refused by its headers.
const HEADERS: u64 = 1 << 20;
/// What a picture within the limits may take, whatever its format, and as much as it may be told to take.
const PICTURE: u64 = 48 << 20;
/// What is put into a file besides its picture: about as much as an upload may be.
const LOAD: usize = 24 << 20;

/// What comes of a file.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    /// It is a picture of so many pixels, whatever comes with it.
    Read(u64),
    /// It is none.
    Refused,
}

use Fate::{Read, Refused};

#[test]
fn no_file_takes_more_than_is_told_of_it() {
    let mut wrong = Vec::new();
    for (name, file, fate) in [pngs(), jpegs(), webps(), gifs(), bmps(), tiffs()].concat() {
        let told = Picture::memory_need(&file, &LIMITS).map_or(HEADERS, |need| need.inspecting);
        let (outcome, taken) = with_peak(|| Picture::inspect(&file, &LIMITS));
        println!("{name}: {} bytes, told {told}, took {taken}: {outcome:?}", file.len());
        let came_of_it = outcome.as_ref().map_or(Refused, |inspected| Read(inspected.size.pixels()));
        if came_of_it != fate {
            wrong.push(format!("{name}: {outcome:?}"));
        }
        // What stands in a file once may be copied once or twice; what it is made into is bounded.
        let most = if fate == Refused { HEADERS } else { PICTURE } + 2 * file.len() as u64;
        if taken > told.min(most) {
            wrong.push(format!("{name}: took {taken} bytes, was told {told}, and {most} are the most"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

type Bombs = Vec<(&'static str, Vec<u8>, Fate)>;

/// What `work` gives, and the most bytes that it held at once.
fn with_peak<T>(work: impl FnOnce() -> T) -> (T, u64) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let given = work();
    (given, MEMORY.peak_usage().saturating_sub(before) as u64)
}

/// Zlib's bytes of so many zeros, a thousandth of them.
fn zeros(count: u64) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let piece = vec![0; 1 << 20];
    for _ in 0..count >> 20 {
        encoder.write_all(&piece).unwrap();
    }
    encoder.write_all(&piece[..(count & ((1 << 20) - 1)) as usize]).unwrap();
    encoder.finish().unwrap()
}

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(name);
    crc.update(data);
    [&(data.len() as u32).to_be_bytes(), name.as_slice(), data, &crc.sum().to_be_bytes()].concat()
}

/// A PNG of a side, with bits a sample and colours as the format numbers them; other chunks before its picture and after it.
fn png(side: u32, [depth, colours, interlaced]: [u8; 3], before: &[u8], data: &[u8], after: &[u8]) -> Vec<u8> {
    let header = [&side.to_be_bytes(), side.to_be_bytes().as_slice(), &[depth, colours, 0, 0, interlaced]].concat();
    let (header, data, end) = (chunk(b"IHDR", &header), chunk(b"IDAT", data), chunk(b"IEND", &[]));
    [b"\x89PNG\r\n\x1a\n", header.as_slice(), before, &data, after, &end].concat()
}

fn pngs() -> Bombs {
    const GREY: [u8; 3] = [8, 0, 0];
    let small = zeros(8 * 9);
    let with = |before: &[u8]| png(8, GREY, before, &small, &[]);
    let load = vec![7; LOAD];
    let text = |keyword: &[u8], name: &[u8; 4], flags: &[u8]| {
        with(&chunk(name, &[keyword, b"\0", flags, &zeros(1 << 26)].concat()))
    };
    let frames = |count: u32| {
        let control = |number: u32| {
            let sides = [number, 8, 8, 0, 0].map(u32::to_be_bytes).concat();
            chunk(b"fcTL", &[sides.as_slice(), &[0, 1, 0, 1, 0, 0]].concat())
        };
        let frame = |number: u32| {
            let data = chunk(b"fdAT", &[&(2 * number).to_be_bytes(), zeros(1 << 24).as_slice()].concat());
            [control(2 * number - 1), data].concat()
        };
        let before = [chunk(b"acTL", &[count.to_be_bytes(), [0; 4]].concat()), control(0)].concat();
        png(8, GREY, &before, &small, &(1..count).flat_map(frame).collect::<Vec<_>>())
    };
    let of_side = |side: u32, bytes_a_pixel: u64| zeros(u64::from(side) * (u64::from(side) * bytes_a_pixel + 1));
    let all_pixels = u64::from(SIDE * SIDE);
    vec![
        ("PNG of many pixels", png(HUGE, GREY, &[], &of_side(HUGE, 1), &[]), Refused),
        ("PNG of more pixels than there are", png(u32::MAX, [16, 6, 1], &[], &small, &[]), Refused),
        ("PNG of one bit a pixel", png(HUGE, [1, 0, 0], &[], &small, &[]), Refused),
        ("PNG with more data than pixels", png(8, GREY, &[], &zeros(1 << 26), &[]), Read(64)),
        ("PNG of 16 bits", png(SIDE, [16, 6, 0], &[], &of_side(SIDE, 8), &[]), Read(all_pixels)),
        ("interlaced PNG", png(SIDE, [16, 6, 1], &[], &zeros(9 << 20), &[]), Read(all_pixels)),
        (
            "PNG with a profile that grows",
            with(&chunk(b"iCCP", &[b"p\0\0", zeros(1 << 26).as_slice()].concat())),
            Read(64),
        ),
        ("PNG with EXIF text that grows", text(b"Raw profile type exif", b"zTXt", b"\0"), Read(64)),
        ("PNG with international text that grows", text(b"Raw profile type exif", b"iTXt", b"\x01\0\0\0"), Read(64)),
        ("PNG with text that grows", text(b"Comment", b"zTXt", b"\0"), Read(64)),
        ("PNG with a long profile", with(&chunk(b"iCCP", &[b"p\0\0", load.as_slice()].concat())), Read(64)),
        ("PNG with much EXIF", with(&chunk(b"eXIf", &load)), Read(64)),
        ("PNG with much text", with(&chunk(b"tEXt", &[b"Comment\0", load.as_slice()].concat())), Read(64)),
        ("PNG with a long chunk that nobody knows", with(&chunk(b"ruSt", &load)), Read(64)),
        ("PNG with long suggestions of a palette", with(&chunk(b"sPLT", &load)), Read(64)),
        ("PNG with many chunks", with(&chunk(b"tEXt", b"Comment\0").repeat(1 << 20)), Read(64)),
        ("PNG of many frames", frames(64), Read(64)),
    ]
}

fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    [[0xff, marker].as_slice(), &(data.len() as u16 + 2).to_be_bytes(), data].concat()
}

fn jpegs() -> Bombs {
    const END: &[u8] = b"\xff\xd9";
    let whole = [made::jpeg_without_end(1, 0).as_slice(), END].concat();
    let with = |segment: Vec<u8>| {
        let segments = segment.repeat(LOAD / segment.len());
        [b"\xff\xd8", segments.as_slice(), &whole[2..]].concat()
    };
    let filled = |start: &[u8]| [start, &vec![7; 65_000]].concat();
    let mut large = whole.clone();
    let size_at = large.windows(2).position(|marker| marker == [0xff, 0xc2]).unwrap() + 5;
    large[size_at..size_at + 4].fill(0xff);
    let all_pixels = u64::from(SIDE * SIDE);
    vec![
        ("JPEG of many pixels", large, Refused),
        ("JPEG of many scans", [made::jpeg_without_end(1, 97).as_slice(), END].concat(), Read(all_pixels)),
        ("JPEG of too many scans", [made::jpeg_without_end(1, 200).as_slice(), END].concat(), Refused),
        ("JPEG with many parts of a profile", with(segment(0xe2, &filled(b"ICC_PROFILE\0\x01\xff"))), Read(all_pixels)),
        ("JPEG with much EXIF", with(segment(0xe1, &filled(b"Exif\0\0"))), Read(all_pixels)),
        ("JPEG with much XMP", with(segment(0xe1, &filled(b"http://ns.adobe.com/xap/1.0/\0"))), Read(all_pixels)),
        ("JPEG with more XMP", with(segment(0xe1, &filled(b"http://ns.adobe.com/xmp/extension/\0"))), Read(all_pixels)),
        (
            "JPEG with XMP in many parts",
            with(segment(0xe1, &[b"http://ns.adobe.com/xmp/extension/\0".as_slice(), &[7; 40]].concat())),
            Refused,
        ),
        ("JPEG with much of Photoshop's", with(segment(0xed, &filled(b"Photoshop 3.0\0"))), Read(all_pixels)),
        ("JPEG with many pictures beside it", with(segment(0xe2, &filled(b"MPF\0"))), Read(all_pixels)),
        ("JPEG with long comments", with(segment(0xfe, &filled(b""))), Read(all_pixels)),
        ("JPEG with many tables", with(segment(0xdb, &[[0].as_slice(), &[1; 64]].concat())), Read(all_pixels)),
    ]
}

fn riff(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (name, data) in chunks {
        body.extend(*name);
        body.extend((data.len() as u32).to_le_bytes());
        body.extend(*data);
        body.extend(vec![0; data.len() % 2]);
    }
    [b"RIFF", (body.len() as u32).to_le_bytes().as_slice(), &body].concat()
}

/// A lossy stream of a side, whose parts have such lengths.
fn lossy(side: u16, parts: &[u32]) -> Vec<u8> {
    let side = side.to_le_bytes();
    let tag = (parts[0] << 5 | 0x10).to_le_bytes();
    let head = [&tag[..3], b"\x9d\x01\x2a", &side, &side].concat();
    // All of its bits say no, up to the number of parts, which is eight.
    let first = if parts.len() > 1 { [0, 3, 0, 0] } else { [0; 4] };
    let sizes = parts[1..].iter().flat_map(|size| size.to_le_bytes()[..3].to_vec()).collect::<Vec<_>>();
    [head, first.to_vec(), sizes, vec![0; 64]].concat()
}

fn webps() -> Bombs {
    let small = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sheet/p3.webp")).unwrap();
    let at = small.windows(4).position(|name| name == b"VP8L" || name == b"VP8 ").unwrap();
    let name: &[u8; 4] = small[at..].first_chunk().unwrap();
    let stream = &small[at + 8..];
    let pixels = Picture::inspect(&small, &LIMITS).unwrap().size;
    let extended = |flags: u8, width: u32, height: u32| {
        let sides = [width - 1, height - 1].map(|side| side.to_le_bytes()[..3].to_vec()).concat();
        [[flags, 0, 0, 0].as_slice(), &sides].concat()
    };
    let own = |flags| extended(flags, pixels.width, pixels.height);
    let load = vec![7; LOAD];
    let frame = [&[0; 6], &extended(0, 8, 8)[4..], &[0; 4], b"VP8L\x05\0\0\0\x2f\xff\xff\xff\x0f\0"].concat();
    let lossless = [b"\x2f".as_slice(), &(0x3fff_u32 | 0x3fff << 14).to_le_bytes(), &[0; 16]].concat();
    let all = pixels.pixels();
    vec![
        ("lossless WebP of many pixels", riff(&[(b"VP8L", &lossless)]), Refused),
        ("lossy WebP of many pixels", riff(&[(b"VP8 ", &lossy(0x3fff, &[4]))]), Refused),
        (
            "WebP on a canvas of many pixels",
            riff(&[(b"VP8X", &extended(0, 1 << 24, 1 << 24)), (b"VP8L", &lossless)]),
            Refused,
        ),
        ("lossy WebP of a long first part", riff(&[(b"VP8 ", &lossy(16, &[(1 << 19) - 1]))]), Refused),
        (
            "lossy WebP of long parts",
            riff(&[(b"VP8 ", &lossy(16, &[4, 0xff_ffff, 0xff_ffff, 0, 0, 0, 0, 0]))]),
            Refused,
        ),
        (
            "WebP with a frame larger than its canvas",
            riff(&[(b"VP8X", &extended(2, 8, 8)), (b"ANMF", &frame)]),
            Refused,
        ),
        ("WebP with a long profile", riff(&[(b"VP8X", &own(0x20)), (b"ICCP", &load), (name, stream)]), Read(all)),
        ("WebP with much EXIF", riff(&[(b"VP8X", &own(8)), (name, stream), (b"EXIF", &load)]), Read(all)),
        ("WebP with much XMP", riff(&[(b"VP8X", &own(4)), (name, stream), (b"XMP ", &load)]), Read(all)),
        (
            "WebP with a long chunk that nobody knows",
            riff(&[(b"VP8X", &own(0)), (b"ruSt", &load), (name, stream)]),
            Read(all),
        ),
        ("WebP of many codes", made::webp_of_many_codes(1), Refused),
    ]
}

/// A GIF of a side, with such blocks before its frame of as many pixels as `frame` says.
fn gif(side: u16, blocks: &[u8], frame: u16, data: &[u8]) -> Vec<u8> {
    let (side, frame) = (side.to_le_bytes(), frame.to_le_bytes());
    let head = [b"GIF89a".as_slice(), &side, &side, &[0x80, 0, 0], &[0, 0, 0, 255, 255, 255]].concat();
    let descriptor = [b",\0\0\0\0".as_slice(), &frame, &frame, &[0]].concat();
    [head.as_slice(), blocks, &descriptor, data, b";"].concat()
}

fn gifs() -> Bombs {
    /// One pixel: clear, colour 0, end.
    const PIXEL: &[u8] = b"\x02\x02\x44\x01\0";
    let parts =
        |kind: u8| [[b'!', kind].as_slice(), &[[255].as_slice(), &[7; 255]].concat().repeat(LOAD / 256), &[0]].concat();
    let application = [b"!\xff\x0bXMP DataXMP".as_slice(), &parts(0)[2..]].concat();
    // Words that say the same again, each of them longer by one.
    let many = [[2].as_slice(), &[[255].as_slice(), &[0x49; 255]].concat().repeat(64), &[0]].concat();
    vec![
        ("GIF on a canvas of many pixels", gif(u16::MAX, &[], 1, PIXEL), Refused),
        ("GIF of a frame larger than its canvas", gif(1, &[], u16::MAX, PIXEL), Refused),
        ("GIF with a long comment", gif(1, &parts(0xfe), 1, PIXEL), Read(1)),
        ("GIF with much XMP", gif(1, &application, 1, PIXEL), Read(1)),
        ("GIF with a long block that nobody knows", gif(1, &parts(0x7f), 1, PIXEL), Refused),
        ("GIF with many blocks", gif(1, &b"!\xf9\x04\0\0\0\0\0".repeat(1 << 20), 1, PIXEL), Read(1)),
        ("GIF with more data than pixels", gif(1, &[], 1, &many), Read(1)),
    ]
}

/// A BMP of sides, whose rows are compressed in a way that the format numbers.
fn bmp(width: i32, height: i32, bits: u16, compression: u32, data: &[u8]) -> Vec<u8> {
    let colours = if bits <= 8 { 4 << bits } else { 0 };
    let head = [b"BM".as_slice(), &[0; 8], &(54 + colours as u32).to_le_bytes(), &40_u32.to_le_bytes()].concat();
    let sides = [width.to_le_bytes(), height.to_le_bytes()].concat();
    let kind = [1_u16.to_le_bytes(), bits.to_le_bytes()].concat();
    [head, sides, kind, compression.to_le_bytes().to_vec(), vec![0; 20], vec![0; colours], data.to_vec()].concat()
}

fn bmps() -> Bombs {
    const RLE8: u32 = 1;
    let all_pixels = u64::from(SIDE * SIDE);
    vec![
        ("BMP of many pixels", bmp(HUGE as i32, HUGE as i32, 24, 0, &[0; 64]), Refused),
        ("BMP of the longest sides", bmp(i32::MAX, i32::MIN, 32, 3, &[0; 64]), Refused),
        ("BMP of many runs", bmp(HUGE as i32, HUGE as i32, 8, RLE8, &[255, 7].repeat(64)), Refused),
        ("BMP that ends at once", bmp(SIDE as i32, SIDE as i32, 8, RLE8, &[0, 1]), Read(all_pixels)),
        ("BMP with more runs than pixels", bmp(8, 8, 8, RLE8, &[255, 7].repeat(1 << 20)), Refused),
    ]
}

fn tiffs() -> Bombs {
    let grey =
        |side: u32, compression: u32| made::Page { side, samples: 1, bits: 8, format: 1, photometric: 1, compression };
    let sorted = |mut fields: Vec<Field>, data: &[u8]| {
        fields.sort_by_key(|field| field.0);
        made::tiff(&fields, data)
    };
    let tiles = |side: u32, compression: u32, data: &[u8]| {
        let mut fields = made::fields(grey(16, compression), 16);
        fields.retain(|field| field.0 != 278);
        fields.extend([(322, side), (323, side), (325, data.len() as u32)].map(|(tag, value)| Field(tag, vec![value])));
        fields.push(Field(324, vec![0]));
        sorted(fields, data)
    };
    let wide_tile = {
        let fields = [(256, SIDE), (257, 1), (258, 8), (259, 8), (262, 1), (277, 1), (322, SIDE), (323, 60_000)];
        let mut fields = fields.map(|(tag, value)| Field(tag, vec![value])).to_vec();
        let data = zeros(1 << 24);
        fields.extend([Field(324, vec![0]), Field(325, vec![data.len() as u32])]);
        sorted(fields, &data)
    };
    let many_fields = {
        let mut fields = made::fields(grey(8, 1), 8);
        fields.extend([Field(273, vec![0]), Field(279, vec![64])]);
        fields.extend((1000..6_000).map(|tag| Field(tag, vec![1])));
        sorted(fields, &[0; 64])
    };
    let profile = {
        let mut fields = made::fields(grey(8, 1), 8);
        fields.extend([Field(273, vec![0]), Field(279, vec![64]), Field(34675, vec![7; LOAD / 4])]);
        sorted(fields, &[0; 64])
    };
    let all_pixels = u64::from(SIDE * SIDE);
    vec![
        ("TIFF of many pixels", made::page(grey(HUGE, 8), HUGE, &zeros(u64::from(HUGE * HUGE))), Refused),
        ("TIFF of the longest sides", made::page(grey(u32::MAX, 8), u32::MAX, &[0; 64]), Refused),
        ("TIFF with more data than pixels", made::page(grey(SIDE, 8), SIDE, &zeros(1 << 26)), Read(all_pixels)),
        ("TIFF in a tile larger than itself", tiles(512, 8, &zeros(512 * 512)), Read(256)),
        ("TIFF in a tile of many pixels", tiles(60_000, 1, &[7; 256]), Refused),
        ("TIFF in a compressed tile of many pixels", tiles(60_000, 8, &zeros(1 << 24)), Refused),
        ("TIFF in a tile of many pixels and one row", wide_tile, Refused),
        ("TIFF in a tile of the longest sides", tiles(u32::MAX - 15, 8, &zeros(1 << 24)), Refused),
        ("TIFF with many fields", many_fields, Refused),
        ("TIFF with a long profile", profile, Read(64)),
        ("TIFF of strips that overlap", made::overlapping_tiff(), Refused),
    ]
}
