/// A fault that the harness puts between the product and the system, to show that a figure notices.
///
/// No sabotage is in the product: the harness breaks what the product asks of the system, what it left on
/// the disk, or how it is called. The checks of the figure must find that by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Nothing is broken.
    Nothing,
    /// Files are not synced.
    NoFileSync,
    /// Folders are not synced.
    NoFolderSync,
    /// The index is renamed before it is synced.
    RenameBeforeSync,
    /// Every lock of the kernel is granted at once.
    NoLocks,
    /// The catalog is opened again, by readers after each write, and at a root that was replaced.
    FreshHandles,
    /// All entries are written once more before each deletion.
    RewriteBeforeDelete,
    /// Calls are made without the limits that they should keep.
    NoLimits,
    /// Workloads say that a call returned before they make it.
    EarlyAnswers,
    /// A call for a model that is there already writes a file.
    WriteWhenWarm,
    /// A secret is left in a temporary file.
    Leak,
    /// Callers find no source call and no key of a call before them.
    ForgetCalls,
    /// The umask of a process decides the modes of its files.
    UmaskDecides,
    /// The root has no spare for a full disk.
    NoSpare,
    /// The pins are damaged, which stops the removal of everything.
    BadPins,
    /// A file system that is mounted again is another one with the same files.
    OtherFileSystem,
    /// A file that no call concerns is lost.
    LostNeighbour,
    /// A process may open few files.
    FewHandles,
    /// Content is not checked.
    NoChecks,
    /// A process reads a whole file into memory before its header is checked.
    WholeFiles,
    /// A write that was acknowledged is undone.
    UndoneWrite,
    /// The bytes of a model change after it was fetched.
    ChangedModel,
    /// The checksum of a file is computed after its bits were flipped.
    LateChecksum,
    /// A collection knows no clock but that of the wall, which is years ahead.
    WallClock,
    /// The fields of a newer release are renamed when an index is written.
    LostFields,
    /// A server replaces a file and keeps its entity tag.
    SameTag,
    /// A server puts the token of a request into the target of a redirect.
    TokenInTarget,
    /// A fetcher asks no policy.
    NoPolicy,
}

/// The names on the command line.
const NAMES: [(&str, Sabotage); 27] = [
    ("no-file-sync", Sabotage::NoFileSync),
    ("no-folder-sync", Sabotage::NoFolderSync),
    ("rename-before-sync", Sabotage::RenameBeforeSync),
    ("no-locks", Sabotage::NoLocks),
    ("fresh-handles", Sabotage::FreshHandles),
    ("rewrite-before-delete", Sabotage::RewriteBeforeDelete),
    ("no-limits", Sabotage::NoLimits),
    ("early-answers", Sabotage::EarlyAnswers),
    ("write-when-warm", Sabotage::WriteWhenWarm),
    ("leak", Sabotage::Leak),
    ("forget-calls", Sabotage::ForgetCalls),
    ("umask-decides", Sabotage::UmaskDecides),
    ("no-spare", Sabotage::NoSpare),
    ("bad-pins", Sabotage::BadPins),
    ("other-file-system", Sabotage::OtherFileSystem),
    ("lost-neighbour", Sabotage::LostNeighbour),
    ("few-handles", Sabotage::FewHandles),
    ("no-checks", Sabotage::NoChecks),
    ("whole-files", Sabotage::WholeFiles),
    ("undone-write", Sabotage::UndoneWrite),
    ("changed-model", Sabotage::ChangedModel),
    ("late-checksum", Sabotage::LateChecksum),
    ("wall-clock", Sabotage::WallClock),
    ("lost-fields", Sabotage::LostFields),
    ("same-tag", Sabotage::SameTag),
    ("token-in-target", Sabotage::TokenInTarget),
    ("no-policy", Sabotage::NoPolicy),
];

impl Sabotage {
    /// Returns the sabotage of this name on the command line.
    pub fn named(name: &str) -> Option<Self> {
        let known = NAMES.iter().find(|(known, _)| *known == name);
        known.map(|(_, sabotage)| *sabotage)
    }

    /// Returns the name on the command line.
    pub fn name(self) -> &'static str {
        let known = NAMES.iter().find(|(_, sabotage)| *sabotage == self);
        known.map_or("nothing", |(name, _)| name)
    }

    /// Returns all names on the command line.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }
}

/// A sabotage of a figure, and the violations by which the figure must notice it.
#[derive(Debug, Clone, Copy)]
pub struct Proof {
    /// The part that is broken.
    pub sabotage: Sabotage,
    /// Parts of the texts of the violations, each of which must be found. A busy machine fails a figure of
    /// times undisturbed, too. Without a text, any violation shows the sabotage.
    pub violations: &'static [&'static str],
}

impl Proof {
    /// Returns the first of these violations that shows the sabotage, or `None` if it was not noticed.
    pub fn shown_by<'v>(&self, violations: &'v [String]) -> Option<&'v str> {
        let with = |text: &str| violations.iter().find(|found| found.contains(text));
        let mut all: Vec<Option<&String>> = self.violations.iter().map(|text| with(text)).collect();
        if all.is_empty() {
            all.push(violations.first());
        }
        let all: Option<Vec<&String>> = all.into_iter().collect();
        all.and_then(|all| all.first().map(|found| found.as_str()))
    }
}
