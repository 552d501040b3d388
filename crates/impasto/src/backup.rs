//! `impasto backup`: a copy of the job database and the pictures that fits together.

use anyhow::Context;
use impasto_jobs::{BackedUp, Places, back_up};
use tokio::runtime::Runtime;

use crate::{
    cli::BackupArguments,
    configuration::{self, StoreSettings},
};

pub fn run(arguments: &BackupArguments) -> anyhow::Result<()> {
    let from = configuration::load(&arguments.configuration, &[])?.store;
    anyhow::ensure!(
        !from.job_place().is_shared(),
        "the jobs are in PostgreSQL (store.database): back it up with its own tools, such as pg_dump; docs/fleet.md says how"
    );
    anyhow::ensure!(
        from.blobs.is_empty(),
        "the pictures are in {}, which is not copied from here: turn on the bucket's versioning or replication, and copy the \
         job database with its own tools (pg_dump for PostgreSQL)",
        from.blobs
    );
    let to = StoreSettings { data: arguments.to.clone(), ..from.clone() };
    std::fs::create_dir_all(&to.data).with_context(|| format!("the folder {} cannot be made", to.data.display()))?;
    let is_same = |folder: &std::path::Path| folder.canonicalize().ok();
    anyhow::ensure!(is_same(&from.data) != is_same(&to.data), "--to names the data folder itself: name another");
    let runtime = Runtime::new().context("the runtime cannot be started")?;
    let backed_up = runtime.block_on(back_up(&places_of(&from), &places_of(&to)))?;
    let BackedUp { blobs, new, missing } = backed_up;
    println!("{}: the job database and {blobs} blobs, {new} of them new", to.data.display());
    if missing > 0 {
        println!("{missing} blobs were replaced or deleted time and again meanwhile: their jobs will do without");
    }
    Ok(())
}

fn places_of(store: &StoreSettings) -> Places {
    Places { folder: store.data.clone(), database: store.database_file(), blobs: store.blobs_folder() }
}
