//! What documents say is there, is there.

use std::path::Path;

/// The text between backticks.
fn quoted(document: &str) -> impl Iterator<Item = &str> {
    document.split('`').skip(1).step_by(2)
}

/// A file of the repository.
fn repository(name: &str) -> String {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name} cannot be read: {error}"))
}

#[test]
fn the_check_of_a_webhooks_signature_is_the_same_wherever_it_stands() {
    // The service's own pages show this file, and another test runs it.
    let check = repository("crates/server/docs/verify_webhook.py");
    let block = format!("```python\n{check}```");
    assert!(repository("docs/clients.md").contains(&block), "docs/clients.md has another check than {check}");
}

#[test]
fn every_file_and_test_that_security_md_names_is_there() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let document = std::fs::read_to_string(root.join("SECURITY.md")).expect("it is there");
    let mut named = 0;
    for name in quoted(&document).filter(|name| name.contains(".rs")) {
        let (file, test) = name.split_once("::").map_or((name, None), |(file, test)| (file, Some(test)));
        let text = std::fs::read_to_string(root.join(file));
        let text = text.unwrap_or_else(|error| panic!("SECURITY.md names {file}, which cannot be read: {error}"));
        if let Some(test) = test {
            named += 1;
            let is_there = text.contains(&format!("fn {test}("));
            assert!(is_there, "SECURITY.md names the test {test}, which is not in {file}");
        }
    }
    assert!(named > 20, "{named} tests are named");
}
