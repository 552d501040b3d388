//! Random histories, told to the store and to a model of it that fits in a head.

use std::time::Duration;

use impasto_jobs::{
    Attempt, Blame, BlobKey, ClaimError, ClaimKey, JobError, JobId, NewJob, Priority, Sight, Status, Terms,
};
use proptest::prelude::*;

use crate::common::{LAPSED, LONG, NO_LIMIT, TestStore, client, entry, new_job, succeed, worker};

const MOST_CRASHES: u32 = 2;
const WORKERS: [&str; 2] = ["one", "two"];
const CLIENTS: [&str; 3] = ["alice", "bob", "carol"];

/// Something that happens. Jobs and claims are picked from those there ever were, so that late writers are among them.
#[derive(Debug, Clone)]
enum Step {
    Submit(Terms),
    Claim { worker: usize, lapsed: bool },
    Write { claim: prop::sample::Index, write: Write },
    RequestCancel { job: prop::sample::Index },
    Delete { job: prop::sample::Index },
    WorkerDies { worker: usize },
    TakeBackLapsed,
    FailUnstarted,
}

#[derive(Debug, Clone, Copy)]
enum Write {
    Renew,
    Progress(u32),
    Checkpoint,
    Succeed,
    Fail,
    Cancel,
    HandBack,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let job = any::<prop::sample::Index>;
    let write = prop_oneof![
        Just(Write::Renew),
        (1..4u32).prop_map(Write::Progress),
        Just(Write::Checkpoint),
        Just(Write::Succeed),
        Just(Write::Fail),
        Just(Write::Cancel),
        Just(Write::HandBack),
    ];
    let step = prop_oneof![
        4 => terms().prop_map(Step::Submit),
        5 => (0..WORKERS.len(), any::<bool>()).prop_map(|(worker, lapsed)| Step::Claim { worker, lapsed }),
        8 => (job(), write).prop_map(|(claim, write)| Step::Write { claim, write }),
        2 => job().prop_map(|job| Step::RequestCancel { job }),
        1 => job().prop_map(|job| Step::Delete { job }),
        2 => (0..WORKERS.len()).prop_map(|worker| Step::WorkerDies { worker }),
        2 => Just(Step::TakeBackLapsed),
        1 => Just(Step::FailUnstarted),
    ];
    prop::collection::vec(step, 1..60)
}

/// Some are overdue as soon as they are submitted, the others never.
fn terms() -> impl Strategy<Value = Terms> {
    let overdue = prop::option::weighted(0.2, Just(Duration::ZERO));
    (prop::sample::select(&CLIENTS[..]), prop::sample::select(&Priority::ALL[..]), overdue).prop_map(
        |(name, priority, start_within)| Terms { client: client(name), priority, start_within, ..Terms::default() },
    )
}

#[derive(Debug, Clone)]
struct ModelJob {
    id: JobId,
    new: NewJob,
    turn: u64,
    status: Status,
    revision: u64,
    attempt: u32,
    cancel_requested: bool,
    epochs: Vec<u32>,
    crashes: u32,
    worker: usize,
    lapsed: bool,
    checkpoint: bool,
}

impl ModelJob {
    fn goes_to(&mut self, status: Status) {
        self.status = status;
        self.revision += 1;
        self.cancel_requested |= status == Status::Canceled;
        self.checkpoint &= !status.is_finished();
    }

    /// Whether it is to fail when somebody looks.
    fn is_overdue(&self) -> bool {
        self.status == Status::Queued && self.attempt == 0 && self.new.terms.start_within.is_some()
    }

    fn crash(&mut self) {
        self.crashes += 1;
        self.goes_to(if self.cancel_requested {
            Status::Canceled
        } else if self.crashes >= MOST_CRASHES {
            Status::Failed
        } else {
            Status::Queued
        });
    }
}

/// The jobs in the order in which they were submitted, and every claim there ever was.
#[derive(Default)]
struct Model {
    jobs: Vec<ModelJob>,
    deleted: Vec<JobId>,
    claims: Vec<ClaimKey>,
}

impl Model {
    fn held(&mut self, claim: ClaimKey) -> Option<&mut ModelJob> {
        let of_claim = |job: &&mut ModelJob| {
            job.id == claim.job && job.attempt == claim.attempt.0 && job.status == Status::Running
        };
        self.jobs.iter_mut().find(of_claim)
    }

    fn pick_job(&self, index: prop::sample::Index) -> Option<JobId> {
        let all: Vec<_> = self.jobs.iter().map(|job| job.id).chain(self.deleted.iter().copied()).collect();
        (!all.is_empty()).then(|| *index.get(&all))
    }

