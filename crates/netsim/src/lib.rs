//! Deterministic network simulation and contract checks for the tests of ortica.
