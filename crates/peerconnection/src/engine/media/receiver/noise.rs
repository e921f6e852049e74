//! Silence that comes as a description: it is given out piece by piece, as long as it lasts.
//!
//! Source: [RFC 3389](https://www.rfc-editor.org/rfc/rfc3389)

use super::ReceivedFrame;
use ortica_codecs::Codec;
use ortica_codecs::payload::comfort_noise::ComfortNoise;
use ortica_core::Instant;
use std::time::Duration;

/// How long a piece lasts.
const PIECE: Duration = Duration::from_millis(20);
/// For how long a description is believed: a peer that is gone is not made up for.
const BELIEVED: Duration = Duration::from_secs(10);
/// What is missing between the last piece and the sound behind it is made up for up to so many pieces.
const MAX_FILLED: i64 = 5;

/// Silence that goes on.
#[derive(Clone, Debug)]
pub(super) struct Silence {
    codec: Codec,
    noise: ComfortNoise,
    /// When the next piece begins, in ticks of the codec's clock, and when it is given out.
    pts: i64,
    due: Instant,
    until: Instant,
}

impl Silence {
    /// It has begun, or sounds otherwise from now on.
    pub fn describe(silence: &mut Option<Self>, now: Instant, (codec, pts): (Codec, i64), noise: ComfortNoise) {
        let until = now + BELIEVED;
        match silence.as_mut().filter(|silence| silence.codec == codec) {
            Some(silence) => (silence.noise, silence.until) = (noise, until),
            None => *silence = Some(Self { codec, noise, pts, due: now, until }),
        }
    }

    /// The next piece, if it is time.
    pub fn poll(silence: &mut Option<Self>, now: Instant) -> Option<ReceivedFrame> {
        let going_on = silence.as_mut()?;
        if going_on.due > now {
            return None;
        }
        if going_on.due >= going_on.until {
            *silence = None;
            return None;
        }
        let ticks = going_on.piece();
        let piece = going_on.give_out(ticks);
        going_on.due += PIECE;
        Some(piece)
    }

    /// Sound begins at `pts`: what is missing up to there.
    pub fn end(mut self, pts: i64) -> Option<ReceivedFrame> {
        let missing = (pts - self.pts).min(MAX_FILLED * i64::from(self.piece()));
        let ticks = u32::try_from(missing).ok().filter(|ticks| *ticks > 0)?;
        Some(self.give_out(ticks))
    }

    pub fn poll_timeout(&self) -> Instant {
        self.due
    }

    /// The ticks of a piece.
    fn piece(&self) -> u32 {
        self.codec.clock_rate() / 50
    }

