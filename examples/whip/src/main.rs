//! Publishes a test picture and a tone to a WHIP server, or plays from a WHEP server and counts what comes.
//!
//! ```text
//! cargo run -p whip -- publish https://whip.example.com/live --token KEY
//! cargo run -p whip -- play https://whep.example.com/live
//! ```

use clap::{Parser, ValueEnum};
use ortica::codecs::MediaKind;
use ortica::codecs::synthetic::{MovingPicture, Tone};
use ortica::jsep::TransceiverInit;
use ortica::signaling::whip::{Client, Session, Trickled};
use ortica::{BundlePolicy, Configuration, Direction, Event, Events, IceServer, LocalTrack, PeerConnection};
use std::error::Error;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::interval;

/// Publishes a test picture and a tone to a WHIP server, or plays from a WHEP server and counts what comes.
#[derive(Debug, Parser)]
struct Arguments {
    /// What to do.
    what: What,
    /// The endpoint.
    url: String,
    /// The bearer token.
    #[arg(long)]
    token: Option<String>,
    /// A STUN server, such as stun:stun.example.com.
    #[arg(long, value_name = "URL")]
    stun: Vec<String>,
    /// How many pictures to send, or to wait for.
    #[arg(long, default_value_t = 300)]
    pictures: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// Sends a test picture and a tone.
    Publish,
    /// Receives, and counts.
    Play,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let configuration = Configuration::default()
        .with_bundle_policy(BundlePolicy::MaxBundle)
        .with_ice_servers(arguments.stun.iter().map(IceServer::new).collect())
        .with_gather_loopback(true);
    let (pc, events) = PeerConnection::new(configuration)?;
    let client = Client::new(&arguments.url)?;
    let client = match &arguments.token {
        Some(token) => client.with_token(token)?,
        None => client,
    };
    match arguments.what {
        What::Publish => publish(&client, &pc, arguments.pictures).await?,
        What::Play => play(&client, &pc, events, arguments.pictures).await?,
    }
    pc.close().await;
    Ok(())
}

async fn publish(client: &Client, pc: &PeerConnection, pictures: u64) -> Result<(), Box<dyn Error>> {
    let (picture, sound) = (LocalTrack::video(), LocalTrack::audio());
    for track in [&picture, &sound] {
        pc.add_transceiver(track, going(Direction::SendOnly))?;
    }
    let session = connected(client.publish(pc).await?, pc).await?;
    let mut tasks = JoinSet::new();
    tasks.spawn(whistle(sound));
    show(picture, pictures).await?;
    println!("{pictures} pictures sent");
    Ok(session.end().await?)
}

async fn play(client: &Client, pc: &PeerConnection, events: Events, pictures: u64) -> Result<(), Box<dyn Error>> {
    for kind in [MediaKind::Video, MediaKind::Audio] {
        pc.add_transceiver(kind, going(Direction::RecvOnly))?;
    }
    let session = connected(client.play(pc).await?, pc).await?;
    watch(events, pictures).await?;
    Ok(session.end().await?)
}

/// Tells the server all candidates, and waits until media can flow.
async fn connected(mut session: Session, pc: &PeerConnection) -> Result<Session, Box<dyn Error>> {
    println!("session {}", session.url());
    if session.trickle().await? == Trickled::Refused {
        println!("the server takes no candidates after the offer");
    }
    pc.connected().await.map_err(|state| format!("the connection is {state:?}"))?;
    println!("connected");
    Ok(session)
}

fn going(direction: Direction) -> TransceiverInit {
    TransceiverInit { direction, streams: vec!["test".to_owned()], ..TransceiverInit::default() }
}

/// Sends a moving picture, thirty times a second.
async fn show(track: LocalTrack, pictures: u64) -> Result<(), Box<dyn Error>> {
    let film = MovingPicture::new(640, 480, 30)?;
    let mut ticks = interval(Duration::from_secs(1) / 30);
    for number in 0..pictures {
        ticks.tick().await;
        track.write_video(film.picture(number as u32))?;
    }
    Ok(())
}

/// Sends a tone until it is dropped.
async fn whistle(track: LocalTrack) {
    let mut ticks = interval(Duration::from_millis(20));
    for frame in Tone::new(440.0, 48_000, 2).into_iter().flatten() {
        ticks.tick().await;
        if track.write_audio(frame).is_err() {
            return;
        }
    }
}

/// Waits for pictures, and says how much sound came with them.
async fn watch(mut events: Events, pictures: u64) -> Result<(), Box<dyn Error>> {
    let (mut picture, mut sound) = (None, None);
    let (picture, sound) = loop {
        if let Event::Track(event) = events.next().await.ok_or("the connection ended")? {
            match event.track.kind() {
                MediaKind::Video => picture = Some(event.track),
                MediaKind::Audio => sound = Some(event.track),
            }
        }
        if let (Some(picture), Some(sound)) = (&picture, &sound) {
            break (picture.clone(), sound.clone());
        }
    };
    let (mut seen, mut heard) = (0, 0);
    while seen < pictures {
        tokio::select! {
            shown = picture.recv_video() => { shown.ok_or("the pictures ended")?; seen += 1; }
            told = sound.recv_audio() => { told.ok_or("the sound ended")?; heard += 1; }
        }
    }
    println!("{seen} pictures and {heard} frames of sound received");
    Ok(())
}
