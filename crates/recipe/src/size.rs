//! Sizes of pictures in pixels.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Width and height in pixels; neither is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Size {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl Size {
    /// A size of `width` by `height` pixels.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// The number of pixels.
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The longer of the two sides.
    pub fn longest_side(self) -> u32 {
        self.width.max(self.height)
    }

    /// The shorter of the two sides.
    pub fn shortest_side(self) -> u32 {
        self.width.min(self.height)
    }

    /// The same shape with its longest side `longest` pixels; no side falls below one.
    pub fn with_longest_side(self, longest: u32) -> Self {
        self.scaled(f64::from(longest) / f64::from(self.longest_side()))
    }

    /// Both sides times `factor`, rounded half to even (as Python does), at least one pixel.
    pub fn scaled(self, factor: f64) -> Self {
        let scale = |side: u32| (f64::from(side) * factor).round_ties_even().max(1.0) as u32;
        Self::new(scale(self.width), scale(self.height))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// Text that is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no size: give WIDTHxHEIGHT in whole pixels, such as 1200x800")]
pub struct ParseSizeError(pub(crate) String);

impl FromStr for Size {
    type Err = ParseSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sides = text.split_once('x').and_then(|(width, height)| Some((whole(width)?, whole(height)?)));
        match sides {
            Some((width, height)) if width > 0 && height > 0 => Ok(Self::new(width, height)),
            _ => Err(ParseSizeError(text.to_owned())),
        }
    }
}

/// The option `size`: how large the result is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SizeOption {
    /// The longest side in pixels; every picture keeps its own shape.
    Longest(u32),
    /// The result's size to the pixel.
    Exact(Size),
    /// The photograph's own size.
    Original,
}

/// How [`SizeOption::Original`] is asked for.
const ORIGINAL: &str = "original";

impl FromStr for SizeOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == ORIGINAL {
            return Ok(Self::Original);
        }
        if let Some(longest) = whole(text).filter(|&side| side > 0) {
            return Ok(Self::Longest(longest));
        }
        let exact = text.parse().map_err(|_| {
            format!(
                "'{text}' is no size: give the longest side (512) or WIDTHxHEIGHT (1200x800) in whole pixels, or original"
            )
        })?;
        Ok(Self::Exact(exact))
    }
}

impl fmt::Display for SizeOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Longest(side) => write!(f, "{side}"),
            Self::Exact(size) => size.fmt(f),
            Self::Original => f.write_str(ORIGINAL),
        }
    }
}

/// Digits alone: `u32::from_str` would take a leading `+` too.
pub(crate) fn whole(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}
