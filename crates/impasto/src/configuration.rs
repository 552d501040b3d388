//! The settings: defaults, then config/impasto.toml, then the environment, then flags; the later wins.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use config::{Config, Environment, File, FileFormat};
use impasto_jobs::{BlobPlace, JobPlace, Retention, WorkerLocks};
use serde::Deserialize;

use crate::cli::ConfigurationArguments;

/// Where the configuration is looked for when no flag says so.
const DEFAULT_FILE: &str = "config/impasto.toml";

/// Every setting there is; config/impasto.toml says what each is for.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Configuration {
    pub server: impasto_server::Settings,
    pub webhooks: impasto_server::WebhookSettings,
    pub limits: impasto_server::LimitSettings,
    pub store: StoreSettings,
    pub workers: impasto_worker::Settings,
    pub weights: impasto_weights::Settings,
    pub log: LogSettings,
    pub metrics: MetricsSettings,
}

/// The section `[store]`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// The folder of the job database and the pictures.
    pub data: PathBuf,
    /// The PostgreSQL database of the jobs, `postgres://…`; a SQLite file in the data folder if it is empty.
    pub database: String,
    /// The same database past any pooler, where it tells of changes; `database` if it is empty.
    pub listen: String,
    /// The bucket of the pictures, and what their names begin with; they are in the folder if it is empty.
    pub blobs: String,
    /// Whether finished pictures are fetched from the bucket, where clients can get to it.
    pub redirect_results: bool,
    /// Hours that a job that succeeded is kept with its pictures; 0 keeps it for ever, as with the next three.
    pub keep_finished_hours: u64,
    /// Hours that a job is kept that failed or was canceled.
    pub keep_failed_hours: u64,
    /// Finished jobs that are kept at the most.
    pub most_finished_jobs: u64,
    /// Bytes of the pictures of finished jobs that are kept at the most.
    pub most_finished_bytes: u64,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            data: PathBuf::from("data"),
            database: String::new(),
            listen: String::new(),
            blobs: String::new(),
            redirect_results: false,
            keep_finished_hours: 720,
            keep_failed_hours: 168,
            most_finished_jobs: 100_000,
            most_finished_bytes: 0,
        }
    }
}

impl fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // There is a password in an address.
        let hidden = |address: &str| if address.is_empty() { "none" } else { "…" };
        let Self {
            data,
            database,
            listen,
            blobs,
            redirect_results,
            keep_finished_hours,
            keep_failed_hours,
            most_finished_jobs,
            most_finished_bytes,
        } = self;
        f.debug_struct("StoreSettings")
            .field("data", data)
            .field("database", &format_args!("{}", hidden(database)))
            .field("listen", &format_args!("{}", hidden(listen)))
            .field("blobs", blobs)
            .field("redirect_results", redirect_results)
            .field("keep_finished_hours", keep_finished_hours)
            .field("keep_failed_hours", keep_failed_hours)
            .field("most_finished_jobs", most_finished_jobs)
            .field("most_finished_bytes", most_finished_bytes)
            .finish()
    }
}

impl StoreSettings {
    /// Where the jobs are.
    pub fn job_place(&self) -> JobPlace {
        if self.database.is_empty() {
            return JobPlace::File(self.database_file());
        }
        let listen = (!self.listen.is_empty()).then(|| self.listen.clone());
        JobPlace::Server { database: self.database.clone(), listen }
    }

    /// The job database's file, where it is one.
    pub fn database_file(&self) -> PathBuf {
        self.data.join("impasto.db")
    }

    /// Where the blobs are.
    pub fn blobs(&self) -> anyhow::Result<BlobPlace> {
        BlobPlace::parse(&self.blobs, &self.blobs_folder()).context("store.blobs is wrong")
    }

    /// The folder of the blobs, where they are in one.
    pub fn blobs_folder(&self) -> PathBuf {
        self.data.join("blobs")
    }

    /// The locks by which workers on this machine are known to live.
    pub fn worker_locks(&self) -> WorkerLocks {
        WorkerLocks::in_folder(self.data.join("workers"))
    }

    /// What is kept of finished jobs.
    pub fn retention(&self) -> Retention {
        let limit = |number: u64| Some(number).filter(|&number| number > 0);
        let hours = |number| limit(number).map(|hours| Duration::from_secs(hours.saturating_mul(3600)));
        Retention {
            succeeded: hours(self.keep_finished_hours),
            failed: hours(self.keep_failed_hours),
            most_jobs: limit(self.most_finished_jobs),
            most_bytes: limit(self.most_finished_bytes),
        }
    }
}

/// The section `[log]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    pub format: LogFormat,
    /// What is logged, in the words of tracing's `EnvFilter`.
    pub filter: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

/// The section `[metrics]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsSettings {
    /// Where `/metrics` and `/healthz` are served by themselves, without a key; nowhere if it is empty.
    pub addr: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

/// The settings that are lists of text, which the environment separates by commas.
const LISTS: [&str; 3] = ["server.cors_origins", "server.hosts", "server.trusted_proxies"];

