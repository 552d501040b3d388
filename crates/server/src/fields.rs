//! The fields of a form that are text, wherever they are given.

use impasto_jobs::JobId;
use impasto_recipe::{OptionError, Options};

use crate::{
    asked::Asked,
    initial::INITIAL_JOB,
    problem::{Problem, excerpt},
    terms::TermFields,
};

/// What a form says in text.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    /// What the recipe is made of.
    pub options: Options,
    /// The job whose result is the picture to start from.
    pub initial_job: Option<JobId>,
    /// How the job is to be done.
    pub terms: TermFields,
    /// All of it as it was sent, and the pictures with it.
    pub asked: Asked,
}

impl Fields {
    /// Every name, in the order in which people are told them.
    pub fn names() -> impl Iterator<Item = &'static str> {
        [INITIAL_JOB].into_iter().chain(Options::NAMES.iter().copied()).chain(TermFields::NAMES)
    }

    /// Whether `name` is one of them.
    pub fn has(name: &str) -> bool {
        Self::names().any(|known| known == name)
    }

    /// Sets the field `name` from text. Blank text counts as not given: browsers send the fields that nobody has filled in.
    ///
    /// # Errors
    /// When there is no such field, when it was set before, or when `text` is no value for it.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), Problem> {
        match name {
            _ if text.trim().is_empty() => return Ok(()),
            INITIAL_JOB => self.start_from(text.trim())?,
            option if Options::NAMES.contains(&option) => self.options.set(option, text)?,
            term => self.terms.set(term, text)?,
        }
        self.asked.for_field(name, text);
        Ok(())
    }

    fn start_from(&mut self, text: &str) -> Result<(), OptionError> {
        if self.initial_job.is_some() {
            return Err(OptionError::new(INITIAL_JOB, "is given twice: once is enough"));
        }
        let refuse = || {
            let text = excerpt(text);
            OptionError::new(INITIAL_JOB, format!("'{text}' is no job's id: give that of one which has succeeded"))
        };
        self.initial_job = Some(text.parse().map_err(|_| refuse())?);
        Ok(())
    }
}
