//! Parameters of senders and receivers, as the application reads and sets them.

use super::Negotiation;
use crate::engine::Session;
use crate::jsep::TransceiverId;
use crate::jsep::extensions;
use crate::jsep::formats;
use crate::jsep::transceiver::Transceiver;
use crate::parameters::{ParametersError, RtcpParameters, RtpCodec, RtpReceiveParameters, RtpSendParameters};
use ortica_core::Instant;
use std::time::Duration;

/// Source: [webrtc-extensions](https://w3c.github.io/webrtc-extensions/#dom-rtcrtpreceiver-jitterbuffertarget)
const MAX_JITTER_BUFFER_TARGET: Duration = Duration::from_millis(4_000);
/// There is no such transceiver, or none any more.
const UNKNOWN: ParametersError = ParametersError::InvalidState("the transceiver is gone");

impl Negotiation {
    /// The parameters of a sender, which can be set until the next ones are given or a description changes them.
    pub fn sender_parameters(
        &mut self,
        session: &Session,
        id: TransceiverId,
    ) -> Result<RtpSendParameters, ParametersError> {
        let transceiver = self.transceiver_mut(id).map_err(|_| UNKNOWN)?;
        transceiver.transaction.open();
        Ok(present(transceiver, session))
    }

    /// Changes the encodings of a sender; `key_frames` says of each whether it is to begin anew.
    pub fn set_sender_parameters(
        &mut self,
        now: Instant,
        session: &mut Session,
        id: TransceiverId,
        wanted: RtpSendParameters,
        key_frames: &[bool],
    ) -> Result<(), ParametersError> {
        let transceiver = self.transceiver_mut(id).map_err(|_| UNKNOWN)?;
        if !transceiver.is_live() {
            return Err(ParametersError::InvalidState("the transceiver is stopped"));
        }
        if !transceiver.transaction.is_open() {
            return Err(ParametersError::InvalidState(
                "the parameters were set, or changed by a description, since they were given",
            ));
        }
        check_unchanged(&present(transceiver, session), &wanted)?;
        if !key_frames.is_empty() && key_frames.len() != wanted.encodings.len() {
            return Err(ParametersError::InvalidModification("there are not as many options as encodings"));
        }
        let choosable = choosable(transceiver);
        let is_choosable = |codec: &RtpCodec| choosable.iter().any(|known| known.matches_but_for_levels(codec));
        transceiver.encodings.set_parameters(wanted.encodings, is_choosable)?;
        transceiver.transaction.end();
        if let (Some(agreed), Some(sender)) = (&mut transceiver.sending, transceiver.sender) {
            agreed.parameters.encodings = transceiver.encodings.for_engine(&agreed.formats, &agreed.theirs);
            if transceiver.current_direction.is_some_and(|direction| direction.sends()) {
                // What was started with is legal, and encodings are of it.
                let started = session.start_sending(now, sender, &agreed.parameters);
                debug_assert!(started.is_ok(), "{started:?}");
                let anew = key_frames.iter().enumerate().filter(|(_, wanted)| **wanted);
                anew.for_each(|(encoding, _)| session.require_key_frame(sender, encoding));
            }
        }
        Ok(())
    }

    /// The parameters of a receiver.
    pub fn receiver_parameters(
        &self,
        session: &Session,
        id: TransceiverId,
    ) -> Result<RtpReceiveParameters, ParametersError> {
        let transceiver = self.transceiver(id).ok_or(UNKNOWN)?;
        let rtcp = RtcpParameters { cname: session.cname().to_owned(), reduced_size: false };
        Ok(transceiver.receiving.clone().unwrap_or(RtpReceiveParameters { rtcp, ..RtpReceiveParameters::default() }))
    }

    /// How long frames that are received are held back, if the application says.
    pub fn jitter_buffer_target(&self, id: TransceiverId) -> Option<Duration> {
        self.transceiver(id)?.jitter_buffer_target
    }

    /// Changes how long frames that are received are held back: four seconds at most.
    pub fn set_jitter_buffer_target(
        &mut self,
        now: Instant,
        session: &mut Session,
        id: TransceiverId,
        target: Option<Duration>,
    ) -> Result<(), ParametersError> {
        let transceiver = self.transceiver_mut(id).map_err(|_| UNKNOWN)?;
        if target.is_some_and(|target| target > MAX_JITTER_BUFFER_TARGET) {
            return Err(ParametersError::Range("jitter_buffer_target"));
        }
        transceiver.jitter_buffer_target = target;
        if let Some(receiver) = transceiver.receiver {
            session.set_jitter_buffer_target(now, receiver, target.unwrap_or_default());
        }
        Ok(())
    }
}

fn present(transceiver: &Transceiver, session: &Session) -> RtpSendParameters {
    let agreed = transceiver.sending.as_ref();
    RtpSendParameters {
        transaction_id: transceiver.transaction.name(),
        encodings: transceiver.encodings.parameters().cloned().collect(),
        header_extensions: agreed.map_or_else(Vec::new, |it| extensions::parameters(&it.extensions)),
        rtcp: RtcpParameters {
            cname: session.cname().to_owned(),
            reduced_size: agreed.is_some_and(|it| it.parameters.reduced_size_rtcp),
        },
        codecs: agreed.map_or_else(Vec::new, |it| formats::codec_parameters(&it.formats, &it.events, &it.order)),
    }
}

/// What can be chosen for an encoding: what is agreed, in the words of either side; before that what is preferred.
fn choosable(transceiver: &Transceiver) -> Vec<RtpCodec> {
    let Some(agreed) = &transceiver.sending else {
        return transceiver.preferences.forms().map(RtpCodec::from).collect();
    };
    let theirs =
        formats::codec_parameters(&agreed.formats, &[], &agreed.order).into_iter().map(|parameters| parameters.codec);
    theirs.filter(|codec| !codec.is_auxiliary()).chain(agreed.formats.iter().map(|format| format.form.into())).collect()
}

fn check_unchanged(present: &RtpSendParameters, wanted: &RtpSendParameters) -> Result<(), ParametersError> {
    let changed = |what| Err(ParametersError::InvalidModification(what));
    if present.transaction_id != wanted.transaction_id {
        return changed("these are not the parameters that were given last");
    }
    if present.header_extensions != wanted.header_extensions {
        return changed("header extensions cannot be changed");
    }
    if present.rtcp != wanted.rtcp {
        return changed("rtcp cannot be changed");
    }
    if present.codecs != wanted.codecs {
        return changed("codecs cannot be changed");
    }
    Ok(())
}
