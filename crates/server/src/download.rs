//! What a file is called at the client's.

use axum::http::HeaderValue;
use impasto_picture::Format;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{problem::Problem, query};

/// Characters of a name at the most.
const LONGEST: usize = 200;

/// What may stand in RFC 5987's extended values as it is.
const ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// `Content-Disposition` of a picture that is to be kept as `name`, which gets the format's ending unless it has it.
///
/// # Errors
/// When it is no name.
pub(crate) fn attachment(name: &str, format: Format) -> Result<HeaderValue, Problem> {
    let refuse = |why: String| query::refuse("download", why);
    let name = name.trim();
    if name.is_empty() {
        return Err(refuse("is empty: give the name that the file is to have".to_owned()));
    }
    if name.chars().count() > LONGEST {
        return Err(refuse(format!("is above the limit of {LONGEST} characters: give a shorter name")));
    }
    // Nobody's folders are anybody's business, and what ends a line has nothing to do in a header.
    let no_name = |character: char| character.is_control() || matches!(character, '/' | '\\');
    let mut name = name.replace(no_name, "_");
    if !ends_as(&name, format) {
        name = format!("{name}.{}", format.extension());
    }
    // For those who do not know the extended form; RFC 6266 would have neither quotation marks nor percent signs in it.
    let plain = name.replace(|character: char| !character.is_ascii() || matches!(character, '"' | '%'), "_");
    let value = if plain == name {
        format!("attachment; filename=\"{plain}\"")
    } else {
        format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(&name, ATTR_CHAR))
    };
    HeaderValue::try_from(value).map_err(|error| Problem::internal(&error))
}

/// Whether the name's ending is one of the format's: programs go by it.
fn ends_as(name: &str, format: Format) -> bool {
    let ending = name.rsplit_once('.').and_then(|(_, ending)| ending.parse::<Format>().ok());
    // `png16` is what requests call the format; its files end as every PNG's do.
    ending.is_some_and(|named| named != Format::Png16 && named.mime() == format.mime())
}

/// `Content-Disposition` of a picture that is to be seen.
pub(crate) fn inline(name: &str, format: Format) -> Result<HeaderValue, Problem> {
    let value = format!("inline; filename=\"{name}.{}\"", format.extension());
    HeaderValue::try_from(value).map_err(|error| Problem::internal(&error))
}
