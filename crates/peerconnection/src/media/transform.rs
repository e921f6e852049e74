//! Frames through a function of the application's, on a worker thread and outside of any lock.

use super::worker::{Job, Task};
use crate::driver::{Cell, Interest, Sending, Ticket};
use crate::engine::{RtpFrame, WriteFrameError};
use crate::jsep::TransceiverId;
use crate::peer::{Peer, TransformSide};
use std::sync::Arc;
use std::task::Waker;

/// Frames in one run, so that streams of one thread take turns.
const FRAMES_PER_RUN: usize = 4;

/// Where frames wait to be transformed, and go on.
#[derive(Clone, Debug)]
pub(crate) struct TransformPlace {
    pub cell: Arc<Cell>,
    pub id: TransceiverId,
    pub side: TransformSide,
}

impl TransformPlace {
    pub fn interest(&self) -> Interest {
        Interest::Transform(self.id, self.side)
    }

    /// The next frame, or that none follows.
    pub fn read(&self, peer: &mut Peer) -> Option<Option<RtpFrame>> {
        match peer.read_untransformed(self.id, self.side) {
            Some(frame) => Some(Some(frame)),
            None => peer.is_track_over(self.id).then_some(None),
        }
    }

    pub fn write(&self, frame: RtpFrame) -> Result<(), WriteFrameError> {
        self.cell.command(|peer, now| peer.write_transformed(now, self.id, self.side, frame))
    }
}

/// A transform that runs as long as this lives.
#[derive(Clone, Debug)]
pub(crate) struct RunningTransform {
    _task: Arc<Task>,
}

impl RunningTransform {
    pub fn start(place: TransformPlace, transform: impl FnMut(RtpFrame) -> Option<RtpFrame> + Send + 'static) -> Self {
        let ticket = place.cell.ticket();
        let task = Task::new(|waker| Box::new(TransformJob { place, ticket, waker, transform }));
        task.schedule();
        Self { _task: task }
    }
}

struct TransformJob<F> {
    place: TransformPlace,
    /// Others may wait for the same.
    ticket: Ticket,
    waker: Waker,
    transform: F,
}

impl<F: FnMut(RtpFrame) -> Option<RtpFrame> + Send> Job for TransformJob<F> {
    fn run(&mut self) -> bool {
        let at = (self.place.interest(), self.ticket);
        for _ in 0..FRAMES_PER_RUN {
            let read =
                self.place.cell.poll_command_at(at, Sending::Nothing, &self.waker, |peer, _| self.place.read(peer));
            let Some(Some(frame)) = read else { return false };
            let written = (self.transform)(frame).map(|frame| self.place.write(frame));
            if let Some(Err(error)) = written {
                tracing::trace!(%error, "a transformed frame did not go on");
            }
        }
        true
    }
}
