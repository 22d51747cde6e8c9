//! The one HTTP client: TLS roots, proxy, timeouts, stall detection, the retry ladder, redirect policy, body factories.
