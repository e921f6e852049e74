//! DTLS for WebRTC as a sans-IO connection.
