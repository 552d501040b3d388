//! A database that an earlier version has written.

use std::{fs, path::Path};

use impasto_jobs::{Client, Idempotency, JobPlace, NewJob, Priority, Sight, Status, Terms};
use impasto_recipe::{Inputs, Limits, Objective, Options, Recipe, Size, vgg::Architecture};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, SqliteConnection, migrate::Migrator, sqlite::SqliteConnectOptions};

use crate::common::{LONG, NO_LIMIT, client, entry, new_job, recipe, worker};

/// A connection to a new database as the first `versions` migrations leave it.
async fn at_version(file: &Path, versions: usize) -> SqliteConnection {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/sqlite");
    let mut scripts: Vec<_> = fs::read_dir(all).unwrap().map(|entry| entry.unwrap().path()).collect();
    scripts.sort();
    let some = tempfile::tempdir().unwrap();
    for script in &scripts[..versions] {
        fs::copy(script, some.path().join(script.file_name().unwrap())).unwrap();
    }
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true).foreign_keys(true);
    let mut connection = options.connect().await.unwrap();
    Migrator::new(some.path()).await.unwrap().run(&mut connection).await.unwrap();
    connection
}

/// The recipe as versions before masks wrote it, with whatever backbone the request named.
fn of_version_2(recipe: &Recipe, backbone: &str) -> Value {
    let mut old = serde_json::to_value(recipe).unwrap();
    let fields = old.as_object_mut().unwrap();
    for new in ["content_layers", "style_layers", "pooling", "init", "seed", "style_scale", "colours", "alpha"] {
        fields.remove(new).expect(new);
    }
    fields.insert("backbone".to_owned(), json!(backbone));
    old
}

/// What such a recipe is now: what the same options mean, with transparency laid on white as it was then.
fn as_of_now(objective: Objective, backbone: Architecture) -> Recipe {
    let options =
        Options { objective: Some(objective), alpha: Some(impasto_recipe::Alpha::White), ..Options::default() };
    let inputs = Inputs { automatic: backbone, ..Inputs::new(Size::new(300, 200), 1) };
    options.resolve(&inputs, &Limits::default()).unwrap()
}

#[tokio::test]
async fn recipes_of_the_second_version_say_all_that_they_left_open() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let mut connection = at_version(&file, 2).await;
    let mut old = Vec::new();
    for objective in [Objective::Published, Objective::Relative] {
        for (asked, computed, meant) in [
            ("vgg16", None, Architecture::Vgg16),
            ("vgg19", None, Architecture::Vgg19),
            ("auto", None, Architecture::Vgg16),
            ("auto", Some("vgg16"), Architecture::Vgg16),
            ("auto", Some("vgg19"), Architecture::Vgg19),
        ] {
            let (job, recipe) = (new_job(), as_of_now(objective, meant));
            let fingerprint = computed.map(|backbone| {
                json!({"backbone": backbone, "weights": "", "device": "cpu",
                "precision": "f32", "kernels": ""})
            });
            let insert = "INSERT INTO jobs (id, status, created_at, recipe, fingerprint, content, styles)
                VALUES (?, 'queued', 1000, ?, ?, ?, ?)";
            sqlx::query(insert)
                .bind(job.id.to_string())
                .bind(of_version_2(&recipe, asked))
                .bind(fingerprint)
                .bind(job.content.as_str())
                .bind(sqlx::types::Json(&job.styles))
                .execute(&mut connection)
                .await
                .unwrap();
            old.push((job, recipe));
        }
    }
    connection.close().await.unwrap();

    let store = JobPlace::File(file.clone()).open().await.unwrap();
    for (NewJob { id, content, styles, .. }, recipe) in old {
        let job = store.find(id, &Sight::All).await.unwrap().expect("it is still there");
        assert_eq!((job.recipe, job.content, job.styles), (recipe, content, styles));
        assert_eq!((job.masks, job.style_masks, job.initial, job.result_16), (vec![], vec![], None, None));
        let claim = store.claim(&worker("next"), LONG).await.unwrap().expect("it waits");
        assert_eq!((claim.key.job, claim.masks, claim.initial), (id, vec![], None));
    }
}

