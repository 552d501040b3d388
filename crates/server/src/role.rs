//! What the files of a form are for.

use impasto_jobs::{BlobKey, JobId};

/// What a file is for. The name is that of its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Content,
    Style,
    Mask,
    StyleMask,
    Initial,
}

impl Role {
    pub const ALL: [Self; 5] = [Self::Content, Self::Style, Self::Mask, Self::StyleMask, Self::Initial];

    /// The role of the files in a form's `field`.
    pub fn of(field: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.field() == field)
    }

    pub fn field(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Style => "style",
            Self::Mask => "mask",
            Self::StyleMask => "style_mask",
            Self::Initial => "initial",
        }
    }

    /// Whether there may be one for each style; of the others there is one.
    pub fn is_repeatable(self) -> bool {
        matches!(self, Self::Style | Self::Mask | Self::StyleMask)
    }

    pub fn key(self, job: JobId, number: usize) -> BlobKey {
        match self {
            Self::Content => BlobKey::content(job),
            Self::Style => BlobKey::style(job, number),
            Self::Mask => BlobKey::mask(job, number),
            Self::StyleMask => BlobKey::style_mask(job, number),
            Self::Initial => BlobKey::initial(job),
        }
    }
}

/// One file among those of its role, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub role: Role,
    pub number: usize,
}

impl Place {
    /// How problems name it, such as `style[1]`.
    pub fn in_problems(self) -> String {
        let Self { role, number } = self;
        if role.is_repeatable() { format!("{}[{number}]", role.field()) } else { role.field().to_owned() }
    }

    /// How sentences for people name it, such as `style 2`.
    pub fn in_notices(self) -> String {
        let Self { role, number } = self;
        let name = role.field().replace('_', " ");
        if role.is_repeatable() { format!("{name} {}", number + 1) } else { name }
    }
}
