//! How the page hears of a job: by events, or by asking where those do not come through.

use crate::{
    IS_FINISHED,
    common::{
        Service,
        proxy::{Events, Manners, Proxy},
    },
    fill_in, nothing_went_wrong,
    page_support::Browser,
};

#[tokio::test]
async fn a_job_is_followed_by_events_and_nothing_is_asked() {
    let Some(browser) = Browser::open().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start_with(folder.path(), |command| {
        command.env("IMPASTO__WORKERS__CHECKPOINT_SECONDS", "0");
    })
    .await;
    browser.go(&service.url("/")).await;
    fill_in(&browser, folder.path(), 60).await;
    browser.click("#submit").await;
    browser.when("document.querySelector('#picture').dataset.kind === 'preview'").await;
    browser.when("document.querySelector('#curve').dataset.points > 2").await;
    browser.keep_screenshot("painting").await;
    let id = browser.value_of("location.hash.slice(1)").await;
    browser.when(IS_FINISHED).await;

    let job = format!("{}/v1/jobs/{}", service.base_url, id.as_str().unwrap());
    let urls = browser.requested_urls().await;
    let of_job: Vec<&str> = urls.iter().filter_map(|url| url.strip_prefix(&job)).collect();
    assert_eq!(of_job.iter().filter(|path| **path == "/events").count(), 1, "{of_job:?}");
    assert!(of_job.iter().any(|path| path.starts_with("/preview?v=")), "{of_job:?}");
    let asked = of_job.iter().filter(|path| path.is_empty() || path.starts_with('?')).count();
    assert_eq!(asked, 0, "{of_job:?}");
    nothing_went_wrong(&browser).await;
}

/// By a proxy that refuses streams, and by one that lets nothing of them through.
#[tokio::test]
async fn where_no_events_come_through_the_page_asks() {
    for events in [Events::Refuse, Events::Hold] {
        let Some(browser) = Browser::open().await else { return };
        let folder = tempfile::tempdir().unwrap();
        let service = Service::start(folder.path()).await;
        let proxy = Proxy::start(service.address(), Manners { events, ..Manners::default() }).await;
        browser.go(&format!("{}/", proxy.base_url)).await;
        fill_in(&browser, folder.path(), 20).await;
        browser.click("#submit").await;
        browser.when(IS_FINISHED).await;
        let points = browser.value_of("Number(document.querySelector('#curve').dataset.points)").await;
        assert_eq!(points, 4, "{events:?}");
        let id = browser.value_of("location.hash.slice(1)").await;
        let job = format!("/v1/jobs/{}", id.as_str().unwrap());
        let asked = proxy.asked();
        let count = |path: &str| asked.iter().filter(|asked| **asked == path).count();
        assert!(count(&job) > 0 && count(&format!("{job}/events")) > 0, "{events:?}: {asked:#?}");
    }
}
