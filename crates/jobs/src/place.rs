//! Where blobs are kept, as an operator writes it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use object_store::ObjectStoreScheme;
use url::Url;

/// Where blobs are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobPlace {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket of a store elsewhere.
    Bucket(BucketPlace),
}

/// A bucket, and what the names of all blobs in it start with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketPlace {
    pub(crate) vendor: Vendor,
    pub(crate) url: Url,
    pub(crate) prefix: object_store::path::Path,
}

/// Whose store it is, or whose protocol it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vendor {
    S3,
    Gcs,
    Azure,
}

/// An address that names no place for blobs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParsePlaceError {
    /// It is no address.
    #[error(
        "'{0}' is no address of a blob store: write s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX, or nothing for a folder"
    )]
    NoAddress(String),
    /// It is of a kind that nobody knows here.
    #[error(
        "there is no blob store of the kind '{0}': write s3://BUCKET/PREFIX (and what speaks S3), gs://BUCKET/PREFIX or az://CONTAINER/PREFIX"
    )]
    UnknownKind(String),
    /// It names no bucket.
    #[error("'{0}' names no bucket: write {1}://BUCKET/PREFIX")]
    NoBucket(String, String),
    /// It has a password, a query or a fragment.
    #[error("'{0}' holds more than a bucket and a prefix: leave out {1}; credentials come from the environment")]
    TooMuch(String, &'static str),
    /// Its prefix cannot be.
    #[error("the prefix of '{0}' cannot be: {1}")]
    BadPrefix(String, String),
}

impl BlobPlace {
    /// The place that `address` names; an empty one is the folder `folder`.
    ///
    /// # Errors
    /// [`ParsePlaceError`] says what is wrong with it.
    pub fn parse(address: &str, folder: &Path) -> Result<Self, ParsePlaceError> {
        if address.is_empty() { Ok(Self::Folder(folder.into())) } else { BucketPlace::parse(address).map(Self::Bucket) }
    }
}

impl BucketPlace {
    fn parse(address: &str) -> Result<Self, ParsePlaceError> {
        let Some((kind, rest)) = address.split_once("://") else {
            return Err(ParsePlaceError::NoAddress(address.to_owned()));
        };
        if !matches!(kind, "s3" | "gs" | "az" | "abfs" | "abfss") {
            return Err(ParsePlaceError::UnknownKind(kind.to_owned()));
        }
        if rest.is_empty() || rest.starts_with('/') {
            return Err(ParsePlaceError::NoBucket(address.to_owned(), kind.to_owned()));
        }
        let url = Url::parse(address).map_err(|_| ParsePlaceError::NoAddress(address.to_owned()))?;
        let too_much = match () {
            () if url.password().is_some() => Some("the password"),
            () if url.query().is_some() => Some("what follows the question mark"),
            () if url.fragment().is_some() => Some("what follows the #"),
            () => None,
        };
        if let Some(what) = too_much {
            return Err(ParsePlaceError::TooMuch(without_secrets(&url), what));
        }
        let bad_prefix = |cause: String| ParsePlaceError::BadPrefix(address.to_owned(), cause);
        let (scheme, prefix) = ObjectStoreScheme::parse(&url).map_err(|cause| bad_prefix(cause.to_string()))?;
        let vendor = match scheme {
            ObjectStoreScheme::AmazonS3 => Vendor::S3,
            ObjectStoreScheme::GoogleCloudStorage => Vendor::Gcs,
            ObjectStoreScheme::MicrosoftAzure => Vendor::Azure,
            _ => return Err(ParsePlaceError::UnknownKind(kind.to_owned())),
        };
        Ok(Self { vendor, url, prefix })
    }
}

fn without_secrets(url: &Url) -> String {
    let mut url = url.clone();
    // Neither fails where there is a host.
    _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

impl fmt::Display for BucketPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

impl fmt::Display for BlobPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Bucket(bucket) => bucket.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(address: &str) -> String {
        BlobPlace::parse(address, Path::new("blobs")).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_address_is_the_folder() {
        assert_eq!(BlobPlace::parse("", Path::new("here/blobs")).unwrap(), BlobPlace::Folder("here/blobs".into()));
    }

    #[test]
    fn a_bucket_may_have_a_prefix() {
        for (address, vendor, prefix) in [
            ("s3://bucket", Vendor::S3, ""),
            ("s3://bucket/", Vendor::S3, ""),
            ("s3://bucket/some/where/", Vendor::S3, "some/where"),
            ("gs://bucket/impasto", Vendor::Gcs, "impasto"),
            ("az://container/impasto", Vendor::Azure, "impasto"),
            ("abfss://container@account.dfs.core.windows.net/impasto", Vendor::Azure, "impasto"),
        ] {
            let BlobPlace::Bucket(bucket) = BlobPlace::parse(address, Path::new("blobs")).unwrap() else {
                panic!("{address} is a bucket")
            };
            assert_eq!((bucket.vendor, bucket.prefix.as_ref()), (vendor, prefix), "{address}");
        }
    }

    #[test]
    fn what_names_no_bucket_is_refused_with_what_to_write() {
        assert!(refusal("bucket/prefix").contains("s3://BUCKET/PREFIX"));
        assert!(refusal("ftp://bucket").contains("'ftp'"));
        assert!(refusal("https://bucket.example").contains("'https'"));
        assert!(refusal("s3://").contains("no bucket"));
        assert!(refusal("s3:///prefix").contains("s3://BUCKET/PREFIX"));
        assert!(refusal("gs:///prefix").contains("gs://BUCKET/PREFIX"));
        assert!(refusal("s3://bucket/a//b").contains("prefix"));
        let said = refusal("s3://name:hunter2@bucket/prefix");
        assert!(said.contains("password") && said.contains("environment") && !said.contains("hunter2"), "{said}");
        assert!(refusal("s3://bucket/prefix?region=here").contains("question mark"));
    }
}
