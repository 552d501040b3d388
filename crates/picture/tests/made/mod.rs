//! Files that no writer would make.
#![allow(dead_code)] // Each test file uses its part.

/// A field of a TIFF's first directory: its number, and what it holds.
#[derive(Clone)]
pub struct Field(pub u16, pub Vec<u32>);

/// A TIFF of such fields, which ends with `data`; places of strips and tiles are counted from where these begin.
pub fn tiff(fields: &[Field], data: &[u8]) -> Vec<u8> {
    const OFFSETS: [u16; 2] = [273, 324];
    /// Bits, a palette, and what samples are.
    const SHORT: [u16; 4] = [258, 320, 338, 339];
    let width = |tag: u16| if SHORT.contains(&tag) { 2 } else { 4 };
    let head = 8 + 2 + 12 * fields.len() + 4;
    let beyond_head = |field: &Field| Some(width(field.0) * field.1.len()).filter(|&length| length > 4);
    let start = (head + fields.iter().filter_map(beyond_head).sum::<usize>()) as u32;
    let mut file = [b"II*\0".as_slice(), &8_u32.to_le_bytes(), &(fields.len() as u16).to_le_bytes()].concat();
    let mut lists = Vec::new();
    for Field(tag, values) in fields {
        let from = if OFFSETS.contains(tag) { start } else { 0 };
        let mut bytes: Vec<u8> = Vec::new();
        values.iter().for_each(|value| bytes.extend(&(from + value).to_le_bytes()[..width(*tag)]));
        file.extend(tag.to_le_bytes());
        file.extend((if width(*tag) == 2 { 3_u16 } else { 4 }).to_le_bytes());
        file.extend((values.len() as u32).to_le_bytes());
        if bytes.len() > 4 {
            file.extend(((head + lists.len()) as u32).to_le_bytes());
            lists.extend(bytes);
        } else {
            bytes.resize(4, 0);
            file.extend(bytes);
        }
    }
    file.extend([0; 4]);
    [file, lists, data.to_vec()].concat()
}

/// What a page of a TIFF is like.
#[derive(Clone, Copy)]
pub struct Page {
    pub side: u32,
    pub samples: u32,
    pub bits: u32,
    /// How its samples are stored: 1 as whole numbers, 3 as floats.
    pub format: u32,
    pub photometric: u32,
    /// 1 for none, 8 for deflate, 32773 for PackBits.
    pub compression: u32,
}

/// Its fields, in strips of so many rows, but for where they are.
pub fn fields(page: Page, rows: u32) -> Vec<Field> {
    let Page { side, samples, bits, format, photometric, compression } = page;
    let mut fields = vec![
        Field(256, vec![side]),
        Field(257, vec![side]),
        Field(258, vec![bits; samples as usize]),
        Field(259, vec![compression]),
        Field(262, vec![photometric]),
        Field(277, vec![samples]),
        Field(278, vec![rows]),
        Field(339, vec![format; samples as usize]),
    ];
    let colours = if photometric == 2 { 3 } else { 1 };
    if samples > colours {
        fields.push(Field(338, vec![2; (samples - colours) as usize]));
    }
    if photometric == 3 {
        fields.push(Field(320, (0..3_u32 << bits).map(|value| value * 77 % 65536).collect()));
    }
    fields
}

/// A page in strips of so many rows, which are equal parts of `data`.
pub fn page(page: Page, rows: u32, data: &[u8]) -> Vec<u8> {
    let mut fields = fields(page, rows);
    let count = page.side / rows;
    let length = data.len() as u32 / count;
    fields.extend([
        Field(273, (0..count).map(|strip| length * strip).collect()),
        Field(279, vec![length; count as usize]),
    ]);
    fields.sort_by_key(|field| field.0);
    tiff(&fields, data)
}

/// Strips of one row each, all of which are the same bytes: PackBits that say nothing.
pub fn overlapping_tiff() -> Vec<u8> {
    const SIDE: u32 = 64;
    const NOTHING: [u8; 4096] = [0x80; 4096];
    let page = Page { side: SIDE, samples: 1, bits: 8, format: 1, photometric: 1, compression: 32773 };
    let mut fields = fields(page, 1);
    let count = SIDE as usize;
    fields.extend([Field(273, vec![0; count]), Field(279, vec![NOTHING.len() as u32; count])]);
    fields.sort_by_key(|field| field.0);
    tiff(&fields, &NOTHING)
}

