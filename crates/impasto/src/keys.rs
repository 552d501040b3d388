//! `impasto keys`: who may use the API. A running service needs no word of it: it looks for itself.

use anyhow::Context;
use impasto_jobs::{ApiKey, JobStore, Scope};
use tokio::runtime::Runtime;

use crate::{
    cli::{KeysAction, KeysArguments},
    configuration, serve,
};

pub fn run(arguments: &KeysArguments) -> anyhow::Result<()> {
    let configuration = configuration::load(&arguments.configuration, &[])?;
    let runtime = Runtime::new().context("the runtime cannot be started")?;
    runtime.block_on(async {
        let jobs = serve::open_jobs(&configuration).await?;
        match &arguments.action {
            KeysAction::Create { name, scopes } => create(jobs.as_ref(), name, scopes).await,
            KeysAction::List => list(jobs.as_ref()).await,
            KeysAction::Revoke { name } => revoke(jobs.as_ref(), name).await,
        }
    })
}

/// The key alone goes to standard output, for scripts to take.
async fn create(jobs: &dyn JobStore, name: &str, scopes: &[Scope]) -> anyhow::Result<()> {
    ApiKey::check_name(name)?;
    let is_first = !jobs.has_keys().await?;
    let (key, text) = ApiKey::generate(name, scopes.to_vec());
    jobs.add_key(&key).await?;
    eprintln!(
        "The key of {name}, which may {}. It is shown this once; send it as Authorization: Bearer KEY.",
        may(&key)
    );
    eprintln!("Webhooks of its jobs are signed with {}", key.webhook_secret);
    if is_first {
        eprintln!("It is the first: from now on the API takes no request without a key.");
    }
    println!("{}", text.reveal());
    Ok(())
}

async fn list(jobs: &dyn JobStore) -> anyhow::Result<()> {
    let keys = jobs.list_keys().await?;
    if keys.is_empty() {
        eprintln!("There are no keys: whoever gets to the service may do everything.");
    }
    for key in keys {
        let used = key.last_used_at.map_or("never used".to_owned(), |at| format!("used {at:.0}"));
        let state = key.revoked_at.map_or(used, |at| format!("revoked {at:.0}"));
        println!("{}  {}  {}  made {:.0}  {state}", key.id, key.name, may(&key), key.created_at);
    }
    Ok(())
}

async fn revoke(jobs: &dyn JobStore, name: &str) -> anyhow::Result<()> {
    let key = jobs.revoke_key(name).await?;
    let key = key.with_context(|| format!("there is no key '{name}': `impasto keys list` says which there are"))?;
    eprintln!("The key {} of {} opens nothing any more.", key.id, key.name);
    Ok(())
}

fn may(key: &ApiKey) -> String {
    key.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(",")
}
