//! The file, read and written on threads of their own: a slow disk holds up nothing but the file.
//!
//! What goes between the threads are blocks, since each hand-over wakes somebody, which costs more than a message does.

use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

/// Bytes in one block: few, so that what one thread left in the cache is still there when the next comes to it.
const BLOCK_LEN: usize = 256 * 1024;
/// Blocks between the threads.
const QUEUE: usize = 8;
/// Pieces of a file in one block at most, however short they are.
const PIECES: usize = 64;

/// A file that is read ahead.
pub struct Source {
    blocks: mpsc::Receiver<Bytes>,
    thread: JoinHandle<io::Result<()>>,
    block: Bytes,
}

impl Source {
    pub fn new(file: File) -> Self {
        let (to, blocks) = mpsc::channel(QUEUE);
        Self { blocks, thread: spawn_blocking(move || read(file, &to)), block: Bytes::new() }
    }

    /// The next piece, of at most `most` bytes; `None` at the end of the file.
    pub async fn next(&mut self, most: usize) -> io::Result<Option<Bytes>> {
        if self.block.is_empty() {
            let Some(block) = self.blocks.recv().await else {
                return (&mut self.thread).await.map_err(io::Error::other)?.map(|()| None);
            };
            self.block = block;
        }
        Ok(Some(self.block.split_to(most.min(self.block.len()))))
    }
}

/// Reads into blocks that nobody holds any more, so that they are made once.
fn read(mut file: File, to: &mpsc::Sender<Bytes>) -> io::Result<()> {
    let mut given = VecDeque::new();
    loop {
        let mut block = reclaimed(&mut given).unwrap_or_else(|| BytesMut::zeroed(BLOCK_LEN));
        let len = fill(&mut file, &mut block)?;
        let block = block.freeze();
        if len > 0 && to.blocking_send(block.slice(..len)).is_err() {
            return Ok(());
        }
        if len < BLOCK_LEN {
            return Ok(());
        }
        given.push_back(block);
    }
}

/// The oldest block, if the other side of the connection has all of it.
fn reclaimed(given: &mut VecDeque<Bytes>) -> Option<BytesMut> {
    let block = given.pop_front()?;
    block.try_into_mut().map_err(|block| given.push_front(block)).ok()
}

/// Fills `block` as far as the file goes.
fn fill(file: &mut File, block: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match file.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(len) => filled += len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// A file that is written behind.
pub struct Sink {
    full: mpsc::Sender<Vec<Bytes>>,
    /// Pieces that were written: this thread made them, and frees them at less cost than another one.
    written: mpsc::Receiver<Vec<Bytes>>,
    pieces: Vec<Bytes>,
    len: usize,
    thread: JoinHandle<io::Result<u64>>,
}

impl Sink {
    pub fn new(file: File) -> Self {
        let (full, to_write) = mpsc::channel(QUEUE);
        let (back, written) = mpsc::channel(QUEUE + 2);
        let thread = spawn_blocking(move || write(file, to_write, &back));
        Self { full, written, pieces: Vec::new(), len: 0, thread }
    }

    /// Takes the next piece; `false` when nothing can be written any more, and [`finish`](Self::finish) says why.
    pub async fn push(&mut self, piece: Bytes) -> bool {
        self.len += piece.len();
        self.pieces.push(piece);
        if self.len < BLOCK_LEN && self.pieces.len() < PIECES {
            return true;
        }
        self.len = 0;
        let mut next = self.written.try_recv().unwrap_or_default();
        next.clear();
        self.full.send(std::mem::replace(&mut self.pieces, next)).await.is_ok()
    }

    /// Waits until all is written, and gives how much it is.
    pub async fn finish(self) -> io::Result<u64> {
        let Self { full, pieces, thread, .. } = self;
        // Who cannot write says so below.
        let _ = full.send(pieces).await;
        drop(full);
        thread.await.map_err(io::Error::other)?
    }
}

fn write(mut file: File, mut from: mpsc::Receiver<Vec<Bytes>>, back: &mpsc::Sender<Vec<Bytes>>) -> io::Result<u64> {
    let mut written = 0;
    while let Some(pieces) = from.blocking_recv() {
        written += write_all(&mut file, &pieces)?;
        // Nobody takes them any more at the end.
        let _ = back.try_send(pieces);
    }
    file.sync_data()?;
    Ok(written)
}

/// Writes the pieces one behind the other, and gives how much they are.
fn write_all(file: &mut impl Write, pieces: &[Bytes]) -> io::Result<u64> {
    let pieces = pieces.iter().filter(|piece| !piece.is_empty());
    let mut slices: Vec<_> = pieces.map(|piece| IoSlice::new(piece)).collect();
    let (mut left, mut written) = (&mut slices[..], 0);
    while !left.is_empty() {
        match file.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(len) => {
                written += len as u64;
                IoSlice::advance_slices(&mut left, len);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes three bytes at a time and is interrupted every other time.
    #[derive(Default)]
    struct Short {
        taken: Vec<u8>,
        calls: usize,
    }

    impl Write for Short {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.calls += 1;
            if self.calls.is_multiple_of(2) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let len = bytes.len().min(3);
            self.taken.extend_from_slice(&bytes[..len]);
            Ok(len)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn pieces_are_written_whole_and_in_order() {
        let pieces = ["first", "", "of", "all of them", ""].map(Bytes::from);
        let mut file = Short::default();
        assert_eq!(write_all(&mut file, &pieces).unwrap(), 18);
        assert_eq!(file.taken, b"firstofall of them");
        assert_eq!(write_all(&mut file, &[Bytes::new()]).unwrap(), 0);
    }

    #[test]
    fn a_file_that_takes_nothing_is_an_error() {
        let mut full: &mut [u8] = &mut [0; 4];
        let error = write_all(&mut full, &[Bytes::from("five!")]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    }
}
