//! Who sends a request, and what they may do. A route says by its extractor what it takes to be let in ([`Submits`], [`Reads`]
//! or [`Administers`]); the job store shows nothing without the [`Sight`] that only these give.

use axum::{extract::FromRequestParts, http::request::Parts};
use impasto_jobs::{Client, Scope, Sight};

use crate::{app::Shared, problem::Problem, request_log::Signature};

/// Who sends a request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    client: Client,
    /// What its key allows; `None` where there are no keys, and everybody may do everything.
    scopes: Option<Vec<Scope>>,
}

impl Caller {
    /// Whose jobs it submits, and whom it counts for.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Which jobs it sees.
    pub fn sight(&self) -> Sight {
        if self.may(Scope::Admin) { Sight::All } else { Sight::Own(self.client.clone()) }
    }

    /// Whether it may do what `scope` allows.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.contains(&scope) || scopes.contains(&Scope::Admin))
    }

    async fn of(_parts: &mut Parts, _app: &Shared) -> Result<Self, Problem> {
        Ok(Self { client: Client::default(), scopes: None })
    }

    async fn with(scope: Scope, parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let caller = Self::of(parts, app).await?;
        if let Some(signature) = parts.extensions.get::<Signature>() {
            signature.sign(caller.client());
        }
        assert!(caller.may(scope));
        Ok(caller)
    }
}

/// A caller who may submit jobs, and stop and delete those that it sees.
#[derive(Debug)]
pub(crate) struct Submits(pub Caller);

/// A caller who may look at the jobs that it sees.
#[derive(Debug)]
pub(crate) struct Reads(pub Caller);

/// A caller who may look at everything.
#[derive(Debug)]
pub(crate) struct Administers(#[expect(dead_code)] pub Caller);

impl FromRequestParts<Shared> for Submits {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        Caller::with(Scope::Submit, parts, app).await.map(Self)
    }
}

impl FromRequestParts<Shared> for Reads {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        Caller::with(Scope::Read, parts, app).await.map(Self)
    }
}

impl FromRequestParts<Shared> for Administers {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        Caller::with(Scope::Admin, parts, app).await.map(Self)
    }
}
