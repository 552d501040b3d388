//! What a file's headers tell of its picture, and of the memory that reading it takes.

use impasto_recipe::Size;

/// A picture as its file stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outline {
    /// EXIF may turn it.
    pub size: Size,
    /// Bytes a pixel that the decoder gives.
    pub bytes_a_pixel: u64,
    /// Whether there may be a channel of opacity among them.
    pub may_have_alpha: bool,
    /// Bytes that the decoder holds besides while it works, at the most.
    pub scratch: u64,
    /// Bytes of a colour profile, at the most.
    pub profile: u64,
}

/// The memory that a picture takes at the most while it is read, in bytes, the file's own not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryNeed {
    /// For [`Picture::inspect`](crate::Picture::inspect).
    pub inspecting: u64,
    /// For [`Picture::decode`](crate::Picture::decode), the picture included.
    pub decoding: u64,
}

/// The longest colour profile that is looked at; those of printers have 2 MB at the most.
pub(crate) const LONGEST_PROFILE: u64 = 4 << 20;

impl Outline {
    fn new(size: Size, bytes_a_pixel: u64, may_have_alpha: bool, scratch: u64) -> Self {
        Self { size, bytes_a_pixel, may_have_alpha, scratch, profile: 0 }
    }

    pub fn memory_need(&self) -> MemoryNeed {
        /// Three f32 a pixel, and one more for its opacity.
        const PICTURE: u64 = 12;
        const ALPHA: u64 = 4;
        /// Tables, buffers and metadata that do not grow with the picture.
        const TABLES: u64 = 1 << 20;
        /// A row as floats, as its colours were and as they become.
        const ROW: u64 = 4 * (5 + 3);
        let of_pixels = |bytes: u64| self.size.pixels().saturating_mul(bytes);
        let conversion = self.conversion();
        let stored = of_pixels(self.bytes_a_pixel).saturating_add(TABLES).saturating_add(conversion);
        let inspecting = stored.saturating_add(self.scratch);
        let picture = of_pixels(PICTURE + if self.may_have_alpha { ALPHA } else { 0 });
        let making = stored.saturating_add(picture).saturating_add(u64::from(self.size.width) * ROW);
        MemoryNeed { inspecting, decoding: inspecting.max(making) }
    }

    /// For a colour profile, the numbers in it, and the tables that are made of it.
    fn conversion(&self) -> u64 {
        /// It is put together and copied, its two tables are read, and one of them becomes floats.
        const GROWTH: u64 = 9;
        const TABLES: u64 = 2 << 20;
        if self.profile == 0 { 0 } else { TABLES + GROWTH * self.profile.min(LONGEST_PROFILE) }
    }
}

/// What stands in IHDR.
pub(crate) struct PngHeader {
    pub size: Size,
    /// Bits a sample.
    pub depth: u8,
    /// The kind of colours, as the format numbers them.
    pub colours: u8,
}

impl PngHeader {
    /// A PNG is decoded line by line into what is asked for: samples of 8 bits or 16, palettes resolved.
    pub fn outline(&self, transparent: bool) -> Outline {
        let (samples, may_have_alpha) = match self.colours {
            0 => (1 + u64::from(transparent), transparent),
            4 => (2, true),
            2 | 3 => (3 + u64::from(transparent), transparent),
            _ => (4, true),
        };
        let bytes_a_pixel = samples * if self.depth > 8 { 2 } else { 1 };
        /// The compression's window, and some lines.
        const WINDOW: u64 = 256 << 10;
        let line = u64::from(self.size.width) * bytes_a_pixel;
        Outline::new(self.size, bytes_a_pixel, may_have_alpha, WINDOW + 4 * line)
    }
}

/// A GIF's frame is decoded to palette indices, and laid on its canvas of four channels.
pub(crate) fn gif(canvas: Size) -> Outline {
    const WINDOW: u64 = 128 << 10;
    Outline::new(canvas, 4, true, WINDOW.saturating_add(canvas.pixels().saturating_mul(5)))
}

