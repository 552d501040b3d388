//! Where the engine computes.

use std::{fmt, str::FromStr};

use candle_core::Device;

use crate::EngineError;

/// One device of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceName {
    /// The processor.
    Cpu,
    /// The NVIDIA GPU of this number, from 0.
    Cuda(usize),
}

impl DeviceName {
    /// `cpu` or `cuda`: what a fingerprint says of it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda(_) => "cuda",
        }
    }

    pub(crate) fn open(self) -> Result<Device, EngineError> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(number) => Device::new_cuda(number)
                .map_err(|error| EngineError::Device { device: self, reason: error.to_string() }),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let gpu = || text.strip_prefix("cuda:")?.parse().ok().map(Self::Cuda);
        match text {
            "cpu" => Ok(Self::Cpu),
            _ => gpu().ok_or_else(|| format!("'{text}' is no device: there are auto, cpu, cuda:0, cuda:1, …")),
        }
    }
}

/// Every device that work may be given to: the GPUs that are there, else the processor.
pub fn available_devices() -> Vec<DeviceName> {
    match impasto_cuda::device_count() {
        0 => vec![DeviceName::Cpu],
        count => (0..count).map(DeviceName::Cuda).collect(),
    }
}

/// The option `device`: one by name, or the best there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The first of [`available_devices`].
    #[default]
    Auto,
    /// This one.
    Named(DeviceName),
}

impl DeviceChoice {
    /// The device this means on this machine.
    pub fn resolve(self) -> DeviceName {
        match self {
            // There is always one: the processor, where there is no GPU.
            Self::Auto => available_devices()[0],
            Self::Named(name) => name,
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" { Ok(Self::Auto) } else { text.parse().map(Self::Named) }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Named(name) => name.fmt(f),
        }
    }
}
