use std::sync::{Arc, Mutex};

use model_provisioner::{Event, Observer, Silent};

use crate::util::{Host, id_of, reference, sha256};

/// PROV-203
#[test]
fn an_observer_is_told_each_step_in_order() {
    let host = Host::new();
    let path = host.model("m.gguf", "weights");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let observer = {
        let (seen, id) = (Arc::clone(&seen), id_of(&path));
        move |event: &Event<'_>| {
            let (step, of) = match event {
                Event::Fetching { id } => ("fetching".to_owned(), *id),
                Event::Verifying { id, progress } => (
                    format!("verifying {}/{}", progress.done, progress.total),
                    *id,
                ),
                Event::Verified { id, outcome, .. } => {
                    (format!("verified {:?}", outcome.kind), *id)
                }
                Event::Registered { id } => ("registered".to_owned(), *id),
                other => panic!("unknown event {other:?}"),
            };
            assert_eq!(of, id);
            seen.lock().unwrap().push(step);
        }
    };
    let provisioner = host.provisioner.with_observer(observer);
    let expected = sha256(&path);
    provisioner
        .ensure_present(&reference(&path), Some(expected))
        .unwrap();
    let first = std::mem::take(&mut *seen.lock().unwrap());
    assert_eq!(
        first,
        ["fetching", "verifying 7/7", "verified Pass", "registered"]
    );
    provisioner.ensure_present(&reference(&path), None).unwrap();
    let second = std::mem::take(&mut *seen.lock().unwrap());
    assert_eq!(
        second,
        ["verifying 7/7", "verified Pass"],
        "nothing to fetch or register"
    );
    Silent.on_event(&Event::Registered { id: "id" });
}
