//! The description of the API.

use impasto_jobs::Scope;
use impasto_recipe::{
    Alpha, BackboneChoice, Colours, Init, Objective, Options, PoolingChoice, Precision, Preset, StyleFit,
};

use reqwest::{Method, StatusCode};

use crate::{
    common::Server,
    keys::{key, with},
};

#[test]
fn the_file_says_what_the_code_says() {
    let file = include_str!("../../../../openapi.yaml");
    assert!(
        file == impasto_server::openapi_yaml(),
        "openapi.yaml is out of date: run `impasto openapi > openapi.yaml`"
    );
}

/// The part of the description that is the schema `name`.
fn schema(name: &str) -> String {
    let description = impasto_server::openapi_yaml();
    let lines = description.lines().skip_while(|line| *line != format!("    {name}:")).skip(1);
    lines.take_while(|line| line.is_empty() || line.starts_with("     ")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_form_has_every_option() {
    let form = schema("JobForm");
    let properties = form.lines().take_while(|line| *line != "      example:");
    let fields = properties.filter_map(|line| line.strip_prefix("        ")?.strip_suffix(':'));
    let fields: Vec<_> = fields.filter(|field| !field.starts_with([' ', '-'])).collect();
    let known: Vec<_> = ["content", "style", "mask", "style_mask", "initial", "initial_job"]
        .iter()
        .chain(Options::NAMES)
        .chain(&["priority", "start_within", "webhook"])
        .copied()
        .collect();
    assert_eq!(fields, known);
}

#[test]
fn choices_are_spelled_as_requests_spell_them() {
    for (name, choices) in [
        ("BackboneChoice", BackboneChoice::NAMES),
        ("Objective", Objective::NAMES),
        ("Precision", Precision::NAMES),
        ("Preset", Preset::NAMES),
        ("StyleFit", StyleFit::NAMES),
        ("PoolingChoice", PoolingChoice::NAMES),
        ("Init", Init::NAMES),
        ("Colours", Colours::NAMES),
        ("Alpha", Alpha::NAMES),
    ] {
        let schema = schema(name);
        let given: Vec<_> = schema.lines().filter_map(|line| line.trim().strip_prefix("- ")).collect();
        assert_eq!(given, choices, "{name}");
    }
}

#[tokio::test]
async fn the_service_hands_it_out() {
    let server = Server::start().await;
    let response = server.get("/openapi.yaml").await;
    assert_eq!(response.headers()["content-type"], "application/yaml");
    assert_eq!(response.text().await.unwrap(), impasto_server::openapi_yaml());
}

#[tokio::test]
async fn the_page_has_every_endpoint() {
    let server = Server::start().await;
    let page = server.get("/docs").await.text().await.unwrap();
    let description = impasto_server::openapi_yaml();
    let operations: Vec<_> = description.lines().filter_map(|line| line.trim().strip_prefix("operationId: ")).collect();
    assert!(operations.len() >= 12);
    for operation in operations {
        assert!(page.contains(&format!("<section id=\"{operation}\">")), "{operation}");
        assert!(page.contains(&format!("href=\"#{operation}\"")), "{operation}");
    }
}

/// The methods and paths of the endpoints that take a key, and the scope that each names.
fn keyed() -> Vec<(Method, String, Scope)> {
    let (mut keyed, mut path, mut method) = (Vec::new(), String::new(), Method::GET);
    let description = impasto_server::openapi_yaml();
    let mut lines = description.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("  /") {
            path = format!("/{}", name.trim_end_matches(':')).replace("{id}", "0199a5c0-0000-7000-8000-000000000000");
        } else if let Some(name @ ("get" | "post" | "delete")) =
            // A link to an operation may be called like a method; it stands deeper.
            line.strip_prefix("    ").and_then(|rest| rest.strip_suffix(':'))
        {
            method = name.to_uppercase().parse().unwrap();
        } else if line.trim() == "- key:" {
            let scope = lines.next().unwrap().trim().strip_prefix("- ").unwrap();
            keyed.push((method.clone(), path.clone(), Scope::ALL.into_iter().find(|s| s.name() == scope).unwrap()));
        }
    }
    keyed
}

#[tokio::test]
async fn every_endpoint_takes_the_scope_that_it_names() {
    let server = Server::start().await;
    let mut keys = Vec::new();
    for scope in Scope::ALL {
        keys.push((scope, key(&server, scope.name(), &[scope]).await));
    }
    let keyed = keyed();
    assert!(keyed.len() >= 14, "{keyed:?}");
    for (method, path, named) in keyed {
        for (scope, key) in &keys {
            let status = with(server.request(method.clone(), &path), key).await.status();
            let allowed = [named, Scope::Admin].contains(scope);
            assert_eq!(status != StatusCode::FORBIDDEN, allowed, "{method} {path} with {scope}: {status}");
        }
    }
}
