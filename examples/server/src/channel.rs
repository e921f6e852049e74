//! What happens on a data channel.

use ortica::{DataChannel, Message};

/// Answers until the channel closes: on a channel labelled `echo` everything goes back as it came; elsewhere a text that
/// starts with `ping` is answered by `pong` and its rest.
pub async fn answer(channel: DataChannel) {
    let echo = channel.label() == "echo";
    while let Some(message) = channel.recv().await {
        let reply = match message {
            message if echo => Some(message),
            Message::Text(text) => text.strip_prefix("ping").map(|rest| Message::Text(format!("pong{rest}"))),
            Message::Binary(_) => None,
        };
        if let Some(reply) = reply
            && channel.send(reply).await.is_err()
        {
            return;
        }
    }
}
