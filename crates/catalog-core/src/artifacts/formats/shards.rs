/// Returns the names of all files in the set of a shard, in order. Returns `None` if the name is
/// not that of a shard.
pub(crate) fn shard_set(name: &str) -> Option<Vec<String>> {
    Some(Shard::parse(name)?.set().collect())
}

/// The name of a shard: one file of a large model that is split into several files, as in
/// `name-00001-of-00003.gguf` and `name-00001-of-00003.safetensors`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard<'n> {
    /// The part of the name before the numbers, including the folder.
    stem: &'n str,
    number: u32,
    count: u32,
    /// The part of the name after the numbers, without its dot.
    ending: &'n str,
}

/// The maximum number of shards in a set. No real model has as many.
const MAX_COUNT: u32 = 4_096;

impl<'n> Shard<'n> {
    /// Parses the name of a shard. Returns `None` for the name of another file.
    pub(crate) fn parse(name: &'n str) -> Option<Self> {
        let (rest, count_and_ending) = name.rsplit_once("-of-")?;
        let (count, ending) = count_and_ending.split_once('.')?;
        let (stem, number) = rest.rsplit_once('-')?;
        let parse = |digits: &str| {
            let is_padded = digits.len() == 5 && digits.bytes().all(|b| b.is_ascii_digit());
            is_padded.then(|| digits.parse().ok()).flatten()
        };
        let shard = Self {
            stem,
            number: parse(number)?,
            count: parse(count)?,
            ending,
        };
        let is_one = (1..=shard.count).contains(&shard.number) && shard.count <= MAX_COUNT;
        let is_named = !stem.is_empty() && !ending.is_empty() && !ending.contains('/');
        (is_one && is_named).then_some(shard)
    }

    /// Returns the names of all shards of its set, in order.
    pub(crate) fn set(self) -> impl Iterator<Item = String> + 'n {
        (1..=self.count).map(move |number| self.name_of(number))
    }

    /// Returns the name of the first shard, which engines load.
    pub(crate) fn first(self) -> String {
        self.name_of(1)
    }

    /// Returns the position in the set, counted from 1.
    pub(crate) fn number(self) -> u32 {
        self.number
    }

    /// Returns the number of shards in the set.
    pub(crate) fn count(self) -> u32 {
        self.count
    }

    fn name_of(self, number: u32) -> String {
        let Self {
            stem,
            count,
            ending,
            ..
        } = self;
        format!("{stem}-{number:05}-of-{count:05}.{ending}")
    }
}
