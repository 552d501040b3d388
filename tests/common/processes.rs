//! The service's processes, from outside.

use rustix::process::{Pid, Signal, kill_process};

use super::Service;

/// The service's worker processes.
pub fn workers_of(service: &Service) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").expect("there is a /proc").flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let child = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The parent is the second field after the name, which stands in brackets.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        parent == Some(service.pid)
    };
    numbers.filter(child).filter_map(Pid::from_raw).collect()
}

/// Sends a signal to all of the service's workers.
pub fn signal_workers(service: &Service, signal: Signal) {
    let workers = workers_of(service);
    assert!(!workers.is_empty(), "the service has workers");
    for worker in workers {
        kill_process(worker, signal).expect("the worker is there");
    }
}

/// Stops the workers where none of them is writing to the database: a writer that was stopped would lock everybody out.
pub async fn stop_workers_between_writes(service: &Service) {
    loop {
        signal_workers(service, Signal::STOP);
        let workers = workers_of(service);
        while !workers.iter().all(|&worker| is_stopped(worker)) {
            tokio::task::yield_now().await;
        }
        if !workers.iter().any(|&worker| is_writing(worker)) {
            return;
        }
        signal_workers(service, Signal::CONT);
        tokio::task::yield_now().await;
    }
}

fn is_stopped(process: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero()));
    status.expect("the worker is there").contains("State:\tT")
}

/// Whether the process holds a lock for writing on any file; SQLite's writers do.
fn is_writing(process: Pid) -> bool {
    let locks = std::fs::read_to_string("/proc/locks").expect("Linux tells who holds which locks");
    let holder = process.as_raw_nonzero().to_string();
    locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).any(|fields| {
        // As in "1: POSIX ADVISORY WRITE 4711 fd:01:123456 120 120".
        fields.contains(&"WRITE") && fields.get(4) == Some(&holder.as_str())
    })
}
