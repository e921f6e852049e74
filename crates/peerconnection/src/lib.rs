//! WebRTC and ORTC: peer connections, data channels and media, on tokio or on a loop of your own.
