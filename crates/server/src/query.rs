//! Query parameters, refused by name.

use std::{convert::Infallible, fmt::Display, str::FromStr};

use axum::{extract::FromRequestParts, http::request::Parts};

use crate::problem::{Kind, Problem, excerpt};

/// The parameters of a request that nobody has taken yet.
#[derive(Debug)]
pub(crate) struct Query(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let axum::extract::Query(pairs) =
            // Pairs of text cannot fail: what is no UTF-8 is replaced.
            axum::extract::Query::try_from_uri(&parts.uri).unwrap_or_default();
        Ok(Self(pairs))
    }
}

impl Query {
    /// The parameter `name`, if it is given.
    pub fn take<T: FromStr<Err: Display>>(&mut self, name: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|error: T::Err| refuse(name, error.to_string()))
    }

    /// The parameter `name`, if it is given, as a whole number of `things`.
    pub fn take_number(&mut self, name: &str, things: &str) -> Result<Option<u32>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None };
        // The description of the API has numbers of 32 bits with a sign.
        let number = number.filter(|&number: &u32| i32::try_from(number).is_ok());
        let text = excerpt(&text);
        number.map(Some).ok_or_else(|| refuse(name, format!("'{text}' is no whole number of {things}")))
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(given, _)| given == name)?;
        Some(self.0.remove(at).1)
    }

    /// The parameters that are left, all of which have to be ones that `is_known` knows.
    pub fn rest(self, is_known: impl Fn(&str) -> bool, known: &str) -> Result<Vec<(String, String)>, Problem> {
        match self.0.iter().find(|(name, _)| !is_known(name)) {
            None => Ok(self.0),
            Some((name, _)) => {
                let why =
                    format!("'{}' is unknown or given twice; there are {known}, each of them once", excerpt(name));
                Err(refuse(&excerpt(name), why))
            }
        }
    }

    /// Refuses the parameters that are left: an unknown one, or one given twice.
    pub fn nothing_else(self, known: &str) -> Result<(), Problem> {
        self.rest(|_| false, known).map(drop)
    }
}

/// Says that the parameter `name` cannot be.
pub(crate) fn refuse(name: &str, why: String) -> Problem {
    Problem::new(Kind::InvalidQuery, why).in_field(name)
}
