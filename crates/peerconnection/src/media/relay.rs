//! One source for many who take it.

use super::departure::{Departure, while_needed};
use super::{Frame, KeyFrameRequester, MediaSource};
use ortica_codecs::MediaKind;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::Notify;

/// How many frames wait for a consumer that is behind; of packets of RTP sixteen times as many.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Buffering {
    /// So many, at least one; one more drops the oldest.
    Frames(usize),
    /// The latest alone.
    Latest,
}

impl Default for Buffering {
    /// 64 frames: more than a second of sound, two of pictures.
    fn default() -> Self {
        Self::Frames(64)
    }
}

/// Gives what a source gives to any number of consumers, of which none holds up another.
///
/// The source is pulled from the moment on at which the first consumer asks for a frame, and only while there are some. What a
/// consumer does not take in time is dropped, as its [`Buffering`] says; of encoded pictures everything up to the next key frame,
/// which the source is asked for. The end of the source ends all consumers.
///
/// ```no_run
/// use ortica::media::{Buffering, MediaRelay};
/// use ortica::{LocalTrack, PeerConnection, RemoteTrack};
///
/// # fn relay(presenter: RemoteTrack, viewers: &[PeerConnection]) -> Result<(), Box<dyn std::error::Error>> {
/// // What the presenter sends goes to all viewers as it is: nothing is decoded.
/// let relay = MediaRelay::new(presenter);
/// for viewer in viewers {
///     let track = LocalTrack::pulled(relay.subscribe(Buffering::default()), Default::default());
///     viewer.add_track(&track, &["presenter"])?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MediaRelay {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    kind: MediaKind,
    state: Mutex<State>,
    requester: Option<KeyFrameRequester>,
    departure: Departure,
}

#[derive(Debug, Default)]
struct State {
    /// Those who asked for a frame, by number.
    consumers: BTreeMap<u64, Consumer>,
    numbers: u64,
    ended: bool,
}

#[derive(Debug)]
struct Consumer {
    frames: VecDeque<Frame>,
    capacity: usize,
    /// Frames were dropped, or none came yet: what follows cannot be decoded before the next key frame.
    needs_key_frame: bool,
    dropped: u64,
    arrival: Arc<Notify>,
}

impl MediaRelay {
    /// A relay of this source.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new(source: impl MediaSource) -> Self {
        let shared = Arc::new(Shared {
            kind: source.kind(),
            state: Mutex::default(),
            requester: source.key_frame_requester(),
            departure: Departure::default(),
        });
        tokio::spawn(relay(Arc::downgrade(&shared), shared.departure.listen(), source));
        Self { shared }
    }

    /// One more consumer, whose frames are those from the moment on at which it first asks for one.
    pub fn subscribe(&self, buffering: Buffering) -> RelayTrack {
        let capacity = match buffering {
            Buffering::Frames(count) => count.max(1),
            Buffering::Latest => 1,
        };
        let number = {
            let mut state = self.shared.lock();
            state.numbers += 1;
            state.numbers
        };
        RelayTrack { shared: self.shared.clone(), number, capacity, arrival: Arc::default(), stopped: false }
    }

    /// Ends it for all consumers, and lets go of the source.
    pub fn stop(&self) {
        self.shared.end();
        self.shared.departure.tell();
    }

    /// How many consumers take frames.
    pub fn consumers(&self) -> usize {
        self.shared.lock().consumers.len()
    }
}

/// What a consumer of a [`MediaRelay`] gets.
#[derive(Debug)]
pub struct RelayTrack {
    shared: Arc<Shared>,
    number: u64,
    capacity: usize,
    arrival: Arc<Notify>,
    stopped: bool,
}

impl RelayTrack {
    /// Ends this consumer; others and the source go on.
    pub fn stop(&mut self) {
        self.stopped = true;
        self.shared.lock().consumers.remove(&self.number);
    }

    /// Frames that it did not take in time, or that could not be decoded without those.
    pub fn dropped(&self) -> u64 {
        self.shared.lock().consumers.get(&self.number).map_or(0, |consumer| consumer.dropped)
    }

    /// What there is now: a frame, the end, or neither. The first call makes it known.
    fn take(&self) -> Option<Option<Frame>> {
        let mut state = self.shared.lock();
        let ended = state.ended || self.stopped;
        if !ended && !state.consumers.contains_key(&self.number) {
            state.consumers.insert(self.number, Consumer::new(self.capacity, self.arrival.clone()));
            drop(state);
            self.shared.departure.tell();
            self.shared.request_key_frame();
            return None;
        }
        let frame = state.consumers.get_mut(&self.number).and_then(|consumer| consumer.frames.pop_front());
        match frame {
            Some(frame) => Some(Some(frame)),
            None => ended.then_some(None),
        }
    }
}

/// Cancelling loses nothing.
impl MediaSource for RelayTrack {
    fn kind(&self) -> MediaKind {
        self.shared.kind
    }

    async fn recv(&mut self) -> Option<Frame> {
        loop {
            if let Some(taken) = self.take() {
                return taken;
            }
            self.arrival.notified().await;
        }
    }

    fn key_frame_requester(&self) -> Option<KeyFrameRequester> {
        self.shared.requester.clone()
    }
}

impl Drop for RelayTrack {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        state.consumers.values().for_each(|consumer| consumer.arrival.notify_one());
    }

    fn deliver(&self, frame: &Frame) {
        let mut wants_key_frame = false;
        for consumer in self.lock().consumers.values_mut() {
            wants_key_frame |= consumer.offer(frame);
        }
        if wants_key_frame {
            self.request_key_frame();
        }
    }

    /// Never under the lock: what it leads to is not known here.
    fn request_key_frame(&self) {
        if let Some(requester) = self.requester.as_ref().filter(|_| self.kind == MediaKind::Video) {
            requester.request();
        }
    }
}

impl Consumer {
    fn new(capacity: usize, arrival: Arc<Notify>) -> Self {
        Self { frames: VecDeque::new(), capacity, needs_key_frame: true, dropped: 0, arrival }
    }

    /// Takes a frame or drops one; `true` if that makes a key frame necessary.
    fn offer(&mut self, frame: &Frame) -> bool {
        if self.needs_key_frame && frame.is_of_chain() && !frame.is_key_frame() {
            self.dropped += 1;
            return false;
        }
        if self.frames.len() >= self.capacity * frame.parts() {
            if frame.is_of_chain() {
                // What waits can still be shown in full where a key frame follows it.
                self.dropped += self.frames.len() as u64;
                self.frames.clear();
                if !frame.is_key_frame() {
                    self.dropped += 1;
                    self.needs_key_frame = true;
                    return true;
                }
            } else {
                self.frames.pop_front();
                self.dropped += 1;
            }
        }
        self.needs_key_frame = false;
        self.frames.push_back(frame.clone());
        self.arrival.notify_one();
        false
    }
}

async fn relay(shared: Weak<Shared>, told: Arc<Notify>, mut source: impl MediaSource) {
    let is_needed = || shared.upgrade().is_some_and(|shared| !shared.lock().ended);
    loop {
        let is_idle = || shared.upgrade().is_some_and(|shared| shared.lock().consumers.is_empty());
        while is_idle() && is_needed() {
            told.notified().await;
        }
        let Some(frame) = while_needed(source.recv(), &told, is_needed).await else { break };
        let Some(shared) = shared.upgrade() else { return };
        shared.deliver(&frame);
    }
    if let Some(shared) = shared.upgrade() {
        shared.end();
    }
}

#[cfg(test)]
mod tests;
