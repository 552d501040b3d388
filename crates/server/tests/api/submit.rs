//! Jobs that are taken.

use impasto_jobs::Sight;
use impasto_picture::Format;
use reqwest::{StatusCode, multipart::Form};
use serde_json::{Value, json};

use crate::common::{Server, file, header, id_of, path_of, picture, png, small_form};

#[tokio::test]
async fn a_job_is_taken_and_its_pictures_are_stored() {
    let server = Server::start().await;
    let (content, style) = (png(48, 32), png(24, 40));
    let form = Form::new().part("content", file(content.clone())).part("style", file(style.clone()));
    let response = server.submit(form).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let headers = response.headers().clone();
    let job: Value = response.json().await.unwrap();
    assert_eq!(header(&headers, "location"), path_of(&job));
    assert!(path_of(&job).starts_with("/v1/jobs/"));
    assert_eq!(header(&headers, "etag"), format!("W/\"{}\"", job["revision"]));
    assert_eq!(header(&headers, "retry-after"), "1");

    let stored = server.jobs.find(id_of(&job), &Sight::All).await.unwrap().unwrap();
    assert_eq!(server.blobs.get(&stored.content).await.unwrap(), content);
    assert_eq!(server.blobs.get(&stored.styles[0]).await.unwrap(), style);
    assert_eq!(server.stored_files().len(), 2);
}

#[tokio::test]
async fn a_new_job_looks_as_documented() {
    let server = Server::start().await;
    let job = server.submitted().await;
    let path = path_of(&job);
    let created: jiff::Timestamp = job["created_at"].as_str().unwrap().parse().unwrap();
    assert!(created <= jiff::Timestamp::now());
    let expected = json!({
        "id": job["id"], "status": "queued", "created_at": job["created_at"], "started_at": null, "finished_at": null,
        "queue_position": 1, "recipe": job["recipe"], "fingerprint": null,
        "progress": {"stage": 1, "stages": 5, "epoch": 0, "epochs": 64, "fraction": 0.0, "eta_seconds": null, "losses": []},
        "error": null, "revision": job["revision"], "attempt": 0, "cancel_requested": false, "notices": [],
        "priority": "normal", "start_by": null, "webhook": null,
        "links": {"self": path, "result": format!("{path}/result"), "preview": format!("{path}/preview"),
            "losses": format!("{path}/losses"), "events": format!("{path}/events"), "cancel": format!("{path}/cancel")},
    });
    assert_eq!(job, expected);
    assert_eq!(job["recipe"]["preset"], "paint");
}

#[tokio::test]
async fn every_option_is_heard() {
    let server = Server::start().await;
    let form = small_form()
        .part("style", file(png(20, 20)))
        .text("preset", "classic")
        .text("objective", "relative")
        .text("stages", "32x24:10:4,64x48:5")
        .text("backbone", "vgg16")
        .text("content_weight", "2")
        .text("style_weight", "3.5")
        .text("tv_weight", "0")
        .text("style_weights", "3,1")
        .text("optimiser", "lbfgs")
        .text("learning_rate", "0.25")
        .text("report_every", "2")
        .text("precision", "f32")
        .text("content_layers", "conv3_1")
        .text("style_layers", "conv2_1:3,conv1_1")
        .text("pooling", "average")
        .text("init", "noise")
        .text("seed", "7")
        .text("style_scale", "1.5")
        .text("colours", "matched")
        .text("alpha", "white");
    let response = server.submit(form).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let job: Value = response.json().await.unwrap();
    let expected = json!({
        "preset": "classic", "objective": "relative",
        "stages": [{"width": 32, "height": 24, "epochs": 10, "decay": 4},
            {"width": 64, "height": 48, "epochs": 5, "decay": null}],
        "style_fit": "keep", "weights": {"content": 2.0, "style": 3.5, "tv": 0.0}, "style_weights": [0.75, 0.25],
        "optimiser": "lbfgs", "learning_rate": 0.25, "report_every": 2, "backbone": "vgg16", "precision": "f32",
        "content_layers": [{"layer": "conv3_1", "weight": 1.0}],
        "style_layers": [{"layer": "conv1_1", "weight": 2.5}, {"layer": "conv2_1", "weight": 3.0}],
        "pooling": "average", "init": "noise", "seed": 7, "style_scale": 1.5, "colours": "matched", "alpha": "white",
    });
    assert_eq!(job["recipe"], expected);
}

