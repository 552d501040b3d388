//! Lists of jobs, page by page.

use std::{fmt, str::FromStr};

use crate::{Job, Status};

/// Which jobs to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobQuery {
    /// Those in this status alone; `None` for all.
    pub status: Option<Status>,
    /// The most jobs on the page; 0 counts as 1.
    pub limit: u32,
    /// Where the page before ended; `None` for the first page.
    pub cursor: Option<Cursor>,
}

/// A page of a list of jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct JobPage {
    /// The jobs, the one submitted last first.
    pub jobs: Vec<Job>,
    /// Where the next page starts; `None` on the last page.
    pub next: Option<Cursor>,
}

/// A place in the list of all jobs. It stays where it is while jobs are added and deleted. Its text is for giving back,
/// not for reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub(crate) i64);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Text that is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no cursor: give back what the page before said, or none for the first page")]
pub struct ParseCursorError(String);

impl FromStr for Cursor {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let place = digits.then(|| text.parse().ok()).flatten();
        place.map(Self).ok_or_else(|| ParseCursorError(text.to_owned()))
    }
}
