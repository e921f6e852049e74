//! What a decoder made, until it is taken.

use super::remote::RemoteTrackStats;
use ortica_codecs::{AudioFrame, MediaKind, VideoFrame};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Decoded pictures that wait to be taken; the next drops the oldest.
const VIDEO_RING: usize = 8;
/// Decoded frames of sound that wait to be taken: two seconds.
const AUDIO_RING: usize = 100;

/// Decoded frames until they are taken.
#[derive(Debug)]
pub(super) struct Output {
    state: Mutex<Decoded>,
    capacity: usize,
}

#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub audio: VecDeque<AudioFrame>,
    pub video: VecDeque<VideoFrame>,
    /// A place for each future that waits, by number.
    waiting: BTreeMap<u64, Waker>,
    places: u64,
    ended: bool,
    /// Nobody is left to take anything.
    abandoned: bool,
    stats: RemoteTrackStats,
}

impl Output {
    pub fn new(kind: MediaKind) -> Self {
        let capacity = match kind {
            MediaKind::Audio => AUDIO_RING,
            MediaKind::Video => VIDEO_RING,
        };
        Self { state: Mutex::default(), capacity }
    }

    fn lock(&self) -> MutexGuard<'_, Decoded> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one future.
    pub fn wait(&self) -> Wait<'_> {
        Wait { output: self, place: None }
    }

    pub fn stats(&self) -> RemoteTrackStats {
        self.lock().stats
    }

    pub fn push_audio(&self, frame: AudioFrame) {
        self.push(|state| &mut state.audio, frame);
    }

    pub fn push_video(&self, frame: VideoFrame) {
        self.push(|state| &mut state.video, frame);
    }

    pub fn count_failed(&self) {
        self.lock().stats.frames_failed += 1;
    }

    pub fn abandon(&self) {
        self.lock().abandoned = true;
    }

    pub fn is_abandoned(&self) -> bool {
        self.lock().abandoned
    }

    pub fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        state.wake();
    }

    fn push<T>(&self, ring: impl Fn(&mut Decoded) -> &mut VecDeque<T>, frame: T) {
        let mut state = self.lock();
        state.stats.frames_decoded += 1;
        if ring(&mut state).len() >= self.capacity {
            ring(&mut state).pop_front();
            state.stats.frames_dropped += 1;
        }
        ring(&mut state).push_back(frame);
        state.wake();
    }
}

impl Decoded {
    fn wake(&mut self) {
        std::mem::take(&mut self.waiting).into_values().for_each(Waker::wake);
    }
}

/// Where one future waits: from its first wait until it is done or dropped. Whether two wakers wake the same task cannot be told
/// for sure, so it is not by them that places are told apart.
pub(super) struct Wait<'o> {
    output: &'o Output,
    place: Option<u64>,
}

impl Wait<'_> {
    /// What `take` finds, `None` once nothing follows.
    pub fn poll<T>(&mut self, cx: &Context<'_>, take: impl FnOnce(&mut Decoded) -> Option<T>) -> Poll<Option<T>> {
        let mut state = self.output.lock();
        match take(&mut state) {
            Some(frame) => Poll::Ready(Some(frame)),
            None if state.ended => Poll::Ready(None),
            None => {
                let place = *self.place.get_or_insert_with(|| {
                    state.places += 1;
                    state.places
                });
                state.waiting.insert(place, cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.output.lock().waiting.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::task::Wake;

    struct Idle;

    impl Wake for Idle {
        fn wake(self: Arc<Self>) {}
    }

    fn places(output: &Output) -> usize {
        output.lock().waiting.len()
    }

    /// Guards the place that a future holds: however often it is polled and by whatever tasks, it holds one, and leaves none.
    #[test]
    fn flt_46_futures_that_are_dropped_leave_no_waker() {
        let output = Output::new(MediaKind::Audio);
        for _ in 0..1_000 {
            let mut wait = output.wait();
            for _ in 0..3 {
                let waker = Waker::from(Arc::new(Idle));
                let polled = wait.poll(&Context::from_waker(&waker), |state| state.audio.pop_front());
                assert!(polled.is_pending());
            }
            assert_eq!(places(&output), 1);
        }
        assert_eq!(places(&output), 0);
    }

    #[test]
    fn an_end_wakes_everybody() {
        let output = Output::new(MediaKind::Video);
        let mut waits = [output.wait(), output.wait()];
        let cx = &Context::from_waker(Waker::noop());
        assert!(waits.iter_mut().all(|wait| wait.poll(cx, |state| state.video.pop_front()).is_pending()));
        assert_eq!(places(&output), 2);
        output.end();
        assert_eq!(places(&output), 0);
        let ended = |wait: &mut Wait<'_>| matches!(wait.poll(cx, |state| state.video.pop_front()), Poll::Ready(None));
        assert!(waits.iter_mut().all(ended));
    }
}