    /// The places in the list of the jobs that wait, in the order in which they are to be claimed.
    fn queue(&self) -> Vec<usize> {
        let mut queue: Vec<_> = (0..self.jobs.len()).filter(|&job| self.jobs[job].status == Status::Queued).collect();
        queue.sort_by_key(|&job| (std::cmp::Reverse(self.jobs[job].new.terms.priority), self.jobs[job].turn));
        queue
    }

    fn next_turn(&self, terms: &Terms) -> u64 {
        let of_priority = self.jobs.iter().filter(|job| job.new.terms.priority == terms.priority);
        let (queued, running): (Vec<_>, Vec<_>) = of_priority
            .filter(|job| matches!(job.status, Status::Queued | Status::Running))
            .partition(|job| job.status == Status::Queued);
        let own = queued.iter().filter(|job| job.new.terms.client == terms.client).map(|job| job.turn + 1).max();
        let served = queued.iter().map(|job| job.turn).min().max(running.iter().map(|job| job.turn).max());
        own.max(served).unwrap_or_default()
    }

    fn crash_all(&mut self, which: impl Fn(&ModelJob) -> bool) -> u64 {
        let mut crashed = 0;
        for job in self.jobs.iter_mut().filter(|job| job.status == Status::Running && which(job)) {
            job.crash();
            crashed += 1;
        }
        crashed
    }
}

async fn happen(test: &TestStore, model: &mut Model, step: Step) {
    let store = &test.store;
    match step {
        Step::Submit(terms) => {
            let new = NewJob { notices: vec!["content: turned upright".to_owned()], terms, ..new_job() };
            let turn = model.next_turn(&new.terms);
            let id = store.submit(new.clone(), NO_LIMIT).await.unwrap().into_job().id;
            model.jobs.push(ModelJob {
                id,
                new,
                turn,
                status: Status::Queued,
                revision: 1,
                attempt: 0,
                cancel_requested: false,
                epochs: Vec::new(),
                crashes: 0,
                worker: 0,
                lapsed: false,
                checkpoint: false,
            });
        }
        Step::Claim { worker: name, lapsed } => {
            let lease = if lapsed { LAPSED } else { LONG };
            let claim = store.claim(&worker(WORKERS[name]), lease).await.unwrap();
            while let Some(&first) = model.queue().first()
                && model.jobs[first].is_overdue()
            {
                model.jobs[first].goes_to(Status::Failed);
            }
            let next = model.queue().first().copied();
            let expected = next.map(|next| {
                let job = &mut model.jobs[next];
                job.goes_to(Status::Running);
                job.attempt += 1;
                (job.worker, job.lapsed) = (name, lapsed);
                let new = &job.new;
                let pictures = (new.masks.clone(), new.style_masks.clone(), new.initial.clone());
                (ClaimKey { job: job.id, attempt: Attempt(job.attempt) }, job.checkpoint, pictures)
            });
            let claimed = claim
                .map(|claim| (claim.key, claim.checkpoint.is_some(), (claim.masks, claim.style_masks, claim.initial)));
            assert_eq!(claimed, expected);
            model.claims.extend(expected.map(|(key, ..)| key));
        }
        Step::Write { claim, write } => {
            if !model.claims.is_empty() {
                let claim = *claim.get(&model.claims);
                let outcome = tell(test, &claim, write).await;
                match model.held(claim) {
                    Some(job) => {
                        outcome.unwrap();
                        imagine(job, write);
                    }
                    None => assert!(matches!(outcome, Err(ClaimError::Lost)), "{outcome:?}"),
                }
            }
        }
        Step::RequestCancel { job } => {
            let Some(id) = model.pick_job(job) else { return };
            let outcome = store.request_cancel(id, &Sight::All).await;
            let job = model.jobs.iter_mut().find(|job| job.id == id && !job.status.is_finished());
            assert_eq!(outcome.is_ok(), job.is_some());
            match job {
                Some(job) if job.status == Status::Queued => job.goes_to(Status::Canceled),
                Some(job) => {
                    job.revision += u64::from(!job.cancel_requested);
                    job.cancel_requested = true;
                }
                None => {}
            }
        }
        Step::Delete { job } => {
            let Some(id) = model.pick_job(job) else { return };
            let there = model.jobs.iter().any(|job| job.id == id);
            assert_eq!(store.delete(id, &Sight::All).await.unwrap(), there);
            model.jobs.retain(|job| job.id != id);
            model.deleted.push(id);
        }
        Step::WorkerDies { worker: name } => {
            let blame = Blame::Job { most_crashes: MOST_CRASHES };
            let taken = store.take_back_from(&worker(WORKERS[name]), "it died", blame).await.unwrap();
            assert_eq!(taken, model.crash_all(|job| job.worker == name));
        }
        Step::TakeBackLapsed => {
            let taken = test.watch(MOST_CRASHES).await.look(Duration::ZERO).await.unwrap();
            assert_eq!(taken, model.crash_all(|job| job.lapsed));
        }
        Step::FailUnstarted => {
            let mut overdue: Vec<_> = model.jobs.iter_mut().filter(|job| job.is_overdue()).collect();
            overdue.iter_mut().for_each(|job| job.goes_to(Status::Failed));
            assert_eq!(store.fail_unstarted().await.unwrap(), overdue.len() as u64);
        }
    }
}