/// A BMP is decoded row by row.
pub(crate) fn bmp(size: Size) -> Outline {
    const WINDOW: u64 = 64 << 10;
    Outline::new(size, 4, true, WINDOW + 16 * u64::from(size.width))
}

/// What a TIFF's first directory says of its page.
pub(crate) struct TiffPage {
    pub size: Size,
    /// Bits a sample.
    pub bits: u32,
    pub samples: u32,
    pub is_palette: bool,
    /// Whether its samples are put into another order or width.
    pub is_rearranged: bool,
    /// Whether the file is copied first.
    pub is_copied: bool,
    /// The pixels of a strip or tile.
    pub part: u64,
    /// How many of them there are.
    pub parts: u64,
    /// The bytes of the longest of them.
    pub longest_part: u64,
    pub file: u64,
}

impl TiffPage {
    pub fn outline(&self) -> Outline {
        let bytes_a_sample = u64::from(self.bits.div_ceil(8)).next_power_of_two();
        let samples = u64::from(self.samples);
        // Of a palette, three words and a fourth for opacity.
        let stored = if self.is_palette { 2 * (3 + (samples - 1).min(1)) } else { samples * bytes_a_sample };
        // Decoded once as the file has it, and once more in the order and width that the rest is made of.
        let part = self.part.saturating_mul(samples * bytes_a_sample);
        let work = self.size.pixels().saturating_mul(samples * bytes_a_sample);
        let work = if self.is_rearranged { work } else { 0 };
        let copy = if self.is_copied { self.file } else { 0 };
        /// Of each part, its place and its length, and the decoder's lists that they are read by.
        const PLACE: u64 = 56;
        let scratch = [part, part, self.longest_part, self.longest_part, copy, PLACE.saturating_mul(self.parts)]
            .into_iter()
            .fold(work, u64::saturating_add);
        Outline::new(self.size, stored, samples > 1, scratch)
    }
}

/// The pixels of a part, which headers may make as large as they like.
pub(crate) fn most_within(width: u32, height: u32) -> u64 {
    u64::from(width).saturating_mul(height.into())
}

/// The most scans that a JPEG's decoder goes through.
pub(crate) const MOST_SCANS: u32 = 100;

/// What stands in a JPEG's frame header, and how its scans come.
pub(crate) struct JpegFrame {
    pub size: Size,
    /// What each component calls itself.
    pub names: Vec<u8>,
    /// How often each component is sampled across and down in a unit.
    pub sampling: Vec<(u8, u8)>,
    pub is_progressive: bool,
    pub scans: u32,
    /// Whether a scan brings fewer than all components.
    pub has_partial_scans: bool,
    /// Whether such a scan brings several.
    pub has_mixed_scans: bool,
}

impl JpegFrame {
    /// Takes note of a scan of so many components.
    pub fn scan_of(&mut self, components: u8) {
        self.scans = self.scans.saturating_add(1);
        let is_partial = usize::from(components) < self.sampling.len();
        self.has_partial_scans |= is_partial;
        self.has_mixed_scans |= is_partial && components > 1;
    }

    /// Whether the decoder makes the right picture of it. Of what is left out here, held against libjpeg, it makes garbage.
    pub fn is_decoded_well(&self) -> bool {
        let Some(&(most_across, most_down)) = self.sampling.first() else { return false };
        if self.sampling.len() == 1 {
            return true;
        }
        let fits = |&(across, down): &(u8, u8)| {
            across <= most_across && down <= most_down && most_across % across == 0 && most_down % down == 0
        };
        let is_usual = |&(across, _): &(u8, u8)| across != 3 && (most_across < 4 || across != 2);
        let in_one_size = self.sampling.iter().all(|&factors| factors == (1, 1));
        let across_alone = most_down == 1 && !self.has_mixed_scans;
        let scans_are_well = self.is_progressive || !self.has_partial_scans || in_one_size || across_alone;
        scans_are_well && self.sampling.iter().all(|factors| fits(factors) && is_usual(factors))
    }

