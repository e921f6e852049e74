//! The calls there are.

use crate::recording::Recording;
use crate::transform::Transform;
use crate::{channel, echo};
use ortica::codecs::MediaKind;
use ortica::engine::{ChannelState, DtlsState};
use ortica::jsep::{IceCandidate, SessionDescription, SignalingState};
use ortica::{
    Configuration, ConnectionState, DataChannel, DataChannelInit, Endpoint, EndpointConfig, Event, Events,
    PeerConnection,
};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use thiserror::Error;
use tokio::time::sleep;

/// A call that has not connected by then is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A pre-negotiated channel that the caller asks for.
#[derive(Clone, Debug, Deserialize)]
pub struct Negotiated {
    /// Its SCTP stream.
    pub id: u16,
    /// Its label.
    pub label: String,
}

/// Why a request was refused.
#[derive(Debug, Error)]
pub enum CallError {
    /// No call has this id.
    #[error("there is no call {0:?}")]
    Unknown(String),
    /// The connection could not be made.
    #[error(transparent)]
    New(#[from] ortica::NewError),
    /// The description does not fit.
    #[error(transparent)]
    Description(#[from] ortica::jsep::DescriptionError),
    /// The candidate does not fit.
    #[error(transparent)]
    Candidate(#[from] ortica::jsep::IceCandidateError),
    /// The media could not be sent.
    #[error(transparent)]
    Media(#[from] ortica::jsep::TransceiverError),
    /// An offer of this side waits for its answer.
    #[error("the answer to the last offer is missing")]
    Busy,
    /// A channel is to be negotiated on a stream that it cannot have.
    #[error("no channel can be negotiated on stream {0}")]
    Stream(u16),
    /// The channel could not be made.
    #[error(transparent)]
    Channel(#[from] ortica::engine::ChannelError),
}

/// One call.
struct Call {
    connection: PeerConnection,
    /// Local candidates that the caller has not fetched yet.
    candidates: Vec<Option<IceCandidate>>,
    recording: Recording,
}

impl Call {
    async fn end(self) {
        self.connection.close().await;
        self.recording.end().await;
    }
}

/// The calls, by id, all on one endpoint.
#[derive(Clone)]
pub struct Calls {
    endpoint: Endpoint,
    table: Arc<Mutex<Table>>,
    /// Where what callers send is recorded.
    record_to: Option<PathBuf>,
}

#[derive(Default)]
struct Table {
    next: u64,
    calls: BTreeMap<String, Call>,
}

impl Calls {
    /// No calls yet. Loopback is gathered too, since the browser may run on this machine.
    pub fn new() -> io::Result<Self> {
        let endpoint = Endpoint::new(EndpointConfig::default().with_gather_loopback(true))?;
        Ok(Self { endpoint, table: Arc::default(), record_to: None })
    }

    /// Records what callers send, in a file for each call, whose name has the call's id in it.
    #[must_use]
    pub fn with_record_to(mut self, file: Option<PathBuf>) -> Self {
        self.record_to = file;
        self
    }

    /// Answers an offer: of a new call, or of the one that `id` names.
    pub async fn offer(
        &self,
        id: Option<String>,
        offer: SessionDescription,
        negotiated: &[Negotiated],
        transform: Transform,
    ) -> Result<(String, SessionDescription), CallError> {
        let (id, connection, fresh) = self.find_or_open(id)?;
        let recording = self.recording(&id, fresh).await;
        let answer = answer(&connection, offer, negotiated, transform, &recording).await;
        if answer.is_err() && fresh {
            self.close(&id).await?;
        }
        Ok((id, answer?))
    }

    /// Offers these kinds of media, and a data channel if wanted: in a new call, or in addition in the one that `id` names.
    pub async fn request(
        &self,
        id: Option<String>,
        media: &[MediaKind],
        data: bool,
    ) -> Result<(String, SessionDescription), CallError> {
        let (id, connection, fresh) = self.find_or_open(id)?;
        let recording = self.recording(&id, fresh).await;
        let offer = offer(&connection, media, data, &recording).await;
        if offer.is_err() && fresh {
            self.close(&id).await?;
        }
        Ok((id, offer?))
    }

    /// Completes a call that [`request`](Self::request) made.
    pub fn answered(&self, id: &str, answer: SessionDescription) -> Result<(), CallError> {
        Ok(self.connection(id)?.set_remote_description(answer)?)
    }

    /// Adds a candidate of the caller.
    pub fn candidate(&self, id: &str, candidate: &IceCandidate) -> Result<(), CallError> {
        Ok(self.connection(id)?.add_ice_candidate(candidate)?)
    }

    /// The local candidates that came up since the last call; `None` ends them.
    pub fn candidates(&self, id: &str) -> Result<Vec<Option<IceCandidate>>, CallError> {
        let mut table = self.lock();
        let call = table.calls.get_mut(id).ok_or_else(|| CallError::Unknown(id.to_owned()))?;
        Ok(std::mem::take(&mut call.candidates))
    }

    /// Ends a call.
    pub async fn close(&self, id: &str) -> Result<(), CallError> {
        let call = self.lock().calls.remove(id).ok_or_else(|| CallError::Unknown(id.to_owned()))?;
        call.end().await;
        Ok(())
    }

    /// Ends all calls.
    pub async fn close_all(&self) {
        let calls = std::mem::take(&mut self.lock().calls);
        for call in calls.into_values() {
            call.end().await;
        }
    }

    /// The ids of the calls there are.
    pub fn ids(&self) -> Vec<String> {
        self.lock().calls.keys().cloned().collect()
    }

    /// The call of this id, or a new one, which the last part of the answer says.
    fn find_or_open(&self, id: Option<String>) -> Result<(String, PeerConnection, bool), CallError> {
        match id {
            Some(id) => self.connection(&id).map(|connection| (id, connection, false)),
            None => self.open().map(|(id, connection)| (id, connection, true)),
        }
    }

    /// What a call is recorded with: begun with it.
    async fn recording(&self, id: &str, fresh: bool) -> Recording {
        if !fresh {
            return self.lock().calls.get(id).map(|call| call.recording.clone()).unwrap_or_default();
        }
        let recording = Recording::begin(self.record_to.as_deref(), id).await;
        if let Some(call) = self.lock().calls.get_mut(id) {
            call.recording = recording.clone();
        }
        recording
    }

    fn open(&self) -> Result<(String, PeerConnection), CallError> {
        let configuration = Configuration::default().with_endpoint(self.endpoint.clone());
        let (connection, events) = PeerConnection::new(configuration)?;
        let mut table = self.lock();
        table.next += 1;
        let id = format!("pc-{}", table.next);
        let call = Call { connection: connection.clone(), candidates: Vec::new(), recording: Recording::default() };
        table.calls.insert(id.clone(), call);
        tokio::spawn(self.clone().watch(id.clone(), connection.clone(), events));
        Ok((id, connection))
    }

    /// Follows one call until it is over, which it also is when the caller leaves, when it fails, or never connects.
    async fn watch(self, id: String, connection: PeerConnection, mut events: Events) {
        let mut overdue = pin!(sleep(PATIENCE));
        let mut connected = false;
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                () = &mut overdue, if !connected => break,
            };
            tracing::debug!(id, ?event, "call");
            match event {
                None
                | Some(
                    Event::DtlsStateChange { state: DtlsState::Closed, .. }
                    | Event::ConnectionStateChange(ConnectionState::Failed),
                ) => break,
                Some(Event::ConnectionStateChange(ConnectionState::Connected)) => connected = true,
                Some(Event::DataChannel(data)) => drop(tokio::spawn(channel::answer(data))),
                Some(Event::IceCandidate(candidate)) => {
                    if let Some(call) = self.lock().calls.get_mut(&id) {
                        call.candidates.push(candidate);
                    }
                }
                Some(_) => {}
            }
        }
        let call = self.lock().calls.remove(&id);
        // Ends the tasks of its tracks and channels, which would hold it otherwise.
        connection.close().await;
        if let Some(call) = call {
            call.end().await;
        }
    }

    fn connection(&self, id: &str) -> Result<PeerConnection, CallError> {
        let table = self.lock();
        let call = table.calls.get(id).ok_or_else(|| CallError::Unknown(id.to_owned()))?;
        Ok(call.connection.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn offer(
    connection: &PeerConnection,
    media: &[MediaKind],
    data: bool,
    recording: &Recording,
) -> Result<SessionDescription, CallError> {
    if connection.signaling_state() != SignalingState::Stable {
        return Err(CallError::Busy);
    }
    for kind in media {
        echo::offer(connection, *kind, recording).await?;
    }
    if data {
        let data = connection.create_data_channel("chat", DataChannelInit::default())?;
        tokio::spawn(channel::answer(data));
    }
    let offer = connection.create_offer()?;
    connection.set_local_description(offer.clone())?;
    connection.gathering_complete().await;
    Ok(connection.local_description().unwrap_or(offer))
}

async fn answer(
    connection: &PeerConnection,
    offer: SessionDescription,
    negotiated: &[Negotiated],
    transform: Transform,
    recording: &Recording,
) -> Result<SessionDescription, CallError> {
    check_negotiated(connection, negotiated)?;
    connection.set_remote_description(offer)?;
    for Negotiated { id, label } in negotiated {
        let init = DataChannelInit { negotiated: Some(*id), ..DataChannelInit::default() };
        tokio::spawn(channel::answer(connection.create_data_channel(label, init)?));
    }
    echo::answer(connection, transform, recording).await?;
    let answer = connection.create_answer()?;
    connection.set_local_description(answer.clone())?;
    // Host candidates are known at once, so that waiting for them costs nothing.
    connection.gathering_complete().await;
    Ok(connection.local_description().unwrap_or(answer))
}

/// Whether these channels can be made, asked before the offer is taken: a call that goes on keeps nothing of one that is
/// refused.
fn check_negotiated(connection: &PeerConnection, negotiated: &[Negotiated]) -> Result<(), CallError> {
    let open = |channel: &DataChannel| channel.ready_state() != ChannelState::Closed;
    let mut taken: BTreeSet<u16> =
        connection.data_channels().iter().filter(|channel| open(channel)).filter_map(DataChannel::id).collect();
    // The highest is no stream that a channel can have (RFC 8832 §6).
    match negotiated.iter().find(|channel| channel.id == u16::MAX || !taken.insert(channel.id)) {
        Some(channel) => Err(CallError::Stream(channel.id)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica::LocalTrack;
    use tokio::runtime::{Handle, Runtime};
    use tokio::task::yield_now;
    use tokio::time::{advance, pause, resume, timeout};

    fn tasks() -> usize {
        Handle::current().metrics().num_alive_tasks()
    }

    async fn offer(connection: &PeerConnection) -> SessionDescription {
        connection.create_data_channel("chat", DataChannelInit::default()).unwrap();
        connection.add_track(&LocalTrack::audio(), &[]).unwrap();
        connection.add_track(&LocalTrack::video(), &[]).unwrap();
        connection.set_local_description(None).unwrap();
        connection.gathering_complete().await;
        connection.local_description().unwrap()
    }

    fn caller() -> (PeerConnection, Events) {
        PeerConnection::new(Configuration::default().with_gather_loopback(true)).unwrap()
    }

    /// Lets time pass until there are no calls, and says how many seconds that took; then waits until there are no more
    /// tasks than these.
    async fn seconds_until_gone(calls: &Calls, tasks_before: usize) -> usize {
        pause();
        let mut seconds = 0;
        while !calls.ids().is_empty() {
            assert!(seconds < 300, "{:?}", calls.ids());
            advance(Duration::from_secs(1)).await;
            // What is due now runs, and what it sends over loopback arrives.
            for _ in 0..50 {
                yield_now().await;
            }
            seconds += 1;
        }
        // Codecs have threads of their own, which no virtual clock moves.
        resume();
        let ended = async {
            while tasks() > tasks_before {
                yield_now().await;
            }
        };
        timeout(Duration::from_secs(20), ended).await.expect("the tasks end");
        seconds
    }

    #[tokio::test]
    async fn a_call_whose_peer_vanishes_is_gone_with_its_tasks() {
        let calls = Calls::new().unwrap();
        let before = tasks();
        // A runtime of its own, so that the peer can be gone from one moment to the next.
        let elsewhere = Runtime::new().unwrap();
        let (connection, sdp) = elsewhere
            .spawn(async {
                let (connection, _) = caller();
                let sdp = offer(&connection).await;
                (connection, sdp)
            })
            .await
            .unwrap();
        let (id, answer) = calls.offer(None, sdp, &[], Transform::None).await.unwrap();
        connection.set_remote_description(answer).unwrap();
        calls.connection(&id).unwrap().connected().await.unwrap();
        assert!(tasks() > before + 2, "sound and pictures have a task each");
        elsewhere.shutdown_background();
        let seconds = seconds_until_gone(&calls, before).await;
        assert!((25..=60).contains(&seconds), "{seconds}");
    }

    #[tokio::test]
    async fn a_call_whose_peer_says_goodbye_is_gone_with_its_tasks() {
        let calls = Calls::new().unwrap();
        let before = tasks();
        {
            let (connection, _events) = caller();
            let (id, answer) = calls.offer(None, offer(&connection).await, &[], Transform::None).await.unwrap();
            connection.set_remote_description(answer).unwrap();
            connection.connected().await.unwrap();
            calls.connection(&id).unwrap().connected().await.unwrap();
            connection.close().await;
        }
        let seconds = seconds_until_gone(&calls, before).await;
        assert!(seconds <= 5, "{seconds}");
    }

    #[tokio::test]
    async fn a_call_that_never_connects_is_gone_with_its_tasks() {
        let calls = Calls::new().unwrap();
        let before = tasks();
        {
            // Which never hears the answer.
            let (connection, _events) = caller();
            calls.offer(None, offer(&connection).await, &[], Transform::Edges).await.unwrap();
        }
        calls.request(None, &[MediaKind::Audio, MediaKind::Video], true).await.unwrap();
        assert_eq!(calls.ids().len(), 2);
        let seconds = seconds_until_gone(&calls, before).await;
        assert!((55..=70).contains(&seconds), "{seconds}");
    }

    #[tokio::test]
    async fn what_a_caller_sends_is_recorded_in_a_file_of_its_call() {
        use ortica::codecs::container::WebmReader;
        use ortica::media::tone;
        let file = std::env::temp_dir().join(format!("ortica-server-{}.webm", std::process::id()));
        let calls = Calls::new().unwrap().with_record_to(Some(file.clone()));
        let (connection, _events) = caller();
        let sound = LocalTrack::pulled(tone(440.0).unwrap(), Default::default());
        connection.add_track(&sound, &[]).unwrap();
        connection.set_local_description(None).unwrap();
        connection.gathering_complete().await;
        let sdp = connection.local_description().unwrap();
        let (id, answer) = calls.offer(None, sdp, &[], Transform::None).await.unwrap();
        connection.set_remote_description(answer).unwrap();
        let echoed = connection.transceivers()[0].receiver().track();
        for _ in 0..50 {
            timeout(Duration::from_secs(20), echoed.recv_audio()).await.unwrap().unwrap();
        }
        calls.close(&id).await.unwrap();
        let recorded = file.with_file_name(format!("ortica-server-{}-{id}.webm", std::process::id()));
        let mut reader = WebmReader::new(std::fs::File::open(&recorded).unwrap()).unwrap();
        let frames = std::iter::from_fn(|| reader.next_frame().unwrap()).count();
        assert!(frames >= 45, "{frames}");
        assert!(reader.duration().is_some_and(|duration| duration > Duration::from_millis(900)));
        std::fs::remove_file(recorded).unwrap();
    }

    /// Guards: a file that cannot be made is no reason to refuse a call.
    #[tokio::test]
    async fn a_call_that_cannot_be_recorded_is_answered() {
        let calls = Calls::new().unwrap().with_record_to(Some("/dev/null/call.webm".into()));
        let (connection, _events) = caller();
        let (id, _) = calls.offer(None, offer(&connection).await, &[], Transform::None).await.unwrap();
        assert_eq!(calls.ids(), [id]);
        calls.close_all().await;
    }
}
