//! The page behind a proxy that serves it under a path.

use crate::{
    IS_FINISHED,
    common::{
        Service, keys,
        proxy::{Manners, Proxy},
    },
    fill_in, nothing_went_wrong,
    page_support::Browser,
};

/// Whether the proxy takes the path off or leaves it on, and whether the service was told of it or not.
#[tokio::test]
async fn the_page_works_under_any_path() {
    for (leaves_prefix, public_path) in [(false, ""), (true, "/impasto"), (false, "/impasto")] {
        let Some(browser) = Browser::open().await else { return };
        let folder = tempfile::tempdir().unwrap();
        let service = Service::start_with(folder.path(), |command| {
            command.env("IMPASTO__SERVER__PUBLIC_PATH", public_path);
        })
        .await;
        let manners = Manners { prefix: "/impasto", leaves_prefix, ..Manners::default() };
        let proxy = Proxy::start(service.address(), manners).await;
        let key = keys(folder.path(), &["create", "anna"]);
        browser.go(&format!("{}/impasto/", proxy.base_url)).await;
        browser.when("document.querySelector('#login').checkVisibility()").await;
        browser.type_into("#key", &key).await;
        browser.click("#log-in").await;
        browser.when("document.querySelector('#order').checkVisibility()").await;
        fill_in(&browser, folder.path(), 20).await;
        browser.click("#submit").await;
        browser.when(IS_FINISHED).await;
        browser.when("document.querySelectorAll('#recent li img').length === 1").await;
        nothing_went_wrong(&browser).await;

        let urls = browser.requested_urls().await;
        let over_the_network: Vec<_> = urls.iter().filter(|url| url.starts_with("http")).collect();
        let own = format!("{}/impasto/", proxy.base_url);
        assert!(over_the_network.len() > 10 && over_the_network.iter().all(|url| url.starts_with(&own)), "{urls:#?}");
        assert!(over_the_network.iter().any(|url| url.ends_with("/events")), "{urls:#?}");
        let links = "[...document.querySelectorAll('#downloads a, .masthead a')].map(link => link.href)";
        for link in browser.value_of(links).await.as_array().unwrap() {
            let link = link.as_str().unwrap();
            assert!(link.starts_with(&own), "{link}");
            let status = service.http.get(link).bearer_auth(&key).send().await.unwrap().status();
            assert_eq!(status, 200, "{link}");
        }

        browser.go(&format!("{own}docs")).await;
        assert_ne!(
            browser.value_of("getComputedStyle(document.body).maxWidth").await,
            "none",
            "the style sheet is there"
        );
        browser.click("p a").await;
        browser.when("document.querySelector('#order')").await;
        assert_eq!(browser.value_of("location.href").await, own);
    }
}
