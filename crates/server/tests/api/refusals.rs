//! Jobs that are refused, each with its status, its type of problem and the field at fault; nothing is kept of them.

use impasto_picture::Format;
use impasto_recipe::Options;
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::Value;

use crate::common::{Server, file, picture, png, problem, small_form};

async fn refused(server: &Server, form: Form, status: u16, kind: &str, field: &str) -> Value {
    let problem = problem(server.submit(form).await, status, kind).await;
    assert_eq!(problem["field"], field, "{problem}");
    assert_eq!(server.stored_files(), Vec::<std::path::PathBuf>::new());
    problem
}

#[tokio::test]
async fn what_is_no_picture() {
    let server = Server::start().await;
    let mut broken_jpeg = picture(48, 32).encode(Format::Jpeg).unwrap();
    broken_jpeg.truncate(broken_jpeg.len() / 2);
    let mut broken_png = png(48, 32);
    let middle = broken_png.len() / 2;
    broken_png[middle..middle + 8].fill(0xa5);
    let mut broken_webp = picture(48, 32).encode(Format::WebP).unwrap();
    broken_webp.truncate(40);
    let cases: [(&str, Vec<u8>); 9] = [
        ("nothing", Vec::new()),
        ("text", b"not a picture".to_vec()),
        ("a page", b"<!doctype html><title>404</title>".to_vec()),
        ("a PDF", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec()),
        ("a GIF", b"GIF89a\x01\0\x01\0\0\0\0;".to_vec()),
        ("half a PNG", png(48, 32)[..60].to_vec()),
        ("half a JPEG", broken_jpeg),
        ("a damaged PNG", broken_png),
        ("half a WebP", broken_webp),
    ];
    for (what, bytes) in cases {
        let form = Form::new().part("content", file(bytes.clone())).part("style", file(png(24, 40)));
        let problem = refused(&server, form, 422, "not-a-picture", "content").await;
        assert!(!problem["detail"].as_str().unwrap().is_empty(), "{what}");
        let form = small_form().part("style", file(bytes));
        refused(&server, form, 422, "not-a-picture", "style[1]").await;
    }
}

#[tokio::test]
async fn a_file_with_too_many_bytes() {
    let server = Server::start_with(|settings| settings.max_file_bytes = 1000).await;
    let form = Form::new().part("content", file(vec![0; 1001])).part("style", file(png(8, 8)));
    let problem = refused(&server, form, 413, "file-too-large", "content").await;
    assert!(problem["detail"].as_str().unwrap().contains("1000 bytes"));
    let form = Form::new().part("content", file(png(8, 8))).part("style", file(vec![0; 200_000]));
    refused(&server, form, 413, "file-too-large", "style[0]").await;
    // One that is just within the limit is looked at.
    let form = Form::new().part("content", file(vec![0; 1000])).part("style", file(png(8, 8)));
    refused(&server, form, 422, "not-a-picture", "content").await;
}

#[tokio::test]
async fn a_picture_with_too_many_pixels() {
    let server = Server::start_with(|settings| settings.max_pixels = 10_000).await;
    let form = Form::new().part("content", file(png(100, 101))).part("style", file(png(100, 100)));
    let problem = refused(&server, form, 413, "too-many-pixels", "content").await;
    assert!(problem["detail"].as_str().unwrap().contains("10000"));
}

#[tokio::test]
async fn a_bomb() {
    let server = Server::start().await;
    // A header that promises ten billion pixels, and a few bytes of them.
    let mut bomb = png(48, 32);
    bomb[16..20].copy_from_slice(&100_000_u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&100_000_u32.to_be_bytes());
    let sum = crc32(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&sum.to_be_bytes());
    let form = small_form().part("style", file(bomb));
    refused(&server, form, 413, "too-many-pixels", "style[1]").await;
}

#[tokio::test]
async fn missing_and_superfluous_pictures() {
    let server = Server::start_with(|settings| settings.max_styles = 2.try_into().unwrap()).await;
    let content = || file(png(48, 32));
    refused(&server, Form::new().part("content", content()), 422, "missing-file", "style").await;
    refused(&server, Form::new().part("style", content()), 422, "missing-file", "content").await;
    refused(&server, small_form().part("content", content()), 422, "too-many-files", "content").await;
    let three = small_form().part("style", content()).part("style", content());
    let problem = refused(&server, three, 422, "too-many-files", "style").await;
    assert!(problem["detail"].as_str().unwrap().contains('2'));
}

