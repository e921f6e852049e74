//! STUN, ICE and mDNS candidates as a sans-IO agent.
