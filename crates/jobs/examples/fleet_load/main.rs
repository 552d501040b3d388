//! What a fleet asks of one PostgreSQL, without the fleet: workers that paint in no time, and everything around them.
//!
//!     cargo run --release -p impasto-jobs --example fleet_load -- postgres://USER@HOST/DATABASE POSTMASTER_PID
//!
//! First each operation by itself, as often as it can be done; then a thousand workers at their own pace, and what the server's
//! processes take of a core for them. The second argument is the process id of the server, on this machine; the database is to be
//! empty, and holds finished jobs afterwards.

mod alone;
mod fleet;
mod requests;
mod server;

use std::sync::Arc;

use impasto_jobs::{JobPlace, JobStore};

use crate::{
    fleet::{FLEET_FOR, Seen, WORKERS, fleet},
    server::Server,
};

/// Processes that share their connections: as many as have ten each without a pooler.
const PROCESSES: usize = 10;
type Store = Arc<dyn JobStore>;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(database), Some(postmaster)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: fleet_load postgres://USER@HOST/DATABASE POSTMASTER_PID");
        std::process::exit(2);
    };
    let place = JobPlace::Server { database, listen: None };
    let mut stores = Vec::new();
    for _ in 0..PROCESSES {
        stores.push(place.open().await.expect("the database opens"));
    }
    let server = Server { postmaster };
    alone::each_alone(&stores, &server).await;
    println!("\n{WORKERS} workers for {} s{:>28} {:>9}", FLEET_FOR.as_secs(), "workers alone", "all");
    let (workers, all) = (fleet(&stores, &server, false).await, fleet(&stores, &server, true).await);
    for (name, of) in [
        ("jobs a second", (|seen: &Seen| seen.jobs) as fn(&Seen) -> f64),
        ("progress entries a second", |seen| seen.entries),
        ("slowest operation, ms", |seen| seen.slowest),
        ("server's processes, of a core", |seen| seen.cores),
    ] {
        println!("{name:<30} {:>16.2} {:>9.2}", of(&workers), of(&all));
    }
}
