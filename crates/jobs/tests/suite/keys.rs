//! API keys, the sessions of the page, and what clients have uploaded.

use std::{collections::HashSet, net::IpAddr, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use impasto_jobs::{ApiKey, Client, KeyText, NewKeyError, Scope, SessionCookie};
use jiff::Timestamp;

use crate::common::TestStore;

async fn key(test: &TestStore, name: &str) -> (ApiKey, KeyText) {
    let (key, text) = ApiKey::generate(name, vec![Scope::Submit, Scope::Read]);
    test.store.add_key(&key).await.unwrap();
    // To the millisecond, as the store keeps it.
    (test.store.find_key(&key.id).await.unwrap().expect("it is kept"), text)
}

#[test]
fn a_key_is_opened_by_its_own_text_alone() {
    let (key, text) = ApiKey::generate("web", vec![Scope::Submit]);
    let (other, other_text) = ApiKey::generate("web", vec![Scope::Submit]);
    assert!(key.opens_to(&text) && other.opens_to(&other_text));
    assert!(!key.opens_to(&other_text) && !other.opens_to(&text));
    let revoked = ApiKey { revoked_at: Some(Timestamp::now()), ..key.clone() };
    assert!(!revoked.opens_to(&text));
    let renamed: KeyText = text.reveal().replace(&key.id.to_string(), &other.id.to_string()).parse().unwrap();
    assert!(!key.opens_to(&renamed) && !other.opens_to(&renamed), "another's id with this one's secret");
    assert!(!format!("{key:?}").contains(text.reveal().rsplit_once(&*key.id.to_string()).unwrap().1));
}

#[test]
fn the_text_of_a_key_is_read_back_and_says_no_secret_by_itself() {
    for _ in 0..200 {
        let (key, text) = ApiKey::generate("web", Vec::new());
        let revealed = text.reveal();
        let rest = revealed.strip_prefix("impasto_").unwrap();
        let (id, secret) = rest.split_once('_').unwrap();
        assert_eq!((id, id.len(), secret.len()), (&*key.id.to_string(), 12, 43));
        assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{id}");
        assert_eq!(revealed.parse(), Ok(text.clone()));
        assert!(!format!("{text:?}").contains(secret) && !key.hash.contains(secret));
        assert!(key.hash.len() == 64 && key.hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let secret = STANDARD.decode(key.webhook_secret.strip_prefix("whsec_").unwrap()).unwrap();
        assert!((24..=64).contains(&secret.len()), "as Standard Webhooks says");
    }
}

#[test]
fn what_is_no_key_is_refused_and_not_repeated() {
    let (_, text) = ApiKey::generate("web", Vec::new());
    let text = text.reveal();
    let secret = &text[text.len() - 43..];
    for wrong in [
        String::new(),
        "impasto_".to_owned(),
        "impasto_abc".to_owned(),
        secret.to_owned(),
        format!("impasto__{secret}"),
        format!("impasto_a-b_{secret}"),
        format!("Impasto_abc_{secret}"),
        format!("{text}A"),
        format!(" {text}"),
        text[..text.len() - 1].to_owned(),
        format!("impasto_abc_{}", "é".repeat(43)),
    ] {
        let refused = wrong.parse::<KeyText>().unwrap_err().to_string();
        assert!(!refused.contains(secret), "{refused}");
        assert!(wrong.parse::<SessionCookie>().is_err() || wrong == secret, "{wrong}");
    }
}

#[test]
fn no_two_cookies_and_no_two_keys_are_alike() {
    let cookies: HashSet<_> = (0..1000).map(|_| SessionCookie::generate().hash()).collect();
    let keys: HashSet<_> = (0..1000).map(|_| ApiKey::generate("web", Vec::new()).1.id().clone()).collect();
    assert_eq!((cookies.len(), keys.len()), (1000, 1000));
    let cookie = SessionCookie::generate();
    assert_eq!(cookie.reveal().parse(), Ok(cookie.clone()));
    assert!(!format!("{cookie:?}").contains(cookie.reveal()));
}

#[tokio::test]
async fn there_are_keys_from_the_first_on_even_when_all_are_revoked() {
    let test = TestStore::new().await;
    assert!(!test.store.has_keys().await.unwrap());
    key(&test, "web").await;
    test.store.revoke_key("web").await.unwrap();
    assert!(test.store.has_keys().await.unwrap());
    assert!(test.opened_again().await.has_keys().await.unwrap());
}

#[tokio::test]
async fn keys_are_found_and_listed_as_they_were_made() {
    let test = TestStore::new().await;
    let (web, text) = key(&test, "web").await;
    assert_eq!((&*web.name, &web.scopes[..]), ("web", &[Scope::Submit, Scope::Read][..]));
    assert!(web.opens_to(&text) && web.last_used_at.is_none() && web.revoked_at.is_none());
    let (script, _) = key(&test, "script").await;
    let listed = test.store.list_keys().await.unwrap();
    assert!(listed.len() == 2 && listed.contains(&web) && listed.contains(&script));
    assert_eq!(test.store.find_key(&"nobody".parse().unwrap()).await.unwrap(), None);

    test.store.touch_key(&web.id).await.unwrap();
    let touched = test.opened_again().await.find_key(&web.id).await.unwrap().unwrap();
    assert!(touched.last_used_at >= Some(touched.created_at));
    assert_eq!(test.store.find_key(&script.id).await.unwrap(), Some(script), "another's is not touched");
}

#[tokio::test]
async fn a_name_is_given_once_even_after_its_key_was_revoked() {
    let test = TestStore::new().await;
    let (first, _) = key(&test, "web").await;
    test.store.revoke_key("web").await.unwrap();
    let refused = test.store.add_key(&ApiKey::generate("web", vec![Scope::Admin]).0).await.unwrap_err();
    assert!(matches!(&refused, NewKeyError::NameTaken(name) if name == "web"), "{refused}");
    let kept = test.store.list_keys().await.unwrap();
    assert_eq!((kept.len(), &kept[0].id, &kept[0].scopes), (1, &first.id, &first.scopes));
}

#[tokio::test]
async fn a_key_is_revoked_by_its_name_or_id_and_once() {
    let test = TestStore::new().await;
    let (web, text) = key(&test, "web").await;
    let (script, _) = key(&test, "script").await;
    // Its name reads like the id of another.
    let (misleading, _) = key(&test, &script.id.to_string()).await;
    assert_eq!(test.store.revoke_key("nobody").await.unwrap(), None);
    let revoked = test.store.revoke_key("web").await.unwrap().unwrap();
    assert!(revoked.revoked_at.is_some() && !revoked.opens_to(&text) && revoked.id == web.id);
    assert_eq!(test.store.revoke_key(&web.id.to_string()).await.unwrap(), Some(revoked));
    let by_name = test.store.revoke_key(&script.id.to_string()).await.unwrap().unwrap();
    assert_eq!(by_name.id, misleading.id);
    assert_eq!(test.store.find_key(&script.id).await.unwrap(), Some(script));
}

#[tokio::test]
async fn a_session_opens_its_key_until_it_is_over() {
    let test = TestStore::new().await;
    let (web, _) = key(&test, "web").await;
    let (script, _) = key(&test, "script").await;
    let [first, second, third, past] = [0; 4].map(|_| SessionCookie::generate().hash());
    let now = Timestamp::now();
    let later = now + Duration::from_secs(3600);
    for (hash, key, until) in
        [(&first, &web, later), (&second, &web, later), (&third, &script, later), (&past, &web, now)]
    {
        test.store.begin_session(hash, &key.id, until).await.unwrap();
    }
    let key_of = async |hash: &str| test.store.session_key(hash).await.unwrap().map(|key| key.id);
    assert_eq!(key_of(&first).await, Some(web.id.clone()));
    assert_eq!(key_of(&past).await, None, "its time is up");
    assert_eq!(key_of(&SessionCookie::generate().hash()).await, None);
    for was_there in [true, false] {
        assert_eq!(test.store.end_session(&first).await.unwrap(), was_there);
        assert_eq!(key_of(&first).await, None);
    }
    test.store.revoke_key("web").await.unwrap();
    assert_eq!((key_of(&second).await, key_of(&third).await), (None, Some(script.id)));
}

#[tokio::test]
async fn of_one_keys_sessions_the_latest_hundred_are_kept_and_all_of_anothers() {
    let test = TestStore::new().await;
    let (web, _) = key(&test, "web").await;
    let (script, _) = key(&test, "script").await;
    let later = Timestamp::now() + Duration::from_secs(3600);
    test.store.begin_session("quiet", &script.id, later).await.unwrap();
    for number in 0..103 {
        let expires_at = later + Duration::from_secs(number);
        test.store.begin_session(&format!("session-{number}"), &web.id, expires_at).await.unwrap();
    }
    let is_there = async |hash: &str| test.store.session_key(hash).await.unwrap().is_some();
    for number in 0..103 {
        assert_eq!(is_there(&format!("session-{number}")).await, number >= 3, "{number}");
    }
    assert!(is_there("quiet").await);
}

#[tokio::test]
async fn uploads_are_counted_by_client() {
    let test = TestStore::new().await;
    let here = Client::at("192.0.2.1".parse::<IpAddr>().unwrap());
    let there = Client::at("192.0.2.2".parse::<IpAddr>().unwrap());
    let again = test.opened_again().await;
    let counted = futures::future::join_all((0..20).map(|n| {
        let store = if n % 2 == 0 { &test.store } else { &again };
        store.count_uploaded(&here, 1000)
    }));
    let mut sums: Vec<_> = counted.await.into_iter().map(Result::unwrap).collect();
    sums.sort_unstable();
    assert_eq!(sums, (1..=20).map(|n| n * 1000).collect::<Vec<_>>(), "each is told what there was with its own");
    test.store.count_uploaded(&there, 7).await.unwrap();
    let bytes = [test.store.uploaded_today(&here).await.unwrap(), again.uploaded_today(&there).await.unwrap()];
    assert_eq!(bytes, [20_000, 7]);
    assert_eq!(test.store.uploaded_today(&Client::default()).await.unwrap(), 0);
}

#[test]
fn names_of_scopes_are_read_back() {
    for scope in Scope::ALL {
        assert_eq!(scope.to_string().parse(), Ok(scope));
        assert_eq!(serde_json::to_value(scope).unwrap(), scope.name());
    }
    assert!("root".parse::<Scope>().unwrap_err().to_string().contains("'root'"));
}
