//! Files into calls, and calls into files, over real sockets. Frames are encoded ones, so that no codec library is needed.

#[path = "common/sockets.rs"]
mod sockets;

use ortica::codecs::container::{WebmProfile, WebmReader, WebmTrack, WebmWriter};
use ortica::codecs::{AudioFrame, Codec, EncodedFrame, MediaKind};
use ortica::media::{Buffering, Frame, MediaPlayer, MediaRecorder, MediaRelay, Paced, PlayerOptions, RecorderOptions};
use ortica::{Configuration, Events, LocalTrack, PeerConnection, RemoteTrack, WriteError};
use sockets::{loopback, negotiate, track, within};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::sleep;

/// 20 ms of Opus, the `number`th.
fn sound(number: u16) -> EncodedFrame {
    let [high, low] = number.to_be_bytes();
    EncodedFrame::new(Codec::Opus, vec![0xf8, high, low], i64::from(number) * 960).with_duration(960)
}

/// A picture of VP8 as far as its header goes, the `number`th of 25 in a second.
fn picture(number: u16) -> EncodedFrame {
    let key_frame = number.is_multiple_of(25);
    let mut data = vec![u8::from(!key_frame), 0, 0, 0x9d, 0x01, 0x2a, 64, 1, 240, 0];
    data.extend_from_slice(&number.to_be_bytes());
    data.resize(500, 7);
    EncodedFrame::new(Codec::Vp8, data, i64::from(number) * 3_600).with_key_frame(key_frame)
}

fn number(frame: &EncodedFrame) -> u16 {
    let at = if frame.codec == Codec::Opus { 1 } else { 10 };
    u16::from_be_bytes([frame.data[at], frame.data[at + 1]])
}

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("ortica-{}-{name}", std::process::id()))
}

fn write_film(path: &Path, seconds: u16) {
    let mut writer = WebmWriter::new(File::create(path).expect("created"), WebmProfile::Webm).expect("written");
    let video = writer.add_track(WebmTrack::video(Codec::Vp8, 320, 240)).expect("it belongs there");
    let audio = writer.add_track(WebmTrack::audio(Codec::Opus, 2)).expect("it belongs there");
    for at in 0..seconds * 25 {
        writer.write(video, picture(at).time(), &picture(at)).expect("written");
        for frame in [sound(at * 2), sound(at * 2 + 1)] {
            writer.write(audio, frame.time(), &frame).expect("written");
        }
    }
    writer.finish().expect("written");
}

fn connection() -> (PeerConnection, Events) {
    let configuration = Configuration::default().with_endpoint(loopback());
    PeerConnection::new(configuration.with_codecs(vec![Codec::Opus, Codec::Vp8])).expect("sockets can be bound")
}

/// Two connections of which one sends these tracks, and what the other gets.
async fn send(tracks: &[LocalTrack]) -> (PeerConnection, PeerConnection, Vec<RemoteTrack>) {
    let (a, _) = connection();
    let (b, mut b_events) = connection();
    for track in tracks {
        a.add_track(track, &["film"]).expect("a track");
    }
    negotiate(&a, &b).await;
    let mut received = Vec::new();
    for _ in tracks {
        received.push(track(&mut b_events).await.track);
    }
    (a, b, received)
}

async fn encoded(track: &RemoteTrack) -> EncodedFrame {
    use ortica::media::MediaSource;
    let mut track = track.clone();
    match within(track.recv()).await {
        Some(Frame::Encoded { frame, .. }) => frame,
        other => panic!("{other:?}"),
    }
}

