//! The files that this process may have open: each connection is one.

use std::num::NonZeroUsize;

use impasto_server::Settings;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that the service has open beside its connections, and theirs: the database, its locks, pipes to the workers.
const OTHERS: u64 = 64;

/// The settings with no more connections than there may be files, of which as many as the system allows may be open from now
/// on. A quarter is left for the pictures that connections read and write.
pub fn leave_room(mut settings: Settings) -> Settings {
    let Some(files) = allow_all() else { return settings };
    let room = files.saturating_sub(OTHERS) / 4 * 3;
    let room = NonZeroUsize::new(usize::try_from(room).unwrap_or(usize::MAX)).unwrap_or(NonZeroUsize::MIN);
    if settings.max_connections > room {
        let wanted = settings.max_connections;
        tracing::warn!(
            "only {files} files may be open here (ulimit -n): server.max_connections counts as {room}, not {wanted}"
        );
        settings.max_connections = room;
    }
    settings
}

/// Raises the limit to what the system allows, and returns it; `None` where there is none.
fn allow_all() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    if raised.is_ok() { maximum } else { current }
}
