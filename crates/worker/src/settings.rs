//! How a worker behaves.

use std::time::Duration;

use impasto_engine::{DeviceChoice, DeviceName, available_devices};
use serde::{Deserialize, Serialize};

/// The section `[workers]` of the configuration, as far as one worker needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `auto` (every GPU, else the CPU) or a list of devices, such as `["cuda:0", "cuda:1"]`: one worker for each.
    pub devices: Devices,
    /// Threads of a CPU worker; 0 takes all the cores.
    pub threads: usize,
    /// The niceness of a CPU worker, from 0 to 19, which leaves the API responsive.
    pub niceness: i32,
    /// Seconds that a claim holds without being renewed; a worker that is silent for longer loses its job.
    pub lease_seconds: u64,
    /// Seconds between two saved checkpoints; more where an epoch takes longer, or a save costs more than a tenth of them.
    pub checkpoint_seconds: u64,
    /// Seconds without a finished epoch after which a worker takes its device to hang, and gives up.
    pub stall_seconds: u64,
    /// Seconds that a worker goes on trying where the stores fail, before it gives its job back and ends.
    pub storage_seconds: u64,
    /// Workers that a job may crash in a row, with no checkpoint between them, before it fails.
    pub most_crashes: u32,
    /// Milliseconds between two looks into the queue, and between two looks whether a job is to stop.
    pub poll_milliseconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            devices: Devices::default(),
            threads: 0,
            niceness: 10,
            lease_seconds: 15,
            checkpoint_seconds: 8,
            stall_seconds: 600,
            storage_seconds: 30,
            most_crashes: 3,
            poll_milliseconds: 200,
        }
    }
}

impl Settings {
    /// Refuses what cannot be meant, by the setting's name.
    ///
    /// # Errors
    /// A sentence for people.
    pub fn check(&self) -> Result<(), String> {
        const DAY: u64 = 86_400;
        for (name, value, range) in [
            ("threads", self.threads as u64, 0..=1024),
            ("lease_seconds", self.lease_seconds, 1..=3600),
            ("checkpoint_seconds", self.checkpoint_seconds, 0..=DAY),
            ("stall_seconds", self.stall_seconds, 1..=DAY),
            ("storage_seconds", self.storage_seconds, 0..=3600),
            ("most_crashes", self.most_crashes.into(), 1..=1_000_000),
            ("poll_milliseconds", self.poll_milliseconds, 10..=60_000),
        ] {
            if !range.contains(&value) {
                let (least, most) = range.into_inner();
                return Err(format!("workers.{name} = {value} is out of range: give a number from {least} to {most}"));
            }
        }
        if !(0..=19).contains(&self.niceness) {
            return Err(format!("workers.niceness = {} is out of range: give a number from 0 to 19", self.niceness));
        }
        Ok(())
    }

    /// How long a worker may be silent before its job is taken back.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds)
    }

    pub(crate) fn stall(&self) -> Duration {
        Duration::from_secs(self.stall_seconds)
    }

    pub(crate) fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_milliseconds)
    }
}

/// Which devices get a worker: `auto`, one name, or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Words", into = "Vec<String>")]
pub struct Devices(Vec<DeviceChoice>);

impl Default for Devices {
    fn default() -> Self {
        Self(vec![DeviceChoice::Auto])
    }
}

impl Devices {
    /// The devices by name; `auto` is every GPU that is there, else the CPU.
    pub fn names(&self) -> Vec<DeviceName> {
        let each = self.0.iter().map(|choice| match choice {
            DeviceChoice::Auto => available_devices(),
            DeviceChoice::Named(name) => vec![*name],
        });
        each.flatten().collect()
    }

    /// Whether it is left to the machine which devices they are.
    pub fn is_automatic(&self) -> bool {
        self.0.contains(&DeviceChoice::Auto)
    }
}

/// A list, or what an environment variable can hold: words with commas between them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    Joined(String),
    Listed(Vec<String>),
}

impl TryFrom<Words> for Devices {
    type Error = String;

    fn try_from(words: Words) -> Result<Self, Self::Error> {
        let words = match words {
            Words::Joined(text) => text.split(',').map(|word| word.trim().to_owned()).collect(),
            Words::Listed(words) => words,
        };
        words.iter().map(|word| word.parse()).collect::<Result<_, _>>().map(Self)
    }
}

impl From<Devices> for Vec<String> {
    fn from(devices: Devices) -> Self {
        devices.0.iter().map(DeviceChoice::to_string).collect()
    }
}
