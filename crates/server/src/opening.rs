//! The first bytes of a part that should be a file: enough to tell text from a picture.

use std::vec::IntoIter;

use bytes::Bytes;

/// Bytes that tell: no picture file begins with so many that are all text.
const ENOUGH: usize = 64;

/// The chunks that came first.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    chunks: Vec<Bytes>,
    length: usize,
}

impl Opening {
    pub fn push(&mut self, chunk: Bytes) {
        self.length += chunk.len();
        self.chunks.push(chunk);
    }

    /// Whether more is needed to tell.
    pub fn is_short(&self) -> bool {
        self.length < ENOUGH
    }

    /// Whether the part has nothing in it, or white space alone.
    pub fn is_blank(&self) -> bool {
        self.is_short() && self.chunks.iter().flatten().all(u8::is_ascii_whitespace)
    }

    /// What is in the part, in words, where that is text: a path, an address, or the like.
    pub fn text_for_a_file(&self) -> Option<&'static str> {
        let bytes: Vec<u8> = self.chunks.iter().flatten().copied().take(ENOUGH).collect();
        let text = text_in(&bytes)?.trim_start();
        let begins_with = |start: &str| text.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start));
        Some(if begins_with("data:") {
            "a data URI"
        } else if begins_with("http://") || begins_with("https://") {
            "the address of a page or picture"
        } else if ["/", "./", "../", "~", "@", "file:", "c:\\", "d:\\"].into_iter().any(begins_with) {
            "the path of a file"
        } else {
            "text"
        })
    }

    pub fn into_chunks(self) -> IntoIter<Bytes> {
        self.chunks.into_iter()
    }
}

/// The bytes as text, where they are some; a character at the end may be cut.
fn text_in(bytes: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let is_plain = |character: char| !character.is_control() || character.is_whitespace();
    (!text.is_empty() && text.chars().all(is_plain)).then_some(text)
}
