//! A webhook: it takes what is told, and checks who has signed it.

use std::{collections::VecDeque, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
    time::timeout,
};

use crate::common::WEBHOOK_SECRET;

/// Far longer than anything here takes.
pub const AT_MOST: Duration = Duration::from_secs(60);

/// A request as the webhook got it.
#[derive(Debug)]
pub struct Got {
    pub target: String,
    headers: HeaderMap,
    pub body: Bytes,
}

impl Got {
    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// Checks the signature as a receiver would that knows `secret` and the specification.
    fn check(&self, secret: &str) {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let signed =
            [self.header("webhook-id").as_bytes(), b".", self.header("webhook-timestamp").as_bytes(), b".", &self.body]
                .concat();
        let given = STANDARD.decode(self.header("webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
        Hmac::<Sha256>::new_from_slice(&key).unwrap().chain_update(signed).verify_slice(&given).unwrap();
        let now = jiff::Timestamp::now().as_second();
        assert!((now - self.header("webhook-timestamp").parse::<i64>().unwrap()).abs() < 300);
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// How the webhook answers.
#[derive(Clone, Debug)]
pub enum Reply {
    Status(u16),
    Elsewhere(String),
    Never,
}

/// A webhook that answers as it was told, and then with 204.
pub struct Webhook {
    pub address: SocketAddr,
    pub got: mpsc::UnboundedReceiver<Got>,
}

type Replies = Arc<(Mutex<VecDeque<Reply>>, mpsc::UnboundedSender<Got>)>;

impl Webhook {
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, got) = mpsc::unbounded_channel();
        let replies: Replies = Arc::new((Mutex::new(replies.into_iter().collect()), tell));
        let router = Router::new().fallback(take).with_state(replies);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, got }
    }

    pub fn url(&self) -> String {
        format!("http://{}/painted?job=1", self.address)
    }

    /// The next message, signed with the operator's secret.
    pub async fn next(&mut self) -> Got {
        self.next_signed_with(WEBHOOK_SECRET).await
    }

    pub async fn next_signed_with(&mut self, secret: &str) -> Got {
        let got = timeout(AT_MOST, self.got.recv()).await.expect("no message came").unwrap();
        got.check(secret);
        got
    }
}

async fn take(State(replies): State<Replies>, target: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let reply = replies.0.lock().await.pop_front();
    replies.1.send(Got { target: target.to_string(), headers, body }).ok();
    match reply {
        None => StatusCode::NO_CONTENT.into_response(),
        Some(Reply::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Reply::Elsewhere(place)) => (StatusCode::FOUND, [("location", place)]).into_response(),
        Some(Reply::Never) => std::future::pending().await,
    }
}
