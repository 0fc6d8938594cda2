//! Each file and folder of a root, lost or replaced, and each call on that root. The call gives the right
//! answer or a typed error, never hangs, and loses nothing else. Then the root can be mended.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use self::harm::Harm;
use self::site::Site;
use crate::call::Call;
use crate::figure::{Extent, Measured, Outcome, Sabotage, Trial};
use crate::steps::Step;

mod harm;
mod site;

/// The quick run tries one of this many.
const QUICK: usize = 61;

/// The calls that use a mended root in every way.
const USE: [Call; 11] = [
    Call::Step(Step::PutA),
    Call::Step(Step::PutEngine),
    Call::Step(Step::ImportM),
    Call::Step(Step::ImportN),
    Call::ImportOther,
    Call::Ready,
    Call::Step(Step::Collect),
    Call::Read,
    Call::List,
    Call::Pins,
    Call::Tidy,
];

/// Something that is tried: what is harmed, how, and the call behind that.
struct Case {
    target: PathBuf,
    harm: Harm,
    call: Call,
}

pub(super) fn measure(trial: Trial) -> Outcome {
    let site = match Site::new() {
        Ok(site) => site,
        Err(reason) => return Outcome::Skipped(reason),
    };
    let mut measured = Measured::of(trial);
    let targets = match site.targets() {
        Ok(targets) => targets,
        Err(error) => return Outcome::Skipped(error),
    };
    let mut cases = Vec::new();
    for (target, is_folder) in &targets {
        for harm in Harm::ALL.into_iter().filter(|harm| harm.fits(*is_folder)) {
            cases.extend(Call::ALL_TRIED.map(|call| Case {
                target: target.clone(),
                harm,
                call,
            }));
        }
    }
    let mut numbered: Vec<(usize, Case)> = cases.into_iter().enumerate().collect();
    if trial.extent == Extent::Quick {
        numbered.retain(|(number, _)| number % QUICK == 0);
    }
    let answers = Mutex::new(BTreeMap::<String, usize>::new());
    let tried = measured.for_each(&numbered, |(number, case), measured| {
        let outcome = try_case(&site, *number, case, trial.sabotage);
        match outcome {
            Ok(answer) => {
                // The process of one call ends without a word.
                let code = answer.split(':').next().filter(|code| !code.is_empty());
                let code = code.unwrap_or("ok").to_owned();
                if let Ok(mut answers) = answers.lock() {
                    *answers.entry(code).or_default() += 1;
                }
            }
            Err(error) => measured.violation(format!(
                "{} {:?}, {}: {error}",
                name_of(&case.target),
                case.harm,
                case.call.name()
            )),
        }
        1
    });
    measured.count("files and folders", targets.len());
    measured.count("ways to lose each", Harm::ALL.len());
    measured.count("calls", tried);
    let answers = answers.into_inner().unwrap_or_default();
    let answers: Vec<String> = answers
        .iter()
        .map(|(code, number)| format!("{number} {code}"))
        .collect();
    measured.count("answers", format!("[{}]", answers.join(", ")));
    Outcome::Measured(measured)
}

/// Returns the answer of the call.
fn try_case(site: &Site, number: usize, case: &Case, sabotage: Sabotage) -> Result<String, String> {
    let copy = site.copy(number)?;
    let target = copy.root().join(&case.target);
    case.harm.harm(&target, &copy.outside())?;
    let whole = copy.whole_files(case.call);
    let answer = copy.call(&[case.call])?;
    // That step finds out by itself whether the outcome could be recorded.
    let is_checked = case.call != Call::Step(Step::SpoilM);
    if is_checked && answer.starts_with("conflict") {
        return Err(format!("the answer is wrong: {answer}"));
    }
    if sabotage == Sabotage::LostNeighbour {
        copy.lose_other();
    }
    let look = |when: &str| match whole.iter().find(|file| !copy.is_whole(file)) {
        Some(lost) => Err(format!("{when} {} is not whole", lost.display())),
        None => Ok(()),
    };
    look(&format!("after {answer:?}"))?;
    if case.harm.is_of_permissions() {
        copy.heal()?;
    }
    let recovered = copy.call(&[Call::Recover])?;
    if !is_ok(&recovered) {
        let rebuilt = copy.call(&[Call::Rebuild])?;
        if !is_ok(&rebuilt) {
            return Err(format!(
                "answered {answer:?}; not recovered: {recovered}; not rebuilt: {rebuilt}"
            ));
        }
    }
    let removing = [
        Call::Step(Step::DeleteM),
        Call::Step(Step::ForgetM),
        Call::Step(Step::DeleteA),
        Call::Step(Step::DeleteEngine),
    ];
    let listed = match removing.contains(&case.call) {
        true => "ok".to_owned(),
        false => copy.call(&[Call::List])?,
    };
    if !is_ok(&listed) {
        return Err(format!("answered {answer:?}; recovered, but {listed}"));
    }
    for call in USE {
        let used = copy.call(&[call])?;
        if !is_ok(&used) {
            return Err(format!(
                "answered {answer:?}; recovered, but {} answers {used}",
                call.name()
            ));
        }
    }
    if !matches!(case.call, Call::Step(Step::SpoilM | Step::DeleteM)) {
        look("mended,")?;
    }
    Ok(answer)
}

fn is_ok(answer: &str) -> bool {
    answer == "ok"
}

/// Returns the name of something in a root, with every unique part shortened.
fn name_of(target: &Path) -> String {
    let parts = target.iter().map(|part| {
        let part = part.to_string_lossy();
        match part.len() {
            0..40 => part.into_owned(),
            _ => format!("{}…", &part[..6]),
        }
    });
    parts.collect::<Vec<_>>().join("/")
}
