//! What the first process of a container owes the others: whoever loses its parent becomes a child of it, and stays a zombie until
//! it is waited for.

use std::{
    collections::HashSet,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, WaitOptions, waitpid};
use tokio::process::{Child, Command};

const FIRST_PROCESS: u32 = 1;
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The processes that this one has started itself, and waits for where it did.
#[derive(Debug, Clone, Default)]
pub struct Own(Arc<Mutex<HashSet<u32>>>);

/// Keeps a process from being taken for an orphan.
#[derive(Debug)]
pub struct Claimed {
    own: Own,
    pid: Option<u32>,
}

impl Own {
    /// Starts `command`, which whoever calls waits for before the claim is dropped.
    pub fn start(&self, command: &mut Command) -> io::Result<(Child, Claimed)> {
        // Locked before there is a process: one that ends at once is not to be taken for an orphan.
        let mut pids = self.pids();
        let child = command.spawn()?;
        let pid = child.id();
        pids.extend(pid);
        Ok((child, Claimed { own: self.clone(), pid }))
    }

    /// Waits for orphans until the process ends, if that is the first one: elsewhere the system has one that does.
    pub fn reap_others(&self) {
        if std::process::id() != FIRST_PROCESS {
            return;
        }
        let own = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                // Where there is no /proc, zombies are nobody's sight either.
                drop(own.reap());
            }
        });
    }

    fn reap(&self) -> io::Result<()> {
        let pids = self.pids();
        for entry in std::fs::read_dir("/proc")? {
            let entry = entry?;
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            if pids.contains(&pid) {
                continue;
            }
            // One that is gone meanwhile needs nobody to wait for it.
            let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
            if is_zombie_of_first(&stat) {
                _ = waitpid(Pid::from_raw(pid.cast_signed()), WaitOptions::NOHANG);
            }
        }
        Ok(())
    }

    fn pids(&self) -> MutexGuard<'_, HashSet<u32>> {
        // A set of numbers is as good as before, whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if let Some(pid) = self.pid {
            self.own.pids().remove(&pid);
        }
    }
}

/// Reads `/proc/PID/stat`. A program's name stands in brackets, and may have any in it.
fn is_zombie_of_first(stat: &str) -> bool {
    let Some((_, rest)) = stat.rsplit_once(')') else { return false };
    let mut fields = rest.split_ascii_whitespace();
    fields.next() == Some("Z") && fields.next() == Some("1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zombies_of_the_first_process_alone_are_orphans() {
        assert!(is_zombie_of_first("31 (sleep) Z 1 7 7 0 -1"));
        assert!(is_zombie_of_first("31 (a) S 2 (b) Z 1 7"));
        assert!(!is_zombie_of_first("31 (sleep) S 1 7 7 0 -1"));
        assert!(!is_zombie_of_first("31 (sleep) Z 12 7 7 0 -1"));
        assert!(!is_zombie_of_first(""));
    }
}
