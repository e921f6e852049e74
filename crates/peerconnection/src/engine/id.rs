//! Names for what a session holds.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(pub(crate) u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// One transport of a session: ICE, DTLS and what runs over them. Never used again within the session.
    TransportId
}
id! {
    /// One sender of a session: a track on its way out.
    SenderId
}
id! {
    /// One receiver of a session: a track on its way in.
    ReceiverId
}
id! {
    /// One data channel of a session. Not the SCTP stream it runs on, which is known only once it is connected.
    ChannelId
}
