//! A line to the server that does what lines and servers elsewhere do.

use std::{
    future::pending,
    net::{Ipv4Addr, SocketAddr},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// What a line does to what goes over it.
#[derive(Debug, Clone, Copy)]
pub enum Manners {
    /// The server seems to be of another version: the one word is told where it says the other, which is as long.
    Says { word: &'static str, instead_of: &'static str },
    /// From these words of a client on, nothing more goes over it, and neither end hears of that.
    DiesAt(&'static str),
}

/// A line to the server by TCP, on a port of its own. It is gone when this is dropped.
pub struct Line {
    /// Where it begins.
    pub port: u16,
    is_dead: watch::Receiver<bool>,
    accepting: JoinHandle<()>,
}

impl Line {
    /// Lays a line to the server that listens on `port` of loopback.
    pub async fn to(port: u16, manners: Manners) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let own_port = listener.local_addr().unwrap().port();
        let (died, is_dead) = watch::channel(false);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.unwrap();
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let (asking, answering) = (died.clone(), died.clone());
                tokio::spawn(
                    async move { pass_on(from_client, to_server, |said| lives(said, manners, &asking)).await },
                );
                tokio::spawn(async move {
                    let answer = |said: &mut Vec<u8>| {
                        if let Manners::Says { word, instead_of } = manners {
                            replace(said, instead_of.as_bytes(), word.as_bytes());
                        }
                        !*answering.borrow()
                    };
                    pass_on(from_server, to_client, answer).await;
                });
            }
        });
        Self { port: own_port, is_dead, accepting }
    }

    /// Returns once it is dead.
    pub async fn has_died(&mut self) {
        self.is_dead.wait_for(|is_dead| *is_dead).await.expect("it is still laid");
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Whether the line still lives after a client has said this.
fn lives(said: &[u8], manners: Manners, died: &watch::Sender<bool>) -> bool {
    match manners {
        Manners::DiesAt(words) if said.windows(words.len()).any(|some| some == words.as_bytes()) => {
            died.send_replace(true);
            false
        }
        _ => !*died.borrow(),
    }
}

fn replace(text: &mut [u8], old: &[u8], new: &[u8]) {
    assert_eq!(old.len(), new.len());
    let found: Vec<_> = (0..text.len()).filter(|&at| text[at..].starts_with(old)).collect();
    for at in found {
        text[at..at + new.len()].copy_from_slice(new);
    }
}

/// Passes on what comes until one end hangs up, or something comes that does not go over the line.
async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut goes: impl FnMut(&mut Vec<u8>) -> bool) {
    loop {
        let mut said = Vec::with_capacity(64 * 1024);
        let hung_up = !from.read_buf(&mut said).await.is_ok_and(|bytes| bytes > 0);
        if !goes(&mut said) {
            // A dead line tells nobody of who hung up.
            return pending().await;
        }
        if hung_up || to.write_all(&said).await.is_err() {
            return;
        }
    }
}
