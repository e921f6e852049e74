//! What a picture costs: each encoder and decoder on the same pictures of 640x360, at 800 kbit/s, in one thread.
//!
//! ```text
//! cargo bench -p ortica-codecs --features vpx,h264,ffmpeg --bench coders [-- PICTURES]
//! ```
//!
//! AV1 is to be coded in real time: thirty times a second.
#![expect(clippy::expect_used, reason = "what fails here fails the bench")]

use ortica_codecs::codec::Form;
use ortica_codecs::codec::h264::H264Form;
use ortica_codecs::coder::{self, DecoderLimits, VideoCoderFactory, VideoEncoder, VideoEncoderConfig};
use ortica_codecs::ffmpeg::VideoEncoders;
use ortica_codecs::synthetic::{MovingPicture, frame_counter};
use ortica_codecs::{Codec, VideoFrame};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const WIDTH: u32 = 640;
const HEIGHT: u32 = 360;
const FRAME_RATE: u32 = 30;
/// Pictures until an encoder has found its rate.
const WARM_UP: usize = 30;

fn main() -> ExitCode {
    let count = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(300);
    let film: Vec<VideoFrame> =
        MovingPicture::new(WIDTH, HEIGHT, FRAME_RATE).expect("a size that there is").take(WARM_UP + count).collect();
    let config = VideoEncoderConfig::default().with_bitrate(800_000).with_frame_rate(FRAME_RATE).with_threads(1);
    let built_in = |form: Form| coder::video_encoder(form, &config);
    let foreign = |form: Form| VideoEncoders::new(form.codec()).and_then(|encoders| encoders.encoder(form, &config));
    let h264 = Form::H264(H264Form::read("packetization-mode=1;profile-level-id=42e01f").expect("a form"));
    let encoders = [
        built_in(Codec::Vp8.into()),
        built_in(Codec::Vp9.into()),
        built_in(h264),
        foreign(h264),
        foreign(Codec::Av1.into()),
    ];
    let mut passed = true;
    for encoder in encoders {
        match encoder {
            Ok(encoder) => passed &= measure(encoder, &film),
            Err(error) => println!("left out: {error}"),
        }
    }
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn measure(mut encoder: Box<dyn VideoEncoder>, film: &[VideoFrame]) -> bool {
    let codec = encoder.codec();
    let mut decoder = match coder::video_decoder(codec, DecoderLimits::default()) {
        Ok(decoder) => decoder,
        Err(error) => {
            println!("left out: {error}");
            return true;
        }
    };
    let (mut encoding, mut decoding, mut bytes) = (Duration::ZERO, Duration::ZERO, 0);
    for (number, picture) in film.iter().enumerate() {
        let started = Instant::now();
        let frame = encoder.encode(picture, false).expect("it encodes").expect("at once");
        let encoded = started.elapsed();
        let started = Instant::now();
        let shown = decoder.decode(&frame).expect("it decodes").expect("at once");
        let decoded = started.elapsed();
        assert_eq!(frame_counter(&shown), frame_counter(picture), "{codec}: another picture than number {number}");
        if number >= WARM_UP {
            encoding += encoded;
            decoding += decoded;
            bytes += frame.data.len();
        }
    }
    let count = (film.len() - WARM_UP) as u32;
    let [encoding, decoding] = [encoding, decoding].map(|time| time / count);
    let (encoder, decoder) = (encoder.implementation(), decoder.implementation());
    println!(
        "bar: {codec} at {WIDTH}x{HEIGHT}: {:.1} ms a picture by {encoder}, {:.1} ms to decode it by {decoder}, {} kbit/s",
        encoding.as_secs_f64() * 1e3,
        decoding.as_secs_f64() * 1e3,
        bytes as u64 * 8 * u64::from(FRAME_RATE) / u64::from(count) / 1_000,
    );
    encoding + decoding < Duration::from_secs(1) / FRAME_RATE
}
