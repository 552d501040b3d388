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
use impasto_recipe::{OptionError, Options};

use crate::{
    app::App,
    intake::{Intake, causes},
    problem::{Kind, Problem},
};

/// Bytes of an option's text at the most.
const MAX_OPTION: usize = 4096;

/// A form whose pictures are in the blob store.
#[derive(Debug)]
pub(crate) struct Order {
    pub content: BlobKey,
    pub styles: Vec<BlobKey>,
    pub options: Options,
}

/// Takes in the form `intake` for the job `id`. What a refused form had uploaded by then stays for the caller to delete.
pub(crate) async fn receive(app: &App, id: JobId, headers: &HeaderMap, intake: &Intake) -> Result<Order, Problem> {
    let limit = app.settings.upload_seconds;
    let received = tokio::time::timeout(Duration::from_secs(limit), read_form(app, id, headers, intake)).await;
    received.unwrap_or_else(|_| {
        Err(Problem::new(Kind::UploadTimeout, format!("the form did not arrive within {limit} seconds")))
    })
}

async fn read_form(app: &App, id: JobId, headers: &HeaderMap, intake: &Intake) -> Result<Order, Problem> {
    let mut form = open(headers, intake).await?;
    let (mut content, mut styles, mut options) = (None, Vec::new(), Options::default());
    let most_styles = app.settings.max_styles.get();
    while let Some(part) = form.next_field().await.map_err(|error| broken(&error))? {
        intake.enter_part();
        let name = part.name().ok_or_else(|| Problem::new(Kind::MalformedUpload, "a part has no name"))?.to_owned();
        match name.as_str() {
            "content" if content.is_some() => {
                let why = "there are two content pictures: give one, and the others as style";
                return Err(Problem::new(Kind::TooManyFiles, why).in_field(name));
            }
            "content" => content = Some(store(app, BlobKey::content(id), part, &name).await?),
            "style" if styles.len() == most_styles => {
                let why = format!("there are more than {most_styles} style pictures, which is the limit");
                return Err(Problem::new(Kind::TooManyFiles, why).in_field(name));
            }
            "style" => {
                let number = styles.len();
                styles.push(store(app, BlobKey::style(id, number), part, &style_field(number)).await?);
            }
            option if Options::NAMES.contains(&option) => {
                options.set(option, &text(part, option).await?).map_err(refuse_option)?;
            }
            _ => return Err(unknown(&name)),
        }
        intake.leave_part();
    }
    let missing = |field: &str, why| Problem::new(Kind::MissingFile, why).in_field(field);
    let content = content.ok_or_else(|| missing("content", "give the picture to repaint as the file content"))?;
    if styles.is_empty() {
        return Err(missing("style", "give at least one picture to take the style of as the file style"));
    }
    Ok(Order { content, styles, options })
}

/// The name of a style picture in problems.
pub(crate) fn style_field(number: usize) -> String {
    format!("style[{number}]")
}

/// An option that cannot be.
pub(crate) fn refuse_option(error: OptionError) -> Problem {
    Problem::new(Kind::InvalidOption, error.to_string()).in_field(error.option)
}

async fn open(headers: &HeaderMap, intake: &Intake) -> Result<Multipart, Problem> {
    let mut request = Request::new(axum::body::Body::from_stream(intake.clone()));
    // Every part has a limit of its own, and so has what is between them.
    axum::extract::DefaultBodyLimit::disable().apply(&mut request);
    let content_type = headers.get(header::CONTENT_TYPE);
    let is_form = content_type.and_then(|value| value.to_str().ok()).is_some_and(|value| {
        value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("multipart/form-data"))
    });
    if let (true, Some(content_type)) = (is_form, content_type) {
        request.headers_mut().insert(header::CONTENT_TYPE, content_type.clone());
        let opened = Multipart::from_request(request, &()).await;
        return opened.map_err(|_| Problem::new(Kind::MalformedUpload, "the Content-Type names no boundary"));
    }
    let why = "send the pictures and options as multipart/form-data, as curl -F does";
    Err(Problem::new(Kind::NotMultipart, why))
}

/// Writes a file to the blob store while it arrives.
async fn store(app: &App, key: BlobKey, mut file: Field<'_>, field: &str) -> Result<BlobKey, Problem> {
    let mut upload = app.blobs.upload(&key).await?;
    match copy(app.settings.max_file_bytes, &mut file, &mut upload, field).await {
        Ok(()) => {
            upload.finish().await?;
            Ok(key)
        }
        Err(problem) => {
            // The problem at hand is the one to tell of; what the abort leaves is deleted with the job's folder.
            _ = upload.abort().await;
            Err(problem)
        }
    }
}

async fn copy(limit: u64, file: &mut Field<'_>, upload: &mut Upload, field: &str) -> Result<(), Problem> {
    let mut copied = 0;
    while let Some(chunk) = file.chunk().await.map_err(|error| broken(&error))? {
        copied += chunk.len() as u64;
        if copied > limit {
            let why = format!("the file is above the limit of {limit} bytes: send a smaller one");
            return Err(Problem::new(Kind::FileTooLarge, why).in_field(field));
        }
        upload.write(chunk).await?;
    }
    Ok(())
}

async fn text(mut part: Field<'_>, option: &str) -> Result<String, Problem> {
    let refuse = |why: String| refuse_option(OptionError::new(option, why));
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
    let name: String = name.chars().take(100).collect();
    let options = Options::NAMES.join(", ");
    let why = format!("there is no field '{name}': there are the files content and style, and the options {options}");
    Problem::new(Kind::UnknownField, why).in_field(name)
}

/// A problem of the intake comes out of the parser wrapped; anything else is the parser's own.
fn broken(error: &MultipartError) -> Problem {
    let from_intake = causes(error).find_map(|cause| cause.downcast_ref::<Problem>());
    from_intake.cloned().unwrap_or_else(|| Problem::new(Kind::MalformedUpload, error.body_text()))
}