#[tokio::test]
async fn the_result_may_be_as_large_as_the_photograph() {
    let server = Server::start().await;
    let job: Value = server.submit(small_form().text("size", "original")).await.json().await.unwrap();
    let last = job["recipe"]["stages"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["width"], &last["height"]), (&json!(48), &json!(32)));
}

#[tokio::test]
async fn strength_is_what_the_style_counts() {
    let server = Server::start().await;
    let job: Value = server.submit(small_form().text("strength", "1")).await.json().await.unwrap();
    assert_eq!(job["recipe"]["weights"]["style"], 50.0);
}

#[tokio::test]
async fn options_may_stand_before_the_pictures() {
    let server = Server::start().await;
    let form = Form::new()
        .text("size", "96")
        .text("epochs", "19")
        .part("style", file(png(24, 40)))
        .part("content", file(png(48, 32)));
    let job: Value = server.submit(form).await.json().await.unwrap();
    assert_eq!(job["recipe"]["stages"], json!([{"width": 96, "height": 64, "epochs": 19, "decay": null}]));
}

#[tokio::test]
async fn every_format_that_is_written_is_taken() {
    let server = Server::start().await;
    for format in Format::ALL {
        let bytes = picture(48, 32).encode(format).unwrap();
        let form = Form::new().part("content", file(bytes.clone())).part("style", file(bytes));
        assert_eq!(server.submit(form).await.status(), StatusCode::ACCEPTED, "{format}");
    }
}

#[tokio::test]
async fn a_photograph_taken_upright_stays_upright() {
    let server = Server::start().await;
    let turned = with_orientation(picture(48, 32).encode(Format::Jpeg).unwrap(), 6);
    let form = Form::new().part("content", file(turned)).part("style", file(png(24, 40)));
    let job: Value = server.submit(form.text("size", "96")).await.json().await.unwrap();
    let last = &job["recipe"]["stages"][0];
    assert_eq!((&last["width"], &last["height"]), (&json!(64), &json!(96)));
    assert_eq!(job["notices"], json!(["content: it was turned upright, as its EXIF data say"]));
}

#[tokio::test]
async fn as_many_styles_as_allowed_are_taken_in_their_order() {
    let server = Server::start().await;
    let mut form = Form::new().part("content", file(png(48, 32)));
    for number in 0..8 {
        form = form.part("style", file(png(20 + number, 20)));
    }
    let job: Value = server.submit(form).await.json().await.unwrap();
    assert_eq!(job["recipe"]["style_weights"].as_array().unwrap().len(), 8);
    let stored = server.jobs.find(id_of(&job), &Sight::All).await.unwrap().unwrap();
    for (number, key) in stored.styles.iter().enumerate() {
        assert_eq!(server.blobs.get(key).await.unwrap(), png(20 + number as u32, 20));
    }
}

/// Says in EXIF how the camera was held.
fn with_orientation(jpeg: Vec<u8>, orientation: u8) -> Vec<u8> {
    let tiff = [
        b"II*\0\x08\0\0\0".as_slice(), // little-endian, the first directory at 8
        b"\x01\0",                     // one entry
        b"\x12\x01\x03\0\x01\0\0\0",   // orientation, one short
        &[orientation, 0, 0, 0],
        b"\0\0\0\0", // no further directory
    ]
    .concat();
    let length = (2 + 6 + tiff.len()) as u16;
    [&jpeg[..2], b"\xff\xe1", &length.to_be_bytes(), b"Exif\0\0", &tiff, &jpeg[2..]].concat()
}
