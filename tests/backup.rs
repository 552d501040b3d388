//! A copy of everything, taken while jobs run, and what a service makes of it elsewhere.

mod common;

use std::{path::Path, process::Command};

use common::{
    id_of,
    jobs::{LONG, SHORT, in_the_middle, notices, result, service, undisturbed_picture},
};

/// `impasto backup`; what it says.
fn back_up(data: &Path, to: &Path) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_impasto"));
    command.args(["backup", "--data"]).arg(data).arg("--to").arg(to).current_dir(data.parent().expect("it has one"));
    let ended = command.output().expect("the program runs");
    let said = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    if ended.status.success() { Ok(said(ended.stdout)) } else { Err(said(ended.stderr)) }
}

/// Copies a folder, as `cp -r` does.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-r").arg(from).arg(to).status().expect("there is a cp");
    assert!(copied.success());
}

#[tokio::test]
async fn a_copy_taken_while_jobs_run_goes_on_elsewhere_to_the_same_pictures() {
    let folder = tempfile::tempdir().expect("there is room");
    let whole = undisturbed_picture(folder.path(), LONG);
    let (data, to, restored) =
        (folder.path().join("data"), folder.path().join("copy"), folder.path().join("elsewhere"));
    std::fs::create_dir(&data).expect("there is room");
    let first = service(&data, "cpu").await;
    let done = id_of(&first.submit(SHORT).await).to_owned();
    let finished = result(&first, &first.wait_until_finished(&done).await).await;
    let running = id_of(&first.submit(LONG).await).to_owned();
    let waiting = id_of(&first.submit(SHORT).await).to_owned();
    first.wait_until(&running, in_the_middle).await;

    // More than once, as a cron job does, and while checkpoints come and go.
    let said = back_up(&data, &to).expect("it can be copied");
    assert!(said.contains("blobs") && !said.contains("without"), "{said}");
    back_up(&data, &to).expect("it can be copied again");
    let job = first.job(&running).await;
    assert_eq!((&job["attempt"], notices(&job).as_str()), (&1.into(), "[]"), "the service was not disturbed: {job:#}");
    first.kill().await;
    std::fs::remove_dir_all(&data).expect("the disk is lost");

    copy(&to, &restored);
    let second = service(&restored, "cpu").await;
    let job = second.job(&done).await;
    assert!(result(&second, &job).await == finished, "the picture of before");
    let job = second.wait_until_finished(&running).await;
    assert_eq!((&job["status"], &job["attempt"]), (&"succeeded".into(), &2.into()), "{job:#}");
    assert!(!notices(&job).contains("started over"), "it goes on from its checkpoint: {}", notices(&job));
    assert!(result(&second, &job).await == whole, "the picture of a run that nothing disturbed");
    let job = second.wait_until_finished(&waiting).await;
    assert!(result(&second, &job).await == finished, "it was the same order");
}

#[test]
fn what_cannot_be_copied_is_said_and_nothing_is_made() {
    let folder = tempfile::tempdir().expect("there is room");
    let data = folder.path().join("data");
    let said = back_up(&data, &folder.path().join("copy")).expect_err("there is nothing");
    assert!(said.contains("impasto.db"), "{said}");
    assert!(!data.exists(), "no data folder is made");
    std::fs::create_dir(&data).expect("there is room");
    let said = back_up(&data, &data).expect_err("it is the same folder");
    assert!(said.contains("--to"), "{said}");
}
