//! The partitions of a lossy WebP stream. A decoder makes room for each by the length that stands in the file, up to 16 MB,
//! before it sees that the file is shorter.

/// Whether all of the partitions lie within the stream, and it is a picture that stands by itself.
pub(super) fn are_within(stream: &[u8]) -> bool {
    find_last(stream).is_some()
}

/// Where the last partition begins.
fn find_last(stream: &[u8]) -> Option<usize> {
    const TAG: usize = 3;
    const HEADER: usize = TAG + 7;
    let &[low, middle, high] = stream.first_chunk()?;
    let tag = u32::from_le_bytes([low, middle, high, 0]);
    let stands_by_itself = tag & 1 == 0;
    let sizes_at = HEADER + (tag >> 5) as usize;
    let first = stream.get(HEADER..sizes_at)?;
    let mut bits = Bits::new(first);
    bits.skip_to_partitions();
    // The last is as long as what is left.
    let sized = (1 << bits.number(2)) - 1;
    let (sizes, _) = stream.get(sizes_at..sizes_at + 3 * sized)?.as_chunks::<3>();
    let sum: usize = sizes.iter().map(|&[low, middle, high]| u32::from_le_bytes([low, middle, high, 0]) as usize).sum();
    let last = sizes_at + 3 * sized + sum;
    (stands_by_itself && last <= stream.len()).then_some(last)
}

/// The bits of the first partition, each as likely as not (RFC 6386, 7.3).
struct Bits<'a> {
    rest: &'a [u8],
    value: u32,
    range: u32,
    shifted: u8,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mut bits = Self { rest: bytes, value: 0, range: 255, shifted: 0 };
        bits.value = bits.byte() << 8;
        bits.value |= bits.byte();
        bits
    }

    /// Zero after the end, as decoders have it.
    fn byte(&mut self) -> u32 {
        let Some((&byte, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        byte.into()
    }

    fn bit(&mut self) -> bool {
        let split = 1 + ((self.range - 1) >> 1);
        let is_set = self.value >= split << 8;
        if is_set {
            self.value -= split << 8;
            self.range -= split;
        } else {
            self.range = split;
        }
        while self.range < 128 {
            self.value <<= 1;
            self.range <<= 1;
            self.shifted += 1;
            if self.shifted == 8 {
                self.shifted = 0;
                self.value |= self.byte();
            }
        }
        is_set
    }

    fn number(&mut self, bits: u32) -> usize {
        (0..bits).fold(0, |number, _| number << 1 | usize::from(self.bit()))
    }

    /// Numbers of so many bits, each of which may be left out.
    fn skip_optional(&mut self, count: u32, bits: u32) {
        for _ in 0..count {
            if self.bit() {
                self.number(bits);
            }
        }
    }

    /// What stands before the number of partitions (RFC 6386, 9.2 to 9.5).
    fn skip_to_partitions(&mut self) {
        const SIGN: u32 = 1;
        // The colour space, and how values are held within their range.
        self.number(2);
        let has_segments = self.bit();
        if has_segments {
            let (has_map, has_data) = (self.bit(), self.bit());
            if has_data {
                self.bit();
                self.skip_optional(4, 7 + SIGN);
                self.skip_optional(4, 6 + SIGN);
            }
            if has_map {
                self.skip_optional(3, 8);
            }
        }
        // The filter's kind, level and sharpness.
        self.number(1 + 6 + 3);
        let has_adjustments = self.bit();
        if has_adjustments && self.bit() {
            self.skip_optional(4 + 4, 6 + SIGN);
        }
    }
}