/// The flags that override a setting, by the setting's name.
pub type Overrides<'a> = &'a [(&'a str, Option<String>)];

/// Reads the settings for a command that takes the usual flags, and one more set of them.
pub fn load(arguments: &ConfigurationArguments, overrides: Overrides<'_>) -> anyhow::Result<Configuration> {
    let data = arguments.data.as_ref().map(|data| data.to_string_lossy().into_owned());
    let all: Vec<_> = overrides.iter().cloned().chain([("store.data", data)]).collect();
    load_from(arguments.config.as_deref(), &all)
}

/// Reads the settings from `file`, or from the usual place if it is there, under `overrides`.
pub fn load_from(file: Option<&Path>, overrides: Overrides<'_>) -> anyhow::Result<Configuration> {
    read(file, environment(), overrides).context("the configuration is wrong")
}

fn environment() -> Environment {
    let environment = Environment::with_prefix("IMPASTO").prefix_separator("__").separator("__").try_parsing(true);
    LISTS.iter().fold(environment.list_separator(","), |environment, list| environment.with_list_parse_key(list))
}

fn read(file: Option<&Path>, environment: Environment, overrides: Overrides<'_>) -> anyhow::Result<Configuration> {
    let source = File::from(file.unwrap_or(Path::new(DEFAULT_FILE))).format(FileFormat::Toml).required(file.is_some());
    let mut builder = Config::builder().add_source(source).add_source(environment);
    for (name, value) in overrides {
        builder = builder.set_override_option(*name, value.clone())?;
    }
    let configuration: Configuration = builder.build()?.try_deserialize()?;
    configuration.workers.check().map_err(anyhow::Error::msg)?;
    configuration.store.blobs()?;
    Ok(configuration)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        let source = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        super::environment().source(Some(source))
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    fn refusal(text: &str, pairs: &[(&str, &str)]) -> String {
        let file = file(text);
        format!("{:#}", read(Some(file.path()), environment(pairs), &[]).unwrap_err())
    }

    #[test]
    fn no_password_is_shown() {
        let address = || "postgres://impasto:s3cret@host/jobs".to_owned();
        let store = StoreSettings { database: address(), listen: address(), ..StoreSettings::default() };
        let shown = format!("{:?}", Configuration { store, ..Configuration::default() });
        assert!(shown.contains("database: …, listen: …") && !shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn the_later_source_wins() {
        let file = file("[server]\naddr = \"1.1.1.1:1\"\nmax_styles = 3\nmax_queued = 5");
        let pairs = [("IMPASTO__SERVER__MAX_QUEUED", "6"), ("IMPASTO__SERVER__ADDR", "2.2.2.2:2")];
        let flags = [("server.addr", Some("3.3.3.3:3".to_owned()))];
        let settings = read(Some(file.path()), environment(&pairs), &flags).unwrap();
        assert_eq!(settings.server.addr, "3.3.3.3:3");
        assert_eq!(settings.server.max_queued, 6);
        assert_eq!(settings.server.max_styles.get(), 3);
        assert_eq!(settings.workers, impasto_worker::Settings::default());
    }

    #[test]
    fn lists_come_from_the_environment_too() {
        let pairs = [
            ("IMPASTO__WORKERS__DEVICES", "cuda:0,cpu"),
            ("IMPASTO__SERVER__CORS_ORIGINS", "https://a.example,https://b.example"),
            ("IMPASTO__SERVER__HOSTS", "a.example,b.example"),
            ("IMPASTO__SERVER__TRUSTED_PROXIES", "10.0.0.0/8"),
        ];
        let settings = read(Some(file("").path()), environment(&pairs), &[]).unwrap();
        assert_eq!(settings.server.cors_origins, ["https://a.example", "https://b.example"]);
        assert_eq!(settings.server.hosts, ["a.example", "b.example"]);
        assert_eq!(settings.server.trusted_proxies, ["10.0.0.0/8"]);
        assert_eq!(settings.workers.devices.names().len(), 2);
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        assert!(refusal("[server]\nadress = \"x\"", &[]).contains("adress"));
        assert!(refusal("[sever]\naddr = \"x\"", &[]).contains("sever"));
        assert!(refusal("", &[("IMPASTO__LOG__COLOUR", "red")]).contains("colour"));
    }

    #[test]
    fn a_wrong_value_is_refused_by_name() {
        let said = refusal("[workers]\nlease_seconds = \"soon\"", &[]);
        assert!(said.contains("lease_seconds"), "{said}");
        let said = refusal("[workers]\ndevices = [\"tpu\"]", &[]);
        assert!(said.contains("tpu"), "{said}");
    }

    #[test]
    fn a_number_beyond_all_reason_is_refused_by_name() {
        for setting in ["checkpoint_seconds = 9000000000000000000", "lease_seconds = 0", "niceness = 20"] {
            let said = refusal(&format!("[workers]\n{setting}"), &[]);
            assert!(said.contains(setting), "{said}");
        }
    }

    #[test]
    fn a_place_that_cannot_be_is_refused_with_what_to_write() {
        let said = refusal("[store]\nblobs = \"ftp://bucket\"", &[]);
        assert!(said.contains("store.blobs") && said.contains("s3://BUCKET/PREFIX"), "{said}");
    }

    #[test]
    fn the_file_in_the_repository_says_the_defaults() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/impasto.toml");
        let settings = read(Some(&repository), environment(&[]), &[]).unwrap();
        assert_eq!(settings, Configuration::default());
    }
}
