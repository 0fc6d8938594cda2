/// Returns the names of all files of the set of a shard, in order, if the name is that of a shard.
pub(crate) fn shard_set(name: &str) -> Option<Vec<String>> {
    Some(Shard::parse(name)?.set().collect())
}

/// A shard: one file of a large model that is split into several, as in
/// `name-00001-of-00003.gguf` and `name-00001-of-00003.safetensors`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard<'n> {
    /// The part of the path before the numbers, with the folder.
    stem: &'n str,
    number: u32,
    count: u32,
    /// The part of the name behind the numbers, without its dot.
    ending: &'n str,
}

/// More shards than anybody makes.
const MAX_COUNT: u32 = 4_096;

impl<'n> Shard<'n> {
    /// Reads the name of a shard, or returns `None` for the name of another file.
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

    /// The names of all shards of its set, in order.
    pub(crate) fn set(self) -> impl Iterator<Item = String> + 'n {
        (1..=self.count).map(move |number| self.name_of(number))
    }

    /// Returns the name of the first shard, for engines.
    pub(crate) fn first(self) -> String {
        self.name_of(1)
    }

    /// The position in its set, counted from 1.
    pub(crate) fn number(self) -> u32 {
        self.number
    }

    /// The number of shards in its set.
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
