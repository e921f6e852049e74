//! Session descriptions (RFC 8866) as WebRTC uses them: parse, edit, write.
