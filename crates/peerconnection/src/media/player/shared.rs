//! What a player's handles and its thread share.

use super::file::Stream;
use super::{Interest, PlayerError};
use crate::media::Frame;
use crate::media::paced::Pace;
use ortica_codecs::MediaKind;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Frames of sound, and encoded ones, that are read ahead.
const SMALL_FRAMES: usize = 25;
/// Raw pictures that are read ahead.
const PICTURES: usize = 4;
/// What is sought follows what was given out before by this.
const AFTER_SEEK: Duration = Duration::from_millis(20);

/// What is played.
#[derive(Debug)]
pub(super) struct Origin {
    pub path: PathBuf,
    pub streams: Vec<Stream>,
    pub duration: Option<Duration>,
    /// It goes on at its own pace, read or not: nothing of it waits for its time, and the oldest goes where nobody takes it.
    pub is_live: bool,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub origin: Origin,
    pub patience: Option<Duration>,
    pub interest: Interest,
    decode: bool,
    state: Mutex<State>,
    /// The thread waits here for something to do.
    wanted: Condvar,
}

#[derive(Debug)]
struct State {
    rings: Vec<Ring>,
    pace: Pace,
    paused: Option<Instant>,
    seek: Option<Duration>,
    /// The latest that was given out.
    given: Duration,
    /// Of that: where in the file it stands.
    position: Duration,
    closed: bool,
    error: Option<Arc<PlayerError>>,
}

/// Frames of one stream until they are given out.
#[derive(Debug, Default)]
struct Ring {
    /// With where in the file they stand.
    frames: VecDeque<(Frame, Duration)>,
    started: bool,
    ended: bool,
    /// Frames were dropped that others refer to.
    needs_key_frame: bool,
    arrival: Arc<Notify>,
}

/// What there is for a track.
#[derive(Debug)]
pub(super) enum Next {
    Frame(Frame),
    Due(Instant),
    Empty,
    Paused,
    End,
}

/// Which frames of a stream are of use.
#[derive(Clone, Copy, Debug)]
pub(super) enum Want {
    All,
    /// Nobody asked for one yet, but somebody may: those from about this time on.
    Recent(Duration),
    None,
}

/// What the thread is to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Read a frame of that stream.
    Read(usize),
    /// Read whatever comes next.
    ReadAny,
    /// Go on from there; the first time that follows is `resume_at`.
    Seek {
        to: Duration,
        resume_at: Duration,
    },
    Leave,
}

/// Held by every handle; the last one to go ends the thread.
#[derive(Debug)]
pub(super) struct Lease(Arc<Shared>);

impl Lease {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    pub fn shared(&self) -> &Shared {
        &self.0
    }

