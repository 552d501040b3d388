//! The blob store from outside: on a folder, in memory, and in a bucket of a server that speaks S3.

#[path = "../suite/blob_stores.rs"]
mod blob_stores;
mod buckets;
#[path = "../../../../tests/common/moody.rs"]
mod moody;
#[path = "../../../../tests/common/s3.rs"]
mod s3;
mod stores;