    const BLOCK: u64 = 8;

    /// How often the most sampled component is sampled across and down in a unit.
    fn most(&self) -> (u64, u64) {
        let most = |factor: fn(&(u8, u8)) -> u8| u64::from(self.sampling.iter().map(factor).max().unwrap_or(1).max(1));
        (most(|factors| factors.0), most(|factors| factors.1))
    }

    /// How many units there are across and down.
    fn units(&self) -> (u64, u64) {
        let (across, down) = self.most();
        let units = |side: u32, most: u64| u64::from(side).div_ceil(Self::BLOCK * most);
        (units(self.size.width, across), units(self.size.height, down))
    }

    fn blocks_a_unit(&self) -> u64 {
        self.sampling.iter().map(|&(across, down)| u64::from(across) * u64::from(down)).sum()
    }

    /// How many blocks there are of all components, at the most.
    pub fn blocks(&self) -> u64 {
        let (across, down) = self.units();
        across * down * self.blocks_a_unit()
    }

    pub fn outline(&self) -> Outline {
        const BLOCK: u64 = JpegFrame::BLOCK;
        const COEFFICIENT: u64 = 2;
        let (across, down) = self.most();
        let (units_across, _) = self.units();
        let bytes_a_unit = self.blocks_a_unit() * BLOCK * BLOCK * COEFFICIENT;
        // The coefficients of the whole picture are held until its last scan.
        let keeps_coefficients = self.is_progressive || self.has_partial_scans;
        let kept = if keeps_coefficients { self.blocks() * BLOCK * BLOCK * COEFFICIENT } else { 0 };
        // A row of units, and what it is brought to the picture's resolution in.
        let row = 4 * units_across * bytes_a_unit.max(across * down * BLOCK * BLOCK * COEFFICIENT * 3);
        Outline::new(self.size, self.sampling.len() as u64, false, kept + row)
    }
}

/// What a WebP's chunks say of its streams.
#[derive(Default)]
pub(crate) struct WebpStream {
    pub canvas: Option<Size>,
    pub has_alpha: bool,
    pub has_lossless: bool,
    pub is_animated: bool,
    /// The longest lossy stream; the decoder copies it, into buffers that double as they grow.
    pub lossy_bytes: u64,
    /// What a decoder holds of a lossless stream's codes, in bytes.
    pub codes: u64,
}

impl WebpStream {
    pub fn outline(&self) -> Option<Outline> {
        let size = self.canvas?;
        const MACROBLOCK: u32 = 16;
        let padded = |side: u32| side.next_multiple_of(MACROBLOCK);
        let pixels = Size::new(padded(size.width), padded(size.height)).pixels();
        // Luma, and chroma at half the resolution. Transparency is a lossless stream of its own.
        let lossy = (pixels * 3).div_ceil(2) + if self.has_alpha { 5 * pixels } else { 0 };
        // Four channels, where they are not what was asked for, and transforms and codes for every few pixels.
        let lossless = if self.has_alpha { pixels } else { 5 * pixels };
        // The canvas, and a frame that is laid on it.
        let animated = 8 * pixels + pixels / 2;
        let streams = [(self.lossy_bytes > 0, lossy), (self.has_lossless, lossless), (self.is_animated, animated)];
        let pixels = streams.into_iter().filter_map(|(is_there, bytes)| is_there.then_some(bytes)).max().unwrap_or(0);
        let bytes_a_pixel = if self.has_alpha { 4 } else { 3 };
        Some(Outline::new(
            size,
            bytes_a_pixel,
            self.has_alpha,
            pixels.saturating_add(self.lossy_bytes.saturating_mul(4)).saturating_add(self.codes),
        ))
    }
}
