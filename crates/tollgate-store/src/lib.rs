//! Partners, tokens and their lifecycle, with the ports a store implements
