//! Where the numbers of one process are kept.

use std::{fmt, sync::Arc};

use metrics::{gauge, with_local_recorder};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use metrics_process::Collector;

use crate::families::{BUILD, FAMILIES, Kind};

/// The numbers of one service: two of them in one process do not mix theirs. A clone tells and takes the same.
#[derive(Clone)]
pub struct Metrics {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
    process: Collector,
}

/// The numbers cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("the metrics cannot be kept: {0}")]
pub struct MetricsError(#[from] BuildError);

impl Metrics {
    /// Numbers that are all at their beginning, of the program of this `version`.
    ///
    /// # Errors
    /// When a histogram's bounds cannot be.
    pub fn new(version: &'static str) -> Result<Self, MetricsError> {
        let mut builder = PrometheusBuilder::new();
        for family in FAMILIES {
            if let Kind::Histogram(bounds) = family.kind {
                let full = Matcher::Full(family.name.to_owned());
                builder = builder.set_buckets_for_metric(full, bounds)?;
            }
        }
        let recorder = builder.build_recorder();
        let new = Self { handle: recorder.handle(), recorder: recorder.into(), process: Collector::default() };
        new.record(|| {
            FAMILIES.iter().for_each(|family| family.describe());
            new.process.describe();
            gauge!(BUILD, "version" => version).set(1.0);
        });
        Ok(new)
    }

    /// Lets `tell` speak to the recorder of this service by the macros of `metrics`.
    pub(crate) fn record<T>(&self, tell: impl FnOnce() -> T) -> T {
        with_local_recorder(&*self.recorder, tell)
    }

    /// Everything in Prometheus' text format, what the process takes now among it.
    pub fn render(&self) -> String {
        self.record(|| self.process.collect());
        self.handle.render()
    }

    /// Folds samples into their histograms. They are all kept until then: somebody has to do it now and then where nobody
    /// renders them.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
