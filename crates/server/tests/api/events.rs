//! Jobs as streams of events.

use std::{collections::VecDeque, time::Duration};

use impasto_recipe::Fingerprint;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::common::{Server, entry, fingerprint, header, path_of, picture, problem};

/// Far longer than anything here takes.
const AT_MOST: Duration = Duration::from_secs(60);

/// One event, as a browser reads it.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    event: String,
    id: String,
    data: Value,
}

impl Told {
    fn losses(&self) -> Vec<(u64, u64)> {
        assert_eq!(self.event, "losses");
        let place = |entry: &Value| (entry["stage"].as_u64().unwrap(), entry["epoch"].as_u64().unwrap());
        self.data["losses"].as_array().unwrap().iter().map(place).collect()
    }
}

struct Stream {
    response: Response,
    text: String,
    told: VecDeque<Told>,
}

impl Stream {
    async fn open(server: &Server, job: &str, heard: Option<&str>) -> Self {
        let mut request =
            server.request(reqwest::Method::GET, &format!("{job}/events")).header("accept-encoding", "gzip");
        if let Some(heard) = heard {
            request = request.header("last-event-id", heard);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Self { response, text: String::new(), told: VecDeque::new() }
    }

    /// The next event; `None` once the stream has ended.
    async fn next(&mut self) -> Option<Told> {
        while self.told.is_empty() {
            let chunk = timeout(AT_MOST, self.response.chunk()).await.expect("nothing was told").unwrap()?;
            self.text += std::str::from_utf8(&chunk).unwrap();
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                self.told.extend(parse(event));
                self.text = rest.to_owned();
            }
        }
        self.told.pop_front()
    }

    /// The next event, which has to be called `event`.
    async fn hear(&mut self, event: &str) -> Told {
        let told = self.next().await.expect("the stream has ended");
        assert_eq!(told.event, event, "{told:?}");
        told
    }
}

/// An event; `None` where there is only a comment, or what a browser keeps to itself.
fn parse(text: &str) -> Option<Told> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    Some(Told {
        data: serde_json::from_str(field("data")?).unwrap(),
        event: field("event").unwrap().to_owned(),
        id: field("id").unwrap().to_owned(),
    })
}

#[tokio::test]
async fn a_job_is_told_through_all_of_its_life() {
    let server = Server::start().await;
    let job = server.submitted().await;
    let path = path_of(&job);
    let mut stream = Stream::open(&server, &path, None).await;
    let headers = stream.response.headers();
    assert_eq!(header(headers, "content-type"), "text/event-stream");
    assert_eq!(header(headers, "cache-control"), "no-store");
    assert_eq!(header(headers, "x-accel-buffering"), "no");
    assert!(!headers.contains_key("content-encoding"));
    assert_eq!(stream.hear("state").await.data, job);

    let claim = server.claim().await;
    let mut state = stream.hear("state").await;
    while state.data["fingerprint"].is_null() {
        state = stream.hear("state").await;
    }
    assert_eq!((&state.data["status"], &state.data["queue_position"]), (&json!("running"), &Value::Null));

    server.jobs.record_progress(&claim.key, &entry(1, 10)).await.unwrap();
    let state = stream.hear("state").await;
    assert_eq!(state.data["progress"]["epoch"], 10);
    assert_eq!(state.data["progress"]["losses"], json!([]));
    assert_eq!(stream.hear("losses").await.data, json!({"losses": [entry(1, 10)]}));
    server.jobs.record_progress(&claim.key, &entry(1, 20)).await.unwrap();
    stream.hear("state").await;
    assert_eq!(stream.hear("losses").await.losses(), [(1, 20)]);

    server.save(&claim, 1, &picture(48, 32)).await;
    let preview = stream.hear("preview").await.data["preview"].as_str().unwrap().to_owned();
    assert_eq!(preview, format!("{path}/preview?v=1"));
    assert_eq!(server.get(&preview).await.status(), StatusCode::OK);

    server.jobs.record_progress(&claim.key, &entry(5, 18)).await.unwrap();
    server.finish(&claim, &picture(48, 32)).await;
    let mut last = stream.next().await.unwrap();
    while let Some(next) = stream.next().await {
        last = next;
    }
    assert_eq!((last.event.as_str(), &last.data["status"]), ("state", &json!("succeeded")));
    let mut shown: Value = server.get(&path).await.json().await.unwrap();
    shown["progress"]["losses"] = json!([]);
    assert_eq!(last.data, shown);
}

