//! The studio page, in a real browser, against the real service.

mod common;
#[path = "page/door.rs"]
mod door;
#[path = "page/following.rs"]
mod following;
mod page_support;
#[path = "page/prefix.rs"]
mod prefix;

use std::path::{Path, PathBuf};

use common::{Service, pictures};
use image::ImageFormat;
use page_support::Browser;
use serde_json::json;

const IS_FINISHED: &str = "document.querySelector('#job').dataset.status === 'succeeded' \
                           && document.querySelector('#picture').dataset.kind === 'result'";

#[tokio::test]
async fn a_picture_is_ordered_watched_and_taken_home() {
    let Some(browser) = Browser::open().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path()).await;
    browser.go(&service.url("/")).await;
    browser.type_into("#content", &keep(folder.path(), "photograph.png", &pictures::photograph(96, 72))).await;
    browser.type_into("#style", &keep(folder.path(), "painting.png", &pictures::painting(80, 80))).await;
    browser.type_into("#style", &keep(folder.path(), "another.png", &pictures::painting(60, 90))).await;
    assert_eq!(browser.value_of("document.querySelectorAll('.tiles img').length").await, 3);
    browser.click("input[value=fast]").await;
    browser.type_into("#size", "48x36").await;
    open_all_options(&browser).await;
    browser.type_into("#epochs", "20").await;
    browser.click("#submit").await;

    browser.when("document.querySelector('#curve').dataset.points > 0").await;
    browser.when(IS_FINISHED).await;
    browser.keep_screenshot("finished").await;
    the_curve_is_drawn(&browser, &service).await;
    the_result_is_shown(&browser).await;
    the_downloads_are_pictures(&browser, &service).await;

    browser.reload().await;
    browser.when(IS_FINISHED).await;
    the_curve_is_drawn(&browser, &service).await;
    browser.when("document.querySelectorAll('#recent li img').length === 1").await;
    nothing_went_wrong(&browser).await;
    nothing_came_from_elsewhere(&browser, &service).await;
}

#[tokio::test]
async fn what_is_refused_is_said_at_its_field() {
    let Some(browser) = Browser::open().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path()).await;
    browser.go(&service.url("/")).await;
    browser.click("#submit").await;
    browser.when("document.querySelectorAll('.at-fault').length === 2").await;

    browser.type_into("#content", &keep(folder.path(), "notes.txt", b"no picture at all")).await;
    browser.type_into("#style", &keep(folder.path(), "painting.png", &pictures::painting(80, 80))).await;
    browser.click("#submit").await;
    the_fault_is_in(&browser, "content").await;
    browser.keep_screenshot("refused").await;

    browser.type_into("#content", &keep(folder.path(), "photograph.png", &pictures::photograph(96, 72))).await;
    assert_eq!(browser.value_of("document.querySelectorAll('.at-fault').length").await, 0);
    browser.type_into("#size", "huge").await;
    browser.click("#submit").await;
    the_fault_is_in(&browser, "size").await;
    assert!(browser.text_of("#size-fault").await.contains("'huge'"));

    let list: serde_json::Value = service.get("/v1/jobs").await.json().await.unwrap();
    assert_eq!(list["jobs"], json!([]));
    nothing_came_from_elsewhere(&browser, &service).await;
}

