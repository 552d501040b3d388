//! Places of which one client may hold a part at the most: whoever is slow or greedy is so at its own cost.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use impasto_jobs::Client;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places that there are. A clone has the same ones.
#[derive(Debug, Clone)]
pub(crate) struct Shares(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    places: Arc<Semaphore>,
    /// Places of one client at the most.
    each: usize,
    /// The places that are left to those who hold some, or wait for one.
    own: Mutex<HashMap<Client, Arc<Semaphore>>>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _place: OwnedSemaphorePermit,
    _own: Option<OwnPlace>,
}

impl Shares {
    /// `all` places, of which a client may have half.
    pub fn halves(all: usize) -> Self {
        let all = all.min(Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(all));
        Self(Arc::new(Inner { places, each: all.div_ceil(2), own: Mutex::default() }))
    }

    /// As many places as there are clients: one for each.
    pub fn one_each() -> Self {
        let places = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        Self(Arc::new(Inner { places, each: 1, own: Mutex::default() }))
    }

    /// A place for `client`, once it has one left and there is one.
    pub async fn take(&self, client: &Client) -> Place {
        let own = OwnPlace::wait_for(&self.0, client).await;
        let place = self.0.places.clone().acquire_owned().await;
        Place { _place: place.expect("nobody closes the places"), _own: Some(own) }
    }

    /// A place for `client`, if there is one and it may have it.
    pub fn try_take(&self, client: &Client) -> Option<Place> {
        let own = OwnPlace::try_take(&self.0, client)?;
        Some(Place { _place: self.0.places.clone().try_acquire_owned().ok()?, _own: Some(own) })
    }

    /// A place for one who stands for many clients, if there is one.
    pub fn try_take_for_many(&self) -> Option<Place> {
        Some(Place { _place: self.0.places.clone().try_acquire_owned().ok()?, _own: None })
    }
}

impl Inner {
    fn own(&self) -> MutexGuard<'_, HashMap<Client, Arc<Semaphore>>> {
        // No code that holds the lock panics between two writes that belong together.
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the places that a client may have; or none yet, while it waits for one.
#[derive(Debug)]
struct OwnPlace {
    shares: Arc<Inner>,
    client: Client,
    permit: Option<OwnedSemaphorePermit>,
}

impl OwnPlace {
    /// The client's places, which stay in the books until what is returned is dropped.
    fn open(shares: &Arc<Inner>, client: &Client) -> (Self, Arc<Semaphore>) {
        let mut own = shares.own();
        let places = own.entry(client.clone()).or_insert_with(|| Arc::new(Semaphore::new(shares.each))).clone();
        (Self { shares: shares.clone(), client: client.clone(), permit: None }, places)
    }

    async fn wait_for(shares: &Arc<Inner>, client: &Client) -> Self {
        let (mut own, places) = Self::open(shares, client);
        own.permit = Some(places.acquire_owned().await.expect("nobody closes the places"));
        own
    }

    fn try_take(shares: &Arc<Inner>, client: &Client) -> Option<Self> {
        let (mut own, places) = Self::open(shares, client);
        own.permit = Some(places.try_acquire_owned().ok()?);
        Some(own)
    }
}

impl Drop for OwnPlace {
    fn drop(&mut self) {
        let mut own = self.shares.own();
        // Whoever waits or holds a place has a share in it, taken under the lock.
        self.permit = None;
        if own.get(&self.client).is_some_and(|places| Arc::strong_count(places) == 1) {
            own.remove(&self.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn client(number: u8) -> Client {
        Client::at(Ipv4Addr::new(10, 0, 0, number).into())
    }

    #[test]
    fn one_client_leaves_half_to_the_others() {
        let shares = Shares::halves(5);
        let greedy: Vec<_> = std::iter::from_fn(|| shares.try_take(&client(1))).collect();
        assert_eq!(greedy.len(), 3);
        let others = [shares.try_take(&client(2)), shares.try_take_for_many()];
        assert!(others.iter().all(Option::is_some));
        assert!(shares.try_take(&client(3)).is_none());
        drop(others);
        assert!(shares.try_take(&client(3)).is_some());
    }

    #[tokio::test]
    async fn nothing_is_kept_of_clients_that_hold_nothing() {
        let shares = Shares::halves(2);
        let held = shares.take(&client(1)).await;
        assert!(tokio::time::timeout(std::time::Duration::ZERO, shares.take(&client(1))).await.is_err());
        assert_eq!(shares.0.own().len(), 1);
        drop(held);
        assert!(shares.0.own().is_empty());
    }

    #[tokio::test]
    async fn who_waits_for_its_own_place_holds_up_nobody() {
        let shares = Shares::halves(2);
        let held = shares.take(&client(1)).await;
        let waiting = tokio::spawn({
            let shares = shares.clone();
            async move { shares.take(&client(1)).await }
        });
        tokio::task::yield_now().await;
        drop(shares.take(&client(2)).await);
        drop(held);
        waiting.await.unwrap();
        assert!(shares.0.own().is_empty());
    }
}
