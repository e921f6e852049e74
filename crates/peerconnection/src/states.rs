//! The states of a connection, each derived from those of its transports.

use crate::engine::DtlsState;
use std::fmt;

macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $token:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
        pub enum $name {
            #[default]
            $($(#[$vdoc])* $variant,)+
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $token,)+
                })
            }
        }
    };
}

states! {
    /// State of the whole connection. `Display` gives the W3C token.
    ///
    /// Source: [webrtc-pc §4.3.3](https://www.w3.org/TR/webrtc/#rtcpeerconnectionstate-enum)
    ConnectionState {
        /// Nothing has begun.
        New = "new",
        /// A transport is on its way.
        Connecting = "connecting",
        /// Every transport is connected.
        Connected = "connected",
        /// A transport has not been heard for a while, or found no way and may yet be told of candidates.
        Disconnected = "disconnected",
        /// A transport failed.
        Failed = "failed",
        /// Closed.
        Closed = "closed",
    }
}

states! {
    /// State of ICE over all transports. `Display` gives the W3C token.
    ///
    /// Source: [webrtc-pc §4.3.4](https://www.w3.org/TR/webrtc/#rtciceconnectionstate-enum)
    IceConnectionState {
        /// Nothing has begun.
        New = "new",
        /// Pairs are checked.
        Checking = "checking",
        /// A pair works, better ones may follow.
        Connected = "connected",
        /// The pair is settled.
        Completed = "completed",
        /// A transport has not been heard for a while, or found no way and may yet be told of candidates.
        Disconnected = "disconnected",
        /// No pair works.
        Failed = "failed",
        /// Closed.
        Closed = "closed",
    }
}

states! {
    /// State of candidate gathering over all transports. `Display` gives the W3C token.
    ///
    /// Source: [webrtc-pc §4.3.2](https://www.w3.org/TR/webrtc/#rtcicegatheringstate-enum)
    IceGatheringState {
        /// Nothing has begun.
        New = "new",
        /// Candidates are looked for.
        Gathering = "gathering",
        /// All candidates are known.
        Complete = "complete",
    }
}

impl ConnectionState {
    /// The first row of the W3C's table that fits.
    pub(crate) fn of(transports: &[(ortica_ice::State, DtlsState)]) -> Self {
        use ortica_ice::State as Ice;
        let any = |wanted: &dyn Fn(&(Ice, DtlsState)) -> bool| transports.iter().any(wanted);
        let all = |wanted: &dyn Fn(&(Ice, DtlsState)) -> bool| transports.iter().all(wanted);
        if any(&|(ice, dtls)| *ice == Ice::Failed || *dtls == DtlsState::Failed) {
            Self::Failed
        } else if any(&|(ice, _)| *ice == Ice::Disconnected) {
            Self::Disconnected
        } else if all(&|(ice, dtls)| {
            matches!(ice, Ice::New | Ice::Closed) && matches!(dtls, DtlsState::New | DtlsState::Closed)
        }) {
            Self::New
        } else if all(&|(ice, dtls)| {
            matches!(ice, Ice::Connected | Ice::Completed | Ice::Closed)
                && matches!(dtls, DtlsState::Connected | DtlsState::Closed)
        }) {
            Self::Connected
        } else {
            Self::Connecting
        }
    }
}

impl IceConnectionState {
    pub(crate) fn of(states: impl Iterator<Item = ortica_ice::State> + Clone) -> Self {
        use ortica_ice::State as Ice;
        let any = |wanted: Ice| states.clone().any(|state| state == wanted);
        let all = |wanted: &[Ice]| states.clone().all(|state| wanted.contains(&state));
        if any(Ice::Failed) {
            Self::Failed
        } else if any(Ice::Disconnected) {
            Self::Disconnected
        } else if all(&[Ice::New, Ice::Closed]) {
            Self::New
        } else if any(Ice::New) || any(Ice::Checking) {
            Self::Checking
        } else if all(&[Ice::Completed, Ice::Closed]) {
            Self::Completed
        } else {
            Self::Connected
        }
    }
}

impl IceGatheringState {
    pub(crate) fn of(states: impl Iterator<Item = ortica_ice::GatheringState>) -> Self {
        use ortica_ice::GatheringState as Gathering;
        let states: Vec<Gathering> = states.collect();
        if states.contains(&Gathering::Gathering) {
            Self::Gathering
        } else if !states.is_empty() && states.iter().all(|state| *state == Gathering::Complete) {
            Self::Complete
        } else {
            Self::New
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica_ice::State as Ice;

    #[test]
    fn the_worst_transport_decides() {
        let of = |transports: &[(Ice, DtlsState)]| ConnectionState::of(transports);
        assert_eq!(of(&[]), ConnectionState::New);
        assert_eq!(of(&[(Ice::New, DtlsState::New)]), ConnectionState::New);
        assert_eq!(of(&[(Ice::Checking, DtlsState::Connecting)]), ConnectionState::Connecting);
        assert_eq!(of(&[(Ice::Connected, DtlsState::Connecting)]), ConnectionState::Connecting);
        assert_eq!(of(&[(Ice::Completed, DtlsState::Connected)]), ConnectionState::Connected);
        assert_eq!(of(&[(Ice::Disconnected, DtlsState::Connected)]), ConnectionState::Disconnected);
        assert_eq!(
            of(&[(Ice::Completed, DtlsState::Connected), (Ice::Failed, DtlsState::New)]),
            ConnectionState::Failed
        );
    }

    #[test]
    fn tokens_are_those_of_the_w3c() {
        assert_eq!(ConnectionState::Disconnected.to_string(), "disconnected");
        assert_eq!(IceConnectionState::Checking.to_string(), "checking");
        assert_eq!(IceGatheringState::Complete.to_string(), "complete");
    }
}
