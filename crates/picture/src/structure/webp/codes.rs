//! The Huffman codes of a lossless WebP stream, gone through up to where its picture begins. Their number is what one pixel
//! of a small picture within it says, and a decoder makes tables of each: of a megabyte they can take hundreds.

use impasto_recipe::Size;

/// What a decoder holds of the codes of a stream, in bytes; where it is broken, up to there.
pub(super) fn memory(stream: &[u8], size: Size) -> u64 {
    let mut codes = Codes { bytes: stream, at: 0, held: 0 };
    // None is where the decoder gives up too.
    let _ = codes.of_stream(size);
    codes.held
}

struct Codes<'a> {
    bytes: &'a [u8],
    /// The next bit.
    at: usize,
    held: u64,
}

/// A Huffman code.
struct HuffmanCode {
    /// Of each length: the first word, how many there are, and where their symbols begin.
    lengths: [(u32, u32, usize); LONGEST + 1],
    symbols: Vec<u16>,
}

const LONGEST: usize = 15;
/// Of a group: green with lengths and the cache, red, blue, opacity, and distances.
const ALPHABETS: [usize; 5] = [256 + 24, 256, 256, 256, 40];
const CODE_LENGTHS: usize = 19;
const ORDER: [usize; CODE_LENGTHS] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

impl Codes<'_> {
    fn number(&mut self, bits: usize) -> Option<usize> {
        let mut number = 0;
        for place in 0..bits {
            let byte = *self.bytes.get(self.at / 8)?;
            number |= usize::from(byte >> (self.at % 8) & 1) << place;
            self.at += 1;
        }
        Some(number)
    }

    fn of_stream(&mut self, size: Size) -> Option<()> {
        let (mut width, height) = (size.width as usize, size.height as usize);
        let mut seen = [false; 4];
        while self.number(1)? == 1 {
            let transform = self.number(2)?;
            if std::mem::replace(&mut seen[transform], true) {
                return None;
            }
            match transform {
                // For blocks of pixels, from what they are predicted and how their channels go together.
                0 | 1 => {
                    let side = 1 << (self.number(3)? + 2);
                    self.small_picture(width.div_ceil(side) * height.div_ceil(side))?;
                }
                2 => {}
                // A palette; of few colours, several are in one pixel.
                _ => {
                    let colours = self.number(8)? + 1;
                    self.small_picture(colours)?;
                    width = width.div_ceil(
                        [8, 4, 2, 1][usize::from(colours > 2) + usize::from(colours > 4) + usize::from(colours > 16)],
                    );
                }
            }
        }
        let cache = self.cache()?;
        let mut groups = 1;
        if self.number(1)? == 1 {
            let side = 1 << (self.number(3)? + 2);
            groups = 1 + self.small_picture(width.div_ceil(side) * height.div_ceil(side))?;
        }
        /// A decoder's group, in a list that doubles as it grows.
        const GROUP: u64 = 3 * 5 * 56;
        for _ in 0..groups {
            self.held += GROUP;
            self.group(cache)?;
        }
        Some(())
    }

    /// How many colours a cache has.
    fn cache(&mut self) -> Option<usize> {
        if self.number(1)? == 0 {
            return Some(0);
        }
        let bits = self.number(4)?;
        matches!(bits, 1..=11).then_some(1 << bits)
    }

    /// Goes through a picture of so many pixels; the largest number that red and green make up in it. Whatever is copied was
    /// spelt out before.
    fn small_picture(&mut self, pixels: usize) -> Option<usize> {
        let cache = self.cache()?;
        let before = self.held;
        let [green, red, blue, opacity, distances] = self.group(cache)?;
        // They are gone when the picture is.
        self.held = before;
        let (mut at, mut most) = (0, 0);
        while at < pixels {
            let start = self.at;
            let symbol = self.symbol(&green)?;
            match symbol {
                0..256 => {
                    most = most.max(self.symbol(&red)? << 8 | symbol);
                    self.symbol(&blue)?;
                    self.symbol(&opacity)?;
                    at += 1;
                }
                256..280 => {
                    at += self.length(symbol - 256)?;
                    let distance = self.symbol(&distances)?;
                    self.length(distance)?;
                }
                _ => at += 1,
            }
            // What takes no bits is the same until the end.
            if self.at == start {
                break;
            }
        }
        Some(most)
    }

    fn length(&mut self, symbol: usize) -> Option<usize> {
        if symbol < 4 {
            return Some(symbol + 1);
        }
        let bits = (symbol - 2) >> 1;
        Some(((2 + (symbol & 1)) << bits) + self.number(bits)? + 1)
    }

    fn group(&mut self, cache: usize) -> Option<[HuffmanCode; 5]> {
        let [green, red, blue, opacity, distances] = ALPHABETS;
        let green = self.code(green + cache)?;
        Some([green, self.code(red)?, self.code(blue)?, self.code(opacity)?, self.code(distances)?])
    }

    fn code(&mut self, alphabet: usize) -> Option<HuffmanCode> {
        if self.number(1)? == 1 {
            let has_two = self.number(1)? == 1;
            let bits = if self.number(1)? == 1 { 8 } else { 1 };
            let mut symbols = vec![self.number(bits)? as u16];
            if has_two {
                symbols.push(self.number(8)? as u16);
            }
            if symbols.iter().any(|&symbol| usize::from(symbol) >= alphabet) {
                return None;
            }
            // A short list for each of the two.
            self.held += 3 * 24;
            let mut lengths = [(0, 0, 0); LONGEST + 1];
            lengths[usize::from(has_two)] = (0, symbols.len() as u32, 0);
            return Some(HuffmanCode { lengths, symbols });
        }
        let mut lengths = [0; CODE_LENGTHS];
        for &place in &ORDER[..4 + self.number(4)?] {
            lengths[place] = self.number(3)?;
        }
        let of_lengths = HuffmanCode::new(&lengths)?;
        let mut most = if self.number(1)? == 1 {
            let bits = 2 + 2 * self.number(3)?;
            2 + self.number(bits)?
        } else {
            alphabet
        };
        let (mut lengths, mut before) = (Vec::with_capacity(alphabet), 8);
        while lengths.len() < alphabet && most > 0 {
            most -= 1;
            let (length, count) = match self.symbol(&of_lengths)? {
                16 => (before, self.number(2)? + 3),
                17 => (0, self.number(3)? + 3),
                18 => (0, self.number(7)? + 11),
                length => (length, 1),
            };
            if length > 0 {
                before = length;
            }
            lengths.extend(std::iter::repeat_n(length, count.min(alphabet - lengths.len())));
        }
        let code = HuffmanCode::new(&lengths)?;
        self.held += code.memory();
        Some(code)
    }

    fn symbol(&mut self, code: &HuffmanCode) -> Option<usize> {
        let mut word = 0;
        for (length, &(first, count, symbols)) in code.lengths.iter().enumerate() {
            if length > 0 {
                word = word << 1 | self.number(1)? as u32;
            }
            if word >= first && word - first < count {
                return code.symbols.get(symbols + (word - first) as usize).map(|&symbol| symbol.into());
            }
        }
        None
    }
}