async fn tell(test: &TestStore, claim: &ClaimKey, write: Write) -> Result<(), ClaimError> {
    let store = &test.store;
    match write {
        Write::Renew => store.renew(claim).await.map(drop),
        Write::Progress(epoch) => store.record_progress(claim, &entry(1, epoch)).await,
        Write::Checkpoint => {
            let (checkpoint, preview) = (BlobKey::checkpoint(claim, 1), BlobKey::preview(claim, 1));
            store.save_checkpoint(claim, &checkpoint, &preview).await.map(drop)
        }
        Write::Succeed => succeed(store, claim).await.map(drop),
        Write::Fail => {
            let error = JobError { kind: "internal".to_owned(), message: "it did not work".to_owned() };
            store.fail(claim, &error).await.map(drop)
        }
        Write::Cancel => store.cancel(claim).await.map(drop),
        Write::HandBack => store.hand_back(claim, "enough").await,
    }
}

fn imagine(job: &mut ModelJob, write: Write) {
    match write {
        // A lease of no length is over however often it is renewed.
        Write::Renew => {}
        Write::Progress(epoch) => {
            job.revision += 1;
            job.epochs.push(epoch);
            job.epochs.sort();
            job.epochs.dedup();
        }
        Write::Checkpoint => (job.checkpoint, job.crashes) = (true, 0),
        Write::Succeed => job.goes_to(Status::Succeeded),
        Write::Fail => job.goes_to(Status::Failed),
        Write::Cancel => job.goes_to(Status::Canceled),
        Write::HandBack if job.cancel_requested => job.goes_to(Status::Canceled),
        Write::HandBack => job.goes_to(Status::Queued),
    }
}

async fn assert_alike(test: &TestStore, model: &Model) {
    let query = impasto_jobs::JobQuery { status: None, limit: u32::from(u16::MAX), cursor: None };
    let mut jobs = test.store.list(&query, &Sight::All).await.unwrap().jobs;
    jobs.reverse();
    assert_eq!(jobs.len(), model.jobs.len());
    let queue = model.queue();
    for (number, (job, expected)) in jobs.iter().zip(&model.jobs).enumerate() {
        let position = queue.iter().position(|&queued| queued == number).map(|place| place as u64 + 1);
        assert_eq!(job.id, expected.id);
        assert_eq!((&job.client, job.priority), (&expected.new.terms.client, expected.new.terms.priority));
        assert_eq!((job.status, job.queue_position), (expected.status, position));
        assert_eq!((job.revision, job.attempt.0), (expected.revision, expected.attempt));
        assert_eq!(job.cancel_requested, expected.cancel_requested);
        let found = test.find(job.id).await;
        assert_eq!(found.queue_position, position);
        let losses = found.losses;
        assert_eq!(losses.iter().map(|entry| entry.epoch).collect::<Vec<_>>(), expected.epochs);
        assert_eq!(job.started_at.is_some(), expected.attempt > 0);
        assert_eq!(job.finished_at.is_some(), expected.status.is_finished());
        assert_eq!(job.result.is_some(), expected.status == Status::Succeeded);
        assert_eq!(job.result_16.is_some(), job.result.is_some());
        assert_eq!((&job.masks[..], &job.style_masks[..]), (&expected.new.masks[..], &expected.new.style_masks[..]));
        assert_eq!((&job.initial, &job.notices[..1]), (&expected.new.initial, &expected.new.notices[..]));
        assert_eq!(job.error.is_some(), expected.status == Status::Failed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_and_the_model_agree_after_every_step(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let test = TestStore::new().await;
            let mut model = Model::default();
            for step in steps {
                happen(&test, &mut model, step).await;
                assert_alike(&test, &model).await;
            }
        });
    }
}
