//! What a side says it sent and received, and whether two such statements fit.

use crate::data::Data;
use crate::pictures::Pictures;
use crate::sound::Sound;
use ortica::codecs::MediaKind;
use ortica::stats::StatsReport;
use serde::{Deserialize, Serialize};
use thiserror::Error;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Statement {
    pub sent: Sent,
    pub received: Received,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Sent {
    pub pictures: Stream,
    pub sound: Stream,
    pub data: Data,
}

/// What went out of a track.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Stream {
    pub frames: u64,
    /// Of payload, without what was sent again.
    pub bytes: u64,
}

impl Stream {
    /// By what the connection reports of itself.
    pub fn sent(report: &StatsReport, kind: MediaKind) -> Self {
        let Some(stream) = report.outbound_rtp().find(|stream| stream.kind == kind) else { return Self::default() };
        Self {
            // A frame of sound is a packet.
            frames: stream.frames_sent.unwrap_or(stream.packets_sent - stream.retransmitted_packets_sent),
            bytes: stream.bytes_sent.saturating_sub(stream.retransmitted_bytes_sent),
        }
    }
}

/// Packets of media that were lost on the way, those included that came when they were asked for again.
pub fn packets_lost(report: &StatsReport) -> i64 {
    report.inbound_rtp().map(|stream| stream.packets_lost).sum()
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Received {
    pub pictures: Pictures,
    pub sound: Sound,
    pub data: Data,
    pub packets_lost: i64,
}

/// What is wrong with what was received.
#[derive(Debug, Error, PartialEq)]
pub enum Flaw {
    #[error("{received} bytes of data with hash {hash} arrived, which is not what was sent")]
    Data { received: u64, hash: String },
    #[error("{0} pictures have no number that can be read")]
    Unreadable(u64),
    #[error("{0} pictures came out of order")]
    Disordered(u64),
    #[error("{arrived} of {sent} pictures arrived")]
    Pictures { arrived: u64, sent: u64 },
    #[error("the tone was heard in {heard} of {sent} frames of sound")]
    Sound { heard: u64, sent: u64 },
}

/// Judges what was received by what was sent. Data is to be the same to the bit and pictures are to be in order; of pictures
/// and sound half is enough, since a machine that is too slow for them is no fault of the call.
pub fn check(sent: &Sent, received: &Received) -> Result<(), Flaw> {
    let Received { pictures, sound, data, .. } = received;
    if (data.messages, data.bytes, &data.sha256) != (sent.data.messages, sent.data.bytes, &sent.data.sha256) {
        return Err(Flaw::Data { received: data.bytes, hash: data.sha256.clone() });
    }
    if pictures.unreadable > 0 {
        return Err(Flaw::Unreadable(pictures.unreadable));
    }
    if pictures.disordered > 0 {
        return Err(Flaw::Disordered(pictures.disordered));
    }
    // One picture alone would not show that numbers advance.
    if pictures.decoded < (sent.pictures.frames / 2).max(2) {
        return Err(Flaw::Pictures { arrived: pictures.decoded, sent: sent.pictures.frames });
    }
    if sound.heard < (sent.sound.frames / 2).max(1) {
        return Err(Flaw::Sound { heard: sound.heard, sent: sent.sound.frames });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn good() -> (Sent, Received) {
        let data = Data { messages: 3, bytes: 48, sha256: "abc".to_owned(), span: Duration::from_secs(1) };
        let pictures = Pictures { decoded: 29, ..Pictures::default() };
        let sound = Sound { heard: 48, ..Sound::default() };
        let stream = |frames| Stream { frames, bytes: 1_000 };
        let sent = Sent { pictures: stream(30), sound: stream(50), data: data.clone() };
        (sent, Received { pictures, sound, data, packets_lost: 0 })
    }

    #[test]
    fn what_arrived_whole_is_good() {
        let (sent, received) = good();
        assert_eq!(check(&sent, &received), Ok(()));
    }

    #[test]
    fn each_flaw_is_found() {
        let (sent, good) = good();
        let flaw = |spoil: fn(&mut Received)| {
            let mut received = good.clone();
            spoil(&mut received);
            check(&sent, &received).unwrap_err()
        };
        assert_eq!(flaw(|it| it.data.sha256 = "abd".to_owned()), Flaw::Data { received: 48, hash: "abd".to_owned() });
        assert_eq!(flaw(|it| it.pictures.unreadable = 1), Flaw::Unreadable(1));
        assert_eq!(flaw(|it| it.pictures.disordered = 1), Flaw::Disordered(1));
        assert_eq!(flaw(|it| it.pictures.decoded = 14), Flaw::Pictures { arrived: 14, sent: 30 });
        assert_eq!(flaw(|it| it.sound.heard = 24), Flaw::Sound { heard: 24, sent: 50 });
    }
}
