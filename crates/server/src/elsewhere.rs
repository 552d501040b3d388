//! Pictures that the store hands out itself: the answer leads there, and this service moves none of their bytes.

use std::{str::FromStr, time::Duration};

use axum::{
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use impasto_jobs::{BlobKey, HandOut};

use crate::{app::App, problem::Problem};

/// For how long such an address can be used: whoever was led there goes at once, and may lose the connection once or twice.
const VALID_FOR: Duration = Duration::from_secs(300);

/// The value of `redirect`: who sends it has the picture from the service itself, as pages do that may load nothing from
/// elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FromHere;

impl FromStr for FromHere {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "no" { Ok(Self) } else { Err("can only be 'no': leave it out otherwise") }
    }
}

/// The answer that leads to the blob `key` where it is kept; `None` where the service has to send it itself.
///
/// The caller's right to the picture has to be made sure of before: whoever has the address needs none.
pub(crate) async fn lead_to(
    app: &App,
    method: &Method,
    key: &BlobKey,
    said: HandOut<'_>,
) -> Result<Option<Response>, Problem> {
    // An address is signed for one method. Nobody who asks by HEAD would have bytes of us.
    if !app.redirect_results || method != Method::GET {
        return Ok(None);
    }
    let Some(address) = app.blobs.address(key, VALID_FOR, said).await? else { return Ok(None) };
    let location = HeaderValue::try_from(String::from(address)).map_err(|error| Problem::internal(&error))?;
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
        (header::VARY, HeaderValue::from_static("Accept")),
    ];
    Ok(Some((StatusCode::TEMPORARY_REDIRECT, headers).into_response()))
}
