//! The description of the API as a page: plain HTML, written once from the same data as openapi.yaml.

use std::{fmt::Write, sync::LazyLock};

use axum::{Router, routing::get};
use serde_json::Value;

use crate::{
    openapi::{self, INTRODUCTION, KEY},
    page::file,
    problem::Kind,
};

/// The page and its style sheet.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/docs", get(async || file("text/html; charset=utf-8", PAGE.as_str())))
        .route("/docs.css", get(async || file("text/css; charset=utf-8", include_str!("../docs/docs.css"))))
}

/// How the parts of the API work together, and how a client knows a message to its webhook.
const GUIDE: &str = include_str!("../docs/guide.html");
const VERIFY: &str = include_str!("../docs/verify_webhook.py");

static PAGE: LazyLock<String> = LazyLock::new(|| {
    // The same data as in openapi.yaml, which is plain.
    let api = serde_json::to_value(openapi::whole()).expect("an OpenAPI description is plain data");
    page(&api)
});

fn page(api: &Value) -> String {
    let (mut contents, mut operations, mut schemas) = (String::new(), String::new(), String::new());
    for (path, methods) in entries(&api["paths"]) {
        for (method, operation) in entries(methods) {
            let (id, summary) = (text(&operation["operationId"]), text(&operation["summary"]));
            let title = format!("<span class=\"method\">{}</span> {}", method.to_uppercase(), escape(path));
            contents += &format!("<li><a href=\"#{id}\"><code>{title}</code></a> {}</li>\n", inline(summary));
            operations += &format!("<section id=\"{id}\">\n<h2><code>{title}</code></h2>\n");
            operations += &operation_text(operation, api);
            operations += "</section>\n";
        }
    }
    for (name, schema) in entries(&api["components"]["schemas"]) {
        schemas +=
            &format!("<section id=\"{}\">\n<h3>{}</h3>\n{}", anchor(name), escape(name), prose(&schema["description"]));
        schemas += &properties(schema);
        schemas += "</section>\n";
    }
    let problems: Vec<[String; 3]> =
        Kind::ALL.map(|kind| [code(kind.uri()), kind.status().as_u16().to_string(), escape(kind.title())]).into();
    let problems = table(["type", "Status", "Title"], &problems);
    let introduction = prose(&Value::from(INTRODUCTION));
    let guide = GUIDE.replace("{verify}", &escape(VERIFY.trim_end()));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>impasto: the API</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"docs.css\">\n</head>\n<body>\n\
         <p><a href=\".\">impasto</a></p>\n<h1>The API</h1>\n{introduction}\
         <p>The same for programs: <a href=\"openapi.yaml\">openapi.yaml</a></p>\n\
         <nav aria-label=\"Endpoints\"><ul>\n{contents}</ul></nav>\n<main>\n{guide}{operations}\
         <section id=\"problems\">\n<h2>Problems</h2>\n{problems}</section>\n\
         <section id=\"schemas\">\n<h2>Schemas</h2>\n</section>\n{schemas}</main>\n</body>\n</html>\n"
    )
}