#[tokio::test]
async fn a_job_that_has_ended_is_told_whole_and_its_state_comes_last() {
    let server = Server::start().await;
    let path = path_of(&server.submitted().await);
    let claim = server.claim().await;
    server.jobs.record_progress(&claim.key, &entry(1, 10)).await.unwrap();
    server.jobs.record_progress(&claim.key, &entry(2, 10)).await.unwrap();
    server.save(&claim, 1, &picture(48, 32)).await;
    server.finish(&claim, &picture(48, 32)).await;
    let mut stream = Stream::open(&server, &path, None).await;
    assert_eq!(stream.hear("losses").await.losses(), [(1, 10), (2, 10)]);
    stream.hear("preview").await;
    let last = stream.hear("state").await;
    assert_eq!(stream.next().await, None);

    let again = server.get_with(&format!("{path}/events"), "last-event-id", &last.id).await;
    assert_eq!(again.status(), StatusCode::NO_CONTENT);
    // A browser that has heard nothing is told all of it again.
    let mut stream = Stream::open(&server, &path, Some("")).await;
    stream.hear("losses").await;
}

#[tokio::test]
async fn a_stream_goes_on_after_any_event_even_when_the_service_was_restarted() {
    let mut server = Server::start().await;
    let path = path_of(&server.submitted().await);
    let claim = server.claim().await;
    server.jobs.record_progress(&claim.key, &entry(1, 10)).await.unwrap();
    server.save(&claim, 1, &picture(48, 32)).await;
    let mut stream = Stream::open(&server, &path, None).await;
    let told = [stream.hear("state").await, stream.hear("losses").await, stream.hear("preview").await];
    server = server.restarted().await;
    for (number, heard) in told.iter().enumerate() {
        server.jobs.record_progress(&claim.key, &entry(2, number as u32 + 1)).await.unwrap();
        let mut stream = Stream::open(&server, &path, Some(&heard.id)).await;
        stream.hear("state").await;
        let all: Vec<_> = [(1, 10)].into_iter().chain((1..=number as u64 + 1).map(|epoch| (2, epoch))).collect();
        let after = &all[number.min(1)..];
        assert_eq!(stream.hear("losses").await.losses(), after, "after {heard:?}");
        if number < 2 {
            assert_eq!(stream.hear("preview").await.data, told[2].data);
        }
        server.jobs.record_progress(&claim.key, &entry(3, number as u32 + 1)).await.unwrap();
        let next = stream.hear("state").await;
        assert_eq!(next.data["progress"]["stage"], 3, "nothing else was told between: {next:?}");
        // Later rounds start from the same losses.
        server.jobs.restart(&claim.key, &fingerprint(), "for this test").await.unwrap();
        server.jobs.record_progress(&claim.key, &entry(1, 10)).await.unwrap();
        for epoch in 1..=number as u32 + 1 {
            server.jobs.record_progress(&claim.key, &entry(2, epoch)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_job_that_starts_over_tells_its_losses_again() {
    let server = Server::start().await;
    let path = path_of(&server.submitted().await);
    let claim = server.claim().await;
    server.jobs.record_progress(&claim.key, &entry(1, 10)).await.unwrap();
    let mut stream = Stream::open(&server, &path, None).await;
    stream.hear("state").await;
    let heard = stream.hear("losses").await;
    server.jobs.record_progress(&claim.key, &entry(1, 20)).await.unwrap();
    stream.hear("state").await;
    let further = stream.hear("losses").await;

    // All at once, as far as the stream can see: it is as far as before, but on another device.
    let other = Fingerprint { device: "cuda:0".to_owned(), ..fingerprint() };
    server.jobs.restart(&claim.key, &other, "another device").await.unwrap();
    server.jobs.record_progress(&claim.key, &entry(1, 10)).await.unwrap();
    let mut losses = Vec::new();
    while losses.is_empty() {
        let told = stream.next().await.unwrap();
        if told.event == "losses" {
            losses = told.losses();
        }
    }
    assert_eq!(losses, [(1, 10)]);
    // A client that was away sees it by where the job is.
    let mut stream = Stream::open(&server, &path, Some(&further.id)).await;
    stream.hear("state").await;
    assert_eq!(stream.hear("losses").await.losses(), [(1, 10)]);
    let mut stream = Stream::open(&server, &path, Some(&heard.id)).await;
    stream.hear("state").await;
    server.jobs.record_progress(&claim.key, &entry(1, 30)).await.unwrap();
    stream.hear("state").await;
    assert_eq!(stream.hear("losses").await.losses(), [(1, 30)]);
}

#[tokio::test]
async fn who_was_away_while_a_job_started_over_hears_its_losses_from_the_start() {
    let server = Server::start().await;
    let path = path_of(&server.submitted().await);
    let claim = server.claim().await;
    server.jobs.record_progress(&claim.key, &entry(1, 10)).await.unwrap();
    let mut stream = Stream::open(&server, &path, None).await;
    stream.hear("state").await;
    let heard = stream.hear("losses").await;
    drop(stream);
    // Another worker begins anew and passes the place that was heard of.
    server.jobs.hand_back(&claim.key, "for this test").await.unwrap();
    let claim = server.claim().await;
    let other = Fingerprint { device: "cuda:0".to_owned(), ..fingerprint() };
    server.jobs.restart(&claim.key, &other, "another device").await.unwrap();
    for epoch in [5, 15] {
        server.jobs.record_progress(&claim.key, &entry(1, epoch)).await.unwrap();
    }
    let mut stream = Stream::open(&server, &path, Some(&heard.id)).await;
    let state = stream.hear("state").await;
    assert_eq!(stream.hear("losses").await.losses(), [(1, 5), (1, 15)]);
    // A stream that broke off after the state has the losses to come.
    let mut stream = Stream::open(&server, &path, Some(&state.id)).await;
    assert_eq!(stream.hear("losses").await.losses(), [(1, 5), (1, 15)]);
}

#[tokio::test]
async fn a_stream_ends_when_the_job_is_deleted() {
    let server = Server::start().await;
    let path = path_of(&server.submitted().await);
    let mut stream = Stream::open(&server, &path, None).await;
    stream.hear("state").await;
    server.delete(&path).await;
    assert_eq!(stream.next().await, None);
    problem(server.get(&format!("{path}/events")).await, 404, "no-such-job").await;
}

#[tokio::test]
async fn a_stream_ends_when_the_service_stops() {
    let server = Server::start_with(|settings| settings.shutdown_seconds = 600).await;
    let path = path_of(&server.submitted().await);
    let mut stream = Stream::open(&server, &path, None).await;
    stream.hear("state").await;
    server.shutdown.cancel();
    assert_eq!(stream.next().await, None);
    timeout(AT_MOST, server.running).await.expect("the service waits for the stream").unwrap().unwrap();
}

#[tokio::test]
async fn a_place_in_the_queue_is_told_though_no_revision_tells_of_it() {
    let server = Server::start().await;
    let first = path_of(&server.submitted().await);
    let path = path_of(&server.submitted().await);
    let mut stream = Stream::open(&server, &path, None).await;
    assert_eq!(stream.hear("state").await.data["queue_position"], 2);
    server.delete(&first).await;
    assert_eq!(stream.hear("state").await.data["queue_position"], 1);
}

#[tokio::test]
async fn many_hear_of_one_job() {
    let server = Server::start().await;
    let path = path_of(&server.submitted().await);
    let claim = server.claim().await;
    let mut streams = Vec::new();
    for _ in 0..100 {
        let mut stream = Stream::open(&server, &path, None).await;
        stream.hear("state").await;
        streams.push(stream);
    }
    server.jobs.record_progress(&claim.key, &entry(1, 10)).await.unwrap();
    for stream in &mut streams {
        stream.hear("state").await;
        assert_eq!(stream.hear("losses").await.losses(), [(1, 10)]);
    }
}

#[tokio::test]
async fn what_is_no_id_of_an_event_is_refused_by_name() {
    let server = Server::start().await;
    let path = format!("{}/events", path_of(&server.submitted().await));
    for heard in ["5", "1.2.3.4", "1.2.3.4.5.6", "1.2.3.4.-5", "a.b.c.d.e", "1.1.99999999999.1.1", "\u{e9}"] {
        let refused = problem(server.get_with(&path, "last-event-id", heard).await, 422, "invalid-header").await;
        assert_eq!(refused["field"], "Last-Event-ID");
    }
}
