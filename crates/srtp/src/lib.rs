//! SRTP and SRTCP: a pure transform with replay protection.
