//! The figures can fail: each part that is broken on purpose turns its figure red. The scoreboard of the
//! test command shows that the same figures are green undisturbed.

use std::process::Command;
use std::sync::Mutex;

use workspace_tests::figure::Figure;
use workspace_tests::figures::ALL;

/// The figures that run at a time: they wait more than they compute.
const AT_ONCE: usize = 2;

/// Runs the sabotages of a figure. Returns what is wrong.
fn prove(figure: &Figure) -> Result<(), String> {
    let output = Command::new(env!("CARGO_BIN_EXE_scoreboard"))
        .args(["--sabotages", figure.name])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let is_told = figure.proofs.iter().all(|proof| {
        let begin = format!(
            "{}: the sabotage {} was ",
            figure.name,
            proof.sabotage.name()
        );
        let mut answers = text.lines().filter_map(|line| line.strip_prefix(&begin));
        answers.any(|answer| answer.starts_with("noticed: ") || answer.starts_with("skipped: "))
    });
    match output.status.success() && is_told {
        true => Ok(()),
        false => Err(format!("{text}{}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// CAT-407, CAT-458, CAT-467, CAT-489, CAT-490, CAT-491, CAT-492, CAT-708, CAT-828, CAT-836, CAT-853, CAT-888
#[test]
fn every_figure_notices_its_sabotages() {
    let mut timed: Vec<Figure> = ALL.to_vec();
    let waiting = Mutex::new(
        timed
            .extract_if(.., |figure| !figure.is_timed)
            .collect::<Vec<_>>(),
    );
    let wrong = Mutex::new(Vec::new());
    let run = |figure: &Figure| {
        if let Err(error) = prove(figure) {
            wrong.lock().unwrap().push(error);
        }
    };
    let next = || waiting.lock().unwrap().pop();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(figure) = next() {
                    run(&figure);
                }
            });
        }
    });
    // Each alone: what runs beside it would change its times.
    timed.iter().for_each(run);
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// CAT-708
#[test]
fn every_figure_has_a_sabotage() {
    for figure in ALL {
        assert!(!figure.proofs.is_empty(), "{} is not proven", figure.name);
    }
}
