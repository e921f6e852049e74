//! The call: perfect negotiation, and what commands do to it.

use crate::command::{Command, Figures, LineError, Report, Section, kind};
use crate::media::Media;
use ortica::codecs::MediaKind;
use ortica::jsep::{
    DescriptionError, IceCandidateError, SdpType, SessionDescription, SignalingState, TransceiverError, TransceiverInit,
};
use ortica::signaling::Signal;
use ortica::{
    DataChannel, DataChannelInit, Direction, Event, NewError, PeerConnection, ReplaceTrackError, RtpTransceiver,
};
use serde::Serialize;
use std::io;
use std::time::Duration;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum CallError {
    #[error(transparent)]
    New(#[from] NewError),
    #[error(transparent)]
    Description(#[from] DescriptionError),
    #[error(transparent)]
    Candidate(#[from] IceCandidateError),
    #[error(transparent)]
    Transceiver(#[from] TransceiverError),
    #[error(transparent)]
    Track(#[from] ReplaceTrackError),
    #[error(transparent)]
    Dtmf(#[from] ortica::engine::DtmfError),
    #[error(transparent)]
    Channel(#[from] ortica::engine::ChannelError),
    #[error(transparent)]
    Line(#[from] LineError),
    #[error(transparent)]
    Stream(#[from] io::Error),
    #[error("there is no {0}")]
    Missing(String),
}

pub struct Call {
    connection: PeerConnection,
    polite: bool,
    /// The last offer of the other side was ignored; so are its candidates.
    ignoring: bool,
    media: Media,
    ignored: u32,
    yielded: u32,
    offers: u32,
}

impl Call {
    pub fn new(connection: PeerConnection, polite: bool) -> Self {
        Self { connection, polite, ignoring: false, media: Media::default(), ignored: 0, yielded: 0, offers: 0 }
    }

    pub fn on_event(&mut self, event: Event) -> Result<(), CallError> {
        match event {
            Event::NegotiationNeeded => {
                self.connection.set_local_description(None)?;
                self.offers += 1;
                self.tell_description();
            }
            Event::IceCandidate(candidate) => say(&Signal::Candidate(candidate.unwrap_or_default()).to_json()),
            Event::DataChannel(channel) => {
                tokio::spawn(echo(channel));
            }
            Event::Track(event) => self.media.on_track(event),
            _ => {}
        }
        Ok(())
    }

    pub fn on_signal(&mut self, signal: Signal) -> Result<(), CallError> {
        match signal {
            Signal::Description(description) => self.on_description(description),
            Signal::Candidate(candidate) => match self.connection.add_ice_candidate(&candidate) {
                Err(error) if !self.ignoring => Err(error.into()),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn on_description(&mut self, description: SessionDescription) -> Result<(), CallError> {
        let is_offer = description.kind == SdpType::Offer;
        let collides = is_offer && self.connection.signaling_state() != SignalingState::Stable;
        self.ignoring = collides && !self.polite;
        if self.ignoring {
            self.ignored += 1;
            return Ok(());
        }
        self.yielded += u32::from(collides);
        self.connection.set_remote_description(description)?;
        if is_offer {
            self.connection.set_local_description(None)?;
            self.tell_description();
        }
        Ok(())
    }

    fn tell_description(&self) {
        if let Some(description) = self.connection.local_description() {
            say(&Signal::from(description).to_json());
        }
    }

    pub fn obey(&mut self, command: Command) -> Result<(), CallError> {
        match command {
            Command::AddTrack => self.media.add_pictures(&self.connection)?,
            Command::AddTone { codecs } => self.media.add_tone(&self.connection, &codecs)?,
            Command::AddLayers { rids } => self.media.add_layers(&self.connection, rids)?,
            Command::RemoveTrack => self.media.remove_last(&self.connection)?,
            Command::Silence => self.media.silence()?,
            Command::InsertDtmf { keys, duration, gap } => {
                self.media.insert_dtmf(&keys, Duration::from_millis(duration), Duration::from_millis(gap))?;
            }
            Command::Watch => self.media.watch(&self.connection),
            Command::AddTransceiver { kind: word } => {
                let kind = kind(&word).ok_or_else(|| CallError::Missing(format!("kind {word}")))?;
                let init = TransceiverInit { direction: Direction::RecvOnly, ..TransceiverInit::default() };
                self.connection.add_transceiver(kind, init)?;
            }
            Command::Stop { mid } => self.section(&mid)?.stop()?,
            Command::RestartIce => self.connection.restart_ice(),
            Command::Channel { label } => {
                let channel = self.connection.create_data_channel(&label, DataChannelInit::default())?;
                tokio::spawn(echo(channel));
            }
            Command::Report => say(&json(&self.report())),
            Command::Stats => say(&json(&Figures { stats: self.connection.get_stats() })),
        }
        Ok(())
    }

    fn section(&self, mid: &str) -> Result<RtpTransceiver, CallError> {
        let mut transceivers = self.connection.transceivers().into_iter();
        let found = transceivers.find(|transceiver| transceiver.mid().as_deref() == Some(mid));
        found.ok_or_else(|| CallError::Missing(format!("section {mid}")))
    }

    fn report(&self) -> Report {
        let stats = self.connection.get_stats();
        let section = |transceiver: RtpTransceiver| {
            let mid = transceiver.mid();
            let received = stats.inbound_rtp().filter(|it| it.kind == MediaKind::Video && it.mid == mid);
            Section {
                frames_received: received.filter_map(|it| it.frames_received).sum(),
                mid,
                kind: transceiver.kind().to_string(),
                direction: transceiver.direction().to_string(),
                current_direction: transceiver.current_direction().map(|direction| direction.to_string()),
            }
        };
        Report {
            signaling_state: self.connection.signaling_state().to_string(),
            connection_state: self.connection.connection_state().to_string(),
            transceivers: self.connection.transceivers().into_iter().map(section).collect(),
            ignored: self.ignored,
            yielded: self.yielded,
            offers: self.offers,
            seen: self.media.seen(),
            keys: self.media.keys(),
        }
    }

    pub async fn close(self) {
        self.connection.close().await;
    }
}

/// Sends back what comes, until the channel closes.
async fn echo(channel: DataChannel) {
    while let Some(message) = channel.recv().await {
        if channel.send(message).await.is_err() {
            return;
        }
    }
}

fn json(report: &impl Serialize) -> String {
    serde_json::to_string(report).expect("a report has a form in JSON")
}

fn say(line: &str) {
    println!("{line}");
}
