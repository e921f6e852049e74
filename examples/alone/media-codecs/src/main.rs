//! A tone becomes G.711, RTP payloads, frames and sound again. No library and no feature is needed for it.
//!
//! Payloads would travel in RTP packets; here they go from hand to hand, in datagrams of two sockets.
#![allow(clippy::disallowed_types, reason = "a program may have sockets")]

use ortica_codecs::coder::{self, AudioEncoderConfig};
use ortica_codecs::frame::AudioAdapter;
use ortica_codecs::payload::{self, Piece, SequenceNumber};
use ortica_codecs::synthetic::{Tone, tone_level, tone_purity};
use ortica_codecs::{AudioFrame, Codec};
use ortica_core::Rng;
use std::error::Error;
use std::net::UdpSocket;
use std::time::Duration;

const TONE: f64 = 1_000.0;
/// Half a second of frames of 20 ms.
const FRAMES: usize = 25;

fn main() -> Result<(), Box<dyn Error>> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    socket.connect(socket.local_addr()?)?;
    for codec in [Codec::Pcmu, Codec::Pcma] {
        let heard = call(codec, &socket)?;
        let (level, purity) = (tone_level(&heard, TONE), tone_purity(&heard, TONE));
        println!("{codec}: {TONE} Hz with an amplitude of {level:.3}, {:.1} % of the sound", purity * 100.0);
        assert!(level > 0.2 && purity > 0.99 && tone_level(&heard, 1_500.0) < 0.02);
    }
    Ok(())
}

/// Sends the tone through `codec` and the socket, and gives the last frame that is heard.
fn call(codec: Codec, socket: &UdpSocket) -> Result<AudioFrame, Box<dyn Error>> {
    let mut encoder = coder::audio_encoder(codec, &AudioEncoderConfig::default())?;
    let mut decoder = coder::audio_decoder(codec)?;
    let mut packetizer = payload::packetizer(codec, &mut Rng::from_number(7));
    let mut depacketizer = payload::depacketizer(codec, payload::Limits::default());

    // The source has the rate of a sound card, and stereo; the adapter brings it into the shape that the encoder wants.
    let mut adapter = AudioAdapter::new(encoder.sample_rate(), encoder.channels(), encoder.frame_len())?;
    let (mut raw, mut payloads) = (Vec::new(), Vec::new());
    for frame in Tone::new(TONE, 48_000, 2)?.take(FRAMES) {
        adapter.push(&frame, &mut raw)?;
    }

    let mut heard = None;
    let mut buffer = [0; 1_500];
    for (number, frame) in raw.iter().enumerate() {
        let Some(encoded) = encoder.encode(frame)? else { continue };
        packetizer.packetize(&encoded, 1_200, &mut payloads)?;
        for payload in payloads.drain(..) {
            socket.send(&payload.to_vec())?;
            let len = socket.recv(&mut buffer)?;
            // Sound needs one packet a frame; of a picture, all with the same timestamp would be collected first.
            let sequence = SequenceNumber(number as u16);
            let piece = Piece { sequence, marker: payload.marker(), first: true, payload: &buffer[..len] };
            let frame = depacketizer.assemble(encoded.pts, &[piece])?;
            heard = Some(decoder.decode(&frame)?);
        }
    }
    println!("{codec}: {} frames of {} samples", raw.len(), encoder.frame_len());
    heard.ok_or_else(|| "nothing was heard".into())
}
