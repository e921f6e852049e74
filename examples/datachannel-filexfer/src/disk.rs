//! The file, read and written on threads of their own: a slow disk holds up nothing but the file.
//!
//! What goes between the threads are blocks, since each hand-over wakes somebody, which costs more than a message does.

use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

/// Bytes in one block.
const BLOCK_LEN: usize = 512 * 1024;
/// Blocks between the threads.
const QUEUE: usize = 4;

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
    full: mpsc::Sender<Vec<u8>>,
    /// Blocks that were written, to be filled again.
    empty: mpsc::Receiver<Vec<u8>>,
    block: Vec<u8>,
    thread: JoinHandle<io::Result<u64>>,
}

impl Sink {
    pub fn new(file: File) -> Self {
        let (full, to_write) = mpsc::channel(QUEUE);
        let (written, empty) = mpsc::channel(QUEUE + 2);
        let thread = spawn_blocking(move || write(file, to_write, &written));
        Self { full, empty, block: Vec::new(), thread }
    }

    /// Takes the next piece; `false` when nothing can be written any more, and [`finish`](Self::finish) says why.
    ///
    /// To copy it costs less than to free it in another thread than the one that made it.
    pub async fn push(&mut self, piece: &[u8]) -> bool {
        self.block.extend_from_slice(piece);
        if self.block.len() < BLOCK_LEN {
            return true;
        }
        let next = self.empty.try_recv().unwrap_or_else(|_| Vec::with_capacity(self.block.len()));
        self.full.send(std::mem::replace(&mut self.block, next)).await.is_ok()
    }

    /// Waits until all is written, and gives how much it is.
    pub async fn finish(self) -> io::Result<u64> {
        let Self { full, block, thread, .. } = self;
        // Who cannot write says so below.
        let _ = full.send(block).await;
        drop(full);
        thread.await.map_err(io::Error::other)?
    }
}

fn write(mut file: File, mut from: mpsc::Receiver<Vec<u8>>, back: &mpsc::Sender<Vec<u8>>) -> io::Result<u64> {
    let mut written = 0;
    while let Some(mut block) = from.blocking_recv() {
        file.write_all(&block)?;
        written += block.len() as u64;
        block.clear();
        // Nobody needs it any more at the end.
        let _ = back.try_send(block);
    }
    file.sync_data()?;
    Ok(written)
}
