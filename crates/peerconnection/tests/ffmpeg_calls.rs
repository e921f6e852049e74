//! Films in AV1 and H.265 cross a call as they are, and are decoded by FFmpeg at the other side.
#![cfg(feature = "ffmpeg")]

#[path = "common/sockets.rs"]
mod sockets;

use ortica::codecs::container::Y4mWriter;
use ortica::codecs::synthetic::{MovingPicture, frame_counter};
use ortica::codecs::{Codec, MediaKind};
use ortica::jsep::TransceiverInit;
use ortica::media::{MediaPlayer, PlayerOptions};
use ortica::{Configuration, Events, LocalTrack, PeerConnection};
use sockets::{loopback, negotiate, track, within};
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::PathBuf;
use std::process::Command;

/// A file that goes with the test.
struct Film(PathBuf);

impl Drop for Film {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Film {
    /// Four seconds of numbered pictures by the `ffmpeg` program; `None`, which is said, without it or without the encoder.
    fn of(name: &str, encoder: &[&str]) -> Option<Self> {
        let at = |name: &str| Self(std::env::temp_dir().join(format!("ortica-{}-{name}", std::process::id())));
        let (raw, made) = (at(&format!("{name}.y4m")), at(name));
        let mut writer = Y4mWriter::new(BufWriter::new(File::create(&raw.0).expect("created")), 30);
        let pictures = MovingPicture::new(320, 240, 30).expect("a size");
        (0..120).for_each(|number| writer.write(&pictures.picture(number)).expect("written"));
        writer.finish().expect("written");
        let mut program = Command::new("ffmpeg");
        program.args(["-v", "error", "-y", "-i"]).arg(&raw.0).args(["-g", "15", "-pix_fmt", "yuv420p", "-c:v"]);
        match program.args(encoder).arg(&made.0).output() {
            Ok(output) if output.status.success() => Some(made),
            failed => {
                println!("skipped: no film by {encoder:?}: {failed:?}");
                None
            }
        }
    }
}

fn connection(codec: Codec) -> (PeerConnection, Events) {
    let configuration = Configuration::default().with_endpoint(loopback()).with_codecs(vec![codec]);
    PeerConnection::new(configuration).expect("sockets can be bound")
}

/// Guards: what the file holds passes the payload format and is decoded, each picture as itself, in its order.
#[tokio::test]
async fn films_cross_as_they_are_and_are_decoded() {
    let films: [(Codec, &str, &[&str]); 3] = [
        (Codec::Av1, "film.webm", &["libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-b:v", "300k"]),
        (Codec::Av1, "film-av1.mp4", &["libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-b:v", "300k"]),
        (
            Codec::H265,
            "film-h265.mp4",
            &["libx265", "-preset", "ultrafast", "-tune", "zerolatency", "-x265-params", "log-level=none:scenecut=0"],
        ),
    ];
    for (codec, name, encoder) in films {
        let Some(film) = Film::of(name, encoder) else { continue };
        let options = PlayerOptions::default().with_decode(false).with_loop(true);
        let player = MediaPlayer::open(&film.0, options).await.expect("it can be read");
        let pictures = player.video().expect("it has pictures");
        assert_eq!(pictures.codec(), Some(codec), "{name}");
        let (a, _a_events) = connection(codec);
        let (b, mut b_events) = connection(codec);
        let init = TransceiverInit { codecs: vec![codec], ..TransceiverInit::default() };
        let transceiver = a.add_transceiver(MediaKind::Video, init).expect("a transceiver");
        let local = LocalTrack::pulled(pictures, Default::default());
        transceiver.sender().replace_track(Some(&local)).expect("of that kind");
        negotiate(&a, &b).await;
        let received = track(&mut b_events).await.track;
        within(a.connected()).await.expect("connects");
        let mut last = None;
        for _ in 0..60 {
            let picture = within(received.recv_video()).await.expect("it goes on");
            assert_eq!((picture.width(), picture.height()), (320, 240), "{name}");
            let number = frame_counter(&picture).expect("it can be read");
            // Some may be left out on a busy machine, and the film begins anew.
            assert!(last.is_none_or(|last| last < number || number < 60), "{name}: {number} after {last:?}");
            last = Some(number);
        }
        a.close().await;
        b.close().await;
    }
}
