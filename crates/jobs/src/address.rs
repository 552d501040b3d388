//! Addresses under which anybody may read one blob for a while.

use std::time::Duration;

use object_store::{
    Error,
    signer::{Method, SignedUrlOptions},
};
use url::Url;

use crate::{
    BlobError, BlobKey, BlobStore,
    blobs::{Home, location},
};

/// What a store is to say of a blob that it hands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandOut<'a> {
    /// The media type.
    pub content_type: &'a str,
    /// `Content-Disposition`, if any.
    pub disposition: Option<&'a str>,
    /// Whether the disposition matters: a store that cannot say it is not to hand out the blob.
    pub has_to_say_so: bool,
}

impl BlobStore {
    /// An address under which the blob `key` can be fetched by GET for so long by whoever has it; `None` where the store
    /// makes none, as a folder. Whether there is such a blob is not looked at.
    ///
    /// # Errors
    /// When the blob's name cannot be.
    pub async fn address(
        &self,
        key: &BlobKey,
        valid_for: Duration,
        said: HandOut<'_>,
    ) -> Result<Option<Url>, BlobError> {
        let Home::Bucket(bucket) = &self.home else { return Ok(None) };
        let place = location(key)?;
        let disposition = said.disposition.map(|disposition| ("response-content-disposition", disposition));
        let options = SignedUrlOptions::new()
            .with_query([("response-content-type", said.content_type)].into_iter().chain(disposition));
        let mut signed = bucket.signer.signed_url_opts(Method::GET, &place, valid_for, &options).await;
        // Some only say what was written with the blob, which is its media type.
        if matches!(&signed, Err(Error::NotSupported { .. })) && !said.has_to_say_so {
            signed = bucket.signer.signed_url(Method::GET, &place, valid_for).await;
        }
        match signed {
            Ok(address) => Ok(Some(address)),
            Err(Error::NotSupported { .. } | Error::NotImplemented { .. }) => Ok(None),
            Err(cause) => {
                tracing::warn!(%cause, "no address can be signed: the blob is sent by the service itself");
                Ok(None)
            }
        }
    }
}