#[tokio::test]
async fn every_option_can_be_chosen_and_a_result_painted_larger() {
    let Some(browser) = Browser::open().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path()).await;
    browser.go(&service.url("/")).await;
    browser.type_into("#content", &keep(folder.path(), "photograph.png", &pictures::photograph(96, 72))).await;
    for name in ["one.png", "two.png"] {
        browser.type_into("#style", &keep(folder.path(), name, &pictures::painting(80, 80))).await;
    }
    open_all_options(&browser).await;
    browser.type_into("#size", "48").await;
    browser.type_into("#epochs", "4").await;
    browser.click("#colours option[value=matched]").await;
    browser.type_into("#style_scale", "1.5").await;
    browser.click("#alpha option[value=white]").await;
    browser.click("#init option[value=noise]").await;
    browser.type_into("#seed", "7").await;
    browser.type_into("#content_layers", "conv3_1").await;
    browser.type_into("#style_layers", "conv1_1,conv2_1:0.5").await;
    browser.click("#pooling option:nth-child(3)").await;
    // The first style goes everywhere.
    let mask = keep(folder.path(), "mask.png", &pictures::photograph(30, 30));
    browser.type_into("#masks li:nth-child(2) [data-role=mask]", &mask).await;
    browser.type_into("#masks li:nth-child(1) [data-role=style_mask]", &mask).await;
    browser.keep_screenshot("options").await;
    browser.click("#submit").await;
    browser.when(IS_FINISHED).await;
    browser.keep_screenshot("outcome").await;
    let recipe = recipe_shown(&browser, &service).await;
    for (option, value) in [
        ("init", json!("noise")),
        ("seed", json!(7)),
        ("colours", json!("matched")),
        ("alpha", json!("white")),
        ("style_scale", json!(1.5)),
        ("pooling", json!("average")),
        ("content_layers", json!([{"layer": "conv3_1", "weight": 1.0}])),
        ("style_layers", json!([{"layer": "conv1_1", "weight": 2.5}, {"layer": "conv2_1", "weight": 0.5}])),
    ] {
        assert_eq!(recipe[option], value, "{option}");
    }

    browser.click("#larger").await;
    assert_eq!(
        browser.value_of("[document.querySelector('#init').value, document.activeElement.id]").await,
        json!(["result", "submit"])
    );
    assert_eq!(browser.value_of("document.querySelector('#size').value").await, "96");
    let first = browser.value_of("location.hash").await;
    browser.click("#submit").await;
    browser.when(&format!("location.hash !== {first} && {IS_FINISHED}")).await;
    let recipe = recipe_shown(&browser, &service).await;
    assert_eq!((&recipe["init"], &recipe["stages"][0]["width"]), (&json!("picture"), &json!(96)));
    assert_eq!(browser.value_of("document.querySelector('#init').value").await, "", "the next one starts afresh");
    nothing_went_wrong(&browser).await;
    nothing_came_from_elsewhere(&browser, &service).await;
}

#[tokio::test]
async fn a_mask_that_is_refused_is_marked_in_its_row() {
    let Some(browser) = Browser::open().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path()).await;
    browser.go(&service.url("/")).await;
    browser.type_into("#content", &keep(folder.path(), "photograph.png", &pictures::photograph(96, 72))).await;
    browser.type_into("#style", &keep(folder.path(), "painting.png", &pictures::painting(80, 80))).await;
    open_all_options(&browser).await;
    browser.type_into("[data-role=style_mask]", &keep(folder.path(), "notes.txt", b"no picture at all")).await;
    browser.value_of("document.querySelectorAll('details').forEach(part => { part.open = false; })").await;
    browser.click("#submit").await;
    browser.when("document.querySelector('#style_mask-fault')").await;
    assert_eq!(browser.value_of("document.activeElement.dataset.role").await, "style_mask");
    assert_eq!(browser.value_of("document.activeElement.ariaInvalid").await, "true");
    browser.keep_screenshot("mask-refused").await;
}

#[tokio::test]
async fn what_was_done_to_the_files_is_read_on_the_page() {
    let Some(browser) = Browser::open().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path()).await;
    let see_through = image::RgbaImage::from_pixel(48, 36, image::Rgba([200, 90, 30, 60]));
    let painting = folder.path().join("glass.png");
    see_through.save(&painting).unwrap();
    browser.go(&service.url("/")).await;
    browser.type_into("#content", &keep(folder.path(), "photograph.png", &pictures::photograph(96, 72))).await;
    browser.type_into("#style", painting.to_str().unwrap()).await;
    browser.type_into("#size", "32").await;
    browser.click("#submit").await;
    browser.when("document.querySelectorAll('#notices li').length > 0").await;
    assert!(browser.text_of("#notices").await.contains("laid on white"));
}

/// Chooses a photograph and a painting, and asks for a small sketch of so many epochs.
async fn fill_in(browser: &Browser, folder: &Path, epochs: u32) {
    browser.type_into("#content", &keep(folder, "photograph.png", &pictures::photograph(96, 72))).await;
    browser.type_into("#style", &keep(folder, "painting.png", &pictures::painting(80, 80))).await;
    browser.click("input[value=fast]").await;
    browser.type_into("#size", "48x36").await;
    open_all_options(browser).await;
    browser.type_into("#epochs", &epochs.to_string()).await;
}

async fn open_all_options(browser: &Browser) {
    browser.click("summary").await;
    browser.click("#computation summary").await;
}

/// The recipe of the job that the page shows.
async fn recipe_shown(browser: &Browser, service: &Service) -> serde_json::Value {
    let id = browser.value_of("location.hash.slice(1)").await;
    service.job(id.as_str().unwrap()).await["recipe"].clone()
}

