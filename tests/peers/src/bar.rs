//! The bars of a row: how much of the value of a peer ours may take.

use crate::measured::{Row, Stat};

/// Adds a remark that states each bar, a peer and a multiple of its value, and whether ours meets it.
pub fn remarked(row: Row, bars: &[(&str, f64)]) -> Row {
    let of = |peer: &str| row.measured.iter().find(|stat| stat.name == peer);
    let sentences = bars
        .iter()
        .filter_map(|(peer, most)| Some(sentence(row.ours(), of(peer)?, *most)));
    let sentences: Vec<String> = sentences.collect();
    let remark = format!(
        "Bar of \u{201c}{}\u{201d}: {}.",
        row.work,
        sentences.join("; ")
    );
    row.remark(remark)
}

fn sentence(ours: f64, peer: &Stat, most: f64) -> String {
    let times = ours / peer.median;
    let verdict = match times <= most {
        true => "meets it",
        false => "**misses it**",
    };
    format!(
        "at most ×{most} of {}, ours takes ×{times:.2} and {verdict}",
        peer.name
    )
}

#[cfg(test)]
mod tests {
    use super::remarked;
    use crate::sample;

    #[test]
    fn a_bar_is_stated_with_its_verdict() {
        let row = sample::row("work", &[1.0, 2.0, 0.5]);
        let remark = remarked(row, &[("peer 1", 0.75), ("peer 2", 1.5)]).remark;
        let expected = "Bar of \u{201c}work\u{201d}: at most ×0.75 of peer 1, ours takes ×0.50 and meets \
                        it; at most ×1.5 of peer 2, ours takes ×2.00 and **misses it**.";
        assert_eq!(remark.unwrap(), expected);
    }
}
