//! What is decoded here against what FFmpeg's own decoder makes of the same packets, by the measure that decides whether a decoder
//! of Opus conforms.
#![cfg(feature = "opus")]

mod measure;

use measure::{FRAME, STEP, quality};
use ortica_codecs::coder::opus::{OpusDecoder, OpusEncoder};
use ortica_codecs::coder::{AudioContent, AudioDecoder, AudioEncoder, AudioEncoderConfig};
use ortica_codecs::container::OggOpusWriter;
use ortica_codecs::{AudioFrame, EncodedFrame};
use ortica_core::Rng;
use std::f64::consts::TAU;
use std::io::Cursor;
use std::process::Command;

const RATE: usize = 48_000;

/// What packets were made of, and how.
struct Case {
    name: &'static str,
    config: AudioEncoderConfig,
}

/// Each of the codec's layers by itself, and both at once.
fn cases() -> [Case; 4] {
    let config =
        |content, bitrate| AudioEncoderConfig::default().with_channels(2).with_bitrate(bitrate).with_content(content);
    [
        Case { name: "celt-128k", config: config(AudioContent::Music, 128_000) },
        Case { name: "celt-96k", config: config(AudioContent::Music, 96_000) },
        Case { name: "hybrid-32k", config: config(AudioContent::Speech, 32_000) },
        Case { name: "silk-12k", config: config(AudioContent::Speech, 12_000) },
    ]
}

/// Four seconds on two channels: a voice's harmonics that rise and fall, a sweep, and a little noise, with pauses.
fn sound() -> Vec<AudioFrame> {
    let mut rng = Rng::from_number(6_716);
    let mut samples = Vec::new();
    for at in 0..4 * RATE {
        let time = at as f64 / RATE as f64;
        let pitch = 140.0 + 40.0 * (TAU * 0.7 * time).sin();
        let voice: f64 = (1..20).map(|it| (TAU * pitch * f64::from(it) * time).sin() / f64::from(it)).sum();
        let sweep = (TAU * (200.0 + 1_500.0 * time) * time).sin();
        let noise = f64::from(rng.u32()) / f64::from(u32::MAX) - 0.5;
        let loud = if (time * 2.0).fract() < 0.85 { 1.0 } else { 0.02 };
        for mixed in [0.20 * voice + 0.05 * sweep, 0.15 * voice + 0.12 * sweep] {
            samples.push(((loud * mixed + 0.01 * noise) * 20_000.0).clamp(-32_768.0, 32_767.0) as i16);
        }
    }
    let frames = samples.chunks_exact(2 * RATE / 50);
    frames.map(|chunk| AudioFrame::from_s16(chunk.to_vec(), RATE as u32, 2).expect("20 ms")).collect()
}

fn encode(case: &Case) -> Vec<EncodedFrame> {
    let mut encoder = OpusEncoder::new(&case.config).expect("a legal configuration");
    let encoded = sound().into_iter().filter_map(|frame| encoder.encode(&frame).expect("it has the shape"));
    let timed = (0..).map(|at| at * 960).zip(encoded).map(|(pts, frame)| {
        let mut frame = frame.with_duration(960);
        frame.pts = pts;
        frame
    });
    timed.collect()
}

fn decode(packets: &[EncodedFrame]) -> Vec<i16> {
    let mut decoder = OpusDecoder::new(2).expect("two channels");
    let decoded = packets.iter().map(|packet| decoder.decode(packet).expect("it was just made").to_s16());
    decoded.flat_map(|sound| sound.as_s16().unwrap_or_default().to_vec()).collect()
}

/// By FFmpeg's own decoder; `None` where there is no FFmpeg, which is said.
fn decode_elsewhere(name: &str, packets: &[EncodedFrame]) -> Option<Vec<i16>> {
    let path = std::env::temp_dir().join(format!("ortica-compare-{}-{name}.ogg", std::process::id()));
    let mut writer = OggOpusWriter::new(Cursor::new(Vec::new()), 2, 0).expect("it is written to memory");
    packets.iter().for_each(|packet| writer.write(packet).expect("it is written to memory"));
    std::fs::write(&path, writer.finish().expect("it is written to memory").into_inner()).expect("a file");
    // The decoder named `opus` is FFmpeg's, `libopus` would be the one that is used here.
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-c:a", "opus", "-i"])
        .arg(&path)
        .args(["-f", "s16le", "-ar", "48000", "-ac", "2", "-"])
        .output();
    let _ = std::fs::remove_file(&path);
    match output {
        Err(error) => {
            println!("skipped: ffmpeg cannot be run: {error}");
            None
        }
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let (samples, _) = output.stdout.as_chunks::<2>();
            Some(samples.iter().copied().map(i16::from_le_bytes).collect())
        }
    }
}

/// The two need not be equal: 0 is the quality at which decoders count as the same (RFC 6716 §6.1). What is left between them are
/// filters between sample rates, and what FFmpeg makes of quick changes.
#[test]
fn opus_decodes_as_ffmpegs_own_decoder_does() {
    let mut qualities = Vec::new();
    for case in cases() {
        let packets = encode(&case);
        let Some(theirs) = decode_elsewhere(case.name, &packets) else { return };
        let ours = decode(&packets);
        let len = ours.len().min(theirs.len());
        assert!(len > ours.len() * 9 / 10, "{}: {} samples, {} elsewhere", case.name, ours.len(), theirs.len());
        let quality = quality(&theirs[..len], &ours[..len], 2);
        println!("{}: quality {quality:.1}", case.name);
        qualities.push((case.name, quality));
    }
    assert!(qualities.iter().all(|(_, quality)| *quality >= 0.0), "{qualities:?}");
}

/// Guards the measure: it tells the same from the similar, and the similar from the wrong.
#[test]
fn the_measure_is_100_for_the_same_and_0_for_48_db_of_noise() {
    let samples: Vec<i16> = sound()
        .iter()
        .flat_map(|frame| frame.as_s16().unwrap_or_default().to_vec())
        .take(2 * (FRAME + 100 * STEP))
        .collect();
    assert_eq!(quality(&samples, &samples, 2), 100.0);
    let mut rng = Rng::from_number(48);
    let mut with_noise = |share: f64| {
        let noisy: Vec<i16> = samples
            .iter()
            .map(|sample| {
                let noise = f64::from(rng.u32()) / f64::from(u32::MAX) - 0.5;
                (f64::from(*sample) + noise * share * 12_000.0) as i16
            })
            .collect();
        quality(&samples, &noisy, 2)
    };
    let [little, some, much] = [0.000_2, 0.01, 0.3].map(&mut with_noise);
    assert!(little > some && some > much && little > 90.0 && much < 0.0, "{little} {some} {much}");
    let late = [vec![0; 2 * 240], samples[..samples.len() - 2 * 240].to_vec()].concat();
    assert!(quality(&samples, &late, 2) < 50.0, "5 ms too late");
}
