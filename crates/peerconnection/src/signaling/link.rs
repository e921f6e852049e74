//! A way to the other side that is open.

use super::SignalingError;
use super::lines::Lines;
#[cfg(feature = "websocket")]
use super::websocket::Messages;

#[derive(Debug)]
pub enum Link {
    Lines(Lines),
    #[cfg(feature = "websocket")]
    WebSocket(Box<Messages>),
}

impl From<Lines> for Link {
    fn from(lines: Lines) -> Self {
        Self::Lines(lines)
    }
}

impl Link {
    /// Sends a message, which has no line breaks. Not to be cancelled halfway.
    pub async fn write(&mut self, message: &str) -> Result<(), SignalingError> {
        match self {
            Self::Lines(lines) => Ok(lines.write(message).await?),
            #[cfg(feature = "websocket")]
            Self::WebSocket(messages) => messages.write(message).await,
        }
    }

    /// The next message, or `None` at the end. Cancelling loses nothing.
    pub async fn read(&mut self) -> Result<Option<String>, SignalingError> {
        match self {
            Self::Lines(lines) => Ok(lines.read().await?),
            #[cfg(feature = "websocket")]
            Self::WebSocket(messages) => messages.read().await,
        }
    }

    /// Takes leave in the way's own words, beyond the messages that cross.
    pub async fn close(&mut self) {
        match self {
            // The end of what is sent says it.
            Self::Lines(_) => {}
            #[cfg(feature = "websocket")]
            Self::WebSocket(messages) => messages.close().await,
        }
    }
}
