//! RTP and RTCP: packets, sessions, reports, repair, jitter buffers.
