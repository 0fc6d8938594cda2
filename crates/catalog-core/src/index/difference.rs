//! Finds the common beginning and the common end of two texts. Comparing blocks is faster than
//! finding lines.

/// The number of bytes that are compared at once.
const BLOCK: usize = 4096;

pub(super) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let mut same = 0;
    for (x, y) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
        if x == y {
            same += x.len();
            continue;
        }
        return same + x.iter().zip(y).take_while(|(x, y)| x == y).count();
    }
    same
}

pub(super) fn common_suffix(a: &[u8], b: &[u8]) -> usize {
    let mut same = 0;
    for (x, y) in a.rchunks(BLOCK).zip(b.rchunks(BLOCK)) {
        if x == y {
            same += x.len();
            continue;
        }
        let both = x.iter().rev().zip(y.iter().rev());
        return same + both.take_while(|(x, y)| x == y).count();
    }
    same
}
