//! Says when a packet left its sender, for the receiver's estimate of the bandwidth.
//!
//! Source: [abs-send-time](https://webrtc.googlesource.com/src/+/refs/heads/main/docs/native-code/rtp-hdrext/abs-send-time/README.md)

use ortica_core::{DecodeError, NtpTime, Reader};
use std::time::Duration;

/// The name of this extension in session descriptions.
pub const URI: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";

/// A time of day in 24 bits: 6 of seconds and 18 of fraction. Wraps each 64 seconds, in steps of 3.8 microseconds.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct AbsSendTime(u32);

impl AbsSendTime {
    pub(super) const LEN: usize = 3;

    /// The low 24 bits of `units` of 2^-18 seconds.
    pub const fn new(units: u32) -> Self {
        Self(units & 0x00ff_ffff)
    }

    /// In units of 2^-18 seconds, less than 2^24.
    pub const fn units(self) -> u32 {
        self.0
    }

    /// How long after `earlier` this was, if that is less than 64 seconds.
    pub fn since(self, earlier: Self) -> Duration {
        let units = self.0.wrapping_sub(earlier.0) & 0x00ff_ffff;
        Duration::from_nanos((u64::from(units) * 1_000_000_000) >> 18)
    }
}

impl From<NtpTime> for AbsSendTime {
    fn from(ntp: NtpTime) -> Self {
        Self::new((ntp.0 >> 14) as u32)
    }
}

pub(super) fn decode(data: &[u8]) -> Result<AbsSendTime, DecodeError> {
    let mut r = Reader::new(data);
    let units = r.u24("abs-send-time extension")?;
    r.finish("abs-send-time extension")?;
    Ok(AbsSendTime(units))
}

pub(super) fn encode(time: AbsSendTime, out: &mut Vec<u8>) {
    let [_, units @ ..] = time.0.to_be_bytes();
    out.extend_from_slice(&units);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_six_bits_of_seconds_and_eighteen_of_fraction() {
        let time = AbsSendTime::from(NtpTime::from_unix(Duration::from_millis(2_500)));
        // 2,208,988,800 is a multiple of 64.
        assert_eq!(time.units(), (2 << 18) | (1 << 17));
    }

    #[test]
    fn differences_hold_across_the_wrap() {
        let late = AbsSendTime::new(1 << 18);
        let early = AbsSendTime::new((63 << 18) | (1 << 17));
        assert_eq!(late.since(early), Duration::from_millis(1_500));
    }
}
