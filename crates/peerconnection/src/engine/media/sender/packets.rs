//! Packets of an encoding, sealed on their way out.

use super::{Queued, Sending, Stamp};
use crate::engine::secured::Srtp;
use ortica_rtp::header_extension::{AbsSendTime, Values};

impl Sending {
    /// Appends the next packet, sealed: one to send again before those that wait. `false` if there is none.
    pub fn poll_packet(&mut self, stamp: &Stamp, srtp: &mut Srtp, out: &mut Vec<u8>) -> bool {
        while let Some(again) = self.stream.poll_retransmit(stamp.now) {
            let mut values = self.values(stamp);
            if again.osn.is_some() {
                values.repaired_rid = values.rid.take();
            }
            self.header.clear();
            again.header.write_with(&self.extensions, &values, &mut self.header);
            let osn: &[u8] = again.osn.as_ref().map_or(&[], |osn| osn);
            let payload = [osn, &again.payload.prefix, &again.payload.body];
            let sealed = match again.osn {
                Some(_) => srtp.protect_rtp(&self.header, &payload, out),
                None => srtp.protect_rtp_again(&self.header, &payload, out),
            };
            match sealed {
                Ok(_) => {
                    self.header_bytes += self.header.len() as u64;
                    self.stream.on_retransmitted(&again);
                    return true;
                }
                Err(error) => tracing::debug!(%error, "a packet was not sent again"),
            }
        }
        while let Some(Queued { since, header, payload, audio_level, appearance }) = self.queue.pop_front() {
            self.queued_bytes -= payload.len();
            let values = Values {
                audio_level,
                video_orientation: appearance.orientation,
                color_space: appearance.color_space,
                ..self.values(stamp)
            };
            self.header.clear();
            header.write_with(&self.extensions, &values, &mut self.header);
            match srtp.protect_rtp(&self.header, &[&payload.prefix, &payload.body], out) {
                Ok(_) => {
                    self.header_bytes += self.header.len() as u64;
                    self.send_delay += stamp.now.saturating_duration_since(since);
                    self.stream.on_sent(stamp.now, header, payload);
                    return true;
                }
                Err(error) => tracing::debug!(%error, "a packet was not sent"),
            }
        }
        false
    }

    fn values(&self, stamp: &Stamp) -> Values {
        Values {
            mid: self.mid,
            rid: self.parameters.rid,
            abs_send_time: Some(AbsSendTime::from(stamp.clock.ntp(stamp.now))),
            transport_cc: Some(stamp.number),
            ..Values::default()
        }
    }
}
