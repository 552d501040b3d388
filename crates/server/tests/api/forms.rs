//! Forms as browsers, libraries and people write them.

use impasto_jobs::Sight;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::common::{Server, id_of, png, problem};

/// A form, part by part.
#[derive(Default)]
struct RawForm(Vec<u8>);

impl RawForm {
    /// One more part, whose head says this of it.
    fn part(mut self, disposition: &[u8], more: &str, bytes: &[u8]) -> Self {
        self.0.extend(b"--B\r\nContent-Disposition: ");
        self.0.extend([disposition, b"\r\n", more.as_bytes(), b"\r\n", bytes, b"\r\n"].concat());
        self
    }

    fn file(self, disposition: &str) -> Self {
        self.part(disposition.as_bytes(), "", &png(24, 24))
    }

    fn text(self, name: &str, text: &str) -> Self {
        self.part(format!("form-data; name=\"{name}\"").as_bytes(), "", text.as_bytes())
    }

    /// An input that nobody has filled in, as browsers send it.
    fn blank_file(self, name: &str) -> Self {
        let disposition = format!("form-data; name=\"{name}\"; filename=\"\"");
        self.part(disposition.as_bytes(), "Content-Type: application/octet-stream\r\n", b"")
    }

    fn content_and_style(self) -> Self {
        self.file("form-data; name=\"content\"; filename=\"c.png\"")
            .file("form-data; name=\"style\"; filename=\"s.png\"")
    }

    async fn send(self, server: &Server) -> Response {
        let post = server.request(reqwest::Method::POST, "/v1/jobs");
        let post = post.header("content-type", "multipart/form-data; boundary=B");
        post.body([self.0, b"--B--\r\n".to_vec()].concat()).send().await.unwrap()
    }

    async fn taken(self, server: &Server) -> Value {
        let response = self.send(server).await;
        let status = response.status();
        let answer: Value = response.json().await.unwrap();
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        answer
    }
}

#[tokio::test]
async fn heads_are_understood_however_they_are_written() {
    let server = Server::start().await;
    for disposition in [
        "form-data; filename=\"c.png\"; name=\"content\"",
        "Form-Data; Name=\"content\"; FileName=\"c.png\"",
        "form-data; name=content; filename=c.png; filename*=utf-8''%C3%BC.png",
        "form-data; filename=\"x; name=style .png\"; name=\"content\"",
        "form-data; filename=\"holiday name=size.png\"; name=\"content\"",
        "form-data; name=\"content\"; filename=\"my \\\"best; name=size\\\" shot.png\"",
        "form-data; name=\"content\"; filename=\"a; b %22c%22.png\"",
        "form-data; name=\"content\"; filename=\"Übersicht 写真.png\"",
        "form-data; name=\"content\"",
        "form-data; name=\"content[]\"; filename=\"c.png\"",
    ] {
        RawForm::default().file(disposition).file("form-data; name=\"style\"; filename=\"s.png\"").taken(&server).await;
    }
    let latin_1 = b"form-data; name=\"content\"; filename=\"\xe9t\xe9.png\"";
    let form = RawForm::default().part(latin_1, "", &png(24, 24));
    form.file("form-data; name=\"style\"; filename=\"s.png\"").taken(&server).await;
}

#[tokio::test]
async fn what_nobody_has_filled_in_counts_as_not_given() {
    let server = Server::start().await;
    let mut form = RawForm::default().blank_file("content").blank_file("style").content_and_style();
    for name in ["style", "mask", "mask[]", "style_mask", "initial"] {
        form = form.blank_file(name).text(name, " \r\n");
    }
    for option in ["size", "preset", "seed", "initial_job", "colours"] {
        form = form.text(option, "").text(option, "  ");
    }
    let job = form.text("size", "48\r\n").taken(&server).await;
    assert_eq!(job["recipe"]["style_weights"], json!([1.0]));
    assert_eq!((&job["recipe"]["preset"], &job["recipe"]["init"]), (&json!("paint"), &json!("content")));
    assert_eq!(job["recipe"]["stages"].as_array().unwrap().last().unwrap()["width"], 48);
    assert_eq!(server.stored_files().len(), 2);
    let only_blanks = RawForm::default().blank_file("content").blank_file("style");
    assert_eq!(problem(only_blanks.send(&server).await, 422, "missing-file").await["field"], "content");
    // A file that is empty is another matter.
    let empty =
        RawForm::default().part(b"form-data; name=\"content\"; filename=\"c.png\"", "", b"").content_and_style();
    let answer = problem(empty.send(&server).await, 422, "too-many-files").await;
    assert_eq!(answer["field"], "content");
}

#[tokio::test]
async fn a_blank_mask_does_not_hand_the_next_one_to_another_style() {
    let server = Server::start().await;
    let form = || RawForm::default().content_and_style().file("form-data; name=\"style\"; filename=\"t.png\"");
    for name in ["mask", "style_mask"] {
        let mask = format!("form-data; name=\"{name}\"; filename=\"m.png\"");
        for blanks in 1..=2 {
            let form = (0..blanks).fold(form(), |form, _| form.blank_file(name)).file(&mask);
            let answer = problem(form.send(&server).await, 422, "missing-file").await;
            assert_eq!(answer["field"], format!("{name}[{blanks}]"));
            assert!(answer["detail"].as_str().unwrap().contains("give a white picture"), "{answer}");
        }
        let between = form().file(&mask).blank_file(&format!("{name}[]")).file(&mask);
        assert_eq!(problem(between.send(&server).await, 422, "missing-file").await["field"], format!("{name}[2]"));
        assert!(server.stored_files().is_empty());
    }
    // The styles at the end may do without, and the two sorts of masks do not wait for each other.
    let form = form().blank_file("style_mask").file("form-data; name=\"mask\"; filename=\"m.png\"").blank_file("mask");
    let job = form.taken(&server).await;
    let stored = server.jobs.find(id_of(&job), &Sight::All).await.unwrap().unwrap();
    assert_eq!((stored.masks.len(), stored.style_masks.len()), (1, 0));
}

