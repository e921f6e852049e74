//! The call itself, the same on both sides.

use crate::Options;
use crate::error::DemoError;
use crate::reception::{Reception, Recording};
use crate::statement::{self, Received, Sent, Statement, Stream};
use crate::{data, pictures, sound, sources};
use indicatif::ProgressBar;
use ortica::codecs::MediaKind;
use ortica::jsep::SessionDescription;
use ortica::{
    Configuration, DataChannel, DataChannelInit, Event, Events, LocalTrack, PeerConnection, RemoteTrack, TrackConfig,
};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// After the last byte of data, for what the jitter buffers still hold.
const GRACE: Duration = Duration::from_millis(500);
/// How often the progress bar moves.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    Caller,
    Answerer,
}

impl Side {
    /// Of the tone that this side sends, in hertz.
    pub fn frequency(self) -> f64 {
        match self {
            Self::Caller => 440.0,
            Self::Answerer => 1_000.0,
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Caller => Self::Answerer,
            Self::Answerer => Self::Caller,
        }
    }
}

pub struct Call {
    pub connection: PeerConnection,
    pub events: Events,
    film: LocalTrack,
    tone: LocalTrack,
    bulk: DataChannel,
    pings: DataChannel,
}

/// What came of a call.
pub struct Held {
    pub connected: Instant,
    /// Of this side.
    pub here: Statement,
    /// Of the other side.
    pub there: Statement,
    /// Of the last check that ICE made.
    pub path_round_trip: Option<Duration>,
    /// Over a data channel, with everything else beside it; sorted by length. None on the answering side.
    pub round_trips: Vec<Duration>,
}

impl Call {
    /// A connection that will send and receive a picture, a tone and data.
    pub fn new(options: &Options) -> Result<Self, DemoError> {
        let mut configuration = Configuration::default();
        if let Some(profile) = options.srtp_profile {
            configuration = configuration.with_srtp_profiles(vec![profile.into()]);
        }
        let (connection, events) = PeerConnection::new(configuration)?;
        let film = LocalTrack::new(MediaKind::Video, TrackConfig { video: sources::encoding(), ..Default::default() });
        let tone = LocalTrack::audio();
        connection.add_track(&film, &["demo"])?;
        connection.add_track(&tone, &["demo"])?;
        // Both sides know their numbers beforehand, so that neither has to wait for the other to announce them.
        let channel = |label, number| {
            let init = DataChannelInit { negotiated: Some(number), ..DataChannelInit::default() };
            connection.create_data_channel(label, init)
        };
        let (bulk, pings) = (channel("bulk", 0)?, channel("pings", 1)?);
        Ok(Self { connection, events, film, tone, bulk, pings })
    }

    /// The offer, or the answer to the offer that was set, with all candidates in it.
    pub async fn describe(&self) -> Result<SessionDescription, DemoError> {
        self.connection.set_local_description(None)?;
        self.connection.gathering_complete().await;
        self.connection.local_description().ok_or(DemoError::Ended)
    }

    /// Connects, sends for as long as the options say, and gathers what came. Only the caller records it.
    pub async fn hold(&mut self, side: Side, options: &Options, bar: &ProgressBar) -> Result<Held, DemoError> {
        let connecting = timeout(options.patience(), self.connect());
        let (picture, sound) = connecting.await.map_err(|_| DemoError::NotConnected("it took too long"))??;
        let connected = Instant::now();

        let recording = (side == Side::Caller).then(|| Recording::new(&options.out));
        let pictures = Reception::start(picture, pictures::Watcher::new(recording.as_ref())?);
        let sound = Reception::start(sound, sound::Listener::new(side.other().frequency(), recording.as_ref())?);
        let receiving = tokio::spawn(data::receive(self.bulk.clone()));
        let pings = self.pings.clone();
        let round_trips = match side {
            Side::Caller => tokio::spawn(data::measure(pings)),
            Side::Answerer => tokio::spawn(data::echo(pings)),
        };

        let length = options.length();
        let (_, _, _, sent_data) = tokio::try_join!(
            sources::play_film(&self.film, length),
            sources::play_tone(&self.tone, side.frequency(), length),
            show(bar, length),
            data::send(&self.bulk, length, options.data_limit()),
        )?;
        let received_data = receiving.await??;
        sleep(GRACE).await;

        let report = self.connection.get_stats();
        let sent = Sent {
            pictures: Stream::sent(&report, MediaKind::Video),
            sound: Stream::sent(&report, MediaKind::Audio),
            data: sent_data,
        };
        let received = Received {
            pictures: pictures.finish().await?,
            sound: sound.finish().await?,
            data: received_data,
            packets_lost: statement::packets_lost(&report),
        };
        let here = Statement { sent, received };
        let there = data::exchange(&self.bulk, &here).await?;
        // Ends both loops on it.
        self.pings.close().await;
        let path_round_trip = report.selected_candidate_pair().and_then(|pair| pair.current_round_trip_time);
        Ok(Held { connected, here, there, path_round_trip, round_trips: round_trips.await? })
    }

    /// Waits for everything to be there: the connection, the channels, and both tracks of the other side.
    async fn connect(&mut self) -> Result<(RemoteTrack, RemoteTrack), DemoError> {
        let (mut picture, mut sound) = (None, None);
        while picture.is_none() || sound.is_none() {
            match self.events.next().await.ok_or(DemoError::Ended)? {
                Event::Track(event) if event.track.kind() == MediaKind::Video => picture = Some(event.track),
                Event::Track(event) => sound = Some(event.track),
                _ => {}
            }
        }
        self.connection.connected().await.map_err(|_| DemoError::NotConnected("it failed"))?;
        if !(self.bulk.opened().await && self.pings.opened().await) {
            return Err(DemoError::NotConnected("the data channels did not open"));
        }
        picture.zip(sound).ok_or(DemoError::Ended)
    }
}

async fn show(bar: &ProgressBar, length: Duration) -> Result<(), DemoError> {
    let start = Instant::now();
    while start.elapsed() < length {
        bar.set_position(start.elapsed().as_millis() as u64);
        bar.set_message(format!("{:.1} s of {:.0} s", start.elapsed().as_secs_f64(), length.as_secs_f64()));
        sleep(PROGRESS_INTERVAL).await;
    }
    Ok(())
}
