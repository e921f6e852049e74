//! The thread that writes.

use super::file::{Files, Output, io_error};
use super::lane::{Item, Lane};
use super::opening::{Held, Opening};
use super::timeline::Timeline;
use super::{RecorderError, Recording};
use crate::media::{Frame, KeyFrameRequester};
use ortica_codecs::MediaKind;
use ortica_codecs::coder::CoderError;
use ortica_codecs::container::ContainerError;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What a track says.
pub(super) struct Message {
    pub track: usize,
    /// How long the recording had gone on by then.
    pub arrived: Duration,
    pub input: Input,
}

pub(super) enum Input {
    Begin {
        kind: MediaKind,
        requester: Option<KeyFrameRequester>,
    },
    Frame(Frame),
    /// Nothing came for a while.
    Flush,
    End,
}

pub(super) struct Worker {
    files: Files,
    output: Output,
    lanes: Vec<Option<Lane>>,
    line: Timeline,
    /// Until the tracks are aligned.
    opening: Option<Opening>,
    recording: Recording,
    /// A key frame was asked for, with which the next file begins.
    waits_for_key_frame: bool,
    /// A file that was to be the next.
    uncreated: Option<PathBuf>,
    /// The first one.
    coder_error: Option<(usize, CoderError)>,
    /// Reused.
    items: Vec<Item>,
}

/// What comes of a recording.
type Outcome = oneshot::Receiver<Result<Recording, RecorderError>>;

impl Worker {
    /// Creates the file on a thread of its own, which goes on to write what comes.
    pub async fn spawn(files: Files, tracks: usize, from: mpsc::Receiver<Message>) -> Result<Outcome, RecorderError> {
        let (created, is_created) = oneshot::channel();
        let (done, outcome) = oneshot::channel();
        let thread = thread::Builder::new().name("ortica-recorder".to_owned());
        let run = move || match Self::new(files, tracks) {
            Ok(worker) => {
                // Whoever started it may be gone already: then nothing comes.
                let _ = created.send(Ok(()));
                let _ = done.send(worker.run(from));
            }
            Err(error) => drop(created.send(Err(error))),
        };
        thread.spawn(run).map_err(RecorderError::Thread)?;
        is_created.await.unwrap_or(Err(RecorderError::Stopped))?;
        Ok(outcome)
    }

    fn new(files: Files, tracks: usize) -> Result<Self, RecorderError> {
        let created = files.create(1, Duration::ZERO);
        let create = |error| RecorderError::Create { path: files.path_of(1), source: io_error(error) };
        let output = created.map_err(create)?;
        let recording = Recording { files: vec![output.path.clone()], ..Recording::default() };
        Ok(Self {
            files,
            output,
            lanes: Vec::new(),
            line: Timeline::default(),
            opening: Some(Opening::new(tracks)),
            recording,
            waits_for_key_frame: false,
            uncreated: None,
            coder_error: None,
            items: Vec::new(),
        })
    }

    fn run(mut self, mut from: mpsc::Receiver<Message>) -> Result<Recording, RecorderError> {
        let mut failed = Ok(());
        while let Some(message) = from.blocking_recv() {
            failed = self.take(message);
            if failed.is_err() {
                break;
            }
        }
        // Who still sends is told.
        drop(from);
        let failed = failed.and_then(|()| self.end_opening());
        let path = self.uncreated.unwrap_or_else(|| self.output.path.clone());
        let finished = self.output.finish();
        let write = |source| RecorderError::Write { path, source };
        self.recording.duration += failed.and(finished).map_err(write)?;
        match self.coder_error {
            Some((track, source)) if self.recording.frames == 0 => {
                Err(RecorderError::Coder { path: self.files.path().to_owned(), track, source })
            }
            _ => Ok(self.recording),
        }
    }

    fn take(&mut self, message: Message) -> Result<(), ContainerError> {
        let Message { track, arrived, input } = message;
        self.handle(track, input, arrived)?;
        match &self.opening {
            Some(opening) if opening.is_over(arrived) => self.end_opening(),
            _ => Ok(()),
        }
    }

