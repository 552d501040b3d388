//! What large blobs take of memory, alone in a process that nothing else allocates in.

#[path = "../../../tests/common/s3.rs"]
mod s3;

use std::path::Path;

use bytes::Bytes;
use futures::TryStreamExt;
use impasto_jobs::{BlobKey, BlobPlace, BlobStore, JobId};
use peak_alloc::PeakAlloc;

use crate::s3::S3Server;

#[global_allocator]
static METER: PeakAlloc = PeakAlloc;

/// Twelve parts.
const LENGTH: usize = 60 << 20;
/// The part that is gathered, the one that is on its way, and what is in the hands of the client and the kernel.
const MOST: usize = 24 << 20;

#[tokio::test]
async fn a_large_blob_streams_both_ways_and_is_never_in_memory() {
    let Some(server) = S3Server::shared() else { return };
    let place = BlobPlace::parse(&server.address("large"), Path::new("")).unwrap();
    let blobs = BlobStore::open(&place, server.environment()).unwrap();
    let key = BlobKey::content(JobId::new());
    METER.reset_peak_usage();
    let before = METER.current_usage();
    let mut upload = blobs.upload(&key).await.unwrap();
    for number in 0..LENGTH >> 16 {
        upload.write(Bytes::from(vec![number as u8; 1 << 16])).await.unwrap();
    }
    assert_eq!(upload.finish().await.unwrap(), LENGTH as u64);
    assert_eq!(blobs.size(&key).await.unwrap(), LENGTH as u64);

    let (mut read, mut pieces) = (0, blobs.read(&key, None).await.unwrap());
    while let Some(piece) = pieces.try_next().await.unwrap() {
        let is_right = piece.iter().enumerate().all(|(at, &byte)| byte == ((read + at) >> 16) as u8);
        assert!(is_right, "somewhere after {read}");
        read += piece.len();
    }
    assert_eq!(read, LENGTH);
    let taken = METER.peak_usage() - before;
    assert!(taken < MOST, "{taken} bytes");

    // Across the border of two parts.
    let border = 10 << 20;
    let part: Vec<Bytes> = blobs.read(&key, Some(border - 3..border + 4)).await.unwrap().try_collect().await.unwrap();
    assert_eq!(part.concat(), [159, 159, 159, 160, 160, 160, 160]);
}
