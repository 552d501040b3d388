//! What the database takes.

use std::fs;

/// The processes of a PostgreSQL server on this machine.
pub struct Server {
    /// The process id of the first of them.
    pub postmaster: String,
}

impl Server {
    /// Processor seconds that they have taken so far, those that are gone included.
    pub fn seconds(&self) -> f64 {
        let ticks: u64 = fs::read_dir("/proc")
            .expect("there is /proc")
            .flatten()
            .filter_map(|entry| {
                let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
                let (id, rest) = stat.split_once(' ')?;
                let fields: Vec<&str> = rest.rsplit_once(')')?.1.split_ascii_whitespace().collect();
                let number = |field: usize| fields.get(field)?.parse::<u64>().ok();
                // State and parent come first; user and system time, and those of children that were waited for, are 11 to 14.
                let own = number(11)? + number(12)?;
                match (id == self.postmaster, fields.get(1) == Some(&self.postmaster.as_str())) {
                    (true, _) => Some(own + number(13)? + number(14)?),
                    (_, true) => Some(own),
                    _ => None,
                }
            })
            .sum();
        ticks as f64 / 100.0
    }
}