/// A lossless WebP of one pixel, which says that it is of the last of 65536 groups of codes; after so many of them, it ends.
pub fn webp_of_many_codes(groups: usize) -> Vec<u8> {
    let mut bits = Vec::new();
    let mut put = |number: u32, count: u32| bits.extend((0..count).map(|place| (number >> place & 1) as u8));
    // A pixel by a pixel; no transform, no cache, and a picture of groups, which has no cache and is one pixel of 255s.
    [(0x2f, 8), (0, 14), (0, 14), (0, 1), (0, 3), (0, 1), (0, 1), (1, 1), (0, 3), (0, 1)]
        .into_iter()
        .for_each(|(n, count)| put(n, count));
    for symbol in [255, 255, 0, 0, 0] {
        [(1, 1), (0, 1), (1, 1), (symbol, 8)].into_iter().for_each(|(n, count)| put(n, count));
    }
    // Of eleven symbols, by words of 1 to 10 bits: the lengths 1 to 6 are of three bits, and 7 to 10 of four.
    for _ in 0..5 * groups {
        [(0, 1), (10, 4)].into_iter().for_each(|(n, count)| put(n, count));
        for length in [0, 0, 0, 3, 3, 3, 3, 3, 0, 3, 4, 4, 4, 4] {
            put(length, 3);
        }
        [(1, 1), (1, 3), (9, 4)].into_iter().for_each(|(n, count)| put(n, count));
        // Words are read from their most significant bit.
        (0..6_u32).for_each(|word| put(word.reverse_bits() >> 29, 3));
        [12, 13, 14, 15, 15_u32].into_iter().for_each(|word| put(word.reverse_bits() >> 28, 4));
    }
    let bytes = bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |byte, bit| byte << 1 | bit)).collect::<Vec<u8>>();
    let chunk =
        [b"WEBPVP8L".as_slice(), &(bytes.len() as u32).to_le_bytes(), &bytes, &vec![0; bytes.len() % 2]].concat();
    [b"RIFF".as_slice(), &(chunk.len() as u32).to_le_bytes(), &chunk].concat()
}

fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    [[0xff, marker].as_slice(), &(data.len() as u16 + 2).to_be_bytes(), data].concat()
}

/// The header of a JPEG's frame, with so many components in it, whatever it declares.
fn frame(marker: u8, side: u16, declared: u8, components: u8) -> Vec<u8> {
    let side = side.to_be_bytes();
    let mut data = [[8].as_slice(), &side, &side, &[declared]].concat();
    data.extend((1..=components).flat_map(|name| [name, 0x11, 0]));
    segment(marker, &data)
}

/// A Huffman code of one symbol, which is one bit.
fn code(kind: u8, symbol: u8) -> Vec<u8> {
    segment(0xc4, &[[kind, 1].as_slice(), &[0; 15], &[symbol]].concat())
}

fn scan(first: u8, last: u8, data: &[u8]) -> Vec<u8> {
    [segment(0xda, &[1, 1, 0, first, last, 0]).as_slice(), data].concat()
}

/// A JPEG of one pixel, in whose place a picture of 65535 by 65535 pixels comes after its scan.
pub fn jpeg_of_two_frames() -> Vec<u8> {
    let picture = [frame(0xc0, 1, 1, 1), code(0, 0), code(0x10, 0), scan(0, 63, &[0x3f])].concat();
    // Runs of 2^14 blocks in which nothing is set.
    let other = [frame(0xc2, 65535, 5, 5), code(0x10, 0xe0), scan(1, 63, &[0, 1].repeat(4096))].concat();
    [b"\xff\xd8".as_slice(), &picture, &other].concat()
}

/// A grey progressive JPEG of 1024 by 1024 pixels without its end mark, in so many scans that bring it, and with so many
/// components in its header, which declares one.
pub fn jpeg_without_end(components: u8, more_scans: usize) -> Vec<u8> {
    const BLOCKS: usize = 128 * 128;
    let tables = [segment(0xdb, &[[0].as_slice(), &[1; 64]].concat()), code(0, 0), code(0x10, 0xe0)].concat();
    let first = scan(0, 0, &[0; BLOCKS / 8]);
    let other = scan(1, 63, &[0, 1]);
    [b"\xff\xd8".as_slice(), &frame(0xc2, 1024, 1, components), &tables, &first, &other.repeat(1 + more_scans)].concat()
}
