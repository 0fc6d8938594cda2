//! Accounts that share a root by their group. Each call of an account works on the models of the
//! others. The modes of all files follow from the root. An error names the permission that an account
//! lacks.

use std::fs;

use catalog_core::{CatalogStore, FsCatalog};

use self::cases::{CASES, Case};
use self::clone::{Reason, shares_extents};
use self::modes::{apply_umask, check_modes};
use self::refusals::REFUSALS;
use crate::account::{Account, Stage};
use crate::call::Call;
use crate::figure::{Extent, Measured, Outcome, Sabotage, Trial};
use crate::shared_root::SharedRoot;
use crate::steps::Step;

mod cases;
mod clone;
mod modes;
mod refusals;

/// The members of the group.
const MEMBERS: [Account; 3] = [
    member(61_001, 0o002),
    member(61_002, 0o027),
    member(61_003, 0o077),
];

/// An account that is no member.
const STRANGER: Account = Account {
    user: 61_004,
    umask: 0o022,
    is_member: false,
};

const fn member(user: u32, umask: u32) -> Account {
    Account {
        user,
        umask,
        is_member: true,
    }
}

pub(super) fn measure(trial: Trial) -> Outcome {
    let stage = match Stage::new() {
        Ok(stage) => stage,
        Err(reason) => return Outcome::Skipped(format!("no other account: {reason}")),
    };
    let links = fs::read_to_string("/proc/sys/fs/protected_hardlinks").unwrap_or_default();
    if links.trim() != "1" {
        return Outcome::Skipped("fs.protected_hardlinks is not 1".to_owned());
    }
    let mut measured = Measured::of(trial);
    let mut pairs = Vec::new();
    for maker in MEMBERS {
        pairs.extend(
            MEMBERS
                .iter()
                .filter(|user| **user != maker)
                .map(|user| (maker, *user)),
        );
    }
    if trial.extent == Extent::Quick {
        pairs.retain(|(maker, user)| maker.umask != 0o002 && user.umask != 0o077);
    }
    let all: Vec<_> = pairs
        .iter()
        .flat_map(|pair| CASES.iter().map(move |case| (*pair, case)))
        .collect();
    let tried = measured.for_each(&all, |((maker, user), case), measured| {
        let place = || {
            let made: Vec<String> = case.made.iter().map(|call| call.name()).collect();
            format!(
                "{made:?} of umask {:o}, {} of umask {:o}",
                maker.umask,
                case.used.name(),
                user.umask
            )
        };
        if let Err(error) = try_case(&stage, *maker, *user, case, trial.sabotage) {
            measured.violation(format!("{}: {error}", place()));
        }
        1
    });
    measured.count("calls on models of another account", tried);
    if measured.is_hopeless() {
        return Outcome::Measured(measured);
    }
    let rounds = match trial.extent {
        Extent::Quick => 20,
        Extent::Full => 200,
    };
    for _ in 0..rounds {
        if let Err(error) = begin_together(&stage) {
            measured.violation(format!("the first calls of a root: {error}"));
        }
    }
    measured.count("roots whose first calls came together", rounds);
    for (what, check) in REFUSALS {
        if let Err(error) = check(&stage) {
            measured.violation(format!("{what}: {error}"));
        }
    }
    measured.count("refusals that name the permission", REFUSALS.len());
    match shares_extents(&stage) {
        Ok(()) => measured.count("models cloned on XFS", 1),
        Err(Reason::Skipped(reason)) => measured.count("skipped", format!("1 [XFS: {reason}]")),
        Err(Reason::Wrong(error)) => measured.violation(format!("a clone on XFS: {error}")),
    }
    Outcome::Measured(measured)
}

/// All members make the first call of a root at the same time, each for a model of the same bytes.
fn begin_together(stage: &Stage) -> Result<(), String> {
    let shared = SharedRoot::new(stage, 0o2770, MEMBERS[0].user)?;
    let calls = [Step::ImportM, Step::ImportN, Step::Provision];
    std::thread::scope(|scope| {
        let each = MEMBERS.iter().rev().zip(calls);
        let running: Vec<_> = each
            .map(|(member, step)| {
                let shared = &shared;
                scope.spawn(move || shared.succeed(stage, *member, &[Call::Step(step)]))
            })
            .collect();
        let mut outcomes = running.into_iter().map(|call| call.join());
        outcomes.try_for_each(|outcome| outcome.unwrap_or_else(|_| Err("a panic".to_owned())))
    })?;
    check_modes(&shared.root)
}

fn try_case(
    stage: &Stage,
    maker: Account,
    user: Account,
    case: &Case,
    sabotage: Sabotage,
) -> Result<(), String> {
    let shared = SharedRoot::new(stage, 0o2770, maker.user)?;
    let root = &shared.root;
    for call in case.made {
        shared.succeed(stage, maker, &[*call])?;
    }
    if sabotage == Sabotage::UmaskDecides {
        apply_umask(root, maker.umask)?;
    }
    (case.harm)(root)?;
    shared.succeed(stage, user, &[case.used])?;
    let text = |error: catalog_core::CatalogError| error.to_string();
    let catalog = FsCatalog::new(root).map_err(text)?;
    if !(case.check)(root, &catalog) {
        let all = catalog.list().map_err(text)?;
        return Err(format!("the root is not as it should be: {all:?}"));
    }
    check_modes(root)?;
    let last = MEMBERS
        .into_iter()
        .find(|member| ![maker.user, user.user].contains(&member.user));
    let last = last.expect("there is a third member");
    shared.succeed(stage, last, &[Call::Read, Call::Step(Step::ImportN)])?;
    check_modes(root)
}
