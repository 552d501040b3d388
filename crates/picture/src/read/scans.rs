//! Where a JPEG's picture ends that has no end mark: its scans are counted through, block by block, without making pixels
//! of them.

mod bits;

use impasto_recipe::Size;

use self::bits::{Bits, HuffmanCode, Scan};
use crate::{error::Flaw, outline::MOST_SCANS};

/// The place after the last scan of a picture of `size`; the file was cut off where the scans do not bring every pixel to its full precision.
pub(super) fn end_of_picture(bytes: &[u8], size: Size) -> Result<usize, Flaw> {
    let mut count = ScanCount { width: size.width as usize, height: size.height as usize, ..ScanCount::default() };
    let mut at = 2;
    // What stands after the last whole scan does not matter once every pixel is there.
    while let Some(end) = count.segment(bytes, at) {
        at = end;
    }
    if count.is_complete() { Ok(count.end) } else { Err(Flaw::Truncated) }
}

#[derive(Default)]
struct ScanCount {
    width: usize,
    height: usize,
    is_progressive: bool,
    components: Vec<Component>,
    /// By class (0 for the first coefficient, 1 for the others) and number.
    codes: [[Option<HuffmanCode>; 4]; 2],
    restart_interval: usize,
    scans: u32,
    /// After the last scan that was whole.
    end: usize,
}

struct Component {
    id: u8,
    across: usize,
    down: usize,
    /// How many bits of each coefficient are still to come; more than there can be where none came.
    missing: [u8; 64],
    /// Of each block, which coefficients are not zero.
    set: Vec<u64>,
}

const NOTHING_YET: u8 = u8::MAX;

impl ScanCount {
    /// Takes in the next segment, and the data after it; where that ends, if it is one of a picture and whole.
    fn segment(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        let marker_at = at + bytes.get(at..)?.iter().position(|&byte| byte != 0xff)?;
        if marker_at == at {
            return None;
        }
        let marker = bytes[marker_at];
        let length = usize::from(u16::from_be_bytes(*bytes.get(marker_at + 1..)?.first_chunk()?));
        let end = marker_at + 1 + length;
        let data = bytes.get(marker_at + 3..end)?;
        match marker {
            0xc0..=0xc2 => self.frame(data, marker == 0xc2)?,
            0xc4 => self.huffman(data)?,
            0xdd => self.restart_interval = usize::from(u16::from_be_bytes(*data.first_chunk()?)),
            0xda => {
                // Each takes its time by the size of the picture, even if it is of a few bytes.
                self.scans += 1;
                if self.scans > MOST_SCANS {
                    return None;
                }
                let scan = self.scan(data)?;
                let end = self.run(&scan, bytes, end)?;
                self.end = end;
                return Some(end);
            }
            0xfe | 0xe0..=0xef | 0xdb | 0xdc => {}
            _ => return None,
        }
        Some(end)
    }

    fn frame(&mut self, data: &[u8], is_progressive: bool) -> Option<()> {
        let &[_, h1, h0, w1, w0, count, ref components @ ..] = data else { return None };
        let (height, width) = (usize::from(u16::from_be_bytes([h1, h0])), usize::from(u16::from_be_bytes([w1, w0])));
        // Another frame is another picture's, and only the first was held against the limits.
        if !self.components.is_empty() || (width, height) != (self.width, self.height) {
            return None;
        }
        self.is_progressive = is_progressive;
        // What stands after as many as are declared is none, however long the segment is.
        for &[id, factors, _] in components.as_chunks::<3>().0.get(..count.into())? {
            let (across, down) = (usize::from(factors >> 4), usize::from(factors & 15));
            if !matches!((across, down), (1..=4, 1..=4)) {
                return None;
            }
            self.components.push(Component { id, across, down, missing: [NOTHING_YET; 64], set: Vec::new() });
        }
        if is_progressive {
            for index in 0..self.components.len() {
                let (across, down) = self.blocks(index);
                self.components[index].set = vec![0; across * down];
            }
        }
        Some(())
    }