#[tokio::test]
async fn options_that_cannot_be() {
    let server = Server::start_with(|settings| {
        settings.max_epochs = 1000;
        settings.max_stage_pixels = 250_000;
    })
    .await;
    for (option, text, field) in [
        ("preset", "oil", "preset"),
        ("objective", "pretty", "objective"),
        ("size", "huge", "size"),
        ("size", "0", "size"),
        ("size", "20x4", "size"),
        ("size", "1000x1000", "size"),
        ("strength", "1.5", "strength"),
        ("stages", "300x200", "stages"),
        ("epochs", "-1", "epochs"),
        ("epochs", "2000", "epochs"),
        ("size", "Original", "size"),
        ("backbone", "alexnet", "backbone"),
        ("backbone", "vgg19", "backbone"),
        ("content_layers", "conv9_9", "content_layers"),
        ("style_layers", "conv1_1,conv1_1", "style_layers"),
        ("style_layers", "conv1_1:0", "style_layers"),
        ("pooling", "mean", "pooling"),
        ("init", "picture", "init"),
        ("init", "grey", "init"),
        ("seed", "-1", "seed"),
        ("style_scale", "5", "style_scale"),
        ("colours", "grey", "colours"),
        ("alpha", "black", "alpha"),
        ("content_weight", "heavy", "content_weight"),
        ("style_weight", "-1", "style_weight"),
        ("tv_weight", "NaN", "tv_weight"),
        ("style_weights", "1,2,3", "style_weights"),
        ("learning_rate", "0", "learning_rate"),
        ("report_every", "0", "report_every"),
        ("precision", "f64", "precision"),
        ("precision", "tf32", "precision"),
    ] {
        let problem = refused(&server, small_form().text(option, text.to_owned()), 422, "invalid-option", field).await;
        assert!(problem["detail"].as_str().unwrap().starts_with(field), "{problem}");
    }
    let twice = small_form().text("size", "64").text("size", "65");
    refused(&server, twice, 422, "invalid-option", "size").await;
    let both = small_form().text("size", "64").text("stages", "32x32:5");
    refused(&server, both, 422, "invalid-option", "stages").await;
    let long = small_form().text("stages", "1".repeat(5000));
    refused(&server, long, 422, "invalid-option", "stages").await;
    let no_text = small_form().part("size", Part::bytes(vec![0xff, 0xfe]));
    refused(&server, no_text, 422, "invalid-option", "size").await;
}

#[tokio::test]
async fn unknown_fields() {
    let server = Server::start().await;
    let problem = refused(&server, small_form().text("colour", "red"), 422, "unknown-field", "colour").await;
    assert!(problem["detail"].as_str().unwrap().contains("learning_rate"));
    refused(&server, small_form().part("masks", file(png(8, 8))), 422, "unknown-field", "masks").await;
}

#[tokio::test]
async fn what_is_no_multipart_form() {
    let server = Server::start().await;
    let post = |content_type: &'static str, body: &'static str| {
        server.request(Method::POST, "/v1/jobs").header("content-type", content_type).body(body).send()
    };
    problem(server.post("/v1/jobs").await, 415, "not-multipart").await;
    problem(post("application/json", "{}").await.unwrap(), 415, "not-multipart").await;
    problem(post("multipart/mixed; boundary=B", "--B--\r\n").await.unwrap(), 415, "not-multipart").await;
    problem(post("multipart/form-data", "--B--\r\n").await.unwrap(), 400, "malformed-upload").await;
}

#[tokio::test]
async fn a_broken_multipart_form() {
    let server = Server::start().await;
    let head = "--B\r\nContent-Disposition: form-data; name=\"content\"; filename=\"a\"\r\n\r\n";
    for body in [
        String::new(),
        "no boundary anywhere".to_owned(),
        head.to_owned(),
        format!("{head}bytes without an end"),
        format!("{head}bytes\r\n--B\r\nContent-Dispos"),
        "--B\r\nContent-Type: text/plain\r\n\r\nno name\r\n--B--\r\n".to_owned(),
        format!("--B\r\nX-Long: {}\r\n\r\n\r\n--B--\r\n", "x".repeat(2_000_000)),
    ] {
        let request =
            server.request(Method::POST, "/v1/jobs").header("content-type", "multipart/form-data; boundary=B");
        problem(request.body(body).send().await.unwrap(), 400, "malformed-upload").await;
        assert!(server.stored_files().is_empty());
    }
    let empty = server.request(Method::POST, "/v1/jobs").header("content-type", "multipart/form-data; boundary=B");
    problem(empty.body("--B--\r\n").send().await.unwrap(), 422, "missing-file").await;
}

#[tokio::test]
async fn a_full_queue() {
    let server = Server::start_with(|settings| settings.max_queued = 1).await;
    server.submitted().await;
    let files = server.stored_files();
    let response = server.submit(small_form()).await;
    assert!(response.headers().contains_key("retry-after"));
    problem(response, 503, "queue-full").await;
    assert_eq!(server.stored_files(), files);
    // As soon as a worker takes the one that waits there is room again.
    server.claim().await;
    server.submitted().await;
}

/// The checksum of PNG's chunks.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 })
    })
}

#[tokio::test]
async fn a_problem_repeats_little_of_what_was_sent() {
    let server = Server::start().await;
    for (name, text) in Options::NAMES.iter().flat_map(|name| [(name, "x".repeat(4000)), (name, "x:,".repeat(1300))]) {
        let told = problem(server.submit(small_form().text(*name, text)).await, 422, "invalid-option").await;
        let told = told["detail"].as_str().unwrap();
        assert!(!told.contains(&"x".repeat(101)) && told.matches("x:,").count() < 40, "{told}");
    }
}
