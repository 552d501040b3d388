//! Files that no job store is in.

use impasto_jobs::JobPlace;

#[tokio::test]
async fn what_is_no_database_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "This is no database, and it is long enough to look like none. ".repeat(20)).unwrap();
    let refused = JobPlace::File(file.clone()).open().await.unwrap_err().to_string();
    assert!(refused.contains("notes.txt") && refused.contains("not a database"), "{refused}");
    let missing = JobPlace::File(folder.path().join("nowhere/jobs.db")).open().await.unwrap_err().to_string();
    assert!(missing.contains("nowhere"), "{missing}");
}
