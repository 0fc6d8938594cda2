//! The cost of calls as the catalog grows: of each kind of small change beside one `put`, and of calls
//! that look at all entries beside the number of entries.

use crate::figure::{Extent, Measured, Outcome, Sabotage, Trial};
use crate::timing::median;

mod site;

use site::Site;

/// The most that each small change may cost, in puts.
const BOUNDS: [(&str, f64); 5] = [
    ("verify", 1.5),
    ("delete outside", 1.5),
    ("delete managed", 3.0),
    ("quarantine", 4.0),
    ("quarantine shared bytes", 4.0),
];

/// The greatest power of the number of entries with which work may grow that looks at all of them.
const EXPONENT: f64 = 1.1;

type Change = fn(&mut Site) -> Result<(), String>;

/// The small changes, each of one entry; the first is what the others are compared with.
const CHANGES: [(&str, Change); 6] = [
    ("put", Site::put),
    ("verify", Site::verify),
    ("delete outside", Site::delete_outside),
    ("delete managed", Site::delete_managed),
    ("quarantine", Site::quarantine),
    ("quarantine shared bytes", Site::quarantine_shared),
];

/// The calls that look at every entry. Each has the preparation that is made before every turn and
/// not measured.
const SWEEPS: [(&str, Change, Change); 4] = [
    ("scrub", Site::nothing, Site::scrub),
    ("collect nothing", Site::nothing, Site::collect),
    ("collect some", Site::litter, Site::collect),
    ("open and list", Site::nothing, Site::open_and_list),
];

pub(super) fn measure(trial: Trial) -> Outcome {
    let (sizes, rounds, sweeps): (&[usize], _, _) = match trial.extent {
        _ if trial.sabotage == Sabotage::RewriteBeforeDelete => (&[1_000], 7, 0),
        Extent::Quick => (&[1_000, 5_000], 31, 2),
        Extent::Full => (&[1_000, 5_000, 20_000], 61, 5),
    };
    let mut measured = Measured::default();
    match try_sizes(sizes, rounds, sweeps, trial.sabotage, &mut measured) {
        Ok(()) => {}
        Err(error) => measured.violation(error),
    }
    Outcome::Measured(measured)
}

fn try_sizes(
    sizes: &[usize],
    rounds: usize,
    sweeps: usize,
    sabotage: Sabotage,
    measured: &mut Measured,
) -> Result<(), String> {
    let mut sites = Vec::new();
    for size in sizes {
        sites.push(Site::new(*size, rounds, sabotage)?);
    }
    measure_changes(&mut sites, rounds, measured)?;
    sites.iter_mut().try_for_each(Site::delete_bad)?;
    if sweeps > 0 {
        measure_sweeps(&mut sites, sweeps, measured)?;
    }
    Ok(())
}

/// Measures the small changes. Sizes and kinds take turns, so that a disturbance of the disk disturbs
/// all of them.
fn measure_changes(
    sites: &mut [Site],
    rounds: usize,
    measured: &mut Measured,
) -> Result<(), String> {
    let mut times = vec![vec![Vec::new(); CHANGES.len()]; sites.len()];
    for round in 0..rounds {
        for (site, times) in sites.iter_mut().zip(&mut times) {
            for turn in 0..CHANGES.len() {
                let which = (round + turn) % CHANGES.len();
                times[which].push(site.time(CHANGES[which].1)?);
            }
        }
    }
    for (site, times) in sites.iter().zip(&times) {
        let put = median(&times[0]);
        measured.count(
            "ms put",
            format!("at {} entries {:.2}", site.size, put * 1e3),
        );
        for ((name, bound), times) in BOUNDS.iter().zip(&times[1..]) {
            let ratio = median(times) / put;
            measured.count(&format!("puts {name}"), format!("{ratio:.2}"));
            measured.check(ratio <= *bound, || {
                format!(
                    "{} entries: {name} costs {ratio:.2} puts, more than {bound}",
                    site.size
                )
            });
        }
    }
    Ok(())
}

fn measure_sweeps(
    sites: &mut [Site],
    rounds: usize,
    measured: &mut Measured,
) -> Result<(), String> {
    for (name, prepare, work) in SWEEPS {
        let mut times = vec![Vec::new(); sites.len()];
        for _ in 0..rounds {
            for (site, times) in sites.iter_mut().zip(&mut times) {
                prepare(site)?;
                times.push(site.time(work)?);
            }
        }
        for (pair, times) in sites.windows(2).zip(times.windows(2)) {
            let sizes = pair[1].size as f64 / pair[0].size as f64;
            // Both of a round follow each other, so that a disturbance of the disk disturbs both. The
            // least time of each would favour the smaller size: a short time is quiet more often.
            let rounds = times[1].iter().zip(&times[0]);
            let ratios: Vec<f64> = rounds.map(|(larger, smaller)| larger / smaller).collect();
            let exponent = median(&ratios).ln() / sizes.ln();
            measured.count(
                &format!("is the exponent of {name}"),
                format!("{exponent:.2}"),
            );
            measured.check(exponent <= EXPONENT, || {
                format!(
                    "{name} grows from {} to {} entries with an exponent of {exponent:.2}",
                    pair[0].size, pair[1].size
                )
            });
        }
    }
    Ok(())
}
