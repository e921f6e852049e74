//! Lines in both directions.

use std::fmt;
use std::io;
use std::pin::Pin;
use thiserror::Error;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

/// No description is as long as this, in bytes.
pub const LONGEST_LINE: usize = 1 << 20;

#[derive(Debug, Error)]
pub enum LineError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("a line of more than {0} bytes")]
    TooLong(usize),
}

pub struct Lines {
    from: Pin<Box<dyn AsyncBufRead + Send + Sync>>,
    to: Pin<Box<dyn AsyncWrite + Send + Sync>>,
    /// What has come of a line whose end has not.
    line: Vec<u8>,
}

impl Lines {
    pub fn new((from, to): (impl AsyncRead + Send + Sync + 'static, impl AsyncWrite + Send + Sync + 'static)) -> Self {
        Self { from: Box::pin(BufReader::new(from)), to: Box::pin(to), line: Vec::new() }
    }

    pub fn terminal() -> Self {
        Self::new((tokio::io::stdin(), tokio::io::stdout()))
    }

    /// Tells people something, on a line that is no message.
    pub async fn say(&mut self, words: &str) -> io::Result<()> {
        self.write(words).await
    }

    pub async fn write(&mut self, line: &str) -> io::Result<()> {
        self.to.write_all(format!("{line}\n").as_bytes()).await?;
        self.to.flush().await
    }

    /// The next line that is not empty, or `None` at the end, which is also where the other side broke off. What was read of a
    /// line stays for the next call when this one is cancelled.
    pub async fn read(&mut self) -> Result<Option<String>, LineError> {
        loop {
            let room = LONGEST_LINE.saturating_sub(self.line.len()) + 1;
            let read = match (&mut self.from).take(room as u64).read_until(b'\n', &mut self.line).await {
                Ok(read) => read,
                // It is gone all the same, with something unread.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
                Err(error) => return Err(error.into()),
            };
            if self.line.len() > LONGEST_LINE {
                return Err(LineError::TooLong(LONGEST_LINE));
            }
            if read > 0 && !self.line.ends_with(b"\n") {
                continue;
            }
            // Bytes that are no text make no message either, which the one who reads it says.
            let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).trim().to_owned();
            if !line.is_empty() {
                return Ok(Some(line));
            }
            if read == 0 {
                return Ok(None);
            }
        }
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: impl Into<Vec<u8>>) -> Lines {
        Lines::new((io::Cursor::new(text.into()), tokio::io::sink()))
    }

    #[tokio::test]
    async fn lines_come_one_by_one_and_end() {
        let mut lines = lines("one\n\r\n  two\r\nthree");
        for wanted in [Some("one"), Some("two"), Some("three"), None, None] {
            assert_eq!(lines.read().await.unwrap().as_deref(), wanted);
        }
    }

    /// Guards against a side that never ends its line.
    #[tokio::test]
    async fn a_line_without_end_is_refused() {
        let mut lines = lines(vec![b'a'; LONGEST_LINE + 10]);
        assert!(matches!(lines.read().await, Err(LineError::TooLong(LONGEST_LINE))));
        assert!(matches!(lines.read().await, Err(LineError::TooLong(LONGEST_LINE))), "and stays refused");
    }

    #[tokio::test]
    async fn a_read_that_is_cancelled_loses_nothing() {
        let (mut far, near) = tokio::io::duplex(64);
        let mut lines = Lines::new((near, tokio::io::sink()));
        far.write_all(b"first half, ").await.unwrap();
        tokio::select! {
            biased;
            line = lines.read() => panic!("{line:?}"),
            () = tokio::task::yield_now() => {}
        }
        far.write_all(b"second half\n").await.unwrap();
        assert_eq!(lines.read().await.unwrap().as_deref(), Some("first half, second half"));
    }
}