/// Keeps a picture as a file of `folder` and says where it is.
fn keep(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let file: PathBuf = folder.join(name);
    std::fs::write(&file, bytes).unwrap();
    file.to_str().unwrap().to_owned()
}

/// Each loss is a line with a corner for each progress entry, and the legend tells the last one.
async fn the_curve_is_drawn(browser: &Browser, service: &Service) {
    let id = browser.value_of("location.hash.slice(1)").await;
    let job = service.job(id.as_str().unwrap()).await;
    let entries = job["progress"]["losses"].as_array().unwrap();
    assert!(entries.len() >= 4, "{job:#}");
    for loss in ["total", "content", "style", "tv"] {
        let line = format!("document.querySelector('#curve .line.{loss}').getAttribute('d')");
        let line = browser.value_of(&line).await;
        let corners = line.as_str().unwrap().split(['M', 'L']).skip(1);
        let corners: Vec<Vec<f64>> =
            corners.map(|corner| corner.split(' ').map(|number| number.parse().unwrap()).collect()).collect();
        assert_eq!(corners.len(), entries.len(), "{loss}: {line}");
        assert!(corners.is_sorted_by(|left, right| left[0] < right[0]), "{loss}: {line}");
        let told = browser.text_of(&format!("#legend .{loss} dd")).await;
        let told: f64 = told.replace(',', "").parse().unwrap();
        let last = entries.last().unwrap()[loss].as_f64().unwrap();
        assert!((told / last - 1.0).abs() < 0.01, "{loss}: {told} for {last}");
    }
}

async fn the_result_is_shown(browser: &Browser) {
    let size = "[document.querySelector('#picture').naturalWidth, document.querySelector('#picture').naturalHeight]";
    assert_eq!(browser.value_of(size).await, json!([48, 36]));
    assert_eq!(browser.text_of("#state").await, "Finished");
    assert_eq!(browser.value_of("document.querySelector('#bar').value").await, 1);
}

async fn the_downloads_are_pictures(browser: &Browser, service: &Service) {
    for (name, format) in [("png", ImageFormat::Png), ("jpeg", ImageFormat::Jpeg), ("webp", ImageFormat::WebP)] {
        let link = format!("document.querySelector('#downloads [data-format={name}]').href");
        let link = browser.value_of(&link).await;
        let response = service.http.get(link.as_str().unwrap()).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], format.to_mime_type());
        let picture = image::load_from_memory_with_format(&response.bytes().await.unwrap(), format).unwrap();
        assert_eq!((picture.width(), picture.height()), (48, 36), "{name}");
    }
    for (name, mime) in [("png16", "image/png"), ("tiff", "image/tiff")] {
        let link = format!("document.querySelector('#downloads [data-format={name}]').href");
        let link = browser.value_of(&link).await;
        let response = service.http.get(link.as_str().unwrap()).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], mime);
        let disposition = response.headers()["content-disposition"].to_str().unwrap();
        assert!(disposition.starts_with("attachment; filename=\"impasto-"), "{disposition}");
    }
}

/// The field is marked for people who see it and for people who do not, and the caret stands in it.
async fn the_fault_is_in(browser: &Browser, field: &str) {
    browser.when(&format!("document.querySelector('#{field}-fault')")).await;
    assert!(!browser.text_of(&format!("#{field}-fault")).await.is_empty());
    assert_eq!(browser.value_of("document.querySelectorAll('.at-fault').length").await, 1);
    assert_eq!(browser.value_of("document.activeElement.id").await, field);
    assert_eq!(browser.value_of("document.activeElement.ariaInvalid").await, "true");
}

/// The browser takes it for an error when there is no preview yet; the page does not.
async fn nothing_went_wrong(browser: &Browser) {
    let errors = browser.console_errors().await;
    let errors: Vec<_> =
        errors.iter().filter(|error| !error.contains("/preview?redirect=no - Failed to load resource")).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

async fn nothing_came_from_elsewhere(browser: &Browser, service: &Service) {
    let urls = browser.requested_urls().await;
    // The browser's own pages, and pictures made on the page, come over no network.
    let over_the_network: Vec<_> = urls.iter().filter(|url| url.starts_with("http") || url.starts_with("ws")).collect();
    let is_foreign = |url: &&&String| !url.starts_with(&service.url("/"));
    let foreign: Vec<_> = over_the_network.iter().filter(is_foreign).collect();
    assert!(over_the_network.len() > 3 && foreign.is_empty(), "{foreign:#?}");
}
