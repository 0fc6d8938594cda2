//! The processor time of child processes.

use std::fs;

/// The unit of times in `/proc`: Linux states them to programs in hundredths of a second.
const TICKS_A_SECOND: f64 = 100.0;

/// Returns the processor time, of the programs and of the kernel for them, of the processes that the
/// work starts and waits for.
pub fn time_of_children(work: impl FnOnce()) -> f64 {
    let before = ticks();
    work();
    (ticks() - before) / TICKS_A_SECOND
}

/// Returns the processor time of all children of this process that have ended.
fn ticks() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").expect("Linux has /proc");
    of_children(&text).expect("Linux states the times of children")
}

/// Adds the fields `cutime` and `cstime`. The name of the program may hold blanks and parentheses.
fn of_children(stat: &str) -> Option<f64> {
    let (_, after) = stat.rsplit_once(") ")?;
    let mut fields = after.split(' ').skip(13);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::{of_children, time_of_children};
    use crate::files::{command, run};

    #[test]
    fn the_times_of_children_stand_behind_the_times_of_the_process() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 104 0 0 0 11 12 13 14 20 0 1 0 5 6 7";
        assert_eq!(of_children(stat), Some(27.0));
    }

    #[test]
    fn the_work_of_a_child_is_counted() {
        let script = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let time = time_of_children(|| run(command("sh").args(["-c", script])));
        assert!(time > 0.0, "{time}");
    }
}
