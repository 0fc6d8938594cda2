use std::io::{self, Read};

/// The maximum length of a string in a JSON text, in bytes. Names of tensors and files are much
/// shorter.
const MAX_STRING: usize = 1 << 20;

/// The number of bytes between two checks of the limits of a call.
const LOOK_EVERY: usize = 1 << 20;

/// A reader of a JSON text. It fails at a string of more than [`MAX_STRING`] bytes before a parser
/// allocates that string. It also fails if the call must end.
pub(super) struct Bounded<'c, R> {
    inner: R,
    check: &'c dyn Fn() -> crate::error::Result<()>,
    /// The length of the current string so far. It is `None` outside of a string.
    string: Option<usize>,
    is_escaped: bool,
    unchecked: usize,
    /// The error that ends the call.
    pub(super) ended: Option<crate::error::CatalogError>,
}

impl<'c, R> Bounded<'c, R> {
    pub(super) fn new(inner: R, check: &'c dyn Fn() -> crate::error::Result<()>) -> Self {
        Self {
            inner,
            check,
            string: None,
            is_escaped: false,
            unchecked: 0,
            ended: None,
        }
    }

    fn look_at(&mut self, bytes: &[u8]) -> io::Result<()> {
        for byte in bytes {
            self.string = match (self.string, byte) {
                (Some(len), _) if self.is_escaped => {
                    self.is_escaped = false;
                    Some(len + 1)
                }
                (Some(len), b'\\') => {
                    self.is_escaped = true;
                    Some(len + 1)
                }
                (Some(_), b'"') => None,
                (Some(len), _) => Some(len + 1),
                (None, b'"') => Some(0),
                (None, _) => None,
            };
            if self.string.is_some_and(|len| len > MAX_STRING) {
                return Err(io::Error::other("a string in it is longer than 1 MiB"));
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(buffer)?;
        self.look_at(&buffer[..len])?;
        self.unchecked += len;
        if self.unchecked >= LOOK_EVERY {
            self.unchecked = 0;
            if let Err(error) = (self.check)() {
                self.ended = Some(error);
                return Err(io::Error::other("the call is to end"));
            }
        }
        Ok(len)
    }
}
