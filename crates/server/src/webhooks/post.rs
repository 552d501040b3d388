//! One message on its way.

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, StatusCode, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use impasto_jobs::DueDelivery;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{address::Address, reach, signature::Secret};

/// What a whole try may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whoever is told is to know by whom.
const USER_AGENT: &str = concat!("impasto/", env!("CARGO_PKG_VERSION"));

/// Sends messages.
pub(super) struct Post {
    tls: TlsConnector,
    allow_private: bool,
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Post").field("allow_private", &self.allow_private).finish_non_exhaustive()
    }
}

impl Post {
    /// # Errors
    /// When there is no TLS to be had.
    pub fn new(allow_private: bool) -> Result<Self, rustls::Error> {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        Self::trusting(roots, allow_private)
    }

    fn trusting(roots: RootCertStore, allow_private: bool) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let tls = tls.with_root_certificates(roots).with_no_client_auth();
        Ok(Self { tls: Arc::new(tls).into(), allow_private })
    }

    /// Sends `message` to `address`: the status of the answer, or why there is none. The answer's body is read by nobody, and a
    /// redirect is not followed.
    pub async fn send(&self, address: &Address, secret: &Secret, message: &DueDelivery) -> Result<StatusCode, String> {
        let sent = timeout(PATIENCE, async {
            let connection = self.connect(address).await?;
            let request = request(address, secret, message)?;
            if address.is_https {
                let name = ServerName::try_from(address.host.clone());
                let name = name.map_err(|_| "its host is none that a certificate can name".to_owned())?;
                let connection = self.tls.connect(name, connection).await;
                ask(connection.map_err(|error| format!("no TLS with it: {error}"))?, request).await
            } else {
                ask(connection, request).await
            }
        });
        sent.await.unwrap_or_else(|_| Err(format!("no answer within {} seconds", PATIENCE.as_secs())))
    }

    /// Connects to where the name of the host leads now. What is judged is what is connected to: a name that leads elsewhere a
    /// moment later has no say any more.
    async fn connect(&self, address: &Address) -> Result<TcpStream, String> {
        let found = lookup_host((address.host.as_str(), address.port)).await;
        let found: Vec<SocketAddr> = found.map_err(|_| "its host is not to be found".to_owned())?.collect();
        if !self.allow_private && !found.iter().all(|found| reach::is_public(found.ip())) {
            return Err("its host is in a private network".to_owned());
        }
        TcpStream::connect(found.as_slice()).await.map_err(|error| format!("no connection to it: {}", error.kind()))
    }
}

fn request(address: &Address, secret: &Secret, message: &DueDelivery) -> Result<Request<Full<Bytes>>, String> {
    let now = jiff::Timestamp::now().as_second();
    Request::post(&address.target)
        .header(header::HOST, &address.authority)
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::CONTENT_TYPE, "application/json")
        .header("webhook-id", &message.id)
        .header("webhook-timestamp", now)
        .header("webhook-signature", secret.sign(&message.id, now, &message.body))
        .body(Full::from(message.body.clone()))
        .map_err(|_| "it cannot be written as a request".to_owned())
}

async fn ask(
    connection: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Result<StatusCode, String> {
    let broken = |error: hyper::Error| format!("no answer from it: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(connection)).await.map_err(broken)?;
    let mut answer = pin!(sender.send_request(request));
    let answer = tokio::select! {
        answer = &mut answer => answer,
        // The head of the answer may have come with the end of the connection; it is all that is wanted.
        _ = connection => answer.await,
    };
    answer.map(|answer| answer.status()).map_err(broken)
}

#[cfg(test)]
mod tests {
    use impasto_jobs::{Client, JobId};
    use jiff::Timestamp;
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::{ServerConfig, pki_types::PrivateKeyDer};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };
    use tokio_rustls::TlsAcceptor;

    use super::*;

    fn message() -> DueDelivery {
        DueDelivery {
            id: "msg_1".to_owned(),
            job: JobId::new(),
            client: Client::default(),
            url: String::new(),
            body: "{}".to_owned(),
            tries: 0,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn here(is_https: bool, port: u16) -> Address {
        let (host, authority) = ("localhost".to_owned(), format!("localhost:{port}"));
        Address { is_https, host, port, authority, target: "/".to_owned() }
    }

    async fn send(post: &Post, address: &Address) -> Result<StatusCode, String> {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        post.send(address, &secret, &message()).await
    }

    #[tokio::test]
    async fn a_name_is_judged_by_where_it_leads() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = here(false, listener.local_addr().unwrap().port());
        let refusal = send(&Post::new(false).unwrap(), &address).await.unwrap_err();
        assert_eq!(refusal, "its host is in a private network");
        tokio::select! {
            biased;
            _ = listener.accept() => panic!("it was knocked at"),
            () = std::future::ready(()) => {}
        }
    }

    #[tokio::test]
    async fn a_webhook_has_to_prove_who_it_is() {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let tls = tls.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
        let listener = TcpListener::bind("localhost:0").await.unwrap();
        let address = here(true, listener.local_addr().unwrap().port());
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(tls));
            while let Ok((connection, _)) = listener.accept().await {
                // One that does not trust us breaks off.
                if let Ok(mut connection) = acceptor.accept(connection).await {
                    drop(connection.read(&mut [0; 4096]).await);
                    drop(connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await);
                }
            }
        });
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        assert_eq!(send(&Post::trusting(roots, true).unwrap(), &address).await, Ok(StatusCode::NO_CONTENT));
        let refusal = send(&Post::new(true).unwrap(), &address).await.unwrap_err();
        assert!(refusal.starts_with("no TLS with it"), "{refusal}");
    }
}
