//! From a multipart form to blobs and options.

use std::time::Duration;

use axum::{
    extract::{
        FromRequest, Multipart, Request,
        multipart::{Field, MultipartError},
    },
    http::{HeaderMap, header},
};
use impasto_jobs::{BlobKey, JobId, Upload};
use impasto_recipe::OptionError;
use sha2::{Digest, Sha256};

use crate::{
    app::App,
    fields::Fields,
    intake::{Intake, causes},
    opening::Opening,
    order::Order,
    part::PartHead,
    problem::{Kind, Problem, excerpt},
    role::{Place, Role},
};

/// Bytes of an option's text at the most.
const MAX_OPTION: usize = 4096;

/// Takes in the form `intake` for the job `id`; `fields` were given before it. What a refused form had uploaded by then stays for
/// the caller to delete.
pub(crate) async fn receive(
    app: &App,
    id: JobId,
    headers: &HeaderMap,
    intake: &Intake,
    fields: Fields,
) -> Result<Order, Problem> {
    let limit = app.settings.upload_seconds;
    let mut order = Order::new(fields);
    let received =
        tokio::time::timeout(Duration::from_secs(limit), read_form(app, id, headers, intake, &mut order)).await;
    received.unwrap_or_else(|_| {
        Err(Problem::new(Kind::UploadTimeout, format!("the form did not arrive within {limit} seconds")))
    })?;
    Ok(order)
}

async fn read_form(
    app: &App,
    id: JobId,
    headers: &HeaderMap,
    intake: &Intake,
    order: &mut Order,
) -> Result<(), Problem> {
    let mut form = open(headers, intake).await?;
    while let Some(part) = form.next_field().await.map_err(|error| broken(&error))? {
        intake.enter_part();
        let head = PartHead::of(&part).ok_or_else(|| Problem::new(Kind::MalformedUpload, "a part has no name"))?;
        refuse_encoded(&part, &head)?;
        match (Role::of(head.field()), head.name.as_str()) {
            (Some(role), _) => take_file(app, id, order, role, &head, part).await?,
            (None, field) if Fields::has(field) => order.fields.set(field, &text(part, field).await?)?,
            (None, name) => return Err(unknown(name)),
        }
        intake.leave_part();
    }
    let missing = |role: Role, why| Problem::new(Kind::MissingFile, why).in_field(role.field());
    if order.files(Role::Content).is_empty() {
        return Err(missing(Role::Content, "give the picture to repaint as the file content"));
    }
    if order.files(Role::Style).is_empty() {
        return Err(missing(Role::Style, "give at least one picture to take the style of as the file style"));
    }
    Ok(())
}

/// RFC 7578 has no encodings within a part any more.
fn refuse_encoded(part: &Field<'_>, head: &PartHead) -> Result<(), Problem> {
    let encoding = part.headers().get("content-transfer-encoding").map(|encoding| encoding.as_bytes());
    match encoding.map(|encoding| encoding.trim_ascii().to_ascii_lowercase()).as_deref() {
        None | Some(b"" | b"7bit" | b"8bit" | b"binary") => Ok(()),
        Some(encoding) => {
            let encoding = excerpt(&String::from_utf8_lossy(encoding));
            let why = format!("the part is encoded as {encoding}: send its bytes as they are");
            Err(Problem::new(Kind::MalformedUpload, why).in_field(excerpt(head.field())))
        }
    }
}

async fn open(headers: &HeaderMap, intake: &Intake) -> Result<Multipart, Problem> {
    let mut request = Request::new(axum::body::Body::from_stream(intake.clone()));
    // Every part has a limit of its own, and so has what is between them.
    axum::extract::DefaultBodyLimit::disable().apply(&mut request);
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        let why = "the form is compressed (Content-Encoding), which is not taken: send it as it is";
        return Err(Problem::new(Kind::NotMultipart, why));
    }
    let content_type = headers.get(header::CONTENT_TYPE);
    let is_form = content_type.and_then(|value| value.to_str().ok()).is_some_and(|value| {
        value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("multipart/form-data"))
    });
    if let (true, Some(content_type)) = (is_form, content_type) {
        request.headers_mut().insert(header::CONTENT_TYPE, content_type.clone());
        let opened = Multipart::from_request(request, &()).await;
        let no_boundary = "the Content-Type names no boundary: leave it to what writes the form to set it";
        return opened.map_err(|_| Problem::new(Kind::MalformedUpload, no_boundary));
    }
    let why = "send the pictures and options as multipart/form-data, as curl -F does";
    Err(Problem::new(Kind::NotMultipart, why))
}

