//! What is said to a sender whose file was not taken quite as it is.

use std::fmt;

/// What was done to a file that its sender might not expect. It displays as a fragment of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The picture is stored in another position than it is to be seen in.
    TurnedUpright,
    /// Its colours were not sRGB's; the name is of what they were.
    ColoursConverted(String),
    /// Its colour profile could not be used, and why.
    ProfilePassedOver(String),
    /// It is an animation.
    FirstFrame,
    /// It has several pages.
    FirstPage,
    /// It holds several pictures.
    FirstPicture,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TurnedUpright => f.write_str("it was turned upright, as its EXIF data say"),
            Self::ColoursConverted(from) => write!(f, "its colours were converted from {from} to sRGB"),
            Self::ProfilePassedOver(why) => write!(f, "its colour profile was passed over: {why}"),
            Self::FirstFrame => f.write_str("of its animation, the first frame alone was taken"),
            Self::FirstPage => f.write_str("of its pages, the first alone was taken"),
            Self::FirstPicture => f.write_str("of the pictures in it, the first alone was taken"),
        }
    }
}