#[tokio::test]
async fn jobs_of_the_first_version_live_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let mut connection = at_version(&file, 1).await;
    let (running, deleted) = (new_job(), new_job());
    for (job, status) in [(&running, "running"), (&deleted, "queued")] {
        let insert =
            "INSERT INTO jobs (id, status, created_at, recipe, content, styles, worker, lease_ends_at, attempt)
            VALUES (?1, ?2, 1000, ?3, ?4, ?5, iif(?2 = 'running', 'gone', NULL), iif(?2 = 'running', 2000, NULL), 3)";
        sqlx::query(insert)
            .bind(job.id.to_string())
            .bind(status)
            .bind(of_version_2(&recipe(), "auto"))
            .bind(job.content.as_str())
            .bind(sqlx::types::Json(&job.styles))
            .execute(&mut connection)
            .await
            .unwrap();
    }
    let progress = "INSERT INTO progress SELECT number, 1, 10, 10.1, 0.2, 0.3, 1.0 / 3.0, 0.08, 0.05 FROM jobs";
    sqlx::query(progress).execute(&mut connection).await.unwrap();
    sqlx::query("DELETE FROM jobs WHERE status = 'queued'").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();

    let store = JobPlace::File(file.clone()).open().await.unwrap();
    let job = store.find(running.id, &Sight::All).await.unwrap().expect("it is still there");
    assert_eq!((job.status, job.attempt.0, job.losses), (Status::Running, 3, vec![entry(1, 10)]));
    let lease = store.leases().await.unwrap().pop().expect("its lease goes on");
    assert_eq!((lease.worker, lease.renewals), (worker("gone"), 0));
    store.take_back_from(&worker("gone"), "it died", impasto_jobs::Blame::Nobody).await.unwrap();
    assert_eq!(store.claim(&worker("next"), LONG).await.unwrap().unwrap().key.job, running.id);
    // Progress still goes with its job, and a number that was used is not used again.
    store.submit(new_job(), NO_LIMIT).await.unwrap().into_job();
    store.delete(running.id, &Sight::All).await.unwrap();
    let mut connection = SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
    let numbers: Vec<i64> = sqlx::query_scalar("SELECT number FROM jobs").fetch_all(&mut connection).await.unwrap();
    assert_eq!(numbers, [3]);
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM progress").fetch_one(&mut connection).await.unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn jobs_of_the_third_version_are_nobodys_and_wait_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let mut connection = at_version(&file, 3).await;
    let mut old = Vec::new();
    for status in ["running", "queued", "queued", "canceled"] {
        let job = new_job();
        let insert = "INSERT INTO jobs
            (id, status, created_at, recipe, content, styles, worker, lease_milliseconds, attempt, finished_at)
            VALUES (?1, ?2, 1000, ?3, ?4, ?5, iif(?2 = 'running', 'gone', NULL), iif(?2 = 'running', 15000, NULL), 1,
                iif(?2 = 'canceled', 2000, NULL))";
        sqlx::query(insert)
            .bind(job.id.to_string())
            .bind(status)
            .bind(sqlx::types::Json(&job.recipe))
            .bind(job.content.as_str())
            .bind(sqlx::types::Json(&job.styles))
            .execute(&mut connection)
            .await
            .unwrap();
        old.push(job.id);
    }
    connection.close().await.unwrap();

    let store = JobPlace::File(file.clone()).open().await.unwrap();
    assert!(!store.has_keys().await.unwrap());
    for &id in &old {
        let job = store.find(id, &Sight::All).await.unwrap().expect("it is still there");
        assert_eq!((job.client, job.priority), (Client::default(), Priority::Normal));
        assert_eq!((job.start_by, job.webhook, job.deliveries, job.previews), (None, None, vec![], 0));
        assert_eq!(store.find(id, &Sight::Own(client("alice"))).await.unwrap(), None);
    }
    // A new client takes turns with those who have waited.
    let idempotency = Some(Idempotency { key: "k".to_owned(), fingerprint: "cat".to_owned() });
    let terms = Terms { client: client("alice"), idempotency, ..Terms::default() };
    let new = store.submit(NewJob { terms, ..new_job() }, NO_LIMIT).await.unwrap().into_job();
    assert_eq!(new.queue_position, Some(2));
    assert_eq!(store.fail_unstarted().await.unwrap(), 0);
    store.take_back_from(&worker("gone"), "it died", impasto_jobs::Blame::Nobody).await.unwrap();
    for id in [old[0], old[1], new.id, old[2]] {
        assert_eq!(store.claim(&worker("next"), LONG).await.unwrap().unwrap().key.job, id);
    }
}