/// Takes a file in, unless it is none: browsers send the inputs that nobody has filled in.
async fn take_file(
    app: &App,
    id: JobId,
    order: &mut Order,
    role: Role,
    head: &PartHead,
    mut part: Field<'_>,
) -> Result<(), Problem> {
    let mut opening = Opening::default();
    while opening.is_short() {
        let Some(chunk) = part.chunk().await.map_err(|error| broken(&error))? else { break };
        opening.push(chunk);
    }
    let is_named = head.file_name.is_some();
    if !is_named && opening.is_blank() {
        order.add_blank(role);
        return Ok(());
    }
    refuse_after_a_blank(order, role)?;
    let number = order.files(role).len();
    make_room_for(app, role, number)?;
    let place = Place { role, number };
    if let Some(text) = opening.text_for_a_file().filter(|_| !is_named) {
        let field = role.field();
        let why = format!("{field} holds {text}, no picture; send the file itself: curl -F {field}=@photo.jpg");
        return Err(Problem::new(Kind::NotAPicture, why).in_field(place.in_problems()));
    }
    let (key, hash) = store(app, role.key(id, number), opening, part, &place.in_problems()).await?;
    order.add(role, key);
    order.fields.asked.for_file(place, hash);
    Ok(())
}

/// Masks are told apart by their order alone: one that follows a blank input would go to the style before its own.
fn refuse_after_a_blank(order: &Order, role: Role) -> Result<(), Problem> {
    let blanks = order.blanks(role);
    let why = match role {
        _ if blanks == 0 => return Ok(()),
        Role::Mask => "the mask before it is blank: give a white picture where a style applies everywhere",
        Role::StyleMask => "the mask before it is blank: give a white picture where all of a style picture counts",
        Role::Content | Role::Style | Role::Initial => return Ok(()),
    };
    let place = Place { role, number: order.files(role).len() + blanks };
    Err(Problem::new(Kind::MissingFile, why).in_field(place.in_problems()))
}

/// Refuses one file more where there are `number` of its role already and no more may be.
fn make_room_for(app: &App, role: Role, number: usize) -> Result<(), Problem> {
    let most_styles = app.settings.max_styles.get();
    let why = match role {
        Role::Content if number == 1 => "there are two content pictures: give one, and the others as style".to_owned(),
        Role::Initial if number == 1 => "there are two pictures to start from: give one".to_owned(),
        Role::Style if number == most_styles => {
            format!("there are more than {most_styles} style pictures, which is the limit")
        }
        Role::Mask | Role::StyleMask if number == most_styles => {
            format!("there are more than {most_styles} of them: give one for each style picture at the most")
        }
        _ => return Ok(()),
    };
    Err(Problem::new(Kind::TooManyFiles, why).in_field(role.field()))
}

/// Writes a file to the blob store while it arrives, and hashes it.
async fn store(
    app: &App,
    key: BlobKey,
    opening: Opening,
    mut rest: Field<'_>,
    field: &str,
) -> Result<(BlobKey, Sha256), Problem> {
    let mut upload = app.blobs.upload(&key).await?;
    match copy(app.settings.max_file_bytes, opening, &mut rest, &mut upload, field).await {
        Ok(hash) => {
            upload.finish().await?;
            Ok((key, hash))
        }
        Err(problem) => {
            // The problem at hand is the one to tell of; what the abort leaves is deleted with the job's folder.
            _ = upload.abort().await;
            Err(problem)
        }
    }
}

async fn copy(
    limit: u64,
    opening: Opening,
    rest: &mut Field<'_>,
    upload: &mut Upload,
    field: &str,
) -> Result<Sha256, Problem> {
    let mut hash = Sha256::new();
    let mut opening = opening.into_chunks();
    let mut copied = 0;
    loop {
        let chunk = match opening.next() {
            Some(chunk) => chunk,
            None => match rest.chunk().await.map_err(|error| broken(&error))? {
                Some(chunk) => chunk,
                None => return Ok(hash),
            },
        };
        copied += chunk.len() as u64;
        if copied > limit {
            let why = format!("the file is above the limit of {limit} bytes: send a smaller one");
            return Err(Problem::new(Kind::FileTooLarge, why).in_field(field));
        }
        hash.update(&chunk);
        upload.write(chunk).await?;
    }
}

async fn text(mut part: Field<'_>, option: &str) -> Result<String, Problem> {
    let refuse = |why: String| Problem::from(OptionError::new(option, why));
    let mut bytes = Vec::new();
    while let Some(chunk) = part.chunk().await.map_err(|error| broken(&error))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_OPTION {
            return Err(refuse(format!("is above the limit of {MAX_OPTION} bytes")));
        }
    }
    String::from_utf8(bytes).map_err(|_| refuse("is no UTF-8 text".to_owned()))
}

fn unknown(name: &str) -> Problem {
    let name = excerpt(name);
    let (files, fields) = (Role::ALL.map(Role::field).join(", "), Fields::names().collect::<Vec<_>>().join(", "));
    let why = format!("there is no field '{name}': there are the files {files}, and the fields {fields}");
    Problem::new(Kind::UnknownField, why).in_field(name)
}

/// A problem of the intake comes out of the parser wrapped; anything else is the parser's own.
fn broken(error: &MultipartError) -> Problem {
    let from_intake = causes(error).find_map(|cause| cause.downcast_ref::<Problem>());
    from_intake.cloned().unwrap_or_else(|| Problem::new(Kind::MalformedUpload, error.body_text()))
}
