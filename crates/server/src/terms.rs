//! The fields of a form that say how a job is to be done, besides its recipe.

use std::{fmt::Display, str::FromStr, time::Duration};

use impasto_jobs::{Idempotency, Priority, Scope, Terms};
use impasto_recipe::OptionError;

use crate::{
    app::App,
    caller::Caller,
    fields::Fields,
    problem::{Kind, Problem, excerpt},
};

/// Seconds that a job may be given to begin, at the most: a year.
const LONGEST_WAIT: u64 = 365 * 24 * 3600;

/// What a form says of how its job is to be done; what it leaves out is as usual.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TermFields {
    /// Before and after whose it is to be done.
    pub priority: Option<Priority>,
    /// How long it may wait for its first worker.
    pub start_within: Option<Duration>,
    /// The address to tell of its end.
    pub webhook: Option<String>,
}

impl TermFields {
    pub const PRIORITY: &'static str = "priority";
    pub const START_WITHIN: &'static str = "start_within";
    pub const WEBHOOK: &'static str = "webhook";
    /// The names that [`set`](Self::set) knows.
    pub const NAMES: [&'static str; 3] = [Self::PRIORITY, Self::START_WITHIN, Self::WEBHOOK];

    /// Sets the field `name` from text that is not blank.
    ///
    /// # Errors
    /// When there is no such field, when it was set before, or when `text` is no value for it.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), OptionError> {
        let text = text.trim();
        match name {
            Self::PRIORITY => put(&mut self.priority, name, parse(text)),
            Self::START_WITHIN => put(&mut self.start_within, name, seconds(text)),
            Self::WEBHOOK => put(&mut self.webhook, name, Ok(text.to_owned())),
            _ => Err(OptionError::new(name, "is no field of the form")),
        }
    }
}

/// The terms of a job that `caller` submits with `fields`; `idempotency` is by what it is known again.
///
/// # Errors
/// When the caller may not have them.
pub(crate) fn of(
    app: &App,
    caller: &Caller,
    idempotency: Option<Idempotency>,
    fields: &Fields,
) -> Result<Terms, Problem> {
    let TermFields { priority, start_within, webhook } = fields.terms.clone();
    let priority = priority.unwrap_or_default();
    if priority > Priority::default() && !caller.may(Scope::Priority) {
        let why = format!("the priority {priority} takes a key with the scope {}: leave it out", Scope::Priority);
        return Err(Problem::new(Kind::NotAllowed, why).in_field(TermFields::PRIORITY));
    }
    if let Some(url) = &webhook {
        app.webhooks.admit(url, caller.client()).map_err(|why| OptionError::new(TermFields::WEBHOOK, why))?;
    }
    Ok(Terms { client: caller.client().clone(), priority, start_within, webhook, idempotency, request: None })
}

fn put<T>(slot: &mut Option<T>, name: &str, value: Result<T, String>) -> Result<(), OptionError> {
    if slot.is_some() {
        return Err(OptionError::new(name, "is given twice: once is enough"));
    }
    *slot = Some(value.map_err(|why| OptionError::new(name, why))?);
    Ok(())
}

fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    excerpt(text).parse().map_err(|error: T::Err| error.to_string())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse().ok().filter(|seconds| is_number && (1..=LONGEST_WAIT).contains(seconds));
    let refusal = || format!("'{}' is no whole number of seconds from 1 to {LONGEST_WAIT}", excerpt(text));
    seconds.map(Duration::from_secs).ok_or_else(refusal)
}
