//! A hub on this machine. Like the real one it answers with a redirect that carries the commit and the checksum, and gives
//! the bytes, in ranges, from elsewhere.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use sha2::{Digest, Sha256};

/// A request as far as the hub looks at it.
pub struct Request {
    /// With the leading slash.
    pub path: String,
    /// The first byte and, where it is bounded, the last.
    pub range: (usize, Option<usize>),
    /// Whether bytes are asked for and not only told of.
    pub is_download: bool,
}

/// How the hub deals with a request for the file's bytes.
pub enum Answer {
    /// As it should.
    Whole,
    /// The connection ends after so many bytes of the answer.
    CutAfter(usize),
    /// This status and nothing more.
    Status(&'static str),
}

pub struct FakeHub {
    pub endpoint: String,
    /// How often the file's bytes were asked for.
    pub downloads: Arc<AtomicUsize>,
}

impl FakeHub {
    /// Gives `file` to everyone.
    pub fn with(file: &'static [u8]) -> Self {
        Self::answering(file, hex_sha256(file), |_| Answer::Whole)
    }

    /// The same with a checksum of one's own, and a word in every download.
    pub fn answering(
        file: &'static [u8],
        checksum: String,
        answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let downloads = Arc::new(AtomicUsize::new(0));
        let (place, counter, answer) = (endpoint.clone(), downloads.clone(), Arc::new(answer));
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (place, checksum, counter, answer) =
                    (place.clone(), checksum.clone(), counter.clone(), answer.clone());
                // A client may hang up in the middle.
                thread::spawn(move || serve(connection?, file, &place, &checksum, &counter, &*answer));
            }
        });
        Self { endpoint, downloads }
    }
}

fn serve(
    mut connection: TcpStream,
    file: &[u8],
    endpoint: &str,
    checksum: &str,
    downloads: &AtomicUsize,
    answer: &dyn Fn(&Request) -> Answer,
) -> std::io::Result<()> {
    let request = read_request(&connection)?;
    let answer = answer(&request);
    if let Answer::Status(status) = answer {
        return write!(connection, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    if request.path == "/timm/vgg19.tv_in1k/resolve/main/model.safetensors" {
        return write!(
            connection,
            "HTTP/1.1 302 Found\r\nLocation: {endpoint}/elsewhere\r\nX-Repo-Commit: 0123456789abcdef\r\n\
             X-Linked-Etag: \"{checksum}\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    }
    assert_eq!(request.path, "/elsewhere");
    if request.is_download {
        downloads.fetch_add(1, Ordering::SeqCst);
    }
    if request.range.0 >= file.len() {
        return write!(
            connection,
            "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    }
    let (start, last) = (request.range.0, request.range.1.unwrap_or(file.len() - 1));
    let body = &file[start..=last];
    write!(
        connection,
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{last}/{}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        file.len(),
        body.len()
    )?;
    match answer {
        Answer::CutAfter(bytes) if request.is_download => connection.write_all(&body[..bytes]),
        _ => connection.write_all(body),
    }
}

fn read_request(connection: &TcpStream) -> std::io::Result<Request> {
    let mut lines = BufReader::new(connection).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut range = (0, None);
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some((start, last)) = line.strip_prefix("range: bytes=").and_then(|range| range.split_once('-')) {
            range = (start.parse().unwrap(), last.parse().ok());
        }
    }
    Ok(Request { path, range, is_download: range.1.is_none() })
}

pub fn hex_sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
