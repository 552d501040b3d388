//! End to end: uploads that are full of what is no picture, many at once, beside a service that has not much memory for them.

mod common;

use common::{Service, jobs::idle_service, pictures};

/// What a service holds besides pictures that are being looked at: connections, the database, what its allocator keeps.
const BESIDES: u64 = 64 << 20;
/// `server.decode_bytes`, or one picture that takes more: the file, and three times what is gathered of it.
const PICTURES: u64 = 4 * LOAD as u64;
/// What comes along with a picture.
const LOAD: usize = 24 << 20;
const AT_ONCE: usize = 6;

/// A picture of a pixel in the formats whose readers gather what comes along with it.
fn loaded() -> [Vec<u8>; 3] {
    [png_with_exif(), gif_with_xmp(), jpeg_with_xmp()]
}

fn png_with_exif() -> Vec<u8> {
    const AFTER_HEADER: usize = 8 + 25;
    let picture = pictures::photograph(8, 8);
    let named = [b"eXIf".to_vec(), vec![7; LOAD]].concat();
    let mut crc = flate2::Crc::new();
    crc.update(&named);
    let chunk = [(LOAD as u32).to_be_bytes().to_vec(), named, crc.sum().to_be_bytes().to_vec()].concat();
    [&picture[..AFTER_HEADER], &chunk, &picture[AFTER_HEADER..]].concat()
}

fn gif_with_xmp() -> Vec<u8> {
    let parts = [vec![255], vec![7; 255]].concat().repeat(LOAD / 256);
    let head = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xff\x0bXMP DataXMP".to_vec();
    [head, parts, b"\0,\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0;".to_vec()].concat()
}

/// In so many parts that going through all of them at each takes hours.
fn jpeg_with_xmp() -> Vec<u8> {
    let mut picture = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(8, 8)
        .write_to(&mut picture, image::ImageFormat::Jpeg)
        .expect("a small picture can be encoded");
    let part = [b"\xff\xe1\0\x4dhttp://ns.adobe.com/xmp/extension/\0".as_slice(), &[b'7'; 40]].concat();
    [b"\xff\xd8".to_vec(), part.repeat(LOAD / part.len()), picture.into_inner()[2..].to_vec()].concat()
}

/// The most memory that the service's process has taken, in bytes.
fn peak(service: &Service) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid)).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

#[tokio::test]
async fn pictures_that_are_full_of_something_else_take_no_more_memory_than_there_is_for_them() {
    let data = tempfile::tempdir().expect("there is room");
    let service = idle_service(data.path()).await;
    let style = [pictures::painting(8, 8)];
    let usual = service.order(&pictures::photograph(8, 8), &style, &[]).await;
    assert_eq!(usual.status(), 202);
    let before = peak(&service);
    for (file, status) in loaded().into_iter().zip([202, 202, 422]) {
        let orders = (0..AT_ONCE).map(|_| service.order(&file, &style, &[]));
        for answer in futures::future::join_all(orders).await {
            assert_eq!(answer.status(), status, "{}", answer.text().await.unwrap_or_default());
        }
    }
    let taken = peak(&service) - before;
    assert!(taken < BESIDES + PICTURES, "{} MB were taken", taken >> 20);
    assert_eq!(service.get("/healthz").await.status(), 200);
    assert!(service.stop_gently().await.success());
}