    fn handle(&mut self, track: usize, input: Input, arrived: Duration) -> Result<(), ContainerError> {
        match input {
            Input::Begin { kind, requester } => {
                if self.lanes.len() <= track {
                    self.lanes.resize_with(track + 1, || None);
                }
                let lane = Lane::new(kind, requester, self.files.coding);
                lane.request_key_frame();
                self.lanes[track] = Some(lane);
                if let Some(opening) = &mut self.opening {
                    opening.begin(track);
                }
                Ok(())
            }
            Input::Frame(frame) => match &mut self.opening {
                Some(opening) => {
                    opening.hold(Held { track, arrived, frame });
                    Ok(())
                }
                None => self.take_frame(track, frame, arrived),
            },
            Input::Flush => self.output.flush(),
            Input::End => {
                if let Some(Some(lane)) = self.lanes.get_mut(track) {
                    lane.ended = true;
                }
                if let Some(opening) = &mut self.opening {
                    opening.end(track);
                }
                self.output.flush()
            }
        }
    }

    /// Aligns the tracks, and writes what has waited for that.
    fn end_opening(&mut self) -> Result<(), ContainerError> {
        let Some(opening) = self.opening.take() else { return Ok(()) };
        let mut lanes: Vec<_> = self.lanes.iter_mut().map(Option::as_mut).collect();
        let mut begun = Vec::new();
        for (number, beginning) in opening.beginnings() {
            let lane = lanes.get_mut(number).and_then(Option::take);
            begun.extend(lane.map(|lane| (&mut lane.time, beginning)));
        }
        let tracks = begun.len();
        self.line.align(&mut begun);
        let mut frames = opening.into_frames().into_iter();
        frames.try_for_each(|Held { track, arrived, frame }| self.take_frame(track, frame, arrived))?;
        self.output.settle(tracks)
    }

    fn take_frame(&mut self, track: usize, frame: Frame, arrived: Duration) -> Result<(), ContainerError> {
        let Some(Some(lane)) = self.lanes.get_mut(track) else { return Ok(()) };
        let mut items = std::mem::take(&mut self.items);
        if let Err(error) = lane.convert(frame, arrived, &mut self.line, self.files.format(), &mut items) {
            tracing::debug!(%error, track, "a frame was not recorded");
            self.recording.left_out += 1;
            self.coder_error.get_or_insert((track, error));
        }
        let written = items.drain(..).try_for_each(|item| self.write(track, item));
        self.items = items;
        written
    }

    fn write(&mut self, track: usize, item: Item) -> Result<(), ContainerError> {
        if self.files.is_full(&self.output, item.time()) {
            self.change_file(&item)?;
        }
        match self.output.put(track, item) {
            Ok(true) => self.recording.frames += 1,
            Ok(false) => self.recording.left_out += 1,
            Err(error) if self.output.has_failed() || matches!(error, ContainerError::Io(_)) => return Err(error),
            Err(error) => {
                tracing::debug!(%error, track, "a frame was not recorded");
                self.recording.left_out += 1;
            }
        }
        Ok(())
    }

    /// Begins the next file if it can begin with that; else asks for what it can begin with.
    fn change_file(&mut self, item: &Item) -> Result<(), ContainerError> {
        let lanes = self.lanes.iter_mut().flatten();
        let mut pictures = lanes.filter(|lane| lane.kind == MediaKind::Video && !lane.ended).peekable();
        if pictures.peek().is_some() && !item.is_key_picture() {
            if !std::mem::replace(&mut self.waits_for_key_frame, true) {
                pictures.for_each(Lane::begin_anew);
            }
            return Ok(());
        }
        self.waits_for_key_frame = false;
        let number = self.recording.files.len() + 1;
        let tracks = self.lanes.iter().flatten().filter(|lane| !lane.ended).count();
        let created = self.files.create(number, item.time());
        let mut next = created.inspect_err(|_| self.uncreated = Some(self.files.path_of(number)))?;
        next.settle(tracks)?;
        self.recording.files.push(next.path.clone());
        self.recording.duration += std::mem::replace(&mut self.output, next).finish()?;
        Ok(())
    }
}
