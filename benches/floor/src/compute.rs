//! What is done to the bytes of a packet.

use crate::PACKET;
use ortica_core::crypto::{Aead, AeadAlgorithm, providers};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Takes the time of one thing for a while: nanoseconds per packet.
type Measure = fn(Duration) -> f64;

/// Name and measure.
pub const MEASURES: &[(&str, Measure)] = &[
    ("AES-128-GCM, seal", seal),
    ("AES-128-GCM, open (its seal subtracted)", open),
    ("CRC32c", checksum),
    ("copy, in cache", copy_cached),
    ("copy, from and to 64 MiB", copy_far),
];

const NONCE: [u8; 12] = [3; 12];
const AAD: [u8; 13] = [4; 13];

fn aead() -> Box<dyn Aead> {
    let provider = providers().into_iter().next().expect("a backend is built in");
    provider.cipher.aead(AeadAlgorithm::Aes128Gcm, &[7; 16]).expect("16 bytes are a key")
}

fn seal(time: Duration) -> f64 {
    let (aead, mut data) = (aead(), vec![1; PACKET]);
    per_call(time, || {
        black_box(aead.seal(&NONCE, &AAD, black_box(&mut data)));
    })
}

fn open(time: Duration) -> f64 {
    let (aead, mut data) = (aead(), vec![1; PACKET + 16]);
    let both = per_call(time, || {
        let tag = aead.seal(&NONCE, &AAD, &mut data[..PACKET]);
        data[PACKET..].copy_from_slice(&tag);
        aead.open(&NONCE, &AAD, black_box(&mut data)).expect("sealed a moment ago");
    });
    both - seal(time)
}

fn checksum(time: Duration) -> f64 {
    let data = vec![1; PACKET];
    per_call(time, || {
        black_box(crc32c::crc32c(black_box(&data)));
    })
}

fn copy_cached(time: Duration) -> f64 {
    let (from, mut to) = (vec![1_u8; PACKET], vec![0_u8; PACKET]);
    per_call(time, || black_box(&mut to).copy_from_slice(black_box(&from)))
}

fn copy_far(time: Duration) -> f64 {
    const FAR: usize = 64 << 20;
    let (from, mut to) = (vec![1_u8; FAR], vec![0_u8; FAR]);
    let mut places = (0..FAR / PACKET).map(|index| index * PACKET..(index + 1) * PACKET).cycle();
    per_call(time, || {
        let place = places.next().unwrap_or_default();
        black_box(&mut to[place.clone()]).copy_from_slice(black_box(&from[place]));
    })
}

fn per_call(time: Duration, mut call: impl FnMut()) -> f64 {
    const BETWEEN_LOOKS: u32 = 256;
    let (started, mut calls) = (Instant::now(), 0_u32);
    while started.elapsed() < time {
        (0..BETWEEN_LOOKS).for_each(|_| call());
        calls += BETWEEN_LOOKS;
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(calls.max(1))
}
