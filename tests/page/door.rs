//! Who may use the page: people log in with a key, and out again.

use std::path::Path;

use serde_json::json;

use crate::{
    IS_FINISHED,
    common::{Service, keys},
    fill_in, nothing_went_wrong,
    page_support::Browser,
};

const IS_OPEN: &str = "document.querySelector('#login').hidden && document.querySelector('#order').checkVisibility()";
const IS_CLOSED: &str =
    "document.querySelector('#login').checkVisibility() && !document.querySelector('#order').checkVisibility()";

async fn log_in(browser: &Browser, key: &str) {
    browser.when(IS_CLOSED).await;
    browser.type_into("#key", key).await;
    browser.click("#log-in").await;
}

fn make_key(folder: &Path, name: &str, scopes: &str) -> String {
    keys(folder, &["create", name, "--scope", scopes])
}

#[tokio::test]
async fn people_log_in_paint_and_log_out() {
    let Some(browser) = Browser::open().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path()).await;
    let key = make_key(folder.path(), "anna", "submit,read");
    browser.go(&service.url("/")).await;
    browser.when(IS_CLOSED).await;
    assert_eq!(browser.value_of("document.activeElement.id").await, "key");
    assert!(!browser.value_of("document.querySelector('.wall').checkVisibility()").await.as_bool().unwrap());
    browser.keep_screenshot("login").await;

    log_in(&browser, "impasto_no").await;
    browser.when("!document.querySelector('#key-fault').hidden").await;
    let [_, id, secret] = key.splitn(3, '_').collect::<Vec<_>>()[..] else { panic!("a key has three parts") };
    let other = if secret.starts_with('A') { 'B' } else { 'A' };
    let wrong = format!("impasto_{id}_{other}{}", &secret[1..]);
    browser.value_of("document.querySelector('#key').value = ''").await;
    log_in(&browser, &wrong).await;
    browser.when("document.querySelector('#key-fault').textContent.includes('no such key')").await;
    let fault = "[document.activeElement.id, document.activeElement.ariaInvalid, document.querySelector('#key').type]";
    browser.when("document.activeElement.id === 'key'").await;
    assert_eq!(browser.value_of(fault).await, json!(["key", "true", "password"]));
    browser.keep_screenshot("wrong-key").await;

    browser.value_of("document.querySelector('#key').value = ''").await;
    log_in(&browser, &key).await;
    browser.when(IS_OPEN).await;
    assert_eq!(browser.text_of("#who").await, "anna");
    assert_eq!(browser.value_of("document.querySelector('#key').value").await, "");
    the_key_is_kept_nowhere(&browser).await;
    browser.keep_screenshot("logged-in").await;
    // The two wrong keys are errors of the console.
    browser.console_errors().await;

    fill_in(&browser, folder.path(), 20).await;
    browser.click("#submit").await;
    browser.when(IS_FINISHED).await;
    browser.when("document.querySelectorAll('#recent li img').length === 1").await;
    browser.reload().await;
    browser.when(IS_FINISHED).await;
    nothing_went_wrong(&browser).await;

    browser.click("#log-out").await;
    browser.when(IS_CLOSED).await;
    assert_eq!(
        browser.value_of("[location.hash, document.querySelectorAll('#recent li').length]").await,
        json!(["", 0])
    );
    let asks = "fetch('v1/jobs').then(answer => { document.body.dataset.answered = answer.status; })";
    browser.value_of(asks).await;
    browser.when("document.body.dataset.answered === '401'").await;
}

async fn the_key_is_kept_nowhere(browser: &Browser) {
    let kept = "[localStorage.length, sessionStorage.length, document.cookie]";
    assert_eq!(browser.value_of(kept).await, json!([0, 0, ""]));
}

#[tokio::test]
async fn a_key_that_is_revoked_meanwhile_costs_nobody_their_pictures() {
    let Some(browser) = Browser::open().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path()).await;
    let key = make_key(folder.path(), "anna", "submit,read");
    browser.go(&service.url("/")).await;
    log_in(&browser, &key).await;
    browser.when(IS_OPEN).await;
    fill_in(&browser, folder.path(), 20).await;
    keys(folder.path(), &["revoke", "anna"]);
    // It takes effect within a second or so: until then jobs are taken.
    until_refused(&service, &key).await;

    browser.click("#submit").await;
    browser.when(IS_CLOSED).await;
    assert!(browser.text_of("#login-reason").await.contains("still here"));
    browser.keep_screenshot("session-over").await;
    log_in(&browser, &make_key(folder.path(), "bert", "submit,read")).await;
    browser.when(IS_OPEN).await;
    assert_eq!(browser.text_of("#who").await, "bert");
    assert_eq!(browser.value_of("document.querySelectorAll('.tiles img').length").await, 2);
    browser.click("#submit").await;
    browser.when(IS_FINISHED).await;
}

async fn until_refused(service: &Service, key: &str) {
    let refused = async {
        while service.http.get(service.url("/v1/jobs")).bearer_auth(key).send().await.unwrap().status() != 401 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(crate::common::PATIENCE, refused).await.expect("a revoked key is refused");
}

#[tokio::test]
async fn who_may_not_do_everything_is_told_so() {
    let Some(browser) = Browser::open().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path()).await;
    for (name, scopes, lacks, may_order) in [("looker", "read", "submit", false), ("sender", "submit", "read", true)] {
        let key = make_key(folder.path(), name, scopes);
        browser.go(&service.url("/")).await;
        log_in(&browser, &key).await;
        browser.when(IS_OPEN).await;
        let told = browser.text_of("#allowed").await;
        assert!(told.contains(&format!("the scope “{lacks}”")), "{told}");
        assert_eq!(browser.value_of("!document.querySelector('#submit').disabled").await, may_order);
        browser.keep_screenshot(&format!("{name}-only")).await;
        browser.click("#log-out").await;
        browser.when(IS_CLOSED).await;
    }
}

#[tokio::test]
async fn the_page_fits_a_telephone_in_the_dark() {
    let Some(browser) = Browser::open().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path()).await;
    let key = make_key(folder.path(), "somebody-with-a-long-name@example.com", "submit,read");
    browser.look_narrow_and_dark().await;
    browser.go(&service.url("/")).await;
    browser.when(IS_CLOSED).await;
    browser.keep_screenshot("login-narrow").await;
    log_in(&browser, &key).await;
    browser.when(IS_OPEN).await;
    fill_in(&browser, folder.path(), 20).await;
    browser.click("#submit").await;
    browser.when(IS_FINISHED).await;
    browser.keep_screenshot("finished-narrow").await;
    let width = browser.value_of("document.documentElement.scrollWidth").await;
    assert!(width.as_u64().unwrap() <= 360, "{width}");
}
