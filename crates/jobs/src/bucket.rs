//! Opens buckets, with what each vendor's own tools take from the environment.

use std::{collections::BTreeMap, error::Error, str::FromStr, sync::Arc};

use crate::{
    https::{Connector, retries},
    place::{BucketPlace, Vendor},
};
use object_store::{
    ObjectStore,
    aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut},
    azure::{AzureConfigKey, MicrosoftAzureBuilder},
    gcp::{GoogleCloudStorageBuilder, GoogleConfigKey},
    prefix::PrefixStore,
    signer::Signer,
};

/// A bucket that is open.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub objects: Arc<dyn ObjectStore>,
    pub signer: Arc<dyn Signer>,
    /// Whether it writes only where nothing is, if it is told so.
    pub knows_conditions: bool,
}

/// The environment, in the order of names: of two that say the same the longer goes before.
type Environment = BTreeMap<String, String>;

type Opened = Result<Bucket, Box<dyn Error + Send + Sync>>;

impl Bucket {
    /// The bucket at `place`. Nothing is asked of it yet.
    ///
    /// # Errors
    /// When the environment is not enough, or not right, to speak to it.
    pub fn open(place: &BucketPlace, environment: &Environment) -> Opened {
        match place.vendor {
            Vendor::S3 => s3(place, environment),
            Vendor::Gcs => gcs(place, environment),
            Vendor::Azure => azure(place, environment),
        }
    }

    fn below<T: ObjectStore + Signer>(store: T, place: &BucketPlace, knows_conditions: bool) -> Self {
        let store = Arc::new(PrefixStore::new(store, place.prefix.clone()));
        Self { objects: store.clone(), signer: store, knows_conditions }
    }
}

fn s3(place: &BucketPlace, environment: &Environment) -> Opened {
    let mut builder = AmazonS3Builder::new();
    for (key, value) in known::<AmazonS3ConfigKey>(environment, "AWS_") {
        builder = builder.with_config(key, value);
    }
    let [endpoint, ours] = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint]
        .map(|key| builder.get_config_value(&key).unwrap_or_default());
    let endpoint = if endpoint.is_empty() { ours } else { endpoint };
    let conditional = builder.get_config_value(&AmazonS3ConfigKey::ConditionalPut);
    let knows_conditions = conditional != Some(S3ConditionalPut::Disabled.to_string());
    let store = builder
        .with_url(place.url.as_str())
        .with_allow_http(is_plain_http(&endpoint))
        .with_retry(retries())
        .with_http_connector(connector(environment)?)
        .build()?;
    Ok(Bucket::below(store, place, knows_conditions))
}

fn gcs(place: &BucketPlace, environment: &Environment) -> Opened {
    let mut builder = GoogleCloudStorageBuilder::new();
    if let Some(file) = environment.get("SERVICE_ACCOUNT") {
        builder = builder.with_service_account_path(file);
    }
    for (key, value) in known::<GoogleConfigKey>(environment, "GOOGLE_") {
        builder = builder.with_config(key, value);
    }
    let store = builder
        .with_url(place.url.as_str())
        .with_retry(retries())
        .with_http_connector(connector(environment)?)
        .build()?;
    Ok(Bucket::below(store, place, true))
}

fn azure(place: &BucketPlace, environment: &Environment) -> Opened {
    let mut builder = MicrosoftAzureBuilder::new();
    // The names that the vendor's command line has for the two that everybody needs.
    for (name, key) in
        [("AZURE_STORAGE_ACCOUNT", AzureConfigKey::AccountName), ("AZURE_STORAGE_KEY", AzureConfigKey::AccessKey)]
    {
        if let Some(value) = environment.get(name) {
            builder = builder.with_config(key, value);
        }
    }
    for (key, value) in known::<AzureConfigKey>(environment, "AZURE_") {
        builder = builder.with_config(key, value);
    }
    if let Some(endpoint) = environment.get("IDENTITY_ENDPOINT") {
        builder = builder.with_config(AzureConfigKey::MsiEndpoint, endpoint);
    }
    let endpoint = builder.get_config_value(&AzureConfigKey::Endpoint).unwrap_or_default();
    let store = builder
        .with_url(place.url.as_str())
        .with_allow_http(is_plain_http(&endpoint))
        .with_retry(retries())
        .with_http_connector(connector(environment)?)
        .build()?;
    Ok(Bucket::below(store, place, true))
}

/// Those of the environment's variables that are a vendor's, and known.
fn known<'a, K: FromStr>(environment: &'a Environment, prefix: &'a str) -> impl Iterator<Item = (K, &'a String)> {
    let own = environment.iter().filter(move |(name, value)| name.starts_with(prefix) && !value.is_empty());
    own.filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, value)))
}

fn connector(environment: &Environment) -> Result<Connector, Box<dyn Error + Send + Sync>> {
    let authorities = ["AWS_CA_BUNDLE", "SSL_CERT_FILE"].map(|name| environment.get(name).cloned());
    let authorities: Vec<_> = authorities.into_iter().flatten().filter(|file| !file.is_empty()).collect();
    Connector::new(&authorities)
}

/// Whoever writes http means it.
fn is_plain_http(endpoint: &str) -> bool {
    endpoint.starts_with("http://")
}
