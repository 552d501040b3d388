//! What an image costs.

/// The losses of an image, each times its weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Losses {
    pub content: f64,
    pub style: f64,
    pub tv: f64,
}

impl Losses {
    pub fn total(self) -> f64 {
        self.content + self.style + self.tv
    }
}
