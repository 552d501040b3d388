//! Who sends a request, and what they may do. A route says by its extractor what it takes to be let in ([`Submits`], [`Reads`],
//! [`Paints`] or [`Administers`]); the job store shows nothing without the [`Sight`] that only these give. A route that says nothing
//! is closed to whoever has no key all the same: [`admission`](crate::admission) lets nobody by.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use impasto_jobs::{Client, Scope, Sight};

use crate::{
    app::Shared,
    credential::{self, Credential},
    keyring,
    peer::Peer,
    problem::{Kind, Problem},
    public_path::PublicPath,
};

/// Who sends a request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    client: Client,
    /// What its key is called, and what it allows; `None` where there are no keys, and everybody may do everything.
    key: Option<(String, Vec<Scope>)>,
}

impl Caller {
    /// Who sends a request with `headers` from `peer`. Where there are keys, it has to show one.
    pub async fn identify(app: &Shared, headers: &HeaderMap, peer: &Peer) -> Result<Self, Problem> {
        if !app.keyring.is_in_use(app.jobs.as_ref()).await? {
            return Ok(Self { client: Client::at(peer.address), key: None });
        }
        let session = credential::session_name(peer, &PublicPath::seen_by(peer, app));
        let Some(credential) = Credential::of(headers, session)? else {
            let why = "send a key (Authorization: Bearer impasto_…), or log in on the page of the service";
            return Err(Problem::new(Kind::KeyRequired, why));
        };
        let key = keyring::open(app, &credential, peer).await?;
        Ok(Self { client: Client::with_key(&key.id), key: Some((key.name.clone(), key.scopes.clone())) })
    }

    /// Whose jobs it submits, and whom it counts for.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What its key is called, if it needs one.
    pub fn name(&self) -> Option<&str> {
        self.key.as_ref().map(|(name, _)| name.as_str())
    }

    /// Which jobs it sees.
    pub fn sight(&self) -> Sight {
        if self.may(Scope::Admin) { Sight::All } else { Sight::Own(self.client.clone()) }
    }

    /// Whether it may do what `scope` allows.
    pub fn may(&self, scope: Scope) -> bool {
        let may = |scopes: &[Scope]| scopes.contains(&scope) || scopes.contains(&Scope::Admin);
        self.key.as_ref().is_none_or(|(_, scopes)| may(scopes))
    }

    /// The caller whom [`admission`](crate::admission) has let by, who has to be allowed all of `scopes`.
    fn with(scopes: &[Scope], parts: &Parts) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().cloned();
        let caller = caller.ok_or_else(|| Problem::internal(&"a route asks who calls, and nobody was asked"))?;
        let Some(scope) = scopes.iter().find(|&&scope| !caller.may(scope)) else { return Ok(caller) };
        Err(Problem::new(Kind::NotAllowed, format!("the key does not allow this: it takes one with the scope {scope}")))
    }
}

/// A caller who may submit jobs, and stop and delete those that it sees.
#[derive(Debug)]
pub(crate) struct Submits(pub Caller);

/// A caller who may look at the jobs that it sees.
#[derive(Debug)]
pub(crate) struct Reads(pub Caller);

/// A caller who may submit jobs and look at what comes of them.
#[derive(Debug)]
pub(crate) struct Paints(pub Caller);

/// A caller who may look at everything.
#[derive(Debug)]
pub(crate) struct Administers(#[expect(dead_code, reason = "nothing depends on which of them it is")] pub Caller);

impl FromRequestParts<Shared> for Submits {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        Caller::with(&[Scope::Submit], parts).map(Self)
    }
}

impl FromRequestParts<Shared> for Reads {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        Caller::with(&[Scope::Read], parts).map(Self)
    }
}

impl FromRequestParts<Shared> for Paints {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        Caller::with(&[Scope::Submit, Scope::Read], parts).map(Self)
    }
}

impl FromRequestParts<Shared> for Administers {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        Caller::with(&[Scope::Admin], parts).map(Self)
    }
}
