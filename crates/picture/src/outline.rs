//! What a file's headers tell of its picture, and of the memory that reading it takes.

use impasto_recipe::Size;

/// A picture as its file stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outline {
    /// EXIF may turn it.
    pub size: Size,
    /// Bytes a pixel that the decoder gives: 1 to 8.
    pub bytes_a_pixel: u64,
    /// Bytes that the decoder holds besides while it works, at the most.
    pub scratch: u64,
}

/// The memory that a picture takes at the most while it is read, in bytes, the file's own not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryNeed {
    /// For [`Picture::inspect`](crate::Picture::inspect).
    pub inspecting: u64,
    /// For [`Picture::decode`](crate::Picture::decode), the picture included.
    pub decoding: u64,
}

impl Outline {
    pub fn memory_need(&self) -> MemoryNeed {
        /// Three f32 a pixel.
        const PICTURE: u64 = 12;
        /// Tables, buffers and metadata that do not grow with the picture.
        const TABLES: u64 = 1 << 20;
        let pixels = self.size.pixels();
        let of_pixels = |bytes: u64| pixels.saturating_mul(bytes);
        let inspecting = of_pixels(self.bytes_a_pixel).saturating_add(self.scratch).saturating_add(TABLES);
        // To be turned, what was decoded is copied; after that, the picture is made of it.
        let making = of_pixels(self.bytes_a_pixel + PICTURE.max(self.bytes_a_pixel)).saturating_add(TABLES);
        MemoryNeed { inspecting, decoding: inspecting.max(making) }
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
        let samples = match self.colours {
            0 => 1 + u64::from(transparent),
            4 => 2,
            2 | 3 => 3 + u64::from(transparent),
            _ => 4,
        };
        let bytes_a_pixel = samples * if self.depth > 8 { 2 } else { 1 };
        /// The compression's window, and some lines.
        const WINDOW: u64 = 256 << 10;
        let line = u64::from(self.size.width) * bytes_a_pixel;
        Outline { size: self.size, bytes_a_pixel, scratch: WINDOW + 4 * line }
    }
}

/// What stands in a JPEG's frame header, and how its scans come.
pub(crate) struct JpegFrame {
    pub size: Size,
    /// How often each component is sampled across and down in a unit.
    pub sampling: Vec<(u8, u8)>,
    /// Whether the coefficients of the whole picture are held until its last scan: where it is progressive, or a scan brings
    /// fewer than all components.
    pub keeps_coefficients: bool,
}

impl JpegFrame {
    /// Takes note of a scan of so many components.
    pub fn scan_of(&mut self, components: u8) {
        self.keeps_coefficients |= usize::from(components) < self.sampling.len();
    }

    pub fn outline(&self) -> Outline {
        const BLOCK: u64 = 8;
        const COEFFICIENT: u64 = 2;
        let most = |factor: fn(&(u8, u8)) -> u8| u64::from(self.sampling.iter().map(factor).max().unwrap_or(1).max(1));
        let (across, down) = (most(|factors| factors.0), most(|factors| factors.1));
        let units_across = u64::from(self.size.width).div_ceil(BLOCK * across);
        let units_down = u64::from(self.size.height).div_ceil(BLOCK * down);
        let blocks_a_unit: u64 = self.sampling.iter().map(|&(across, down)| u64::from(across) * u64::from(down)).sum();
        let bytes_a_unit = blocks_a_unit * BLOCK * BLOCK * COEFFICIENT;
        let kept = if self.keeps_coefficients { units_across * units_down * bytes_a_unit } else { 0 };
        // A row of units, and what it is brought to the picture's resolution in.
        let row = 4 * units_across * bytes_a_unit.max(across * down * BLOCK * BLOCK * COEFFICIENT * 3);
        let bytes_a_pixel = if self.sampling.len() == 1 { 1 } else { 3 };
        Outline { size: self.size, bytes_a_pixel, scratch: kept + row }
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
        Some(Outline { size, bytes_a_pixel, scratch: pixels + 4 * self.lossy_bytes })
    }
}