/// A film is played into a call as it is, and recorded at the other side: frames are the same, and in step.
#[tokio::test]
async fn a_film_crosses_a_call_into_a_file() {
    let (from, to) = (path("film.webm"), path("call.webm"));
    write_film(&from, 10);
    let player = MediaPlayer::open(&from, PlayerOptions::default().with_decode(false)).await.expect("a film");
    let tracks: Vec<LocalTrack> =
        player.tracks().into_iter().map(|stream| LocalTrack::pulled(stream, Default::default())).collect();
    let (a, b, received) = send(&tracks).await;
    let mut recorder = MediaRecorder::new(&to, RecorderOptions::default()).expect("a kind of file");
    for track in received {
        recorder.add_track(track).expect("it takes both");
    }
    recorder.start().await.expect("the file can be made");
    within(async {
        while player.position() < Duration::from_secs(4) {
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let recorded = recorder.stop().await.expect("it could be written");
    assert!(recorded.frames > 150 && recorded.duration > Duration::from_secs(2), "{recorded:?}");
    a.close().await;
    b.close().await;

    let mut reader = WebmReader::new(File::open(&to).expect("it is there")).expect("it is a film");
    let sizes: Vec<_> = reader.tracks().iter().map(WebmTrack::size).collect();
    assert!(sizes.contains(&(320, 240)), "{sizes:?}");
    let (mut pictures, mut sounds) = (Vec::new(), Vec::new());
    while let Some((_, frame)) = reader.next_frame().expect("it can be read") {
        match frame.codec {
            Codec::Opus => sounds.push(frame),
            _ => pictures.push(frame),
        }
    }
    assert!(pictures[0].key_frame);
    assert!(pictures.iter().all(|frame| frame.data == picture(number(frame)).data));
    assert!(pictures.windows(2).all(|pair| pair[0].pts < pair[1].pts), "times rise");
    // How far the file's time is behind the film's, for the last of each.
    let behind = |frame: &EncodedFrame, original: &EncodedFrame| {
        original.time().as_millis() as i64 - frame.time().as_millis() as i64
    };
    let last = |frames: &[EncodedFrame], original: fn(u16) -> EncodedFrame| {
        let frame = frames.last().expect("there are some");
        behind(frame, &original(number(frame)))
    };
    let apart = last(&pictures, picture) - last(&sounds, sound);
    assert!(apart.abs() < 100, "sound and pictures are {apart} ms apart");
    for file in [from, to] {
        std::fs::remove_file(file).expect("it is there");
    }
}

/// Guards: nothing of a source is lost before somebody can get it.
#[tokio::test]
async fn a_source_waits_for_a_connection_and_its_end_ends_the_track() {
    let frames = (0..50).map(sound).map(Frame::from);
    let local = LocalTrack::pulled(Paced::new(MediaKind::Audio, frames), Default::default());
    let (a, b, received) = send(std::slice::from_ref(&local)).await;
    // Its times may begin anywhere, but it begins with the first.
    assert!(number(&encoded(&received[0]).await) < 5, "what comes at once may overtake the end of a handshake");
    within(async {
        while !local.is_ended() {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(local.write_encoded(&sound(0)), Err(WriteError::Ended));
    a.close().await;
    b.close().await;
}

/// One who sends, three who see it: nothing is decoded, and who joins late begins with a key frame that the sender is asked for.
#[tokio::test]
async fn a_relay_gives_what_one_peer_sends_to_many() {
    let stage = LocalTrack::video();
    let (a, b, received) = send(std::slice::from_ref(&stage)).await;
    let presenter = tokio::spawn(async move {
        let mut wanted = true;
        for at in (1..u16::MAX).filter(|at| !at.is_multiple_of(25)) {
            wanted |= stage.take_key_frame_request();
            let mut frame = picture(at);
            if std::mem::take(&mut wanted) {
                let mut data = frame.data.to_vec();
                data[0] = 0;
                frame = EncodedFrame::new(Codec::Vp8, data, frame.pts).with_key_frame(true);
            }
            stage.write_encoded(&frame).expect("a track of pictures");
            sleep(Duration::from_millis(20)).await;
        }
    });
    let relay = MediaRelay::new(received[0].clone());
    let mut viewers = Vec::new();
    for _ in 0..3 {
        let track = LocalTrack::pulled(relay.subscribe(Buffering::default()), Default::default());
        let (one, other, seen) = send(&[track]).await;
        let first = encoded(&seen[0]).await;
        assert!(first.key_frame);
        let mut last = number(&first);
        for _ in 0..10 {
            let next = number(&encoded(&seen[0]).await);
            assert!(next > last);
            last = next;
        }
        viewers.push((one, other, seen));
    }
    assert_eq!(relay.consumers(), 3);
    presenter.abort();
    for (one, other, _) in viewers {
        one.close().await;
        other.close().await;
    }
    a.close().await;
    b.close().await;
}

/// Guards: a track that is disabled sends nothing of what is written, one that is stopped takes nothing.
#[tokio::test]
async fn a_track_is_disabled_and_stopped() {
    let local = LocalTrack::audio();
    let (a, b, received) = send(std::slice::from_ref(&local)).await;
    within(a.connected()).await.expect("it connects");
    assert!(local.is_enabled() && !local.is_ended());
    local.set_enabled(false);
    assert_eq!(local.write_encoded(&sound(1)), Ok(0));
    local.set_enabled(true);
    assert_eq!(local.write_encoded(&sound(2)), Ok(1));
    assert_eq!(number(&encoded(&received[0]).await), 2);
    local.stop();
    assert_eq!(local.write_encoded(&sound(3)), Err(WriteError::Ended));
    let silence = AudioFrame::silence(160, 8_000, 1).expect("a frame");
    assert_eq!(local.write_audio(silence), Err(WriteError::Ended));
    a.close().await;
    b.close().await;
}
