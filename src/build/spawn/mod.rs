//! A private BuildKit daemon for one run: started, waited for, used through its socket, stopped; rootless when we are not
//! root.

mod means;

pub use means::{Means, look};
