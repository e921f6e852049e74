//! SCTP over DTLS and the data channel protocol as a sans-IO association.