    fn give_out(&mut self, duration: u32) -> ReceivedFrame {
        let (codec, pts, noise) = (self.codec, self.pts, self.noise.clone());
        self.pts += i64::from(duration);
        ReceivedFrame::ComfortNoise { codec, pts, duration, noise }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Receiver;
    use super::*;
    use crate::engine::{CodecFeedback, Limits, RtpCodecParameters, RtpReceiveParameters};
    use ortica_codecs::MediaKind;
    use ortica_rtp::header_extension::{ExtensionMap, Values};
    use ortica_rtp::{Header, Packet, PayloadType, RtpTimestamp, SequenceNumber, Ssrc};

    const PCMU: PayloadType = PayloadType(0);
    const CN: PayloadType = PayloadType(13);

    struct Heard {
        receiver: Receiver,
        now: Instant,
    }

    impl Heard {
        fn new(comfort_noise: Option<PayloadType>) -> Self {
            let (form, feedback) = (Codec::Pcmu.into(), CodecFeedback::default());
            let pcmu =
                RtpCodecParameters { form, payload_type: PCMU, rtx: None, redundancy: None, comfort_noise, feedback };
            let mut receiver = Receiver::new(MediaKind::Audio);
            let parameters = RtpReceiveParameters {
                mid: None,
                codecs: vec![pcmu],
                telephone_events: Vec::new(),
                header_extensions: ExtensionMap::new(),
                ssrcs: Vec::new(),
                rids: Vec::new(),
                descriptions: Vec::new(),
                reduced_size_rtcp: false,
            };
            receiver.start(parameters).unwrap();
            Self { receiver, now: Instant::from_nanos(0) }
        }

        fn at(&mut self, millis: u64) -> &mut Self {
            self.now = Instant::from_nanos(millis * 1_000_000);
            self.receiver.handle_timeout(self.now, &Limits::default());
            self
        }

        fn packet(&mut self, payload_type: PayloadType, number: u16, millis: u32, payload: &[u8]) -> bool {
            let (sequence_number, timestamp) = (SequenceNumber(number), RtpTimestamp(millis * 8));
            let mut bytes = Vec::new();
            Header { payload_type, ssrc: Ssrc(1), sequence_number, timestamp, ..Header::default() }.write(&mut bytes);
            bytes.extend_from_slice(payload);
            let packet = Packet::parse(&bytes).unwrap();
            self.receiver.handle_packet(self.now, &Limits::default(), &packet, (&Values::default(), None))
        }

        /// What is given out: sound (`true`) or silence, when it begins and how long it lasts, in milliseconds.
        fn read(&mut self) -> Vec<(bool, i64, u32)> {
            let told = |received| match received {
                ReceivedFrame::Frame { frame, .. } => (true, frame.pts / 8, frame.duration / 8),
                ReceivedFrame::ComfortNoise { pts, duration, .. } => (false, pts / 8, duration / 8),
                ReceivedFrame::Lost { .. } => panic!("nothing was lost"),
            };
            std::iter::from_fn(|| self.receiver.read()).map(told).collect()
        }
    }

    /// Guards `Silence::poll`: silence goes on piece by piece and ends with the next sound, however far apart packets are.
    #[test]
    fn pay_3_silence_goes_on_until_there_is_sound_again() {
        let mut heard = Heard::new(Some(CN));
        assert!(heard.packet(PCMU, 1, 0, &[0xff; 160]));
        assert!(heard.at(20).packet(CN, 2, 20, &[60]));
        assert_eq!(heard.read(), [(true, 0, 20), (false, 20, 20)]);
        assert_eq!(heard.receiver.poll_timeout(), Some(Instant::from_nanos(40_000_000)));
        heard.at(39);
        assert_eq!(heard.read(), []);
        heard.at(80);
        assert_eq!(heard.read(), [(false, 40, 20), (false, 60, 20), (false, 80, 20)]);
        // Another description in mid-silence changes how it sounds, not when.
        assert!(heard.at(95).packet(CN, 3, 95, &[70]));
        assert!(heard.at(110).packet(PCMU, 4, 110, &[0xff; 160]));
        assert_eq!(heard.read(), [(false, 100, 20), (true, 110, 20)]);
        assert!(heard.at(500).read().is_empty(), "it has ended");
        let stats = heard.receiver.stats();
        assert_eq!((stats.packets_received, stats.frames_received, stats.frames_malformed), (4, 2, 0));
    }

    /// Guards `Silence::end`: what lies between the last piece and the sound is filled, but not endlessly.
    #[test]
    fn what_is_missing_before_the_sound_is_silence_too() {
        for (begins, filled) in [(30, Some(10)), (20, None), (1_000, Some(100)), (5, None)] {
            let mut heard = Heard::new(Some(CN));
            assert!(heard.packet(CN, 1, 0, &[60]));
            assert!(heard.packet(PCMU, 2, begins, &[0xff; 160]));
            let mut expected = vec![(false, 0, 20)];
            expected.extend(filled.map(|length| (false, 20, length)));
            expected.push((true, i64::from(begins), 20));
            assert_eq!(heard.read(), expected);
        }
    }

    /// Guards `BELIEVED`.
    #[test]
    fn a_description_is_not_believed_for_ever() {
        let mut heard = Heard::new(Some(CN));
        assert!(heard.packet(CN, 1, 0, &[60]));
        let mut pieces = heard.read().len();
        for second in 1..=30 {
            heard.at(second * 1_000);
            pieces += heard.read().len();
        }
        assert_eq!((pieces, heard.receiver.poll_timeout()), (500, None));
    }

    /// Guards: silence that was not agreed on is no sound of the codec, and a description that is none is counted.
    #[test]
    fn what_was_not_agreed_or_is_malformed_is_not_heard() {
        let mut heard = Heard::new(None);
        assert!(!heard.packet(CN, 1, 0, &[60]));
        assert_eq!(heard.read(), []);
        let mut heard = Heard::new(Some(CN));
        assert!(heard.packet(PCMU, 1, 0, &[0xff; 160]));
        heard.at(20).packet(CN, 2, 20, &[60, 255]);
        assert_eq!((heard.read(), heard.receiver.stats().frames_malformed), (vec![(true, 0, 20)], 1));
    }
}