impl HuffmanCode {
    fn new(of_symbols: &[usize]) -> Option<Self> {
        let mut counts = [0; LONGEST + 1];
        of_symbols.iter().filter(|&&length| length > 0).for_each(|&length| counts[length] += 1);
        let (mut lengths, mut places, mut used, mut word) = ([(0, 0, 0); LONGEST + 1], [0; LONGEST + 1], 0, 0_u32);
        for length in 1..=LONGEST {
            lengths[length] = (word, counts[length] as u32, used);
            places[length] = used;
            used += counts[length];
            word = (word + counts[length] as u32) << 1;
        }
        let mut symbols = vec![0; used];
        for (symbol, &length) in (0_u16..).zip(of_symbols).filter(|&(_, &length)| length > 0) {
            symbols[places[length]] = symbol;
            places[length] += 1;
        }
        if used == 1 {
            // It goes without saying.
            lengths = [(0, 0, 0); LONGEST + 1];
            lengths[0] = (0, 1, 0);
        }
        (used > 0).then_some(Self { lengths, symbols })
    }

    /// What a decoder holds of it: a table by the first ten bits, and nodes for what is longer.
    fn memory(&self) -> u64 {
        const BITS: usize = 10;
        const NODES: u64 = 2 * 16;
        let longest = self.lengths.iter().rposition(|&(_, count, _)| count > 0).unwrap_or(0);
        let beyond: u64 = self.lengths[BITS + 1..].iter().map(|&(_, count, _)| u64::from(count)).sum();
        (4 << longest.min(BITS)) + NODES * beyond
    }
}
