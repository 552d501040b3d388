//! What comes with a job besides its photograph and its paintings.

use impasto_jobs::{BlobKey, JobId, Sight};
use impasto_picture::{DecodeLimits, Format, Mask, Picture};
use impasto_recipe::Size;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::common::{Server, file, id_of, path_of, picture, png, problem, small_form};

#[tokio::test]
async fn masks_and_a_picture_to_start_from_are_stored_in_their_order() {
    let server = Server::start().await;
    let form = small_form()
        .part("style", file(png(20, 20)))
        .part("mask", file(png(10, 5)))
        .part("mask", file(png(11, 5)))
        .part("style_mask", file(png(12, 5)))
        .part("initial", file(png(64, 40)));
    let response = server.submit(form).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let job: Value = response.json().await.unwrap();
    assert_eq!((&job["recipe"]["init"], &job["notices"]), (&json!("picture"), &json!([])));
    let stored = server.jobs.find(id_of(&job), &Sight::All).await.unwrap().unwrap();
    assert_eq!((stored.masks.len(), stored.style_masks.len()), (2, 1));
    for (key, bytes) in [
        (&stored.masks[0], png(10, 5)),
        (&stored.masks[1], png(11, 5)),
        (&stored.style_masks[0], png(12, 5)),
        (stored.initial.as_ref().unwrap(), png(64, 40)),
    ] {
        assert_eq!(server.blobs.get(key).await.unwrap(), bytes, "{key}");
    }
    let claim = server.claim().await;
    assert_eq!((claim.masks, claim.style_masks, claim.initial), (stored.masks, stored.style_masks, stored.initial));
    server.delete(&path_of(&job)).await;
    assert!(server.stored_files().is_empty());
}

#[tokio::test]
async fn they_are_looked_at_as_all_pictures_are() {
    let server = Server::start_with(|settings| settings.max_pixels = 10_000).await;
    for (name, field) in [("mask", "mask[0]"), ("style_mask", "style_mask[0]"), ("initial", "initial")] {
        for (bytes, status, kind) in
            [(b"no picture".to_vec(), 422, "not-a-picture"), (png(101, 100), 413, "too-many-pixels")]
        {
            let form = small_form().part(name, file(bytes));
            assert_eq!(problem(server.submit(form).await, status, kind).await["field"], field);
        }
    }
    assert!(server.stored_files().is_empty());
}

#[tokio::test]
async fn there_are_no_more_masks_than_styles_and_one_picture_to_start_from() {
    let server = Server::start_with(|settings| settings.max_styles = 2.try_into().unwrap()).await;
    for name in ["mask", "style_mask"] {
        let two = small_form().part(name, file(png(8, 8))).part(name, file(png(8, 8)));
        let answer = problem(server.submit(two).await, 422, "invalid-option").await;
        assert_eq!(answer["field"], name);
        let three = (0..3).fold(small_form(), |form, _| form.part(name, file(png(8, 8))));
        assert_eq!(problem(server.submit(three).await, 422, "too-many-files").await["field"], name);
    }
    let two = small_form().part("initial", file(png(8, 8))).part("initial", file(png(8, 8)));
    assert_eq!(problem(server.submit(two).await, 422, "too-many-files").await["field"], "initial");
    assert!(server.stored_files().is_empty());
}

#[tokio::test]
async fn a_job_goes_on_from_anothers_result_and_outlives_it() {
    let server = Server::start().await;
    let painted = picture(48, 32);
    let first = server.finished(&painted).await;
    let form = small_form().text("initial_job", first["id"].as_str().unwrap().to_owned()).text("size", "96");
    let response = server.submit(form).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let job: Value = response.json().await.unwrap();
    assert_eq!(job["recipe"]["init"], "picture");
    server.delete(&path_of(&first)).await;
    let initial = server.claim().await.initial.unwrap();
    assert_eq!(initial, BlobKey::initial(id_of(&job)));
    assert_eq!(server.blobs.get(&initial).await.unwrap(), painted.encode(Format::Png16).unwrap());
}

