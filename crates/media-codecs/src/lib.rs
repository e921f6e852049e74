//! Media frames, RTP payload formats, codecs and container files.
