//! Requests that pages of other sites have a browser send.

use impasto_jobs::Scope;
use reqwest::{Method, StatusCode};

use crate::{
    common::{Server, path_of, problem, small_form},
    keys::{key, with},
};

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let server = Server::start_with(|settings| settings.cors_origins = vec!["https://friend.example".to_owned()]).await;
    let job = path_of(&server.submitted().await);
    let strange = [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "https://friend.example.evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ];
    for (name, value) in strange {
        for (method, path) in [
            (Method::POST, "/v1/jobs".to_owned()),
            (Method::POST, "/v1/paint".to_owned()),
            (Method::POST, format!("{job}/cancel")),
            (Method::DELETE, job.clone()),
            (Method::POST, "/v1/session".to_owned()),
            (Method::POST, "/v1/keys".to_owned()),
        ] {
            let response = server.request(method, &path).header(name, value).send().await.unwrap();
            problem(response, 403, "cross-site").await;
        }
        assert_eq!(server.get_with("/v1/jobs", name, value).await.status(), StatusCode::OK, "looking changes nothing");
    }
    let own = format!("http://{}", server.addr);
    for origin in ["https://friend.example", &own] {
        let request = server.request(Method::POST, "/v1/jobs").header("origin", origin).multipart(small_form());
        assert_eq!(request.send().await.unwrap().status(), StatusCode::ACCEPTED, "{origin}");
    }
}

#[tokio::test]
async fn on_loopback_without_keys_a_foreign_name_is_refused() {
    let server = Server::start().await;
    let port = server.addr.port();
    for host in ["evil.example", "127.0.0.1.evil.example", "0.0.0.0", "10.0.0.1", ""] {
        for path in ["/", "/v1/jobs", "/metrics"] {
            problem(server.get_with(path, "host", host).await, 421, "foreign-host").await;
        }
        let preflight = server.request(Method::OPTIONS, "/v1/jobs").header("host", host);
        problem(preflight.send().await.unwrap(), 421, "foreign-host").await;
        assert_eq!(server.get_with("/healthz", "host", host).await.status(), StatusCode::OK);
    }
    for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.0.0.2", "[::1]"] {
        assert_eq!(server.get_with("/", "host", host).await.status(), StatusCode::OK, "{host}");
        assert_eq!(server.get_with("/", "host", &format!("{host}:{port}")).await.status(), StatusCode::OK, "{host}");
    }
}

#[tokio::test]
async fn names_that_are_given_are_the_names_there_are() {
    let server = Server::start_with(|settings| settings.hosts = vec!["pictures.example".to_owned()]).await;
    for host in ["pictures.example", "Pictures.example:8080", "localhost"] {
        assert_eq!(server.get_with("/", "host", host).await.status(), StatusCode::OK, "{host}");
    }
    problem(server.get_with("/", "host", "evil.example").await, 421, "foreign-host").await;

    let server = Server::start_with(|settings| settings.hosts = vec!["pictures.example".to_owned()]).await;
    let key = key(&server, "reader", &[Scope::Read]).await;
    let ask = |host| with(server.request(Method::GET, "/v1/jobs").header("host", host), &key);
    assert_eq!(ask("pictures.example").await.status(), StatusCode::OK);
    problem(ask("localhost").await, 421, "foreign-host").await;
}

#[tokio::test]
async fn with_keys_any_name_will_do() {
    let server = Server::start().await;
    let key = key(&server, "reader", &[Scope::Read]).await;
    let request = server.request(Method::GET, "/v1/jobs").header("host", "pictures.example");
    assert_eq!(with(request, &key).await.status(), StatusCode::OK);
}
