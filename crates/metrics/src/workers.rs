//! What a supervisor sees of its workers.

use metrics::{counter, gauge};

use crate::{
    Metrics,
    families::{RESTARTS, WORKERS},
};

/// How a worker process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerState {
    /// It was started, and is not ready for jobs yet.
    Starting,
    /// It takes jobs, or works on one.
    Up,
    /// It ended, and will be started again.
    Down,
}

impl WorkerState {
    const ALL: [Self; 3] = [Self::Starting, Self::Up, Self::Down];

    fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// Why a worker is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// It ended with an error, such as a panic.
    Crashed,
    /// It ended as if all were well, unasked: somebody else asked it to.
    Ended,
    /// The system or somebody killed it outright, for want of memory or of patience.
    Sigkill,
    /// It reached for memory that is not its own.
    Sigsegv,
    /// It gave itself up.
    Sigabrt,
    /// Another signal ended it.
    Signal,
    /// It was not heard of, and was killed by its supervisor.
    Hung,
    /// No epoch came to its end, and it took its device to hang.
    Stalled,
    /// Its device could no longer be trusted.
    DeviceLost,
    /// The stores did not do what they were told.
    Storage,
    /// Its program could not be run.
    NotStarted,
    /// Nobody knows.
    LostSight,
}

impl Restart {
    const ALL: [Self; 12] = [
        Self::Crashed,
        Self::Ended,
        Self::Sigkill,
        Self::Sigsegv,
        Self::Sigabrt,
        Self::Signal,
        Self::Hung,
        Self::Stalled,
        Self::DeviceLost,
        Self::Storage,
        Self::NotStarted,
        Self::LostSight,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Crashed => "crashed",
            Self::Ended => "ended",
            Self::Sigkill => "sigkill",
            Self::Sigsegv => "sigsegv",
            Self::Sigabrt => "sigabrt",
            Self::Signal => "signal",
            Self::Hung => "hung",
            Self::Stalled => "stalled",
            Self::DeviceLost => "device_lost",
            Self::Storage => "storage",
            Self::NotStarted => "not_started",
            Self::LostSight => "lost_sight",
        }
    }
}

/// A supervisor's place for a worker on a device: whoever sits there is in one state at a time.
#[derive(Debug)]
pub struct Seat {
    metrics: Metrics,
    device: String,
    state: WorkerState,
}

impl Seat {
    /// A place for a worker on `device`, who is being started.
    pub fn on(device: String, metrics: Metrics) -> Self {
        let seat = Self { metrics, device, state: WorkerState::Starting };
        seat.metrics.record(|| {
            // A counter that first appears with its first rise shows none.
            for reason in Restart::ALL {
                counter!(RESTARTS, "device" => seat.device.clone(), "reason" => reason.name()).increment(0);
            }
            for state in WorkerState::ALL {
                seat.gauge(state).increment(0.0);
            }
            seat.gauge(seat.state).increment(1.0);
        });
        seat
    }

    /// Whoever sits there is in this state now.
    pub fn set(&mut self, state: WorkerState) {
        if self.state != state {
            self.metrics.record(|| {
                self.gauge(self.state).decrement(1.0);
                self.gauge(state).increment(1.0);
            });
            self.state = state;
        }
    }

    /// The worker has ended, and another will be started.
    pub fn vacate(&mut self, why: Restart) {
        self.set(WorkerState::Down);
        self.metrics
            .record(|| counter!(RESTARTS, "device" => self.device.clone(), "reason" => why.name()).increment(1));
    }

    fn gauge(&self, state: WorkerState) -> metrics::Gauge {
        gauge!(WORKERS, "device" => self.device.clone(), "state" => state.name())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.metrics.record(|| self.gauge(self.state).decrement(1.0));
    }
}
