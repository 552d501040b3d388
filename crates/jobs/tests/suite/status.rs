//! The state machine, enumerated.

use impasto_jobs::{Event, Status};

/// Every step that there is; all others must be refused.
const STEPS: [(Status, Event, Status); 7] = [
    (Status::Queued, Event::Claim, Status::Running),
    (Status::Queued, Event::Cancel, Status::Canceled),
    (Status::Queued, Event::Expire, Status::Failed),
    (Status::Running, Event::GiveBack, Status::Queued),
    (Status::Running, Event::Succeed, Status::Succeeded),
    (Status::Running, Event::Fail, Status::Failed),
    (Status::Running, Event::Cancel, Status::Canceled),
];

#[test]
fn every_event_leads_from_every_status_where_it_should() {
    for status in Status::ALL {
        for event in Event::ALL {
            let expected = STEPS.iter().find(|step| (step.0, step.1) == (status, event)).map(|step| step.2);
            assert_eq!(status.after(event), expected, "{status} after {event:?}");
        }
    }
}

#[test]
fn nothing_happens_to_a_finished_job_and_something_to_any_other() {
    for status in Status::ALL {
        let moves = Event::ALL.iter().any(|&event| status.after(event).is_some());
        assert_eq!(moves, !status.is_finished(), "{status}");
    }
}

#[test]
fn names_are_read_back() {
    for status in Status::ALL {
        assert_eq!(status.to_string().parse(), Ok(status));
    }
    let refused = "done".parse::<Status>().unwrap_err().to_string();
    assert!(refused.contains("'done'") && refused.contains("succeeded"), "{refused}");
}
