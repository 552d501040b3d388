//! Files on their way to a client: a stored one is read no faster than the client takes it, and one that was made for the client
//! counts as its own for as long as it is in memory.

use std::ops::Range;

use axum::body::Body;
use bytes::Bytes;
use futures::{StreamExt, stream};
use impasto_jobs::{BlobError, BlobKey, BlobStore};

use crate::shares::HeldPlace;

/// A file to hand out.
#[derive(Debug)]
pub(crate) enum Outgoing<'a> {
    /// A blob as it is.
    Stored(&'a BlobStore, &'a BlobKey),
    /// One that was made for this request, and the place that it takes.
    Made(Bytes, HeldPlace),
}

impl Outgoing<'_> {
    /// How many bytes it has.
    pub async fn length(&self) -> Result<u64, BlobError> {
        match self {
            Self::Stored(blobs, key) => blobs.size(key).await,
            Self::Made(bytes, _) => Ok(bytes.len() as u64),
        }
    }

    /// All of it, or the bytes in `range`, which have to be there.
    pub async fn into_body(self, range: Option<Range<u64>>) -> Result<Body, BlobError> {
        match self {
            Self::Stored(blobs, key) => Ok(Body::from_stream(blobs.read(key, range).await?)),
            Self::Made(bytes, place) => {
                let part = match range {
                    Some(range) => bytes.slice(range.start as usize..range.end as usize),
                    None => bytes,
                };
                Ok(Body::from_stream(in_pieces(part).map(move |piece| {
                    // It is held until the last piece is taken.
                    let _ = &place;
                    Ok::<_, BlobError>(piece)
                })))
            }
        }
    }
}

/// What a connection takes at once.
const PIECE: usize = 64 << 10;

/// A connection that has all of a file in its hands is done with its body: it is to have it piece by piece.
fn in_pieces(file: Bytes) -> impl futures::Stream<Item = Bytes> + Send {
    stream::unfold(file, |mut rest| async move {
        let piece = rest.split_to(rest.len().min(PIECE));
        (!piece.is_empty()).then_some((piece, rest))
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use impasto_jobs::Client;

    use super::*;
    use crate::shares::Shares;

    #[tokio::test]
    async fn a_file_that_was_made_holds_its_place_until_it_is_taken() {
        let (places, client) = (Shares::halves(1), Client::at(Ipv4Addr::LOCALHOST.into()));
        let file: Bytes = (0..200_000_u32).map(|number| number as u8).collect();
        for range in [None, Some(70_000..199_999)] {
            let expected = file.slice(range.clone().map_or(0..200_000, |part| part.start as usize..part.end as usize));
            let outgoing = Outgoing::Made(file.clone(), places.try_take(&client).unwrap());
            assert_eq!(outgoing.length().await.unwrap(), 200_000);
            let mut body = outgoing.into_body(range).await.unwrap().into_data_stream();
            let mut taken = Vec::new();
            while taken.len() < expected.len() {
                assert!(places.try_take(&client).is_none());
                taken.extend(body.next().await.unwrap().unwrap());
            }
            assert!(taken == expected);
            drop(body);
            assert!(places.try_take(&client).is_some());
        }
    }
}
