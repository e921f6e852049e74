//! The calls there are.

use crate::transform::Transform;
use crate::{channel, echo};
use ortica::codecs::MediaKind;
use ortica::engine::DtlsState;
use ortica::jsep::{IceCandidate, SessionDescription};
use ortica::{
    Configuration, ConnectionState, DataChannelInit, Endpoint, EndpointConfig, Event, Events, PeerConnection,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use thiserror::Error;

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
    /// The channel could not be made.
    #[error(transparent)]
    Channel(#[from] ortica::engine::ChannelError),
}

/// One call.
struct Call {
    connection: PeerConnection,
    /// Local candidates that the caller has not fetched yet.
    candidates: Vec<Option<IceCandidate>>,
}

/// The calls, by id, all on one endpoint.
#[derive(Clone)]
pub struct Calls {
    endpoint: Endpoint,
    table: Arc<Mutex<Table>>,
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
        Ok(Self { endpoint, table: Arc::default() })
    }

    /// Answers an offer: of a new call, or of the one that `id` names.
    pub async fn offer(
        &self,
        id: Option<String>,
        offer: SessionDescription,
        negotiated: &[Negotiated],
        transform: Transform,
    ) -> Result<(String, SessionDescription), CallError> {
        let (id, connection, fresh) = match id {
            Some(id) => {
                let connection = self.connection(&id)?;
                (id, connection, false)
            }
            None => {
                let (id, connection) = self.open()?;
                (id, connection, true)
            }
        };
        let answer = answer(&connection, offer, negotiated, transform).await;
        if answer.is_err() && fresh {
            self.close(&id).await?;
        }
        Ok((id, answer?))
    }

    /// Makes a call that offers these kinds of media, and a data channel if wanted.
    pub async fn request(&self, media: &[MediaKind], data: bool) -> Result<(String, SessionDescription), CallError> {
        let (id, connection) = self.open()?;
        for kind in media {
            echo::offer(&connection, *kind)?;
        }
        if data {
            let data = connection.create_data_channel("chat", DataChannelInit::default())?;
            tokio::spawn(channel::answer(data));
        }
        connection.set_local_description(None)?;
        connection.gathering_complete().await;
        let offer = connection.local_description().ok_or_else(|| CallError::Unknown(id.clone()))?;
        Ok((id, offer))
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
        call.connection.close().await;
        Ok(())
    }

    /// Ends all calls.
    pub async fn close_all(&self) {
        let calls = std::mem::take(&mut self.lock().calls);
        for call in calls.into_values() {
            call.connection.close().await;
        }
    }

    /// The ids of the calls there are.
    pub fn ids(&self) -> Vec<String> {
        self.lock().calls.keys().cloned().collect()
    }

    fn open(&self) -> Result<(String, PeerConnection), CallError> {
        let configuration = Configuration::default().with_endpoint(self.endpoint.clone());
        let (connection, events) = PeerConnection::new(configuration)?;
        let mut table = self.lock();
        table.next += 1;
        let id = format!("pc-{}", table.next);
        table.calls.insert(id.clone(), Call { connection: connection.clone(), candidates: Vec::new() });
        tokio::spawn(self.clone().watch(id.clone(), events));
        Ok((id, connection))
    }

    /// Follows one call until it is over.
    async fn watch(self, id: String, mut events: Events) {
        while let Some(event) = events.next().await {
            tracing::debug!(id, ?event, "call");
            match event {
                Event::DataChannel(data) => drop(tokio::spawn(channel::answer(data))),
                Event::IceCandidate(candidate) => {
                    if let Some(call) = self.lock().calls.get_mut(&id) {
                        call.candidates.push(candidate);
                    }
                }
                Event::ConnectionStateChange(ConnectionState::Failed) | Event::DtlsStateChange(DtlsState::Closed) => {
                    self.lock().calls.remove(&id);
                }
                _ => {}
            }
        }
        self.lock().calls.remove(&id);
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

async fn answer(
    connection: &PeerConnection,
    offer: SessionDescription,
    negotiated: &[Negotiated],
    transform: Transform,
) -> Result<SessionDescription, CallError> {
    for Negotiated { id, label } in negotiated {
        let init = DataChannelInit { negotiated: Some(*id), ..DataChannelInit::default() };
        tokio::spawn(channel::answer(connection.create_data_channel(label, init)?));
    }
    connection.set_remote_description(offer)?;
    echo::answer(connection, transform)?;
    let answer = connection.create_answer()?;
    connection.set_local_description(answer.clone())?;
    // Host candidates are known at once, so that waiting for them costs nothing.
    connection.gathering_complete().await;
    Ok(connection.local_description().unwrap_or(answer))
}
