//! The bits of a scan, and the symbols that they spell.

pub(super) struct HuffmanCode {
    /// Of each length: the first word, how many there are, and where their symbols begin.
    pub lengths: [(u32, u32, usize); 16],
    pub symbols: Vec<u8>,
}

/// What a scan brings.
pub(super) struct Scan {
    /// Which components, and the numbers of their codes.
    pub components: Vec<(usize, usize, usize)>,
    pub first: usize,
    pub last: usize,
    pub high: u8,
    pub low: u8,
}

/// The bits of a scan.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// Where the next byte stands.
    pub at: usize,
    held: u8,
    count: u8,
}

impl<'a> Bits<'a> {
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, held: 0, count: 0 }
    }

    fn bit(&mut self) -> Option<u32> {
        if self.count == 0 {
            self.held = *self.bytes.get(self.at)?;
            if self.held == 0xff {
                // A marker, where it is not stuffed.
                if *self.bytes.get(self.at + 1)? != 0 {
                    return None;
                }
                self.at += 1;
            }
            self.at += 1;
            self.count = 8;
        }
        self.count -= 1;
        Some(u32::from(self.held >> self.count & 1))
    }

    fn number(&mut self, length: u8) -> Option<u32> {
        (0..length).try_fold(0, |number, _| Some(number << 1 | self.bit()?))
    }

    pub fn skip(&mut self, length: u8) -> Option<()> {
        if length > 16 { None } else { self.number(length).map(|_| ()) }
    }

    pub fn symbol(&mut self, code: &HuffmanCode) -> Option<u8> {
        let mut word = 0;
        for &(first, count, symbols) in &code.lengths {
            word = word << 1 | self.bit()?;
            if word >= first && word - first < count {
                return code.symbols.get(symbols + (word - first) as usize).copied();
            }
        }
        None
    }

    /// Whether there are zeros in place of data: every encoder fills its last byte up with ones. Where a file goes on with
    /// zeros after it was cut off, they are taken for data until every pixel is there.
    pub fn goes_on_with_zeros(&self) -> bool {
        let rest = (1_u16 << self.count) - 1;
        let ends_with_ones = if self.count == 0 { self.held != 0 } else { u16::from(self.held) & rest == rest };
        self.bytes.get(self.at) == Some(&0) && !ends_with_ones
    }

    /// The next byte is a restart's marker.
    pub fn restart(&mut self) -> Option<()> {
        self.count = 0;
        let marker_at = self.at + self.bytes.get(self.at..)?.iter().position(|&byte| byte != 0xff)?;
        let is_restart = marker_at > self.at && matches!(self.bytes[marker_at], 0xd0..=0xd7);
        self.at = marker_at + 1;
        is_restart.then_some(())
    }

    /// All coefficients of a block but the first.
    pub fn sequential(&mut self, code: &HuffmanCode) -> Option<()> {
        let mut place = 1;
        while place < 64 {
            let symbol = self.symbol(code)?;
            let (run, length) = (symbol >> 4, symbol & 15);
            if length == 0 && run < 15 {
                break;
            }
            self.skip(length)?;
            place += usize::from(run) + 1;
        }
        (place <= 64).then_some(())
    }

    /// Some bits of some coefficients of a block.
    pub fn progressive(&mut self, code: &HuffmanCode, scan: &Scan, set: &mut u64, run_of_ends: &mut u32) -> Option<()> {
        let mut place = scan.first;
        if *run_of_ends == 0 {
            while place <= scan.last {
                let symbol = self.symbol(code)?;
                let (run, length) = (symbol >> 4, symbol & 15);
                if length == 0 && run < 15 {
                    *run_of_ends = (1 << run) + self.number(run)?;
                    break;
                }
                self.skip(length)?;
                place = if scan.high == 0 { place + usize::from(run) } else { self.refine(scan, *set, place, run)? };
                if place > scan.last && length > 0 {
                    return None;
                }
                if length > 0 {
                    *set |= 1 << place;
                }
                place += 1;
            }
        }
        if *run_of_ends > 0 {
            if scan.high > 0 {
                let rest = (place..=scan.last).filter(|&place| *set >> place & 1 == 1).count();
                (0..rest).try_for_each(|_| self.skip(1))?;
            }
            *run_of_ends -= 1;
        }
        Some(())
    }

    /// The place after a run of zeros, on the way to which what is set already gets a bit each.
    fn refine(&mut self, scan: &Scan, set: u64, mut place: usize, mut run: u8) -> Option<usize> {
        while place <= scan.last {
            if set >> place & 1 == 1 {
                self.skip(1)?;
            } else if run == 0 {
                break;
            } else {
                run -= 1;
            }
            place += 1;
        }
        Some(place)
    }
}
