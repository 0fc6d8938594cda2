//! The merge of new measurements with stored ones.

use std::fmt;

use crate::measured::{Group, Measured};

/// Measurements of two machines, or of two sets of versions, cannot stand in one table.
#[derive(Debug, PartialEq, Eq)]
pub struct HostDiffers(Vec<String>);

impl fmt::Display for HostDiffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let differences = self.0.join("; ");
        write!(
            f,
            "the stored rows are of another host ({differences}); measure all rows, without --rows"
        )
    }
}

impl Measured {
    /// Checks that rows measured on the host of `other` can stand beside those of this one.
    pub fn check_host(&self, other: &Self) -> Result<(), HostDiffers> {
        let mut differences = Vec::new();
        if self.machine != other.machine {
            differences.push(format!("{}, now {}", self.machine, other.machine));
        }
        for (name, now) in &other.versions {
            // A peer that the stored rows do not name measured none of them.
            let Some(stored) = self.versions.get(name) else {
                continue;
            };
            if stored != now {
                differences.push(format!("{name} {stored}, now {now}"));
            }
        }
        match differences.is_empty() {
            true => Ok(()),
            false => Err(HostDiffers(differences)),
        }
    }

    /// Replaces the groups that `newer` has, and keeps the others.
    pub fn merge(self, newer: Self) -> Result<Self, HostDiffers> {
        let is_new = |group: &Group| newer.groups.iter().any(|other| other.name == group.name);
        if self.groups.iter().all(is_new) {
            return Ok(newer);
        }
        self.check_host(&newer)?;
        let mut groups = self.groups;
        for group in newer.groups {
            match groups.iter_mut().find(|other| other.name == group.name) {
                Some(old) => *old = group,
                None => groups.push(group),
            }
        }
        let mut versions = self.versions;
        versions.extend(newer.versions);
        Ok(Self {
            groups,
            versions,
            ..newer
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::sample;

    #[test]
    fn a_merge_replaces_whole_groups_and_keeps_the_others() {
        let stored = sample::measured();
        let mut newer = stored.clone();
        newer.groups.retain(|group| group.name == "put");
        newer.groups[0].date = "2030-01-02".to_owned();
        newer.groups[0].rows.truncate(1);
        let merged = stored.clone().merge(newer.clone()).unwrap();
        assert_eq!(merged.groups.len(), stored.groups.len());
        for (old, new) in stored.groups.iter().zip(&merged.groups) {
            let expected = if old.name == "put" {
                &newer.groups[0]
            } else {
                old
            };
            assert_eq!(new, expected);
        }
    }

    #[test]
    fn a_group_that_was_not_stored_is_added() {
        let all = sample::measured();
        let mut stored = all.clone();
        stored.groups.pop();
        let mut newer = all.clone();
        newer.groups = all.groups.last().cloned().into_iter().collect();
        assert_eq!(stored.merge(newer).unwrap(), all);
    }

    #[test]
    fn rows_of_another_host_are_not_mixed() {
        let stored = sample::measured();
        let mut newer = stored.clone();
        newer.versions.insert("redb".to_owned(), "9.9".to_owned());
        newer.groups.truncate(1);
        let error = stored.clone().merge(newer).unwrap_err().to_string();
        assert!(error.contains("redb 3.1.0, now 9.9"), "{error}");

        let mut newer = stored.clone();
        newer.machine.cores = 64;
        newer.groups.truncate(1);
        assert!(stored.merge(newer).is_err());
    }

    #[test]
    fn a_peer_that_no_stored_row_names_is_added() {
        let stored = sample::measured();
        let mut newer = stored.clone();
        newer.versions = [("curl".to_owned(), "8.0".to_owned())].into();
        newer.groups.truncate(1);
        let merged = stored.clone().merge(newer).unwrap();
        assert_eq!(merged.versions["curl"], "8.0");
        assert_eq!(merged.versions["redb"], stored.versions["redb"]);
    }

    #[test]
    fn a_run_of_all_rows_may_change_the_host() {
        let stored = sample::measured();
        let mut newer = stored.clone();
        newer.machine.cores = 64;
        assert_eq!(stored.merge(newer.clone()).unwrap(), newer);
    }
}
