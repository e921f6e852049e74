//! How the two sides of a connection exchange descriptions, outside of it.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// One side's end.
#[derive(Debug)]
pub struct Wire {
    to: UnboundedSender<String>,
    from: UnboundedReceiver<String>,
}

/// Two ends that are connected.
pub fn wires() -> (Wire, Wire) {
    let ((to_b, from_a), (to_a, from_b)) = (unbounded_channel(), unbounded_channel());
    (Wire { to: to_b, from: from_b }, Wire { to: to_a, from: from_a })
}

impl Wire {
    /// Sends a word to the other side.
    pub fn send(&self, word: impl Into<String>) {
        // A side that is gone is noticed where its answer is awaited.
        let _ = self.to.send(word.into());
    }

    /// The next word of the other side, in a task.
    pub async fn receive(&mut self) -> String {
        self.from.recv().await.expect("the other side answers before it ends")
    }

    /// The next word of the other side, in a thread of its own.
    pub fn wait(&mut self) -> String {
        self.from.blocking_recv().expect("the other side answers before it ends")
    }

    /// The next word, if there is one already.
    pub fn look(&mut self) -> Option<String> {
        self.from.try_recv().ok()
    }

    /// Where to send from other threads.
    pub fn sender(&self) -> UnboundedSender<String> {
        self.to.clone()
    }
}
