//! `/v1/keys`: who may use the service.

use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use impasto_jobs::{ApiKey, KeyId, NewKeyError, Scope};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    app::Shared,
    caller::Administers,
    json::SmallJson,
    problem::{Kind, Problem, ProblemDocument, StoreProblems, excerpt},
};

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyView {
    /// What it is known by.
    id: String,
    /// What people call it.
    name: String,
    /// What it allows.
    scopes: Vec<Scope>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was used last, to the minute or so; null if it never was.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    /// When it was revoked; null as long as it opens.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        let ApiKey { id, name, scopes, created_at, last_used_at, revoked_at, .. } = key;
        Self { id: id.to_string(), name, scopes, created_at, last_used_at, revoked_at }
    }
}

/// The keys.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Keys {
    keys: Vec<KeyView>,
}

/// A key that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    /// What people are to call it; no other key is or was called so.
    name: String,
    /// What it is to allow; `submit` and `read` if left out.
    #[serde(default = "usual_scopes")]
    scopes: Vec<Scope>,
}

fn usual_scopes() -> Vec<Scope> {
    vec![Scope::Submit, Scope::Read]
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeKey {
    /// The key as it is sent in `Authorization: Bearer`. It is shown this once.
    key: String,
    /// What webhooks of its jobs are signed with.
    webhook_secret: String,
    #[serde(flatten)]
    about: KeyView,
}

/// List the keys, revoked ones too
#[utoipa::path(
    get,
    path = "/v1/keys",
    tag = "service",
    operation_id = "listKeys",
    responses((status = 200, description = "The keys, the oldest first", body = Keys), StoreProblems),
)]
pub(crate) async fn list(State(app): State<Shared>, _: Administers) -> Result<Response, Problem> {
    let keys = app.jobs.list_keys().await?.into_iter().map(KeyView::from).collect();
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(Keys { keys })).into_response())
}

/// Make a key
///
/// From the first one on, the API takes no request without a key.
#[utoipa::path(
    post,
    path = "/v1/keys",
    tag = "service",
    operation_id = "makeKey",
    request_body = NewKey,
    responses(
        (status = 201, description = "The key: this is the one time that it is shown", body = MadeKey),
        (status = 408, description = "The body did not arrive in time",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "There is or was a key of this name",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "The body is not what it should be",
            body = ProblemDocument, content_type = "application/problem+json"),
        StoreProblems,
    ),
)]
pub(crate) async fn make(
    State(app): State<Shared>,
    _: Administers,
    SmallJson(NewKey { name, scopes }): SmallJson<NewKey>,
) -> Result<Response, Problem> {
    ApiKey::check_name(&name).map_err(|error| Problem::new(Kind::InvalidBody, error.to_string()).in_field("name"))?;
    if scopes.is_empty() {
        return Err(Problem::new(Kind::InvalidBody, "a key without a scope opens nothing").in_field("scopes"));
    }
    let (key, text) = ApiKey::generate(name, scopes);
    app.jobs.add_key(&key).await.map_err(|error| match error {
        NewKeyError::NameTaken(_) => Problem::new(Kind::NameTaken, error.to_string()).in_field("name"),
        NewKeyError::Store(error) => error.into(),
    })?;
    app.keyring.has_one_more();
    tracing::info!(key = %key.id, "key made");
    let webhook_secret = key.webhook_secret.clone();
    let made = MadeKey { key: text.reveal(), webhook_secret, about: key.into() };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(made)).into_response())
}

/// Revoke a key
///
/// It opens nothing any more, and whoever is logged in with it is logged out; its jobs stay. To revoke it again changes nothing.
#[utoipa::path(
    delete,
    path = "/v1/keys/{id}",
    tag = "service",
    operation_id = "revokeKey",
    params(("id" = String, Path, description = "The key's id")),
    responses(
        (status = 204, description = "The key opens nothing any more"),
        (status = 404, description = "There is no such key",
            body = ProblemDocument, content_type = "application/problem+json"),
        StoreProblems,
    ),
)]
pub(crate) async fn revoke(
    State(app): State<Shared>,
    _: Administers,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let no_such = || Problem::new(Kind::NoSuchKey, format!("there is no key with the id {}", excerpt(&id)));
    let id: KeyId = id.parse().map_err(|_| no_such())?;
    // A key that is called by this id is another.
    let key = app.jobs.find_key(&id).await?.ok_or_else(no_such)?;
    app.jobs.revoke_key(&key.name).await?;
    app.keyring.forget_key(&id);
    tracing::info!(key = %id, "key revoked");
    Ok(StatusCode::NO_CONTENT)
}
