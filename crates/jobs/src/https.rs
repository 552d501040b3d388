//! How stores elsewhere are reached: one HTTP client with the TLS that the rest of the program has.

use std::{sync::Arc, time::Duration};

use object_store::{
    ClientOptions, RetryConfig,
    client::{HttpClient, HttpConnector},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

/// What a connection may take to be made.
const TO_CONNECT: Duration = Duration::from_secs(5);
/// For how long a store may be silent: what the sending of one part takes at the least speed, and its answer.
const SILENCE: Duration = Duration::from_secs(20);
/// Tries of one request at the most.
const MOST_TRIES: usize = 10;
/// After so long there is no other try.
const TO_TRY: Duration = Duration::from_secs(20);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// How often one request is tried, so that a store that slows down is waited for, and one that is away is told of while
/// whoever asked still waits.
pub(crate) fn retries() -> RetryConfig {
    let mut retries = RetryConfig { max_retries: MOST_TRIES - 1, retry_timeout: TO_TRY, ..RetryConfig::default() };
    (retries.backoff.init_backoff, retries.backoff.max_backoff) = (FIRST_PAUSE, LONGEST_PAUSE);
    retries
}

/// Hands one client to all that a store asks: itself, and whoever gives credentials.
#[derive(Debug, Clone)]
pub(crate) struct Connector(reqwest::Client);

impl Connector {
    /// A connector that trusts the authorities that browsers trust and, in PEM, those of the files `more_authorities`. A store
    /// on this machine is asked past any proxy.
    ///
    /// # Errors
    /// When a file holds no certificates.
    pub fn new(
        more_authorities: &[String],
        is_on_loopback: bool,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let mut authorities = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for file in more_authorities {
            let unusable =
                |cause: &dyn std::fmt::Display| format!("the certificates in {file} cannot be used: {cause}");
            for certificate in CertificateDer::pem_file_iter(file).map_err(|cause| unusable(&cause))? {
                let certificate = certificate.map_err(|cause| unusable(&cause))?;
                authorities.add(certificate).map_err(|cause| unusable(&cause))?;
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let tls = tls.with_root_certificates(authorities).with_no_client_auth();
        let client = reqwest::Client::builder()
            .user_agent(concat!("impasto/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls)
            .connect_timeout(TO_CONNECT)
            .read_timeout(SILENCE);
        let client = if is_on_loopback { client.no_proxy() } else { client };
        Ok(Self(client.build()?))
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}
