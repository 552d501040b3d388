//! What a worker makes of all that comes with a job, and what it stores in the end.

use impasto_jobs::{BlobKey, Job, Status};
use impasto_picture::{DecodeLimits, Format, Picture};
use impasto_recipe::Size;

use crate::{
    common::{Extras, Test},
    pictures,
};

const SIZE: Size = Size::new(48, 36);

async fn picture(test: &Test, key: &BlobKey) -> Picture {
    Picture::decode(&test.blobs.get(key).await.unwrap(), &DecodeLimits::default()).unwrap()
}

async fn painted(test: &Test, stages: &str, extras: Extras) -> Job {
    let job = test.finished(test.submit_with(stages, extras).await).await;
    assert_eq!(job.status, Status::Succeeded, "{job:#?}");
    job
}

/// A file of this size with a colour by the column.
fn columns(colour: impl Fn(u32) -> [f32; 3]) -> Vec<u8> {
    let values = (0..SIZE.pixels()).flat_map(|at| colour(at as u32 % SIZE.width)).collect();
    Picture::new(SIZE, values).unwrap().encode(Format::Png).unwrap()
}

/// How far two pictures are apart in one half, on average.
fn distance(a: &Picture, b: &Picture, in_left_half: bool) -> f32 {
    let width = SIZE.width as usize;
    let both = a.rgb().iter().zip(b.rgb()).enumerate();
    let half = both.filter(|(at, _)| (at / 3 % width < width / 2) == in_left_half);
    let apart: Vec<f32> = half.map(|(_, (a, b))| (a - b).abs()).collect();
    apart.iter().sum::<f32>() / apart.len() as f32
}

#[tokio::test(flavor = "multi_thread")]
async fn the_result_is_stored_in_16_bits_as_well() {
    let test = Test::new().await;
    let _worker = test.start();
    let job = painted(&test, "48x36:3", Extras::default()).await;
    let (result, deep) = (job.result.unwrap(), job.result_16.unwrap());
    let steps = |value: &f32| (value * 255.0).round();
    let (shallow, deep) = (picture(&test, &result).await, picture(&test, &deep).await);
    assert!(shallow.rgb().iter().map(steps).eq(deep.rgb().iter().map(steps)), "the same picture");
    assert!(deep.rgb().iter().any(|value| (value * 255.0).fract() > 0.01), "more finely told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mask_says_where_to_paint() {
    let test = Test::new().await;
    let _worker = test.start();
    let left = columns(|column| if column < SIZE.width / 2 { [1.0; 3] } else { [0.0; 3] });
    let job = painted(&test, "48x36:12", Extras { mask: Some(left), ..Extras::default() }).await;
    let result = picture(&test, &job.result.unwrap()).await;
    let photograph = picture(&test, &job.content).await;
    let (left, right) = (distance(&result, &photograph, true), distance(&result, &photograph, false));
    assert!(left > 4.0 * right, "{left} where it is painted, {right} where it is not");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mask_of_a_painting_says_what_of_it_counts() {
    let test = Test::new().await;
    let _worker = test.start();
    let whole = painted(&test, "48x36:6", Extras::default()).await;
    let half = columns(|column| if column < SIZE.width / 2 { [1.0; 3] } else { [0.0; 3] });
    let part = painted(&test, "48x36:6", Extras { style_mask: Some(half), ..Extras::default() }).await;
    let (whole, part) = (picture(&test, &whole.result.unwrap()).await, picture(&test, &part.result.unwrap()).await);
    assert!(distance(&whole, &part, true) > 1e-3, "another style");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_goes_on_from_the_picture_that_is_given() {
    let test = Test::new().await;
    let _worker = test.start();
    let initial = columns(|_| [0.1, 0.7, 0.2]);
    let job = painted(&test, "48x36:1", Extras { initial: Some(initial.clone()), ..Extras::default() }).await;
    let result = picture(&test, &job.result.unwrap()).await;
    let initial = Picture::decode(&initial, &DecodeLimits::default()).unwrap();
    let photograph = Picture::decode(&pictures::photograph(48, 36), &DecodeLimits::default()).unwrap();
    assert!(distance(&result, &initial, true) < distance(&result, &photograph, true) / 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_picture_fails_its_job_and_is_named_as_in_notices() {
    let test = Test::new().await;
    let _worker = test.start();
    let broken = || Some(b"no picture".to_vec());
    for (extras, name) in [
        (Extras { second_style: broken(), ..Extras::default() }, "style 2 "),
        (Extras { mask: broken(), ..Extras::default() }, "mask 1 "),
        (Extras { style_mask: broken(), ..Extras::default() }, "style mask 1 "),
        (Extras { initial: broken(), ..Extras::default() }, "initial "),
    ] {
        let job = test.finished(test.submit_with("48x36:1", extras).await).await;
        let error = job.error.expect("it fails");
        assert!(error.kind == "input" && error.message.starts_with(name), "{error:?}");
    }
}
