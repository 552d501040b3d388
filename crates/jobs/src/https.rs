//! How stores elsewhere are reached: one HTTP client with the TLS that the rest of the program has.

use std::{
    error::Error,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    header,
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector as Tcp},
    rt::{TokioExecutor, TokioTimer},
};
use object_store::{
    ClientOptions, RetryConfig,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
        HttpResponseBody, HttpService,
    },
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio::time::{Instant, Sleep, sleep, timeout};

/// What a connection may take to be made.
const TO_CONNECT: Duration = Duration::from_secs(5);
/// For how long a store may be silent: what the sending of one part takes at the least speed, and its answer.
const SILENCE: Duration = Duration::from_secs(20);
/// For how long a connection is kept that nobody uses: stores close theirs after 20 seconds and more.
const KEPT_IDLE: Duration = Duration::from_secs(15);
/// Tries of one request at the most.
const MOST_TRIES: usize = 10;
/// After so long there is no other try.
const TO_TRY: Duration = Duration::from_secs(20);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

const USER_AGENT: &str = concat!("impasto/", env!("CARGO_PKG_VERSION"));

/// How often one request is tried, so that a store that slows down is waited for, and one that is away is told of while
/// whoever asked still waits.
pub(crate) fn retries() -> RetryConfig {
    let mut retries = RetryConfig { max_retries: MOST_TRIES - 1, retry_timeout: TO_TRY, ..RetryConfig::default() };
    (retries.backoff.init_backoff, retries.backoff.max_backoff) = (FIRST_PAUSE, LONGEST_PAUSE);
    retries
}

/// Hands one client to all that a store asks: itself, and whoever gives credentials.
#[derive(Debug, Clone)]
pub(crate) struct Connector(HttpClient);

impl Connector {
    /// A connector that trusts the authorities that browsers trust and, in PEM, those of the files `more_authorities`.
    ///
    /// # Errors
    /// When a file holds no certificates.
    pub fn new(more_authorities: &[String]) -> Result<Self, Box<dyn Error + Send + Sync>> {
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
        let mut tcp = Tcp::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(TO_CONNECT));
        // Whoever gives an endpoint with http, or credentials on the machine itself, has no TLS.
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(KEPT_IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self(HttpClient::new(Https(client))))
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(self.0.clone())
    }
}

#[derive(Debug)]
struct Https(Client<HttpsConnector<Tcp>, HttpRequestBody>);

#[async_trait::async_trait]
impl HttpService for Https {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let name = header::HeaderValue::from_static(USER_AGENT);
        request.headers_mut().entry(header::USER_AGENT).or_insert(name);
        let answered = timeout(SILENCE, self.0.request(request)).await.map_err(|_| silence())?;
        let (head, body) = answered.map_err(unanswered)?.into_parts();
        let body = Heard { body, silent_at: Box::pin(sleep(SILENCE)) };
        Ok(HttpResponse::from_parts(head, HttpResponseBody::new(body)))
    }
}

/// A body as it comes, until nothing comes for too long.
struct Heard {
    body: Incoming,
    silent_at: Pin<Box<Sleep>>,
}

impl Body for Heard {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.silent_at.as_mut().reset(Instant::now() + SILENCE);
            return Poll::Ready(frame.map(|frame| frame.map_err(|cause| HttpError::new(kind_of(&cause), cause))));
        }
        self.silent_at.as_mut().poll(context).map(|()| Some(Err(silence())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn silence() -> HttpError {
    let cause = io::Error::new(io::ErrorKind::TimedOut, format!("nothing came for {} seconds", SILENCE.as_secs()));
    HttpError::new(HttpErrorKind::Timeout, cause)
}

fn unanswered(error: legacy::Error) -> HttpError {
    let kind = if error.is_connect() { HttpErrorKind::Connect } else { kind_of(&error) };
    HttpError::new(kind, error)
}

/// What the causes of an error say of it: whether it is tried again goes by that.
fn kind_of(error: &(dyn Error + 'static)) -> HttpErrorKind {
    let mut kind = HttpErrorKind::Unknown;
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<hyper::Error>()
            && (error.is_closed() || error.is_incomplete_message() || error.is_body_write_aborted())
        {
            // Nothing that is asked of a store does harm when it is done twice.
            kind = HttpErrorKind::Request;
        }
        match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::TimedOut) => kind = HttpErrorKind::Timeout,
            Some(
                io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof,
            ) => kind = HttpErrorKind::Interrupted,
            _ => {}
        }
        cause = error.source();
    }
    kind
}