    #[cfg(test)]
    pub fn arc(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Shared {
    pub fn new(origin: Origin, options: &super::PlayerOptions, interest: Interest) -> Self {
        let state = State {
            rings: origin.streams.iter().map(|_| Ring::default()).collect(),
            pace: Pace::default(),
            paused: None,
            seek: None,
            given: Duration::ZERO,
            position: Duration::ZERO,
            closed: false,
            error: None,
        };
        let (patience, decode) = (options.timeout, options.decode);
        Self { origin, patience, interest, decode, state: Mutex::new(state), wanted: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn capacity(&self, stream: usize) -> usize {
        let is_raw = |stream: &Stream| stream.kind == MediaKind::Video && (self.decode || stream.codec.is_none());
        if self.origin.streams.get(stream).is_some_and(is_raw) { PICTURES } else { SMALL_FRAMES }
    }

    /// What wakes a track.
    pub fn arrival(&self, stream: usize) -> Arc<Notify> {
        self.lock().rings[stream].arrival.clone()
    }

    /// What there is for a track; the first call starts its stream.
    pub fn next(&self, stream: usize, now: Instant) -> Next {
        let state = &mut *self.lock();
        let ring = &mut state.rings[stream];
        if state.closed {
            return Next::End;
        }
        if state.paused.is_some() {
            return Next::Paused;
        }
        if !std::mem::replace(&mut ring.started, true) {
            self.wanted.notify_one();
        }
        let Some((frame, _)) = ring.frames.front() else {
            // What is being sought may have frames again.
            return if ring.ended && state.seek.is_none() { Next::End } else { Next::Empty };
        };
        let time = frame.time();
        let due = if self.origin.is_live { now } else { state.pace.due(now, time) };
        if due > now {
            return Next::Due(due);
        }
        let Some((frame, position)) = ring.frames.pop_front() else { return Next::Empty };
        (state.given, state.position) = (state.given.max(time), position);
        self.wanted.notify_one();
        Next::Frame(frame)
    }

    pub fn position(&self) -> Duration {
        self.lock().position
    }

    pub fn error(&self) -> Option<Arc<PlayerError>> {
        self.lock().error.clone()
    }

    pub fn pause(&self, now: Instant) {
        self.lock().paused.get_or_insert(now);
    }

    pub fn resume(&self, now: Instant) {
        let mut state = self.lock();
        if let Some(paused) = state.paused.take() {
            state.pace.shift(now.saturating_duration_since(paused));
            if self.origin.is_live {
                // What came meanwhile is over.
                state.rings.iter_mut().for_each(Ring::skip);
            }
        }
        state.wake();
    }

    pub fn seek(&self, to: Duration) {
        if self.origin.is_live {
            return;
        }
        let mut state = self.lock();
        state.seek = Some(to);
        for ring in &mut state.rings {
            ring.frames.clear();
        }
        state.position = to;
        state.wake();
        self.wanted.notify_one();
    }

    /// Ends one stream.
    pub fn stop(&self, stream: usize) {
        let mut state = self.lock();
        let ring = &mut state.rings[stream];
        ring.frames.clear();
        (ring.started, ring.ended) = (true, true);
        ring.arrival.notify_one();
    }

    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.interest.end();
        state.rings.iter_mut().for_each(|ring| ring.frames.clear());
        state.wake();
        self.wanted.notify_one();
    }

    pub fn time_out(&self) {
        self.fail(PlayerError::TimedOut { path: self.origin.path.clone() });
        self.close();
    }

    /// Remembers the first error.
    pub fn fail(&self, error: PlayerError) {
        tracing::warn!(%error, "a file is not played to its end");
        self.lock().error.get_or_insert_with(|| Arc::new(error));
    }

    /// The thread's: waits for something to do.
    pub fn order(&self) -> Order {
        let mut state = self.lock();
        loop {
            if state.closed {
                return Order::Leave;
            }
            if let Some(to) = state.seek.take() {
                let resume_at = state.given + AFTER_SEEK;
                for ring in &mut state.rings {
                    ring.frames.clear();
                    ring.ended = false;
                }
                return Order::Seek { to, resume_at };
            }
            let is_live = self.origin.is_live;
            let is_hungry = |(stream, ring): &(usize, &Ring)| {
                ring.started && !ring.ended && (is_live || ring.frames.len() < self.capacity(*stream))
            };
            let hungry = state.rings.iter().enumerate().find(is_hungry);
            if let Some((stream, _)) = hungry {
                return if is_live { Order::ReadAny } else { Order::Read(stream) };
            }
            state = self.wanted.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The thread's: what becomes of frames of a stream.
    pub fn want(&self, stream: usize) -> Want {
        let state = self.lock();
        match state.rings.get(stream) {
            Some(ring) if ring.ended => Want::None,
            Some(ring) if ring.started => Want::All,
            Some(_) => Want::Recent(state.given),
            None => Want::None,
        }
    }

    /// The thread's: a frame, and where in the file it stands. What comes of before a seek is dropped.
    pub fn put(&self, stream: usize, frame: Frame, position: Duration) {
        let state = &mut *self.lock();
        if let Some(ring) = state.rings.get_mut(stream).filter(|_| state.seek.is_none() && !state.closed) {
            if self.origin.is_live && ring.frames.len() >= self.capacity(stream) {
                ring.drop_oldest();
            }
            ring.push(frame, position);
            ring.arrival.notify_one();
        }
    }

    /// The thread's: no more frames of a stream follow.
    pub fn end(&self, stream: usize) {
        if let Some(ring) = self.lock().rings.get_mut(stream) {
            ring.ended = true;
            ring.arrival.notify_one();
        }
    }
}

impl Ring {
    fn push(&mut self, frame: Frame, position: Duration) {
        self.needs_key_frame &= !frame.is_key_frame();
        if !self.needs_key_frame {
            self.frames.push_back((frame, position));
        }
    }

    /// Makes room. Of frames that refer to each other none can go alone.
    fn drop_oldest(&mut self) {
        match self.frames.pop_front() {
            Some((oldest, _)) if oldest.is_of_chain() => self.skip(),
            _ => {}
        }
    }

    fn skip(&mut self) {
        self.needs_key_frame |= self.frames.iter().any(|(frame, _)| frame.is_of_chain());
        self.frames.clear();
    }
}

impl State {
    fn wake(&self) {
        self.rings.iter().for_each(|ring| ring.arrival.notify_one());
    }
}

#[cfg(test)]
mod tests;