#[tokio::test]
async fn fields_may_say_that_there_are_several_of_them() {
    let server = Server::start().await;
    let form = RawForm::default().file("form-data; name=\"content\"; filename=\"c.png\"");
    let form = form.file("form-data; name=\"style[]\"; filename=\"s.png\"");
    let form = form.file("form-data; name=\"style[]\"; filename=\"t.png\"");
    let form = form.file("form-data; name=\"mask[]\"; filename=\"m.png\"");
    let job = form.file("form-data; name=\"style_mask[]\"; filename=\"n.png\"").taken(&server).await;
    assert_eq!(job["recipe"]["style_weights"], json!([0.5, 0.5]));
    let stored = server.jobs.find(id_of(&job), &Sight::All).await.unwrap().unwrap();
    assert_eq!((stored.masks.len(), stored.style_masks.len()), (1, 1));
}

#[tokio::test]
async fn text_in_the_place_of_a_file_is_told_from_a_broken_picture() {
    let server = Server::start().await;
    let data_uri = format!("data:image/png;base64,{}", "iVBORw0KGgo".repeat(1000));
    for (text, what) in [
        ("/home/me/a.jpg", "path"),
        ("@photo.jpg", "path"),
        ("C:\\Users\\me\\a.jpg", "path"),
        ("http://example.com/a.jpg", "address"),
        ("HTTPS://example.com/a.jpg", "address"),
        (data_uri.as_str(), "data URI"),
        ("photo.jpg", "text"),
        ("[object File]", "text"),
    ] {
        for (name, field) in
            [("content", "content"), ("style", "style[0]"), ("mask", "mask[0]"), ("initial", "initial")]
        {
            let answer = problem(RawForm::default().text(name, text).send(&server).await, 422, "not-a-picture").await;
            assert_eq!(answer["field"], field);
            let detail = answer["detail"].as_str().unwrap();
            assert!(detail.contains(what) && detail.contains(&format!("curl -F {name}=@photo.jpg")), "{detail}");
        }
    }
    // A picture that comes without a file's name is one all the same.
    let form = RawForm::default().file("form-data; name=\"content\"").file("form-data; name=\"style\"");
    form.taken(&server).await;
    assert_eq!(server.stored_files().len(), 2);
}

#[tokio::test]
async fn what_is_encoded_once_more_is_told_so() {
    let server = Server::start().await;
    let content = b"form-data; name=\"content\"; filename=\"c.png\"";
    let encoded = RawForm::default().part(content, "Content-Transfer-Encoding: base64\r\n", b"aGVsbG8=");
    assert_eq!(problem(encoded.send(&server).await, 400, "malformed-upload").await["field"], "content");
    let binary = RawForm::default().part(content, "Content-Transfer-Encoding: Binary\r\n", &png(24, 24));
    binary.file("form-data; name=\"style\"; filename=\"s.png\"").taken(&server).await;
    let post = server.request(reqwest::Method::POST, "/v1/jobs").header("content-encoding", "gzip");
    let post = post.header("content-type", "multipart/form-data; boundary=B").body("\x1f");
    problem(post.send().await.unwrap(), 415, "not-multipart").await;
}

#[tokio::test]
async fn long_heads_are_not_told_again_in_full() {
    let server = Server::start().await;
    let long = "x".repeat(30_000);
    let name = format!("form-data; name=\"{long}\"");
    let encoding = format!("Content-Transfer-Encoding: {long}\r\n");
    let forms = [
        (RawForm::default().part(name.as_bytes(), &encoding, b""), 400, "malformed-upload"),
        (RawForm::default().part(name.as_bytes(), "", b""), 422, "unknown-field"),
        (RawForm::default().text("initial_job", &long[..4000]), 422, "invalid-option"),
    ];
    for (form, status, kind) in forms {
        let answer = problem(form.send(&server).await, status, kind).await;
        let (detail, field) = (answer["detail"].as_str().unwrap(), answer["field"].as_str().unwrap());
        assert!(detail.contains(&long[..100]) && !detail.contains(&long[..101]), "{detail}");
        assert!(field.len() <= 100, "{field}");
    }
}

#[tokio::test]
async fn options_may_come_as_files() {
    let server = Server::start().await;
    let form = RawForm::default().content_and_style();
    let blob = b"form-data; name=\"preset\"; filename=\"blob\"";
    let job = form.part(blob, "Content-Type: application/octet-stream\r\n", b"fast").taken(&server).await;
    assert_eq!(job["recipe"]["preset"], "fast");
}

#[tokio::test]
async fn parts_that_are_blank_do_not_count_however_many_there_are() {
    let server = Server::start().await;
    let form = (0..2000).fold(RawForm::default().content_and_style(), |form, _| form.blank_file("style"));
    let job = form.taken(&server).await;
    assert_eq!(job["recipe"]["style_weights"], json!([1.0]));
}
