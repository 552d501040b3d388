//! The places that weights come from.

use std::{fmt, path::PathBuf};

/// Where a backbone's weights are, or would come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In this binary.
    BuiltIn,
    /// A file named in the settings.
    Path(PathBuf),
    /// A file that was fetched before.
    Cache(PathBuf),
    /// Not on this machine yet.
    Hub,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::Path(path) | Self::Cache(path) => path.display().fmt(f),
            Self::Hub => f.write_str("the hub, not fetched yet"),
        }
    }
}