    fn huffman(&mut self, mut data: &[u8]) -> Option<()> {
        while let Some((&[kind], rest)) = data.split_first_chunk() {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(total)?;
            let slot = self.codes.get_mut(usize::from(kind >> 4))?.get_mut(usize::from(kind & 15))?;
            let (mut code, mut symbol) = (0_u32, 0);
            let lengths = counts.map(|count| {
                let of_length = (code, u32::from(count), symbol);
                code = (code + u32::from(count)) << 1;
                symbol += usize::from(count);
                of_length
            });
            *slot = Some(HuffmanCode { lengths, symbols: symbols.to_vec() });
            data = rest;
        }
        Some(())
    }

    fn scan(&self, data: &[u8]) -> Option<Scan> {
        let (&count, rest) = data.split_first()?;
        let (pairs, rest) = rest.split_at_checked(2 * usize::from(count))?;
        let &[first, last, precision] = rest.first_chunk()?;
        let mut components = Vec::new();
        for &[id, codes] in pairs.as_chunks::<2>().0 {
            let index = self.components.iter().position(|component| component.id == id)?;
            components.push((index, usize::from(codes >> 4), usize::from(codes & 15)));
        }
        let (first, last, high, low) = if self.is_progressive {
            (first.into(), last.into(), precision >> 4, precision & 15)
        } else {
            (0, 63, 0, 0)
        };
        let is_possible = first <= last && last < 64 && !components.is_empty();
        let is_one = components.len() == 1 || first == 0;
        (is_possible && is_one).then_some(Scan { components, first, last, high, low })
    }

    /// How many blocks of a component there are across and down, where it stands alone in a scan.
    fn blocks(&self, index: usize) -> (usize, usize) {
        let component = &self.components[index];
        let (most_across, most_down) = self.most();
        let across = (self.width * component.across).div_ceil(most_across).div_ceil(8);
        (across, (self.height * component.down).div_ceil(most_down).div_ceil(8))
    }

    fn most(&self) -> (usize, usize) {
        let most = |factor: fn(&Component) -> usize| self.components.iter().map(factor).max().unwrap_or(1);
        (most(|component| component.across), most(|component| component.down))
    }

    /// Counts through the data of a scan, from `start`; where it ends.
    fn run(&mut self, scan: &Scan, bytes: &[u8], start: usize) -> Option<usize> {
        let mut bits = Bits::new(bytes, start);
        let is_alone = scan.components.len() == 1;
        let (most_across, most_down) = self.most();
        let units = if is_alone {
            let (across, down) = self.blocks(scan.components[0].0);
            across * down
        } else {
            self.width.div_ceil(8 * most_across) * self.height.div_ceil(8 * most_down)
        };
        let mut run_of_ends = 0;
        for unit in 0..units {
            if self.restart_interval > 0 && unit > 0 && unit.is_multiple_of(self.restart_interval) {
                bits.restart()?;
                run_of_ends = 0;
            }
            for &(index, first_code, other_code) in &scan.components {
                let component = &mut self.components[index];
                let blocks = if is_alone { 1 } else { component.across * component.down };
                for _ in 0..blocks {
                    if scan.first == 0 {
                        if scan.high == 0 {
                            let length = bits.symbol(self.codes[0].get(first_code)?.as_ref()?)?;
                            bits.skip(length)?;
                        } else {
                            bits.skip(1)?;
                        }
                    }
                    let code = || self.codes[1].get(other_code)?.as_ref();
                    if !self.is_progressive {
                        bits.sequential(code()?)?;
                    } else if scan.first > 0 {
                        let set = component.set.get_mut(unit)?;
                        bits.progressive(code()?, scan, set, &mut run_of_ends)?;
                    }
                }
            }
        }
        if bits.goes_on_with_zeros() {
            return None;
        }
        for &(index, ..) in &scan.components {
            let last = if self.is_progressive && scan.first == 0 { 0 } else { scan.last };
            self.components[index].missing[scan.first..=last].fill(scan.low);
        }
        Some(bits.at)
    }

    fn is_complete(&self) -> bool {
        let is_complete = |component: &Component| component.missing.iter().all(|&missing| missing == 0);
        !self.components.is_empty() && self.components.iter().all(is_complete)
    }
}