#[tokio::test]
async fn what_a_result_holds_is_no_news_of_a_file() {
    let server = Server::start().await;
    let clear = Picture::decode(&see_through(), &DecodeLimits::default()).unwrap();
    let first = server.finished(&clear).await;
    let form = small_form().text("initial_job", first["id"].as_str().unwrap().to_owned());
    let job: Value = server.submit(form).await.json().await.unwrap();
    assert_eq!((&job["recipe"]["init"], &job["notices"]), (&json!("picture"), &json!([])));
}

#[tokio::test]
async fn a_result_to_go_on_from_is_held_to_no_limit_of_uploads() {
    let server = Server::start_with(|settings| settings.max_pixels = 10_000).await;
    let large = server.finished(&picture(120, 100)).await;
    let form = || small_form().text("initial_job", large["id"].as_str().unwrap().to_owned());
    assert_eq!(server.submit(form()).await.status(), StatusCode::ACCEPTED);
    // One that cannot be read is a matter of the job that is named, not of a file.
    let result = server.jobs.find(id_of(&large), &Sight::All).await.unwrap().unwrap().result_16.unwrap();
    server.blobs.put(&result, b"no picture".to_vec().into()).await.unwrap();
    assert_eq!(problem(server.submit(form()).await, 422, "not-a-picture").await["field"], "initial_job");
}

#[tokio::test]
async fn a_job_without_a_result_is_nothing_to_go_on_from() {
    let server = Server::start().await;
    let done = server.finished(&picture(48, 32)).await;
    let waiting = server.submitted().await;
    let files = server.stored_files();
    let nobody = JobId::new().to_string();
    for (id, says) in [
        (nobody.as_str(), "there is no job"),
        (waiting["id"].as_str().unwrap(), "queued"),
        ("the one before", "no job's id"),
    ] {
        let form = small_form().text("initial_job", id.to_owned());
        let answer = problem(server.submit(form).await, 422, "invalid-option").await;
        assert_eq!(answer["field"], "initial_job");
        assert!(answer["detail"].as_str().unwrap().contains(says), "{answer}");
    }
    let id = done["id"].as_str().unwrap().to_owned();
    let both = small_form().text("initial_job", id.clone()).part("initial", file(png(8, 8)));
    let twice = small_form().text("initial_job", id.clone()).text("initial_job", id.clone());
    let contradicted = small_form().text("initial_job", id).text("init", "noise");
    for (form, field) in [(both, "initial_job"), (twice, "initial_job"), (contradicted, "init")] {
        assert_eq!(problem(server.submit(form).await, 422, "invalid-option").await["field"], field);
    }
    assert_eq!(server.stored_files(), files);
}

/// A picture whose left half cannot be seen.
fn see_through() -> Vec<u8> {
    let values = (0..48 * 32).map(|at| if at % 48 < 24 { 0.0 } else { 1.0 }).collect();
    let alpha = Mask::new(Size::new(48, 32), values).unwrap();
    picture(48, 32).with_alpha(alpha).encode(Format::Png).unwrap()
}

#[tokio::test]
async fn what_was_done_to_the_files_is_said_from_the_start() {
    let server = Server::start().await;
    let form = |alpha: &'static str| {
        let form = reqwest::multipart::Form::new().part("content", file(see_through()));
        let form = form.part("style", file(png(20, 20))).part("style", file(see_through()));
        let form = form.part("initial", file(see_through())).part("mask", file(see_through()));
        let form = form.part("style_mask", file(see_through()));
        form.text("alpha", alpha)
    };
    let kept: Value = server.submit(form("keep")).await.json().await.unwrap();
    let others = [
        "style 2: it is transparent, and was laid on white",
        "mask 1: what is transparent in it counts as black",
        "style mask 1: what is transparent in it counts as black",
        "initial: its transparency was passed over: its colours alone count",
    ];
    assert_eq!(kept["notices"], json!(others));
    let laid: Value = server.submit(form("white")).await.json().await.unwrap();
    let content = "content: it is transparent, and was laid on white";
    assert_eq!(laid["notices"], json!([&[content][..], &others].concat()));
    assert_eq!(server.get(&path_of(&laid)).await.json::<Value>().await.unwrap()["notices"], laid["notices"]);
}