fn operation_text(operation: &Value, api: &Value) -> String {
    let mut html = prose(&operation["summary"]) + &prose(&operation["description"]);
    // Two ways to show one key: the scope is the same.
    let scopes: Vec<_> = items(&operation["security"][0][KEY]).map(|scope| code(text(scope))).collect();
    if !scopes.is_empty() {
        let (word, scopes) = (if scopes.len() == 1 { "scope" } else { "scopes" }, scopes.join(" and "));
        _ = writeln!(html, "<p>It takes a <a href=\"#guide-keys\">key</a> with the {word} {scopes}.</p>");
    }
    let parameters: Vec<_> = items(&operation["parameters"])
        .map(|parameter| {
            let place = format!("{}, {}", type_of(&parameter["schema"]), escape(text(&parameter["in"])));
            [code(text(&parameter["name"])), place, prose(&parameter["description"])]
        })
        .collect();
    if !parameters.is_empty() {
        html += "<h3>Parameters</h3>\n";
        html += &table(["Name", "Type", "Meaning"], &parameters);
    }
    for (media_type, body) in entries(&operation["requestBody"]["content"]) {
        let schema = resolve(&body["schema"], api);
        _ = writeln!(
            html,
            "<h3>Body: {}</h3>\n{}{}",
            code(media_type),
            prose(&schema["description"]),
            properties(schema)
        );
    }
    let responses: Vec<_> = entries(&operation["responses"])
        .map(|(status, response)| {
            let bodies = entries(&response["content"]);
            let bodies = bodies.map(|(kind, body)| format!("{} {}", code(kind), type_of(&body["schema"])));
            let headers = entries(&response["headers"]);
            let headers = headers
                .map(|(name, header)| format!("<p>{}: {}</p>", code(name), inline(text(&header["description"]))));
            let meaning = prose(&response["description"]) + &headers.collect::<String>();
            [code(status), meaning, bodies.collect::<Vec<_>>().join("<br>")]
        })
        .collect();
    html + "<h3>Responses</h3>\n" + &table(["Status", "Meaning", "Body"], &responses)
}

/// The properties of an object, or the names that an enumeration knows.
fn properties(schema: &Value) -> String {
    let parts: Vec<&Value> = match &schema["allOf"] {
        Value::Array(parts) => parts.iter().collect(),
        _ => vec![schema],
    };
    let mut rows = Vec::new();
    for part in parts {
        let required: Vec<&str> = items(&part["required"]).map(text).collect();
        for (name, property) in entries(&part["properties"]) {
            let must = if required.contains(&name.as_str()) { "" } else { ", may be left out" };
            rows.push([code(name), type_of(property) + must, prose(&property["description"])]);
        }
        if let Some(other) = part["$ref"].as_str() {
            rows.push(["…".to_owned(), type_of(part), format!("<p>all that {} has</p>", escape(last_part(other)))]);
        }
    }
    if rows.is_empty() { format!("<p>{}</p>\n", type_of(schema)) } else { table(["Name", "Type", "Meaning"], &rows) }
}

fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().map(last_part) {
        return format!("<a href=\"#{}\">{}</a>", anchor(name), escape(name));
    }
    let choices: Vec<_> = ["oneOf", "anyOf", "allOf"].iter().flat_map(|of| items(&schema[*of])).map(type_of).collect();
    if !choices.is_empty() {
        return choices.join(" or ");
    }
    let names: Vec<_> = items(&schema["enum"]).map(|name| code(text(name))).collect();
    if !names.is_empty() {
        return names.join(", ");
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        kind => text(kind).to_owned(),
    };
    match (kinds.as_str(), &schema["items"]) {
        ("array", of) => format!("list of {}", type_of(of)),
        (kinds, _) => schema["format"].as_str().map_or(kinds.to_owned(), |format| format!("{kinds} ({format})")),
    }
}

fn resolve<'a>(schema: &'a Value, api: &'a Value) -> &'a Value {
    schema["$ref"].as_str().map_or(schema, |name| &api["components"]["schemas"][last_part(name)])
}

fn table<const COLUMNS: usize>(head: [&str; COLUMNS], rows: &[[String; COLUMNS]]) -> String {
    let head: String = head.iter().map(|name| format!("<th scope=\"col\">{name}</th>")).collect();
    let mut html = format!("<div class=\"table\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n");
    for row in rows {
        let cells: String = row.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        _ = writeln!(html, "<tr>{cells}</tr>");
    }
    html + "</tbody>\n</table></div>\n"
}

/// Paragraphs with `code` in them.
fn prose(value: &Value) -> String {
    text(value).split("\n\n").filter(|part| !part.is_empty()).map(|part| format!("<p>{}</p>\n", inline(part))).collect()
}

fn inline(text: &str) -> String {
    let mut html = String::new();
    for (number, part) in text.split('`').enumerate() {
        html += &if number % 2 == 1 { code(part) } else { escape(part) };
    }
    html
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn anchor(schema: &str) -> String {
    format!("schema-{}", escape(schema))
}

fn last_part(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
