//! What the head of a part of a form says of it.
//!
//! The reader of forms looks for `name=` in small letters alone, and finds it within a file's name as well; it offers nothing
//! to set. It does hand out the head, which is read anew here, as RFC 7578 and what browsers make of it have it.

use axum::{extract::multipart::Field, http::header};

/// What a part is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartHead {
    /// The field it belongs to.
    pub name: String,
    /// What its file is called where it comes from; `None` where the part is no file, or one without a name.
    pub file_name: Option<String>,
}

impl PartHead {
    /// The head of `part`; `None` where it names no field.
    pub fn of(part: &Field<'_>) -> Option<Self> {
        let disposition = part.headers().get(header::CONTENT_DISPOSITION)?;
        // File names come in whatever encoding; that of a field's name is ASCII.
        Self::parse(&String::from_utf8_lossy(disposition.as_bytes()))
    }

    fn parse(disposition: &str) -> Option<Self> {
        let (mut name, mut encoded_name, mut file_name) = (None, None, None);
        for (parameter, value) in parameters(disposition) {
            let slot = match parameter.to_ascii_lowercase().as_str() {
                "name" => &mut name,
                "name*" => &mut encoded_name,
                "filename" => &mut file_name,
                _ => continue,
            };
            slot.get_or_insert(value);
        }
        // RFC 5987 puts a charset and a language first.
        let decoded = encoded_name.and_then(|value| value.rsplit('\'').next().map(str::to_owned));
        let name = name.or(decoded).filter(|name| !name.is_empty())?;
        Some(Self { name, file_name: file_name.filter(|name| !name.is_empty()) })
    }

    /// The field, where some libraries have marked by `[]` that it may be given several times.
    pub fn field(&self) -> &str {
        self.name.strip_suffix("[]").unwrap_or(&self.name)
    }
}

/// The parameters of a header's value, without what stands before the first semicolon.
fn parameters(value: &str) -> Vec<(String, String)> {
    let mut parts = split_outside_quotes(value).into_iter();
    parts.next();
    parts
        .filter_map(|part| {
            let (name, value) = part.split_once('=')?;
            Some((name.trim().to_owned(), unquoted(value.trim())))
        })
        .collect()
}

/// What stands between semicolons that are in no quotation marks.
fn split_outside_quotes(value: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut before) = (Vec::new(), 0, false, ' ');
    for (at, character) in value.char_indices() {
        match character {
            '"' if before != '\\' => quoted = !quoted,
            ';' if !quoted => {
                parts.push(&value[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        before = character;
    }
    parts.push(&value[start..]);
    parts
}

/// A backslash is itself unless it stands before a quotation mark: Windows' paths are full of them.
fn unquoted(value: &str) -> String {
    let inner = value.strip_prefix('"').map(|rest| rest.strip_suffix('"').unwrap_or(rest));
    inner.map_or_else(|| value.to_owned(), |inner| inner.replace("\\\"", "\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_as_clients_write_them() {
        for (disposition, name, file_name) in [
            ("form-data; name=\"style\"", "style", None),
            ("form-data; name=\"style\"; filename=\"a.png\"", "style", Some("a.png")),
            ("form-data; filename=\"a.png\"; name=\"style\"", "style", Some("a.png")),
            ("form-data; name=style; filename=a.png; filename*=utf-8''b.png", "style", Some("a.png")),
            ("Form-Data; Name=\"style\"; FILENAME=\"a.png\"", "style", Some("a.png")),
            ("form-data; filename=\"x; name=mask .png\"; name=\"style\"", "style", Some("x; name=mask .png")),
            ("form-data; filename=\"holiday name=size.png\"; name=\"style\"", "style", Some("holiday name=size.png")),
            (
                "form-data; name=\"style\"; filename=\"my \\\"best; name=size\\\".png\"",
                "style",
                Some("my \"best; name=size\".png"),
            ),
            ("form-data; name=\"style\"; filename=\"C:\\pictures\\a.png\"", "style", Some("C:\\pictures\\a.png")),
            ("form-data; name=\"style\"; filename=\"a; b %22c%22.png\"", "style", Some("a; b %22c%22.png")),
            ("form-data; name*=utf-8''style; filename=\"a.png\"", "style", Some("a.png")),
            ("form-data; name = \"style\" ; filename = \"\"", "style", None),
            ("form-data;name=\"style\";;x", "style", None),
            ("form-data; name=\"style", "style", None),
        ] {
            let expected = PartHead { name: name.to_owned(), file_name: file_name.map(str::to_owned) };
            assert_eq!(PartHead::parse(disposition), Some(expected), "{disposition}");
        }
        for nameless in ["", "form-data", "form-data; filename=\"name=style\"", "form-data; name=\"\"", "name=style"] {
            assert_eq!(PartHead::parse(nameless), None, "{nameless}");
        }
    }

    #[test]
    fn a_field_may_say_that_there_are_several() {
        let head = PartHead { name: "style[]".to_owned(), file_name: None };
        assert_eq!(head.field(), "style");
    }
}
