//! What a failed build says.
