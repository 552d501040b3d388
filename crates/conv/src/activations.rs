//! What flows from layer to layer.

/// Channels in a block.
pub const LANES: usize = 16;

/// One pixel's values in a block of 16 channels.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub struct Lanes(pub [f32; LANES]);

impl Lanes {
    /// Nothing but zeros.
    pub const ZERO: Self = Self([0.0; LANES]);
}

/// How many channels there are, and the size of the image that each of them is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Channels.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// Blocks of 16 channels that these channels fill; the last one may have channels to spare, which are always 0.
    pub fn blocks(self) -> usize {
        self.channels.div_ceil(LANES)
    }

    /// Pixels of one channel.
    pub fn pixels(self) -> usize {
        self.height * self.width
    }

    /// After a 2x2 pooling of stride 2 over whole windows.
    pub fn pooled(self) -> Self {
        Self { height: self.height / 2, width: self.width / 2, ..self }
    }

    /// The same image with other channels.
    pub fn with_channels(self, channels: usize) -> Self {
        Self { channels, ..self }
    }

    fn lanes(self) -> usize {
        self.blocks() * self.pixels()
    }
}

/// Activations, or their gradient: (block, row, column, 16 channels).
#[derive(Debug, Clone)]
pub struct Activations {
    shape: Shape,
    /// As much as the largest shape so far needs; what the present one does not need lies at the end.
    storage: Vec<Lanes>,
}

impl Activations {
    /// Zeros.
    pub fn zeros(shape: Shape) -> Self {
        Self { shape, storage: vec![Lanes::ZERO; shape.lanes()] }
    }

    /// From (channel, row, column).
    ///
    /// # Panics
    /// When there are not as many numbers as `shape` says.
    pub fn from_planes(shape: Shape, planes: &[f32]) -> Self {
        let mut new = Self::zeros(shape);
        new.fill_from_planes(planes);
        new
    }

    /// Takes other values, from (channel, row, column).
    ///
    /// # Panics
    /// When there are not as many numbers as the shape says.
    pub fn fill_from_planes(&mut self, planes: &[f32]) {
        let pixels = self.shape.pixels();
        assert_eq!(planes.len(), self.shape.channels * pixels, "numbers of {:?}", self.shape);
        for (channel, plane) in planes.chunks_exact(pixels).enumerate() {
            let block = &mut self.storage[channel / LANES * pixels..][..pixels];
            for (lanes, value) in block.iter_mut().zip(plane) {
                lanes.0[channel % LANES] = *value;
            }
        }
    }

    /// As (channel, row, column).
    pub fn to_planes(&self) -> Vec<f32> {
        let pixels = self.shape.pixels();
        let mut planes = Vec::with_capacity(self.shape.channels * pixels);
        for channel in 0..self.shape.channels {
            let block = &self.storage[channel / LANES * pixels..][..pixels];
            planes.extend(block.iter().map(|lanes| lanes.0[channel % LANES]));
        }
        planes
    }

    /// Their shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Takes another shape and, with it, arbitrary values: for a buffer that serves several layers.
    ///
    /// Its memory is kept, and grows only beyond the largest shape so far.
    pub fn reshape(&mut self, shape: Shape) {
        self.shape = shape;
        if self.storage.len() < shape.lanes() {
            self.storage.resize(shape.lanes(), Lanes::ZERO);
        }
    }

    /// All values, channels to spare included: for sums and differences that need no order.
    pub fn lanes(&self) -> &[Lanes] {
        &self.storage[..self.shape.lanes()]
    }

    /// All values, to be changed. Channels to spare must stay 0.
    pub fn lanes_mut(&mut self) -> &mut [Lanes] {
        &mut self.storage[..self.shape.lanes()]
    }
}
