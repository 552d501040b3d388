//! How often a client may do something. What is known of clients is bounded: of those that come seldom it is forgotten first.

use std::{
    convert::Infallible,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::{InMemoryState, NotKeyed},
};
use impasto_jobs::{Client, Turn};
use quick_cache::sync::Cache;
use tokio::time::Instant;

/// Clients that are remembered.
const MOST_CLIENTS: usize = 1 << 16;

/// The minute that rates are given for.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);

/// What each client may do so often a minute: all of it at once, if it likes, and then as it comes back bit by bit.
#[derive(Debug)]
pub(crate) struct Rates {
    quota: Option<Quota>,
    clients: Cache<Client, Arc<Tokens>>,
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

#[derive(Debug)]
struct Tokens {
    limiter: Limiter,
    /// There are none before. A look at the limiter would cost one of them.
    spent_until: Mutex<Option<Instant>>,
}

/// Where a client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Times a minute that are allowed.
    pub limit: u32,
    /// Times that are left.
    pub left: u32,
    /// Until all of them are there again.
    pub full_in: Duration,
    /// After how long it is allowed again; `None` if it was allowed now.
    pub wait: Option<Duration>,
}

impl Rates {
    /// `a_minute` times a minute; 0 sets no limit.
    pub fn of(a_minute: u32) -> Self {
        Self { quota: NonZeroU32::new(a_minute).map(Quota::per_minute), clients: Cache::new(MOST_CLIENTS) }
    }

    /// Counts once for `client`, if it may; `None` where there is no limit.
    pub fn take(&self, client: &Client) -> Option<Rate> {
        let quota = self.quota?;
        Some(self.tokens(client, quota).take(quota))
    }

    /// Two first requests at once have one bucket.
    fn tokens(&self, client: &Client, quota: Quota) -> Arc<Tokens> {
        let Ok(tokens) = self.clients.get_or_insert_with(client, || Ok::<_, Infallible>(Arc::new(Tokens::new(quota))));
        tokens
    }

    /// Where `client` stands after `turn`, which was taken where all replicas count. While it has to wait, it need not be asked
    /// there again.
    pub fn note(&self, client: &Client, turn: Turn) -> Option<Rate> {
        let quota = self.quota?;
        if let Some(wait) = turn.wait {
            self.tokens(client, quota).spend_for(wait);
        }
        let Turn { left, full_in, wait } = turn;
        Some(Rate { limit: quota.burst_size().get(), left, full_in, wait })
    }

    /// Where `client` stands that was told to wait, and has not waited; `None` if it may, or has not asked.
    pub fn refusal(&self, client: &Client) -> Option<Rate> {
        let quota = self.quota?;
        let wait = self.spent(client)?;
        Some(Rate { limit: quota.burst_size().get(), left: 0, full_in: WINDOW, wait: Some(wait) })
    }

    /// Times a minute that are allowed; `None` where there is no limit.
    pub fn a_minute(&self) -> Option<NonZeroU32> {
        self.quota.map(|quota| quota.burst_size())
    }

    /// For how long `client` may not, as it was told before; `None` if it may, or has not asked.
    pub fn spent(&self, client: &Client) -> Option<Duration> {
        let until = self.clients.get(client)?.spent_until()?;
        let wait = until.saturating_duration_since(Instant::now());
        (!wait.is_zero()).then_some(wait)
    }
}

impl Tokens {
    fn new(quota: Quota) -> Self {
        Self { limiter: RateLimiter::direct(quota).with_middleware(), spent_until: Mutex::default() }
    }

    fn spent_until(&self) -> Option<Instant> {
        // No code that holds the lock panics.
        *self.spent_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spend_for(&self, wait: Duration) {
        *self.spent_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + wait);
    }

    fn take(&self, quota: Quota) -> Rate {
        let limit = quota.burst_size().get();
        let (left, wait) = match self.limiter.check() {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(until) => (0, Some(until.wait_time_from(DefaultClock::default().now()))),
        };
        if let Some(wait) = wait {
            self.spend_for(wait);
        }
        Rate { limit, left, full_in: quota.replenish_interval() * (limit - left), wait }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn client(number: u32) -> Client {
        Client::at(Ipv4Addr::from(number).into())
    }

    #[test]
    fn a_client_that_has_spent_its_minute_waits_and_no_other() {
        let rates = Rates::of(3);
        let taken: Vec<_> = (0..3).map(|_| rates.take(&client(1)).unwrap()).collect();
        assert_eq!(
            taken.iter().map(|rate| (rate.left, rate.wait)).collect::<Vec<_>>(),
            [(2, None), (1, None), (0, None)]
        );
        assert_eq!(taken[2].full_in, WINDOW);
        assert_eq!(rates.spent(&client(1)), None);
        let refused = rates.take(&client(1)).unwrap();
        assert!(refused.wait.is_some_and(|wait| !wait.is_zero() && wait <= WINDOW / 3));
        assert!(rates.spent(&client(1)).is_some());
        assert_eq!(rates.take(&client(2)).unwrap().left, 2);
        assert_eq!(Rates::of(0).take(&client(1)), None);
    }

    #[test]
    fn it_remembers_no_more_clients_than_it_has_room_for() {
        let rates = Rates::of(3);
        for number in 0..2 * MOST_CLIENTS as u32 {
            rates.take(&client(number));
        }
        assert!(rates.clients.len() <= MOST_CLIENTS);
    }
}
