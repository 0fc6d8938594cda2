use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use catalog_core::VerificationOutcomeKind;
use model_provisioner::{Channel, Event, EventKind, ModelProvisioner, Observer, Provided, Step};

use crate::util::{Host, id_of, reference, sha256};

/// The events, in a word each.
fn words(events: impl IntoIterator<Item = Event>, id: &str) -> Vec<String> {
    let word = |event: Event| {
        assert_eq!(&*event.id, id);
        match event.kind {
            EventKind::Planned { step } => format!("planned {step:?}"),
            EventKind::Verifying(now) => {
                format!("verifying {}/{}", now.done, now.total.unwrap_or_default())
            }
            EventKind::Registered => "registered".to_owned(),
            EventKind::Finished {
                provided, outcome, ..
            } => format!("finished {provided:?} {outcome:?}"),
            EventKind::Failed { code, .. } => format!("failed {code}"),
            other => format!("{other:?}"),
        }
    };
    events.into_iter().map(word).collect()
}

/// PROV-203
#[test]
fn an_observer_is_told_each_step_in_order() {
    let host = Host::new();
    let path = host.model("m.gguf", "weights");
    let id = id_of(&path);
    let seen: Arc<Mutex<Vec<Event>>> = Arc::default();
    let observer = {
        let seen = Arc::clone(&seen);
        move |event: &Event| seen.lock().unwrap().push(event.clone())
    };
    let (sender, received) = mpsc::channel();
    let channel = Channel::new(sender);
    let provisioner = ModelProvisioner::file_only(host.cache())
        .unwrap()
        .with_observer((observer, channel));
    let digest = sha256(&path);
    let call = |given| provisioner.ensure_present(&reference(&path), given);
    let told = || {
        let told = words(seen.lock().unwrap().drain(..), &id);
        assert_eq!(
            words(received.try_iter(), &id),
            told,
            "the channel is told the same"
        );
        told
    };

    call(Some(digest.clone())).unwrap();
    let passed = VerificationOutcomeKind::Pass;
    assert_eq!(
        told(),
        [
            format!("planned {:?}", Step::UseInPlace),
            "verifying 7/7".to_owned(),
            "registered".to_owned(),
            format!("finished {:?} {passed:?}", Provided::InPlace),
        ]
    );
    host.settle(&id);
    call(None).unwrap();
    assert_eq!(
        told(),
        [
            format!("planned {:?}", Step::Use),
            format!("finished {:?} {passed:?}", Provided::AlreadyPresent),
        ],
        "nothing to verify or register"
    );
    std::fs::write(&path, "changed").unwrap();
    call(None).unwrap_err();
    assert_eq!(
        told(),
        [
            format!("planned {:?}", Step::Verify),
            "verifying 7/7".to_owned(),
            "failed digest_mismatch".to_owned(),
        ]
    );
    drop(received);
    call(None).unwrap_err();
    ().on_event(&Event::new("id".into(), EventKind::Registered));
}
